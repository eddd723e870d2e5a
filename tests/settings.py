"""The testproject's settings with every engine at once: one alias for each.

An engine whose driver is not installed has no alias here; `tests.engines` says why.
"""

import tempfile
from pathlib import Path

from testproject import settings as testproject
from tests.engines import driver_is_installed

SECRET_KEY = testproject.SECRET_KEY
INSTALLED_APPS = list(testproject.INSTALLED_APPS)
MIDDLEWARE = testproject.MIDDLEWARE
TEMPLATES = testproject.TEMPLATES
DATABASE_ROUTERS = testproject.DATABASE_ROUTERS
DEFAULT_AUTO_FIELD = testproject.DEFAULT_AUTO_FIELD
ROOT_URLCONF = testproject.ROOT_URLCONF
STATIC_URL = testproject.STATIC_URL
SITE_ID = testproject.SITE_ID
LANGUAGE_CODE = testproject.LANGUAGE_CODE
TIME_ZONE = testproject.TIME_ZONE
USE_TZ = testproject.USE_TZ
ZOO_KEEPER_MODEL = testproject.ZOO_KEEPER_MODEL
SILENCED_SYSTEM_CHECKS = testproject.SILENCED_SYSTEM_CHECKS
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Nothing is ever written there: tests.conftest gives each process files of its own.
UNUSED = Path(tempfile.gettempdir()) / "django_sqlite_backup_tests_unused"


def sqlite(name):
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": UNUSED / f"{name}.sqlite3"}


DATABASES = {"default": sqlite("default"), "other": sqlite("other"), "backup": sqlite("backup")}

if driver_is_installed("postgresql"):
    INSTALLED_APPS += ["django.contrib.postgres", "zoo_postgresql"]
    DATABASES["postgresql"] = dict(testproject.POSTGRESQL)

if driver_is_installed("mysql"):
    DATABASES["mysql"] = {**testproject.MYSQL, "TEST": {"CHARSET": "utf8mb4"}}
