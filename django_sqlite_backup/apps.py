"""The app: it registers its system checks, and keeps `migrate` off the file."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import pre_migrate


class SqliteBackupConfig(AppConfig):
    """`django_sqlite_backup` in `INSTALLED_APPS`."""

    name = "django_sqlite_backup"
    verbose_name = "SQLite backup"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .checks import check_readability, check_retention, check_router, check_settings
        from .operations.before_migrate import back_up_before_migrate
        from .operations.checks import check_deployed_file, check_deployed_storage, check_storage
        from .routers import refuse_to_migrate

        register(check_settings)
        register(check_router)
        register(check_retention, deploy=True)
        register(check_readability, Tags.database)
        register(check_storage)
        register(check_deployed_storage, deploy=True)
        register(check_deployed_file, deploy=True)
        pre_migrate.connect(refuse_to_migrate)
        # Once: the signal is sent for each app.
        pre_migrate.connect(back_up_before_migrate, sender=self)
