"""A router that keeps everything but this package off the alias of the backup."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS

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
