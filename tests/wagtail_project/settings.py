"""What `wagtail start` writes, with the live database given by the environment."""

import json
import os
from pathlib import Path

SECRET_KEY = "only for the tests"
ALLOWED_HOSTS = ["localhost"]

INSTALLED_APPS = [
    "home",
    "django_sqlite_backup",
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

DATABASES = {
    # The entry of DATABASES as JSON.
    "default": json.loads(os.environ["WAGTAIL_DATABASE"]),
    "backup": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ["WAGTAIL_BACKUP"],
    },
}
if "postgresql" in DATABASES["default"]["ENGINE"]:
    # For the search index of Wagtail there.
    INSTALLED_APPS.append("django.contrib.postgres")
DATABASE_ROUTERS = ["django_sqlite_backup.routers.BackupRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
MIDDLEWARE = []
ROOT_URLCONF = "urls"
STATIC_URL = "static/"
# No file is ever written there: the images are rows.
MEDIA_ROOT = Path(__file__).parent / "media"
TIME_ZONE = "Europe/Amsterdam"
USE_TZ = True

WAGTAIL_SITE_NAME = "Backed up"
WAGTAILADMIN_BASE_URL = "http://localhost"
