"""What the file says of itself, in a table of its own, and how it is found again."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from .exceptions import InvalidBackup

MAGIC = b"SQLite format 3\x00"
"""How every SQLite file begins."""
FORMAT = 1
"""Version of the file's format, also in `PRAGMA user_version`."""
APPLICATION_ID = 0x44534231
"""`DSB1` in `PRAGMA application_id`: what `file` and others tell a backup by."""
MANIFEST_TABLE = "django_sqlite_backup_manifest"
CHECKSUM_TABLE = "django_sqlite_backup_checksum"
LONGEST = 8 << 20
"""Characters of a manifest: enough for fifty thousand tables, and not for a bomb of JSON."""
LARGEST_KEY = 1 << 64
"""What no sequence goes beyond: MySQL's end just before it."""
TYPES = {
    **dict.fromkeys(["created", "package", "django", "database", "engine", "engine_version"], str),
    **dict.fromkeys(["origin", "host"], str),
    "use_tz": bool,
    "partial": bool,
    "replaces": dict,
    "unknown": list,
    "format": int,
}


# JSON nested deeply enough exhausts Python's stack.
UNREADABLE = (sqlite3.Error, TypeError, ValueError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True)
class TableEntry:
    """One table of the file."""

    label: str
    rows: int
    next_keys: dict[str, int] = field(default_factory=dict)
    """The next value of each sequence, by column; a sequence that counts down goes below zero."""

    def makes_sense(self) -> bool:
        """Return whether each value is of the type that it should be."""
        return (
            type(self.label) is str
            and type(self.rows) is int
            and self.rows >= 0
            and type(self.next_keys) is dict
            and all(type(value) is int for value in self.next_keys.values())
            and all(abs(value) <= LARGEST_KEY for value in self.next_keys.values())
        )


@dataclass(frozen=True)
class Manifest:
    """What the file says of itself."""

    created: str
    """ISO 8601, UTC."""
    package: str
    django: str
    database: str
    """The alias that was backed up."""
    engine: str
    engine_version: str
    origin: str
    """A fingerprint of host and database name, which tells two origins apart and names neither."""
    use_tz: bool
    tables: dict[str, TableEntry]
    """By table name, in the order in which they were copied."""
    replaces: dict[str, list[str]] = field(default_factory=dict)
    """What each recorded squashed migration replaces, as `app_label.name`."""
    unknown: list[str] = field(default_factory=list)
    """The recorded migrations that the code which made the backup did not have."""
    partial: bool = False
    """Whether tables were left out: by labels, by `exclude` or by the filter."""
    host: str = ""
    """Host, port and name of the live database, where that was asked for."""
    format: int = FORMAT

    @property
    def rows(self) -> int:
        return sum(entry.rows for entry in self.tables.values())

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the manifest and mark the file as a backup."""
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {self.format}")
        connection.execute(
            f"CREATE TABLE {MANIFEST_TABLE} (key text NOT NULL PRIMARY KEY, value text NOT NULL)"
        )
        connection.executemany(
            f"INSERT INTO {MANIFEST_TABLE} VALUES (?, ?)",
            [(key, json.dumps(value)) for key, value in asdict(self).items()],
        )

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> "Manifest":
        """Read the manifest; raise `InvalidBackup` where it is missing or makes no sense."""
        try:
            values: dict[str, Any] = {k: json.loads(text) for k, text in read_rows(connection)}
            tables = {name: TableEntry(**entry) for name, entry in values.pop("tables").items()}
            manifest = cls(**values, tables=tables)
        except UNREADABLE as error:
            raise InvalidBackup(
                f"The file is SQLite, but its manifest cannot be read ({error}). "
                "It is no backup of this kind, or it was damaged."
            ) from error
        manifest.check_types()
        return manifest

    def check_types(self) -> None:
        """Raise `InvalidBackup` where a value is not of the type that it should be."""
        if self.format != FORMAT:
            raise InvalidBackup(f'The header says format {FORMAT}, the manifest "{self.format}".')
        for key, kind in TYPES.items():
            if type(getattr(self, key)) is not kind:
                raise InvalidBackup(f'The manifest makes no sense where it says "{key}".')
        for key, lists in (("replaces", self.replaces.values()), ("unknown", [self.unknown])):
            if not all(type(names) is list and are_texts(names) for names in lists):
                raise InvalidBackup(f'The manifest makes no sense where it says "{key}".')
        try:
            zone = datetime.fromisoformat(self.created).tzinfo
        except ValueError:
            zone = None
        if zone is None:
            raise InvalidBackup(f'The manifest says "{self.created}" where it should say when.')
        for name, entry in self.tables.items():
            if not entry.makes_sense():
                raise InvalidBackup(f'The manifest makes no sense where it describes "{name}".')


def read_rows(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Yield keys and values; raise `ValueError` where they are more than any manifest has."""
    length = 0
    for key, value in connection.execute(f"SELECT key, value FROM {MANIFEST_TABLE}"):
        length += len(value)
        if length > LONGEST:
            raise ValueError(f"it is longer than {LONGEST} characters")
        yield key, value


def are_texts(values: Iterable[object]) -> bool:
    return all(type(value) is str for value in values)
