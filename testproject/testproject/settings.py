"""A small real project: SQLite by default, `TESTPROJECT_ENGINE` chooses a server."""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = os.environ

SECRET_KEY = "only for the testproject"
# Off by default: with DEBUG, Django keeps the text of every query in memory.
DEBUG = bool(ENV.get("TESTPROJECT_DEBUG"))
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.staticfiles",
    "django_sqlite_backup",
    "shop",
]
# The zoo is there for the tests; the demo leaves it out.
if ENV.get("TESTPROJECT_ZOO", "1") == "1":
    INSTALLED_APPS.append("zoo")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": ENV.get("PGHOST", "127.0.0.1"),
    "PORT": ENV.get("PGPORT", ""),
    "USER": ENV.get("PGUSER", "root"),
    "PASSWORD": ENV.get("PGPASSWORD", ""),
    "NAME": ENV.get("PGDATABASE", "testproject"),
}

MYSQL = {
    "ENGINE": "django.db.backends.mysql",
    "HOST": ENV.get("MYSQL_HOST", "127.0.0.1"),
    "PORT": ENV.get("MYSQL_PORT", ""),
    "USER": ENV.get("MYSQL_USER", "root"),
    "PASSWORD": ENV.get("MYSQL_PASSWORD", ""),
    "NAME": ENV.get("MYSQL_DATABASE", "testproject"),
    "OPTIONS": {"charset": "utf8mb4"},
}

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": ENV.get("TESTPROJECT_DB", BASE_DIR / "db.sqlite3"),
}

DATABASES = {
    "default": {"postgresql": POSTGRESQL, "mysql": MYSQL}.get(
        ENV.get("TESTPROJECT_ENGINE", "sqlite"), SQLITE
    ),
    "backup": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ENV.get("TESTPROJECT_BACKUP", BASE_DIR / "backup.sqlite3"),
    },
}
DATABASE_ROUTERS = ["django_sqlite_backup.routers.BackupRouter", "zoo.routers.ZooRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

ROOT_URLCONF = "testproject.urls"
STATIC_URL = "static/"
SITE_ID = 1
LANGUAGE_CODE = "en-us"
TIME_ZONE = "Europe/Amsterdam"
USE_TZ = True

# `zoo.Keeper` is a swappable model, as `auth.User` is, and this swaps it.
ZOO_KEEPER_MODEL = "zoo.HeadKeeper"

# The zoo has indexes, constraints and comments on purpose that some engine leaves out.
SILENCED_SYSTEM_CHECKS = [
    "fields.W163",
    "models.W036",
    "models.W037",
    "models.W043",
    "models.W044",
]
