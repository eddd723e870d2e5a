"""The dict `SQLITE_BACKUP` of the project's settings, read anew at each access."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from .exceptions import ConfigurationError

if TYPE_CHECKING:
    from .mechanism import BackupMechanism

HOOKS = {
    "BACKUP_TABLE_FILTER": "backup_table_filter",
    "RESTORE_TABLE_FILTER": "restore_table_filter",
    "PREPARE_SCHEMA_FOR_RESTORE": "prepare_schema_for_restore",
    "UPDATE_SCHEMA_AFTER_RESTORE": "update_schema_after_restore",
}
"""The settings that stand for a method of `BackupMechanism`."""
DEFAULT_MECHANISM = "django_sqlite_backup.mechanism.BackupMechanism"


class Settings:
    """`SQLITE_BACKUP`, every key of it optional."""

    @property
    def values(self) -> dict[str, Any]:
        """The dict, or an empty one where the setting is no dict: then a check says so."""
        values = getattr(django_settings, "SQLITE_BACKUP", {})
        return values if isinstance(values, dict) else {}

    @property
    def mechanism(self) -> "type[BackupMechanism]":
        """The subclass of `BackupMechanism` that the commands use."""
        mechanism: type[BackupMechanism] = load(
            "MECHANISM", self.values.get("MECHANISM") or DEFAULT_MECHANISM
        )
        return mechanism

    @property
    def hooks(self) -> dict[str, Callable[..., Any]]:
        """The callables that stand for methods, by the method's name."""
        return {
            method: load(key, self.values[key])
            for key, method in HOOKS.items()
            if self.values.get(key) is not None
        }

    @property
    def exclude(self) -> Sequence[str]:
        """Labels that are left out of every backup."""
        labels: Sequence[str] = self.values.get("EXCLUDE", ())
        return labels

    @property
    def restore_exclude(self) -> Sequence[str]:
        """Labels that are in the file and never restored."""
        labels: Sequence[str] = self.values.get("RESTORE_EXCLUDE", ())
        return labels

    @property
    def database(self) -> str:
        """The alias that is backed up and restored to, where a command names none."""
        return str(self.values.get("DATABASE", DEFAULT_DB_ALIAS))

    @property
    def backup(self) -> str:
        """The alias whose `NAME` is the file, where a command names none."""
        return str(self.values.get("BACKUP", "backup"))

    @property
    def allow_restore(self) -> bool:
        """Whether the commands restore at all."""
        return bool(self.values.get("ALLOW_RESTORE", True))


settings = Settings()

KEYS = frozenset(
    [*HOOKS, "MECHANISM", "EXCLUDE", "RESTORE_EXCLUDE", "DATABASE", "BACKUP", "ALLOW_RESTORE"]
)


def load(key: str, value: Any) -> Any:
    """Return the object that a setting names by a dotted path, or is."""
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as error:
        raise ConfigurationError(
            f'SQLITE_BACKUP["{key}"] is "{value}", which cannot be imported: {error}.'
        ) from error


def make_mechanism(filename: str | None, **options: Any) -> "BackupMechanism":
    """Return the project's mechanism, with the hooks of the settings in place of its methods."""
    mechanism = settings.mechanism(filename, **options)
    for method, function in settings.hooks.items():
        setattr(mechanism, method, function)
    return mechanism
