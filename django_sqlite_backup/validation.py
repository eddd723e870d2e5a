"""Everything that can be known of a file before a live database is touched."""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from django.db import Error as DatabaseError

from . import checksum
from .aliases import COMPANIONS
from .backup_file import BackupFile, connect
from .exceptions import InvalidBackup
from .manifest import APPLICATION_ID, FORMAT, MAGIC, Manifest
from .structure import (
    check_migrations,
    check_plainness,
    check_references,
    check_soundness,
    check_tables,
    describe_other_counts,
    find_other_counts,
    has_expressions,
    limited,
)

ROLLBACK_JOURNAL = b"\x01\x01"
UTF_8 = 1
UNREADABLE = (sqlite3.Error, DatabaseError, ValueError)
"""What comes of bytes that are no SQLite, no UTF-8, or a name with a NUL."""
EDITED = (
    "It was damaged, cut short or edited. Use another copy; or, if you edited it yourself, "
    "--allow-modified (allow_modified=True)."
)


class OpenedBackup(BackupFile):
    """A backup that has been found whole, open for reading."""

    manifest: Manifest
    identity: tuple[int, ...]
    differences: tuple[str, ...] = ()
    """What is not as it was when the file was made, in sentences."""
    has_expressions: bool
    """Whether indexes of the file are partial or of expressions."""

    def check_identity(self) -> None:
        """Raise `InvalidBackup` where another file, or another state of it, has come in its place.

        Names lead SQLite to the file, so this is asked after it has opened one.
        """
        self.check_same(is_there=True)

    def check_untouched(self) -> None:
        """Raise `InvalidBackup` where somebody has written into the file itself.

        Whoever does so asks SQLite for no lock. One that came in its place is another file, and
        what is open stays as it was.
        """
        self.check_same(is_there=False)

    def check_same(self, *, is_there: bool) -> None:
        found = identify(os.stat(self.path)) if self.path.exists() else (0, 0)
        if found != self.identity and (is_there or found[:2] == self.identity[:2]):
            raise InvalidBackup(
                f'"{self.path}" was changed or replaced while it was being read. Try again.'
            )


def identify(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def check_path(path: Path) -> None:
    """Raise `InvalidBackup` unless the path is a regular file without companions."""
    if not path.exists():
        raise InvalidBackup(f'There is no file "{path}". Make one with sqlitebackup.')
    if not path.is_file():
        raise InvalidBackup(f'"{path}" is not a regular file.')
    for suffix in COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if os.path.lexists(companion) and not is_harmless(companion):
            raise InvalidBackup(
                f'"{companion}" lies beside the backup, so somebody is changing it, or died doing '
                "so. A finished backup has no such companion: use another copy of the file."
            )


def is_harmless(companion: Path) -> bool:
    """Return whether it is a journal that has ended, which a writer may leave.

    SQLite rolls back one whose first byte is not zero, and opens whatever has such a name
    (https://www.sqlite.org/lockingv3.html#hot_journals).
    """
    if not companion.name.endswith("-journal") or not stat.S_ISREG(companion.lstat().st_mode):
        return False
    with open(companion, "rb") as file:
        return file.read(1) in (b"", b"\0")


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
            f'"{path}" is in WAL mode, so it was changed after it was made. Use another copy; or, '
            f"if you edited it yourself, PRAGMA journal_mode = DELETE, and then --allow-modified."
        )
    version = int.from_bytes(header[60:64], "big")
    if version != FORMAT or int.from_bytes(header[56:60], "big") != UTF_8:
        raise InvalidBackup(
            f'"{path}" is in format {version}, and this version reads format {FORMAT}. '
            "Restore it with the version of django-sqlite-backup that made it, or a newer one."
        )


def check_bytes(path: Path, *, allow_modified: bool) -> tuple[tuple[int, ...], bool]:
    """Return which file is at the path, and whether it is, byte for byte, as it was sealed.

    Raises `InvalidBackup` where it is no backup, or where it is not as it was and may not be
    otherwise.
    """
    try:
        check_path(path)
        # Closed before SQLite opens it: to close a file is to lose all locks of the process on it
        # (https://www.sqlite.org/howtocorrupt.html, section 2.2). Without waiting: a pipe may have
        # come in its place.
        with open(path, "rb", opener=open_at_once) as file:
            identity = identify(os.fstat(file.fileno()))
            check_header(file, path)
            is_intact = checksum.is_intact(file)
    except OSError as error:
        raise InvalidBackup(f'"{path}" cannot be read: {error.strerror}.') from error
    if not is_intact and not allow_modified:
        raise InvalidBackup(
            f'"{path}" is not as it was when it was made: its checksum does not hold. {EDITED}'
        )
    return identity, is_intact


def open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


@contextmanager
def reading(path: Path, *, allow_modified: bool = False) -> Iterator[OpenedBackup]:
    """Give the validated backup, open read-only, in one transaction.

    With `allow_modified` the checksum need not hold, nor the counts of the manifest; the backup's
    `differences` say how far they do not. Raises `InvalidBackup` with what is wrong. Nothing that
    the file contains is executed.
    """
    path = Path(os.path.realpath(path))
    identity, is_intact = check_bytes(path, allow_modified=allow_modified)
    backup = OpenedBackup(path, connect(path, "ro"))
    backup.identity = identity
    try:
        prepare(backup, is_intact=is_intact)
        yield backup
    finally:
        backup.connection.close()


def prepare(backup: OpenedBackup, *, is_intact: bool) -> None:
    """Begin reading, and check what the file says of itself."""
    try:
        names = begin(backup)
        backup.check_identity()
        check_soundness(backup)
        backup.has_expressions = has_expressions(backup)
        with limited(backup):
            backup.manifest = Manifest.read(backup.raw)
            check_tables(backup.manifest, names)
            check_migrations(backup, backup.manifest)
        compare_counts(backup, is_intact=is_intact)
    except (OSError, *UNREADABLE) as error:
        raise InvalidBackup(f'"{backup.path}" cannot be read as SQLite: {error}.') from error


def begin(backup: OpenedBackup) -> set[str]:
    """Begin reading, and return the names of the tables."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "query_only = ON"):
        backup.raw.execute(f"PRAGMA {pragma}")
    with limited(backup):
        backup.raw.execute("BEGIN")
        return check_plainness(backup)


def compare_counts(backup: OpenedBackup, *, is_intact: bool) -> None:
    """Raise `InvalidBackup` where the manifest counts other rows, unless the file was edited.

    Then it is the manifest of what is in the file now that counts, if its foreign keys hold.
    """
    manifest = backup.manifest
    counts = find_other_counts(backup, manifest)
    differences = describe_other_counts(manifest, counts)
    if is_intact and counts:
        raise InvalidBackup(" ".join(differences))
    if not is_intact:
        check_references(backup, manifest)
        first = f'"{backup.path}" was changed after it was made: its checksum does not hold.'
        backup.differences = (first, *differences)
        entries = {name: replace(manifest.tables[name], rows=counts[name]) for name in counts}
        backup.manifest = replace(manifest, tables={**manifest.tables, **entries})


def read_manifest(path: Path) -> Manifest | None:
    """Return what a file says of itself, its rows unseen; None where it is no sound backup."""
    # Immutable: a journal beside a file is not rolled back into it.
    backup = OpenedBackup(path, connect(path, "ro&immutable=1"))
    try:
        check_path(path)
        with open(path, "rb") as file:
            check_header(file, path)
        begin(backup)
        with limited(backup):
            return Manifest.read(backup.raw)
    except (InvalidBackup, OSError, *UNREADABLE):
        return None
    finally:
        backup.connection.close()
