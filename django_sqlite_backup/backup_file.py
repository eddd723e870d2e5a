"""The SQLite file: written aside, made whole, moved in; or opened, read-only, and read."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler

from . import checksum
from .exceptions import explaining
from .manifest import Manifest
from .tables import Column, Table
from .targets import check_target, create_file, move_in, remove_leftovers

BATCH_ROWS = 1000
"""Rows between two reports of progress. Rows are pulled one by one: a batch is never in memory."""


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
        if column.references and column.references[0] in targets:
            table, target = map(self.quote, column.references)
            sql += f" REFERENCES {table} ({target}) DEFERRABLE INITIALLY DEFERRED"
        return sql

    def insert(
        self, table: Table, rows: Iterable[Sequence[Any]], values: Sequence[str]
    ) -> Iterator[int]:
        """Insert rows; `values` is SQL for each column. Yields how many went in, batch by batch."""
        names = ", ".join(self.quote(column.name) for column in table.columns)
        sql = f"INSERT INTO {self.quote(table.name)} ({names}) VALUES ({', '.join(values)})"
        rows = iter(rows)
        while inserted := self.raw.executemany(sql, islice(rows, BATCH_ROWS)).rowcount:
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
        # Nobody reads the file yet, and after a crash it is thrown away: no journal, no sync.
        self.raw.execute("PRAGMA journal_mode = OFF")
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

    def discard(self) -> None:
        """Leave nothing behind, unless the file was published."""
        if not self.file.closed:
            self.connection.close()
            for leftover in (self.file.name, f"{self.file.name}-journal"):
                with suppress(FileNotFoundError):
                    os.unlink(leftover)
            self.file.close()


@contextmanager
def writing(target: Path) -> Iterator[NewBackupFile]:
    """Give a new file beside the target; unless it is published inside, nothing remains of it."""
    with explaining(f'writing "{target}"'):
        file = NewBackupFile(Path(os.path.realpath(target)))
    try:
        with explaining(f'writing "{target}"'):
            file.begin()
        yield file
    finally:
        file.discard()
