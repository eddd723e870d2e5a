"""What is known of a backup that lies in a storage; its sidecar is this as JSON."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import MAXYEAR, UTC, datetime
from typing import Any, get_origin

from django_sqlite_backup.exceptions import InvalidBackup

INFIX = ".sqlite3"
"""In the name of each backup, before what compression and encryption add."""
SUFFIX = ".json"
"""What the name of a sidecar has behind that of its backup."""
COMPRESSIONS = ("", "zstd", "gzip")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")

FIRST_YEAR, LAST_YEAR = 1970, MAXYEAR
LARGEST = 2**63 - 1
"""What SQLite, and any database that a run is recorded in, can count to."""


@dataclass(frozen=True)
class StoredBackup:
    """One backup in a storage, as its sidecar tells of it."""

    name: str
    """In the storage."""
    created: datetime
    """When the backup was made, by its manifest; aware."""
    database: str
    """The alias that was backed up."""
    origin: str
    """The manifest's fingerprint of host and database name."""
    engine: str
    engine_version: str
    rows: int
    tables: int
    file_bytes: int
    """The size of the backup file, before it was compressed and encrypted."""
    checksum: str
    """The SHA-256, in hexadecimal, that the file carries of itself."""
    stored_bytes: int
    """The size of what is in the storage."""
    stored_sha256: str
    """The SHA-256, in hexadecimal, of what is in the storage."""
    compression: str = ""
    """`"zstd"`, `"gzip"`, or `""` where there is none."""
    encrypted: bool = False
    migrations: dict[str, list[str]] = field(default_factory=dict)
    """The last recorded migrations of each app."""
    verified: bool = False
    """Whether every value was read back and compared when the backup was made."""
    package: str = ""
    """The version of this package that made it."""
    partial: bool = False
    """Whether tables of the database were left out; such a backup never replaces a whole one."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, which JSON can hold."""
        return {**asdict(self), "created": self.created.astimezone(UTC).isoformat()}

    @classmethod
    def from_dict(cls, data: Any) -> "StoredBackup":
        """Return what `as_dict` told; keys that this version does not know are passed over.

        Raises `InvalidBackup` where a value is missing or is not what it should be: a sidecar may
        come from anybody.
        """
        if not isinstance(data, dict):
            raise InvalidBackup("The description of a stored backup is no JSON object.")
        try:
            values = {item.name: data[item.name] for item in fields(cls)}
            stored = cls(**{**values, "created": datetime.fromisoformat(values["created"])})
        except KeyError as error:
            raise InvalidBackup(
                f"The description of a stored backup lacks {error}. It was damaged, or was made by "
                "another version of this package."
            ) from error
        except (TypeError, ValueError) as error:
            raise make_senseless("created") from error
        stored.check()
        return stored

    def check(self) -> None:
        """Raise `InvalidBackup` where a value makes no sense."""
        for item in fields(self):
            kind = get_origin(item.type) or item.type
            if type(getattr(self, item.name)) is not kind:
                raise make_senseless(item.name)
        for name in ("rows", "tables", "file_bytes", "stored_bytes"):
            if not 0 <= getattr(self, name) <= LARGEST:
                raise make_senseless(name)
        for name in ("checksum", "stored_sha256"):
            if not DIGEST.match(getattr(self, name)):
                raise make_senseless(name)
        self.check_moment()
        if self.compression not in COMPRESSIONS:
            raise make_senseless("compression")
        if not all(map(is_texts, self.migrations.values())):
            raise make_senseless("migrations")

    def check_moment(self) -> None:
        """Raise `InvalidBackup` where it was made at no moment that every time zone has."""
        if self.created.tzinfo is None or not FIRST_YEAR <= self.created.year < LAST_YEAR:
            raise make_senseless("created")


def is_texts(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def make_senseless(name: str) -> InvalidBackup:
    return InvalidBackup(
        f'The description of a stored backup makes no sense where it says "{name}". It was '
        "damaged, or it describes something else."
    )


def sort_newest_first(backups: Iterable[StoredBackup]) -> list[StoredBackup]:
    return sorted(backups, key=lambda backup: (backup.created, backup.name), reverse=True)
