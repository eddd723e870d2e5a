"""The app: it registers its system checks."""

from django.apps import AppConfig
from django.core.checks import register


class SqliteBackupConfig(AppConfig):
    """`django_sqlite_backup` in `INSTALLED_APPS`."""

    name = "django_sqlite_backup"
    verbose_name = "SQLite backup"

    def ready(self) -> None:
        from .checks import check_router, check_settings

        register(check_settings)
        register(check_router)
