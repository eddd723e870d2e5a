"""Everything that can be known of a file before a live database is touched."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.db import Error as DatabaseError

from . import checksum
from .backup_file import BackupFile, connect
from .exceptions import InvalidBackup
from .manifest import (
    APPLICATION_ID,
    CHECKSUM_TABLE,
    FORMAT,
    MAGIC,
    MANIFEST_TABLE,
    Manifest,
)

ROLLBACK_JOURNAL = b"\x01\x01"
OWN_TABLES = {MANIFEST_TABLE, CHECKSUM_TABLE}


class OpenedBackup(BackupFile):
    """A backup that has been found whole, open for reading."""

    manifest: Manifest


def check_path(path: Path) -> None:
    """Raise `InvalidBackup` unless the path is a regular file without companions."""
    if not path.exists():
        raise InvalidBackup(f'There is no file "{path}". Make one with sqlitebackup.')
    if not path.is_file():
        raise InvalidBackup(f'"{path}" is not a regular file.')
    for suffix in ("-journal", "-wal"):
        companion = path.with_name(path.name + suffix)
        if companion.exists() and companion.stat().st_size:
            raise InvalidBackup(
                f'"{companion}" lies beside the backup, so somebody is changing it, or died doing '
                "so. A finished backup has no such companion: use another copy of the file."
            )


def check_header(file: BinaryIO, path: Path) -> None:
    """Raise `InvalidBackup` unless the header is that of a backup in a format known here.

    Offsets: https://www.sqlite.org/fileformat2.html#the_database_header
    """
    file.seek(0)
    header = file.read(100)
    if not header.startswith(MAGIC) or len(header) < 100:
        raise InvalidBackup(f'"{path}" is not a SQLite file (or it is encrypted or cut short).')
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise InvalidBackup(f'"{path}" is a SQLite file, but not a backup made by sqlitebackup.')
    if header[18:20] != ROLLBACK_JOURNAL:
        raise InvalidBackup(
            f'"{path}" is in WAL mode, so it was changed after it was made. Use another copy.'
        )
    version = int.from_bytes(header[60:64], "big")
    if version != FORMAT:
        raise InvalidBackup(
            f'"{path}" is in format {version}, and this version reads format {FORMAT}. '
            "Restore it with the version of django-sqlite-backup that made it, or a newer one."
        )


def check_checksum(file: BinaryIO, path: Path) -> None:
    """Raise `InvalidBackup` unless the file is, byte for byte, as it was sealed."""
    if not checksum.is_intact(file):
        raise InvalidBackup(
            f'"{path}" is not as it was when it was made: its checksum does not hold. '
            "It was damaged, cut short or edited; use another copy."
        )


def check_plainness(file: BackupFile) -> set[str]:
    """Return the names of the tables; raise `InvalidBackup` unless all are plain ones.

    To read a view, a virtual table or a generated column would be to execute what the file says.
    """
    names = set()
    for kind, name, page in file.raw.execute("SELECT type, name, rootpage FROM sqlite_schema"):
        if kind not in ("table", "index") or not page:
            raise InvalidBackup(f'The file holds "{name}", which is no plain table ({kind}).')
        if kind == "table" and not name.startswith("sqlite_stat") and name != "sqlite_sequence":
            names.add(name)
    for name in sorted(names):
        for row in file.raw.execute(f"PRAGMA table_xinfo({file.quote(name)})"):
            if row[6]:
                raise InvalidBackup(f'The file computes column "{row[1]}" of "{name}" by itself.')
    return names


def check_tables(file: OpenedBackup, names: set[str]) -> None:
    """Raise `InvalidBackup` unless the file has the tables that its manifest lists, no others."""
    missing = sorted(set(file.manifest.tables) - names)
    extra = sorted(names - set(file.manifest.tables) - OWN_TABLES)
    if missing or extra:
        listed = ", ".join(f'"{name}"' for name in (missing or extra))
        what = "lacks tables that its manifest lists" if missing else "holds tables beside its own"
        raise InvalidBackup(f"The file {what}: {listed}.")


def check_counts(file: OpenedBackup) -> None:
    """Raise `InvalidBackup` unless each table has as many rows as the manifest says."""
    for name, entry in file.manifest.tables.items():
        count = file.count_rows(name)
        if count != entry.rows:
            raise InvalidBackup(
                f'The file has {count} rows in "{name}", and its manifest says {entry.rows}.'
            )


@contextmanager
def reading(path: Path) -> Iterator[OpenedBackup]:
    """Give the validated backup, open read-only, in one transaction.

    Raises `InvalidBackup` with what is wrong. Nothing that the file contains is executed.
    """
    path = Path(os.path.realpath(path))
    check_path(path)
    try:
        with open(path, "rb") as file:
            check_header(file, path)
            check_checksum(file, path)
    except OSError as error:
        raise InvalidBackup(f'"{path}" cannot be read: {error.strerror}.') from error
    backup = OpenedBackup(path, connect(path, "ro"))
    try:
        prepare(backup)
        yield backup
    finally:
        backup.connection.close()


def prepare(backup: OpenedBackup) -> None:
    """Begin reading, and check what the file says of itself."""
    try:
        names = begin(backup)
        check_tables(backup, names)
        check_counts(backup)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise InvalidBackup(f'"{backup.path}" cannot be read as SQLite: {error}.') from error


def begin(backup: OpenedBackup) -> set[str]:
    """Begin reading, get the manifest, and return the names of the tables."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
        backup.raw.execute(f"PRAGMA {pragma}")
    backup.raw.execute("BEGIN")
    names = check_plainness(backup)
    backup.manifest = Manifest.read(backup.raw)
    return names


def read_manifest(path: Path) -> Manifest | None:
    """Return what a file says of itself, its rows unseen; None where it is no sound backup."""
    # Immutable: a journal beside a file is not rolled back into it.
    backup = OpenedBackup(path, connect(path, "ro&immutable=1"))
    try:
        check_path(path)
        with open(path, "rb") as file:
            check_header(file, path)
        begin(backup)
        return backup.manifest
    except (InvalidBackup, sqlite3.Error, DatabaseError, UnicodeDecodeError, OSError):
        return None
    finally:
        backup.connection.close()
