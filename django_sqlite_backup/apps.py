"""The app: it registers its system checks, and keeps `migrate` off the file."""

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import pre_migrate


class SqliteBackupConfig(AppConfig):
    """`django_sqlite_backup` in `INSTALLED_APPS`."""

    name = "django_sqlite_backup"
    verbose_name = "SQLite backup"

    def ready(self) -> None:
        from .checks import check_router, check_settings
        from .routers import refuse_to_migrate

        register(check_settings)
        register(check_router)
        pre_migrate.connect(refuse_to_migrate)
