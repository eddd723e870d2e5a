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
    """`SQLITE_BACKUP`, every key of it optional.

    A switch that is neither `True` nor `False`, as "False" from the environment, is a mistake that
    a check finds; where none is made it allows nothing.
    """

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
        return self.values.get("ALLOW_RESTORE", True) is True

    @property
    def record_host(self) -> bool:
        """Whether a backup says in the clear which host and database it is from."""
        return self.values.get("RECORD_HOST", False) is True

    @property
    def backup_before_migrate(self) -> bool:
        """Whether `migrate` first backs up the database that it is about to change."""
        return bool(self.values.get("BACKUP_BEFORE_MIGRATE", False))

    @property
    def admin_restore(self) -> bool:
        """Whether superusers may restore in the admin."""
        return self.values.get("ADMIN_RESTORE", False) is True

    @property
    def storage(self) -> str:
        """The alias of `STORAGES` where backups go; empty where there is none."""
        return str(self.values.get("STORAGE") or "")

    @property
    def compression(self) -> str:
        """How a backup is compressed for the storage: "zstd", "gzip", or "" for not at all."""
        compression: str = self.values.get("COMPRESSION") or ""
        return compression

    @property
    def recipients(self) -> Sequence[str]:
        """The public keys to which a backup is encrypted for the storage; none means it is not.

        Raises `ConfigurationError` where `ENCRYPTION` is set and has none.
        """
        encryption = self.values.get("ENCRYPTION")
        if encryption is None:
            return []
        recipients = encryption.get("recipients") if isinstance(encryption, dict) else None
        # Whoever sets it wants no backup in the clear: a slip of the pen must not make one.
        if not is_texts(recipients) or not recipients or set(encryption) != {"recipients"}:
            # Not the value: somebody may have put a private key there.
            raise ConfigurationError(
                'SQLITE_BACKUP["ENCRYPTION"] should be None or {"recipients": [...]}, with one or '
                "more public keys of age or SSH as strings, and nothing else."
            )
        return list(recipients)

    @property
    def retention(self) -> Any:
        """The rules by which old backups are removed, as they are written; None without any."""
        return self.values.get("RETENTION")


settings = Settings()

KEYS = frozenset(
    [
        *(*HOOKS, "MECHANISM", "EXCLUDE", "RESTORE_EXCLUDE", "DATABASE", "BACKUP"),
        *("ALLOW_RESTORE", "RECORD_HOST"),
        *("BACKUP_BEFORE_MIGRATE", "ADMIN_RESTORE"),
        *("STORAGE", "COMPRESSION", "ENCRYPTION"),
        "RETENTION",
    ]
)


def is_texts(value: Any) -> bool:
    """Return whether it is a list of strings."""
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


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
