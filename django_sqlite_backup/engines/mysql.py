"""MariaDB and MySQL: an unbuffered cursor out, LOAD DATA in."""

import functools
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper

from django_sqlite_backup.tables import Column, Table

from .load_data import load_data
from .mysql_keys import check_foreign_keys
from .mysql_peculiarities import (
    describe_peculiarities,
    describe_unsteady,
    find_without_transactions,
)
from .mysql_schema import (
    describe_unset_keys,
    find_bulk_tables,
    get_next_keys,
    write_next_keys,
)
from .mysql_session import MySQLSession
from .mysql_types import (
    LiveType,
    get_fast_reader,
    get_live_types,
    needs_no_affinity,
    with_exact_floats,
)
from .transport import BATCH_ROWS, Reader, Replacement

if TYPE_CHECKING:
    from django_sqlite_backup.validation import OpenedBackup


class MySQLEngine(MySQLSession):
    """A consistent snapshot of InnoDB's tables; schema changes commit and cannot be undone."""

    is_snapshot = True
    buffers_results = True
    in_bulk: frozenset[str] | set[str] = frozenset()
    """The tables whose indexes MariaDB builds when all of their rows are in."""
    told: set[tuple[str, str]]
    """The peculiarities of tables that were told already."""
    local_infile = False
    """Whether the connection was made with the client's half of LOAD DATA LOCAL."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.told = set()

    # Reading

    @contextmanager
    def reading(self, tables: Sequence[Table]) -> Iterator[None]:
        # Without this level the snapshot below is ignored; Django's default is another.
        self.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.set_session()
        self.outlast_pauses()
        self.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        yield

    @functools.cached_property
    def live_types(self) -> dict[tuple[str, str], LiveType]:
        return get_live_types(self)

    def get_live_type(self, table: Table, column: Column) -> LiveType:
        key = table.name.casefold(), column.name.casefold()
        return self.live_types.get(key, LiveType())

    @functools.cached_property
    def live_columns(self) -> dict[str, list[str]]:
        """The names of the columns of each live table, whose own is in lower case."""
        columns = defaultdict(list)
        for (table, _), live in self.live_types.items():
            columns[table].append(live.column)
        return columns

    def get_live_columns(self, table: Table) -> list[str]:
        return self.live_columns.get(table.name.casefold(), [])

    def get_declared_types(self, table: Table) -> dict[str, str]:
        columns = table.columns
        return {column.name: "" for column in columns if needs_no_affinity(self, table, column)}

    def get_reader(self, table: Table, column: Column) -> Reader:
        reader = get_fast_reader(self, table, column) or super().get_reader(table, column)
        return reader._replace(is_large=self.get_live_type(table, column).is_large)

    def select_sql(self, table: Table, readers: Sequence[Reader]) -> str:
        """Select every digit of a FLOAT, however the columns are read."""
        return super().select_sql(table, with_exact_floats(self, table, readers))

    def fetch(self, table: Table, sql: str) -> Generator[tuple[Any, ...]]:
        """Read without the driver's buffer, which would hold the whole table."""
        columns = [self.get_live_type(table, column) for column in table.columns]
        size = 1 if any(column.is_large for column in columns) else BATCH_ROWS
        with self.connection.wrap_database_errors:
            self.raw.query(sql)
            result = self.raw.use_result()
            try:
                while rows := result.fetch_row(size):
                    yield from rows
            finally:
                # A result that is half read blocks its connection.
                result.discard()

    def get_next_keys(self, tables: Sequence[Table]) -> dict[str, dict[str, int]]:
        return get_next_keys(self, tables)

    def describe_unsteady(self, tables: Sequence[Table]) -> Iterator[str]:
        return describe_unsteady(self, tables)

    # Writing

    def describe_peculiarities(
        self, filled: Sequence[Table], emptied: Sequence[Table]
    ) -> Iterator[str]:
        return describe_peculiarities(self, filled, emptied)

    @contextmanager
    def replacing(self, replacement: Replacement) -> Iterator[None]:
        # What migrations have made meanwhile, the plan could not tell.
        filled = replacement.tables if replacement.checked else ()
        self.warnings += self.describe_peculiarities(filled, replacement.tables)
        self.rolls_back_rows &= not find_without_transactions(self, replacement.tables)
        self.in_bulk = set(find_bulk_tables(self, replacement))
        with super().replacing(replacement):
            yield

    def check_constraints(self, replacement: Replacement) -> None:
        check_foreign_keys(self, replacement)

    @contextmanager
    def transaction(self, file: "OpenedBackup", *, migrates: bool) -> Iterator[None]:
        """The sequences are set when the rows are committed: on this engine that is DDL."""
        self.next_keys: dict[Table, int] = {}
        with self.allowing_local_infile(), self.own_session():
            self.limit_waiting()
            self.outlast_pauses()
            with self.keeping_writers_out(), super().transaction(file, migrates=migrates):
                yield
            if self.connection.in_atomic_block:
                self.warnings += describe_unset_keys(self, self.next_keys)
            else:
                write_next_keys(self, self.next_keys)

    def set_next_keys(self, table: Table, next_keys: dict[str, int]) -> None:
        """Note what is to be set when all is committed; InnoDB itself never goes below the rows."""
        for column, value in next_keys.items():
            if any(own.name == column and own.automatic for own in table.columns):
                self.next_keys[table] = value

    @contextmanager
    def allowing_local_infile(self) -> Iterator[None]:
        """Connect anew with the client's half of what LOAD DATA LOCAL needs, and back without."""
        options = self.connection.settings_dict["OPTIONS"]
        if self.connection.in_atomic_block or options.get("local_infile"):
            self.local_infile = bool(options.get("local_infile"))
            yield
            return
        self.connection.close()
        options["local_infile"] = self.local_infile = True
        try:
            self.connection.connect()
            del options["local_infile"]
            yield
        finally:
            options.pop("local_infile", None)
            self.connection.close()

    def can_load_data(self, table: Table) -> bool:
        """Return whether both halves of LOAD DATA LOCAL are allowed, and no value needs Python."""
        return self.local_infile and self.takes_local_infile and not self.converts_time_zones

    @functools.cached_property
    def takes_local_infile(self) -> bool:
        ((allowed,),) = self.fetchall("SELECT @@local_infile")
        return bool(allowed)

    def load_table(self, file: "OpenedBackup", table: Table) -> Iterator[int]:
        if not self.can_load_data(table):
            yield from super().load_table(file, table)
        elif file.manifest.tables[table.name].rows:
            with self.building_indexes_at_the_end(table):
                yield from load_data(self, file, table)

    @contextmanager
    def building_indexes_at_the_end(self, table: Table) -> Iterator[None]:
        """Let MariaDB load a large table in bulk; it then finds duplicates at the end.

        See https://mariadb.com/kb/en/innodb-bulk-insert/.
        """
        if table.name in self.in_bulk:
            self.execute("SET SESSION unique_checks = 0")
        yield
        if table.name in self.in_bulk:
            self.execute("SET SESSION unique_checks = 1")
