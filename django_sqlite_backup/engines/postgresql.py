"""PostgreSQL: streamed binary results out, COPY in."""

import functools
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg

from django_sqlite_backup.composites import composite_to_text
from django_sqlite_backup.conversions import number_to_stored, whole_to_stored
from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.stored_forms import Form, fits_a_double, get_form
from django_sqlite_backup.tables import Column, Table

from .base import Engine
from .lines import NULL, LineField, build_chunks, register_functions, text_field
from .postgresql_access import PostgreSQLAccess
from .postgresql_forms import EXPECTED, decimal_field, get_line_field, stored_sql
from .postgresql_rights import InPlace
from .postgresql_schema import LARGE_ROWS, SetAside, find_large, find_small
from .postgresql_sequences import Sequence as DatabaseSequence
from .postgresql_sequences import get_next_keys, get_sequences, set_next_key
from .postgresql_session import PostgreSQLSession
from .postgresql_types import LiveType, get_composite_reader, get_live_types
from .refused_rows import naming_line
from .transport import Reader, Replacement

if TYPE_CHECKING:
    from django_sqlite_backup.validation import OpenedBackup

LIBPQ_WITH_CHUNKS = 170000
CHUNK_ROWS = 1000


class PostgreSQLEngine(PostgreSQLSession, PostgreSQLAccess, Engine):
    """A `REPEATABLE READ` snapshot; every schema change rolls back with the data."""

    is_snapshot = True
    sequences: dict[str, list[DatabaseSequence]]
    """Those of the tables that are being replaced."""
    small: set[str] | frozenset[str] = frozenset()
    """The names of the tables from which all rows are quickly deleted."""

    # Reading

    @contextmanager
    def reading(self, tables: Sequence[Table]) -> Iterator[None]:
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Before the first SELECT, which takes the snapshot: a table that is rewritten or truncated
        # between the two would be found empty.
        self.lock(tables, "ACCESS SHARE")
        self.set_session()
        # Closing the connection, which is the snapshot's own, ends the transaction.
        with self.reading_exactly():
            yield

    @functools.cached_property
    def live_types(self) -> dict[tuple[str, str], LiveType]:
        return get_live_types(self)

    def get_live_type(self, table: Table, column: Column) -> LiveType:
        return self.live_types.get((table.name, column.name), LiveType())

    def needs_no_affinity(self, table: Table, column: Column) -> bool:
        """Return whether the live column can hold numbers that an affinity would round."""
        form, live = get_form(column.field, self.connection), self.get_live_type(table, column)
        if form is Form.DECIMAL:
            return not (fits_a_double(column.field) and live.fits_a_double)
        return form is Form.INTEGER and live.name not in EXPECTED[form]

    def get_declared_types(self, table: Table) -> dict[str, str]:
        return {
            column.name: "" for column in table.columns if self.needs_no_affinity(table, column)
        }

    def get_reader(self, table: Table, column: Column) -> Reader:
        reader = self.get_fast_reader(table, column)
        return reader._replace(is_large=table.name in self.large)

    def get_fast_reader(self, table: Table, column: Column) -> Reader:
        name = self.quote(column.name)
        form = get_form(column.field, self.connection)
        live_type = self.get_live_type(table, column).name
        expression = stored_sql(form, name, live_type, self.uses_time_zones)
        if form is Form.FLOAT:
            # SQLite would make a bound NaN NULL.
            return Reader((f"CASE WHEN {name} = 'NaN' THEN 'NaN' END", name), "coalesce(?, ?)")
        if self.needs_no_affinity(table, column):
            convert = whole_to_stored if form is Form.INTEGER else number_to_stored
            return Reader((expression,), convert=convert)
        if form is Form.COMPOSITE:
            return Reader((expression,), convert=get_composite_reader(self, column))
        return Reader((expression,))

    def fetch(self, table: Table, sql: str) -> Generator[tuple[Any, ...]]:
        """Stream binary results: no thread, and never more than one chunk in memory."""
        has_chunks = psycopg.pq.version() >= LIBPQ_WITH_CHUNKS
        size = CHUNK_ROWS if has_chunks and table.name not in self.large else 1
        with (
            self.connection.wrap_database_errors,
            psycopg.Cursor(self.raw) as cursor,
            closing(cast(Generator[Any], cursor.stream(sql, size=size, binary=True))) as rows,
        ):
            yield from rows

    @functools.cached_property
    def large(self) -> set[str]:
        """The names of the tables whose rows may be larger than a page."""
        return find_large(self)

    def get_next_keys(self, tables: Sequence[Table]) -> dict[str, dict[str, int]]:
        """Read each sequence that a column of the tables owns, identity or serial."""
        return get_next_keys(self, tables)

    # Writing

    @contextmanager
    def transaction(self, file: "OpenedBackup", *, migrates: bool) -> Iterator[None]:
        is_own = not self.connection.in_atomic_block
        with super().transaction(file, migrates=migrates):
            self.see_what_others_commit(is_own=is_own)
            self.limit_waiting()
            yield

    @contextmanager
    def replacing(self, replacement: Replacement) -> Iterator[None]:
        """Set the session for the rows, and aside what slows them down or acts on them."""
        with self.own_session():
            # What a caller's transaction left for its end would bar every ALTER TABLE.
            self.connection.check_constraints()
            self.lock(replacement.tables, "ACCESS EXCLUSIVE")
            self.in_place = bool(self.find_not_owned(replacement.tables))
            self.set_aside = InPlace(self) if self.in_place else SetAside(self, replacement.tables)
            self.set_aside.take()
            self.sequences = get_sequences(self, replacement.tables)
            self.small = find_small(self)
            yield
            self.set_aside.put_back()

    @functools.cached_property
    def partitioned(self) -> set[str]:
        """The names of the tables whose rows are all in their partitions."""
        rows = self.fetchall("SELECT relname FROM pg_class WHERE relkind = 'p'")
        return {name for (name,) in rows}

    def qualify(self, table: Table) -> str:
        """Leave out the rows of tables that inherit from this one: they are not its own."""
        only = "" if table.name in self.partitioned else "ONLY "
        return f"{only}{self.quote(table.name)}"

    def shows_one_state(self) -> bool:
        return self.get_isolation_level() in ("repeatable read", "serializable")

    @functools.cached_property
    def live_columns(self) -> dict[str, list[str]]:
        """The names of the columns of each live table."""
        columns = defaultdict(list)
        for table, column in self.live_types:
            columns[table].append(column)
        return columns

    def get_live_columns(self, table: Table) -> list[str]:
        return self.live_columns.get(table.name, [])

    def empty_table(self, table: Table) -> None:
        # TRUNCATE takes no table that others refer to: it is for those whose keys are set aside.
        # And it makes a new file, for each index too: more work than a few rows are.
        is_deleted = self.in_place or table.name in self.small
        self.execute(f"{'DELETE FROM' if is_deleted else 'TRUNCATE'} {self.qualify(table)}")

    def load_table(self, file: "OpenedBackup", table: Table) -> Iterator[int]:
        register_functions(file.raw)
        if file.manifest.tables[table.name].rows >= LARGE_ROWS:
            self.set_aside.take_indexes(table)
        columns = table.writable
        fields = [self.get_line_field(file, table, column) for column in columns]
        names = ", ".join(self.quote(column.name) for column in columns)
        options = f"FORMAT csv, QUOTE '''', NULL '{NULL}'"
        sql = f"COPY {self.quote(table.name)} ({names}) FROM STDIN ({options})"
        sent = 0
        with (
            naming_line(file, table, fields),
            self.connection.wrap_database_errors,
            psycopg.Cursor(self.raw) as cursor,
        ):
            # Lines are built while the server reads the ones before; psycopg's own writer with a
            # thread would let it have 128 MB of them waiting.
            with cursor.copy(sql) as copy, ThreadPoolExecutor(1) as executor:
                writing = executor.submit(copy.write, b"")
                for rows, lines in build_chunks(file, table, fields):
                    writing.result()
                    writing = executor.submit(copy.write, lines)
                    sent += rows
                    yield rows
                writing.result()
            if cursor.rowcount != sent:
                raise CopyError(f"Of {sent} rows of {table.label} {cursor.rowcount} went in.")

    def get_line_field(self, file: "OpenedBackup", table: Table, column: Column) -> LineField:
        form = get_form(column.field, self.connection)
        name = file.quote(column.name)
        if form is Form.COMPOSITE:
            to_text = composite_to_text(column.field)
            function = f"composite_text_{abs(hash(column))}"
            file.raw.create_function(function, 1, lambda value: value and to_text(value))
            return text_field(f"{function}({name})")
        if form is Form.DECIMAL:
            return decimal_field(name, self.get_live_type(table, column).scale)
        return get_line_field(form, name, self.get_live_type(table, column).name)

    def set_next_keys(self, table: Table, next_keys: dict[str, int]) -> None:
        for sequence in self.sequences[table.name]:
            set_next_key(self, table, sequence, next_keys.get(sequence.column))
