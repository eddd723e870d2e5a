"""Which backup in a storage is meant: one by its name, or the newest one of a database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django_sqlite_backup.exceptions import BackupError, ConfigurationError

from .sidecars import read_sidecar, read_sidecars
from .stored import INFIX, SUFFIX, StoredBackup
from .stored_files import StoredFiles

LATEST = "latest"
"""Stands for the name of the newest backup."""
SHOWN = 5
"""Names in a message."""


def find(
    files: StoredFiles, name: str, database: str | None = None, origin: str | None = None
) -> StoredBackup:
    """Return the backup of a name or, of `LATEST`, the newest one (of an alias).

    With `origin`, the fingerprint of a live database, the newest one is of that database. Where
    there is none of it, as on a new host, all have to be of one other.

    Raises `ConfigurationError` where there is none, and names those that there are; and where
    nobody can tell which is the newest, as what one of them says of itself cannot be read.
    """
    if name != LATEST and files.exists(name + SUFFIX):
        return read_sidecar(files, name)
    found, unreadable = read_sidecars(files, files.list_names())
    of_alias = [backup for backup in found if database in (None, backup.database)]
    named: Sequence[StoredBackup] = []
    if name == LATEST:
        named = choose_origin(files, of_alias, origin)
        refuse_unreadable(files, unreadable)
    if named:
        return named[0]
    of = f' of "{database}"' if database else ""
    what = f"backup{of}" if name == LATEST else f'backup "{name}"'
    raise ConfigurationError(
        f'The storage "{files.alias}" has no {what}. The newest{of} that it has: '
        f"{show_names(of_alias) or 'none'}."
    )


def choose_origin(
    files: StoredFiles, backups: Sequence[StoredBackup], origin: str | None
) -> Sequence[StoredBackup]:
    """Return those of one live database, the newest first, but for those of the future."""
    now = datetime.now(UTC)
    past = [backup for backup in backups if backup.created <= now]
    own = [backup for backup in past if backup.origin == origin]
    if not own and origin is not None and len({backup.origin for backup in past}) > 1:
        raise ConfigurationError(
            f'The storage "{files.alias}" has backups of several databases behind '
            f'"{past[0].database}", none of them this one. Name the one to restore: '
            f"{show_names(past)}."
        )
    return own or past


def refuse_unreadable(files: StoredFiles, unreadable: Mapping[str, BackupError]) -> None:
    for name, error in unreadable.items():
        # By its name it may be of ours.
        if INFIX in name:
            raise ConfigurationError(
                f'Which backup in the storage "{files.alias}" is the newest cannot be told, as '
                f'what is said of "{name}" cannot be read: {error} Name the one to restore '
                "(sqlitebackups lists them)."
            )


def show_names(backups: Sequence[StoredBackup]) -> str:
    return ", ".join(f'"{backup.name}"' for backup in backups[:SHOWN])
