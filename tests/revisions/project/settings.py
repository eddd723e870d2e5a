"""The project's settings; `REVISIONS_SETTINGS` adds to them, as JSON."""

import json
import os

from state import STATE

SECRET_KEY = "only for the tests"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sites",
    "django_sqlite_backup",
    "members",
    "library",
    "plain.apps.PlainConfig",
    *(["archive"] if STATE < 6 else ["news"]),
]
AUTH_USER_MODEL = "members.Member"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_ID = 1
USE_TZ = True
DATABASES = {}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

globals().update(json.loads(os.environ.get("REVISIONS_SETTINGS", "{}")))
