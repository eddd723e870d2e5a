"""What backups there are, and whether they are enough."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from django.db import connections

from django_sqlite_backup.aliases import check_alias, get_path, load_connection, suggest
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.origin import get_fingerprint

from .code import CodeRevision, Comparison
from .durations import Duration, describe_age
from .local import LocalBackups
from .stored import StoredBackup
from .storing import get_store


class Place(Protocol):
    """Where backups lie: `BackupStore`, or `LocalBackups`."""

    alias: str
    """Of the storage; empty for a folder."""

    def list(self) -> Sequence[StoredBackup]:
        """Return the backups that are whole by what is said of them, the newest first."""

    def strangers(self) -> Sequence[str]:
        """Return the names of what is there, may be a backup, and cannot be read as one."""

    def look(self) -> tuple[Sequence[StoredBackup], Sequence[str]]:
        """Return what `list` and `strangers` do, and look only once."""

    def check(self, backup: StoredBackup) -> None:
        """Read all of a backup; raise `InvalidBackup` where it is not as it was made."""

    def get_size(self, backup: StoredBackup) -> int:
        """Return how many bytes a backup has there now."""

    def delete(self, backup: StoredBackup) -> None:
        """Remove one backup."""


STORAGE = "storage"
LOCAL = "local"


@dataclass(frozen=True)
class Listed:
    """A backup, where it lies, and at which revision it is."""

    place: str
    """`"storage"` or `"local"`."""
    backup: StoredBackup
    revision: Comparison | None
    """None where the backup does not say."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data; what is not known is None."""
        unknown = {"verified": None, "stored_sha256": None} if self.place == LOCAL else {}
        revision = asdict(self.revision) if self.revision else None
        return {"place": self.place, **self.backup.as_dict(), **unknown, "revision": revision}


@dataclass(frozen=True)
class Listing:
    """What there is in some places."""

    backups: Sequence[Listed]
    """The newest first."""
    strangers: dict[str, Sequence[str]]
    """The names of what may be a backup and cannot be read as one, by place."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        strangers = {place: list(names) for place, names in self.strangers.items()}
        return {"backups": [item.as_dict() for item in self.backups], "strangers": strangers}


def list_backups(places: Mapping[str, Place], database: str | None = None) -> Listing:
    """Return what there is in these places: all of it, or the backups of one alias.

    Raises `ConfigurationError` where neither `DATABASES` nor any backup there has that alias.
    """
    code, found = CodeRevision(), {name: place.look() for name, place in places.items()}
    listed = [
        Listed(name, backup, code.compare(backup.migrations))
        for name, (backups, _) in found.items()
        for backup in backups
        if database in (None, backup.database)
    ]
    if database is not None and not listed and database not in connections.settings:
        stored = {backup.database for backups, _ in found.values() for backup in backups}
        hint = suggest(database, {*connections.settings, *stored})
        raise ConfigurationError(
            f'Neither DATABASES nor any backup has the alias "{database}". {hint}'
        )
    return Listing(
        sorted(listed, key=lambda item: item.backup.created, reverse=True),
        {name: strangers for name, (_, strangers) in found.items()},
    )


def get_places(place: str | None, filename: str | None, alias: str) -> dict[str, Place]:
    """Return the places to look into, by name: those that the settings have, or the one named.

    Raises `ConfigurationError` where there is none.
    """
    places: dict[str, Place] = {}
    if place == STORAGE or (place is None and settings.storage):
        places[STORAGE] = get_store()
    if place == LOCAL or (place is None and (filename or alias in connections.settings)):
        places[LOCAL] = get_folder(filename, alias)
    if not places:
        raise ConfigurationError(
            'There is nowhere to look for backups: SQLITE_BACKUP["STORAGE"] is not set, and '
            f'DATABASES has no alias "{alias}". Name a file or a folder (--file).'
        )
    return places


def get_folder(filename: str | os.PathLike[str] | None, alias: str) -> LocalBackups:
    """Return the folder of the file, or of that of the alias; a folder may be named itself."""
    # A backup replaces what a link names, and not the link.
    path = Path(os.path.realpath(get_path(filename, alias)))
    return LocalBackups(path if path.is_dir() else path.parent)


def get_origin(alias: str) -> str:
    """Return the fingerprint of the live database that is behind an alias now."""
    check_alias(alias)
    return get_fingerprint(load_connection(alias))


def select(
    backups: Iterable[StoredBackup], database: str, origin: str | None = None
) -> list[StoredBackup]:
    """Return the backups of one alias and, where that is said, of one live database behind it."""
    return [
        backup
        for backup in backups
        if backup.database == database and origin in (None, backup.origin)
    ]


def find_other_size(place: Place, backup: StoredBackup) -> str:
    """Return that a backup is not as large as it was when it was made, or nothing."""
    size = place.get_size(backup)
    if size == backup.stored_bytes:
        return ""
    return f'"{backup.name}" has {size:,} bytes, and should have {backup.stored_bytes:,}.'


def find_lacks(
    found: Iterable[tuple[Place, StoredBackup]],
    database: str,
    now: datetime,
    *,
    max_age: Duration | None = None,
    min_count: int = 1,
) -> Iterator[str]:
    """Yield, in sentences, how the backups of a live database are fewer or older than they should.

    Those of another database of the same alias do not count, nor those that are dated in the
    future, nor those that are not as large as they were, nor partial ones where there are whole
    ones.
    """
    origin, known = get_origin(database), {}
    of_alias = [(place, backup) for place, backup in found if backup.database == database]
    for place, backup in of_alias:
        if backup.origin != origin or backup.created > now:
            continue
        if problem := find_other_size(place, backup):
            yield problem
        else:
            # One backup may lie in two places.
            known[backup.checksum] = backup
    counted = [b for b in known.values() if not b.partial] or list(known.values())
    if len(counted) < min_count:
        others = len({backup.checksum for _, backup in of_alias} - known.keys())
        why = "damaged, of another database, or dated in the future"
        more = f" ({others} more do not count: {why})" if others else ""
        yield (
            f'Backups of "{database}": {len(counted)}{more}, and there should be at least '
            f"{min_count}."
        )
    newest = max((backup.created for backup in counted), default=None)
    if max_age and newest and newest < max_age.before(now):
        yield (
            f'The newest backup of "{database}" is {describe_age(newest, now)} old, and should not '
            f"be older than {max_age}.{describe_newer(known.values(), newest)}"
        )


def describe_newer(backups: Iterable[StoredBackup], newest: datetime) -> str:
    """Return a sentence on the partial backups that are newer than the newest whole one."""
    count = sum(backup.created > newest for backup in backups)
    if not count:
        return ""
    return (
        f" Newer and partial: {count}, which do not count as long as there is a whole one. Where "
        "what they leave out is to be left out for good, remove the whole ones."
    )
