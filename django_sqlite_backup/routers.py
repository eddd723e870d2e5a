"""A router that keeps everything but this package off the alias of the backup."""

from typing import Any

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .aliases import is_in_memory
from .conf import settings


class BackupRouter:
    """Neither `migrate` nor a test runner builds tables in the file, and nothing is saved there.

    Reading with `using(alias)` asks no router, so the file can still be queried.
    """

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == settings.backup and db != DEFAULT_DB_ALIAS else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        """Send an instance that was read from the file to the live database when it is saved."""
        instance = hints.get("instance")
        is_stored = instance is not None and instance._state.db == settings.backup
        return settings.database if is_stored else None


def refuse_to_migrate(*, using: str, plan: Any, **kwargs: Any) -> None:
    """Stop `migrate --database backup`, a receiver of `pre_migrate`.

    No router can: without a table of any model, `migrate` still writes into `django_migrations`
    what it applied, and then the checksum of the backup would no longer hold. A test runner may: it
    has its own database under this alias.
    """
    if using != settings.backup or using == DEFAULT_DB_ALIAS or not plan:
        return
    if not is_test_database(connections[using]):
        raise CommandError(
            f'"{using}" is the alias of the backup, which migrate would change. Migrate the live '
            "database, or name another alias."
        )


def is_test_database(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a test runner has made this database, which lives as long as its tests."""
    database = connection.settings_dict
    return database["NAME"] == database["TEST"]["NAME"] or (
        connection.vendor == "sqlite" and is_in_memory(connection)
    )
