"""The SQLite file: written aside, made whole, moved in; or opened, read-only, and read."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from . import checksum
from .exceptions import BackupError, explaining
from .manifest import Manifest
from .space import naming_disk
from .tables import Column, Table
from .targets import check_target, create_file, move_in, remove_leftovers

BATCH_ROWS = 1000
"""Rows between two reports of progress."""
PAGE_BYTES = 1 << 14
"""Four times SQLite's default: fewer writes, and a fifth less time for what SQLite does."""
GROUP_ROWS = 50
"""Rows in one statement: more are not any faster."""
MAX_PARAMETERS = 32_766
"""What SQLite allows in a statement since 3.32 (https://www.sqlite.org/limits.html)."""
GROUP_BYTES = 1 << 20
"""Bytes of large cells that end a group before it is full."""


def connect(path: Path | None, mode: str) -> BaseDatabaseWrapper:
    """Return a Django connection to a SQLite file; `mode` is that of SQLite's URIs: `ro`, `rw`.

    No path is a database of SQLite's own making that vanishes with the connection. Cells come as
    they are stored: nothing is converted by the declared type.
    """
    alias = "sqlite_backup_file"
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{path.absolute().as_uri() if path else 'file:'}?mode={mode}",
        "OPTIONS": {"detect_types": 0},
    }
    handler = ConnectionHandler({"default": {}, alias: database})
    connection: BaseDatabaseWrapper = handler.create_connection(alias)
    # An abandoned generator may be collected in any thread, and closes its connection there.
    connection.inc_thread_sharing()
    return connection


class BackupFile:
    """One SQLite file that is being written or read."""

    def __init__(self, path: Path, connection: BaseDatabaseWrapper) -> None:
        self.path = path
        self.connection = connection

    @property
    def raw(self) -> sqlite3.Connection:
        """The driver's connection: question marks for parameters, no conversion of cells."""
        self.connection.ensure_connection()
        connection: sqlite3.Connection = self.connection.connection
        return connection

    def quote(self, name: str) -> str:
        """Quote a name, whatever it holds: Django's `quote_name` trusts names, a file must not."""
        return '"' + name.replace('"', '""') + '"'

    def create_table(self, table: Table, types: Mapping[str, str], targets: set[str]) -> None:
        """Create a table with declared `types` by column, and keys to the tables in `targets`."""
        # What Django did not make need not be unique or present where its model says so.
        managed = table.model._meta.managed
        keys = table.primary_key if managed else ()
        lines = [
            self.column_sql(column, types[column.name], len(keys) == 1, targets)
            + ("" if column.null or not managed else " NOT NULL")
            for column in table.columns
        ]
        if len(keys) > 1:
            lines.append(f"PRIMARY KEY ({', '.join(map(self.quote, keys))})")
        self.raw.execute(f"CREATE TABLE {self.quote(table.name)} ({', '.join(lines)})")

    def column_sql(self, column: Column, declared: str, key: bool, targets: set[str]) -> str:
        """Return the definition of one column: type, key, reference, and no check."""
        sql = self.quote(column.name) + (f" {declared}" if declared else "")
        if key and column.primary_key:
            sql += " PRIMARY KEY"
            if column.automatic and declared.lower() == "integer":
                sql += " AUTOINCREMENT"
        if column.references and column.constrained and column.references[0] in targets:
            table, target = map(self.quote, column.references)
            sql += f" REFERENCES {table} ({target}) DEFERRABLE INITIALLY DEFERRED"
        return sql

    def insert(
        self,
        table: Table,
        rows: Iterable[Sequence[Any]],
        values: Sequence[str],
        large: Sequence[int] = (),
    ) -> Iterator[int]:
        """Insert rows; `values` is SQL for each column. Yields how many went in, batch by batch.

        `large` are the positions of the cells that may be large: where there are any, rows are
        pulled one by one, and wait for each other only as long as their bytes are few.
        """
        names = ", ".join(self.quote(column.name) for column in table.columns)
        row = f"({', '.join(values)})"
        width = row.count("?")
        count = max(1, min(GROUP_ROWS, MAX_PARAMETERS // width))
        start = f"INSERT INTO {self.quote(table.name)} ({names}) VALUES "
        full = start + ", ".join([row] * count)
        inserted = 0
        for cells in group_cells(iter(rows), count, large):
            length = len(cells) // width
            self.raw.execute(full if length == count else start + ", ".join([row] * length), cells)
            inserted += length
            if inserted >= BATCH_ROWS:
                yield inserted
                inserted = 0
        if inserted:
            yield inserted

    def select(self, table: Table, expressions: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield a tuple of the SQL expressions for each row, in the order of the file."""
        cursor = self.raw.execute(f"SELECT {', '.join(expressions)} FROM {self.quote(table.name)}")
        return iter(cursor)

    def get_columns(self, table_name: str) -> dict[str, str]:
        """Return the declared types of a table's columns, by name."""
        rows = self.raw.execute(f"PRAGMA table_xinfo({self.quote(table_name)})")
        return {row[1]: row[2] for row in rows}

    def count_rows(self, table_name: str) -> int:
        (count,) = self.raw.execute(f"SELECT count(*) FROM {self.quote(table_name)}").fetchone()
        return int(count)

    def write_next_keys(self, next_keys: Mapping[str, int]) -> None:
        """Set `sqlite_sequence`, so that the file itself can be a project's database."""
        for name, value in next_keys.items():
            self.raw.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            self.raw.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, value - 1))


class NewBackupFile(BackupFile):
    """A file under a temporary name beside its target, which it replaces at the end."""

    def __init__(self, target: Path) -> None:
        self.target = target
        check_target(target)
        remove_leftovers(target)
        self.file = create_file(target)
        path = Path(self.file.name)
        super().__init__(path, connect(path, "rw"))

    def begin(self) -> None:
        """Begin the one transaction that fills the file."""
        # Nobody reads the file yet, and after a crash it is thrown away: no journal on the disk, no
        # sync. None at all would leave half of an index that cannot be made; this one stays empty.
        self.raw.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self.raw.execute("PRAGMA journal_mode = MEMORY")
        self.raw.execute("PRAGMA synchronous = OFF")
        self.raw.execute("PRAGMA foreign_keys = OFF")
        self.raw.execute("BEGIN")
        checksum.create_checksum_table(self.raw)

    def finish(self, manifest: Manifest) -> str:
        """Write the manifest, close the database, seal the file and return its checksum."""
        manifest.write(self.raw)
        self.raw.execute("COMMIT")
        self.connection.close()
        return checksum.seal(self.file)

    def publish(self) -> None:
        """Move the file to its final name, where the previous backup was until now."""
        move_in(self.path, self.target)
        self.file.close()

    def discard(self) -> str:
        """Leave nothing behind, unless the file was published; say what stays all the same."""
        if self.file.closed:
            return ""
        self.connection.close()
        try:
            for leftover in (self.file.name, f"{self.file.name}-journal"):
                with suppress(FileNotFoundError):
                    os.unlink(leftover)
        except OSError as error:
            return (
                f'"{self.path}" could not be removed: {error.strerror}. The next backup there '
                "removes it, once it may."
            )
        finally:
            # With its lock, by which the next run would take it for a living one's.
            self.file.close()
        return ""


def group_cells(
    rows: Iterator[Sequence[Any]], count: int, large: Sequence[int]
) -> Iterator[list[Any]]:
    """Yield the cells of `count` rows in one list; of fewer, where the large ones fill it."""
    if not large:
        while cells := list(chain.from_iterable(islice(rows, count))):
            yield cells
        return
    cells, length, size = [], 0, 0
    for row in rows:
        cells += row
        length += 1
        for position in large:
            if isinstance(row[position], (str, bytes)):
                size += len(row[position])
        if length == count or size > GROUP_BYTES:
            yield cells
            cells, length, size = [], 0, 0
    if cells:
        yield cells


@contextmanager
def writing(target: Path) -> Iterator[NewBackupFile]:
    """Give a new file beside the target; unless it is published inside, nothing remains of it."""
    with explaining(f'writing "{target}"'):
        file = NewBackupFile(Path(os.path.realpath(target)))
    try:
        with naming_disk(file.target, file.file):
            with explaining(f'writing "{target}"'):
                file.begin()
            yield file
    except BackupError as error:
        if remains := file.discard():
            raise type(error)(f"{error} {remains}") from error.__cause__
        raise
    finally:
        file.discard()
