"""PostgreSQL: streamed binary results out, COPY in."""

import functools
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg.copy import QueuedLibpqWriter

from django_sqlite_backup.composites import composite_to_text
from django_sqlite_backup.conversions import number_to_stored, whole_to_stored
from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.stored_forms import Form, fits_a_double, get_form
from django_sqlite_backup.tables import Column, Table

from .base import Engine
from .lines import NULL, build_chunks, register_functions
from .postgresql_forms import EXPECTED, SESSION, decimal_line, line_sql, stored_sql
from .postgresql_schema import LARGE_ROWS, SetAside
from .postgresql_sequences import get_next_key, get_sequences, set_next_key
from .postgresql_types import LiveType, get_composite_reader, get_live_types
from .transport import Reader, Replacement

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import NewBackupFile
    from django_sqlite_backup.validation import OpenedBackup

LOCK_TIMEOUT = "30s"
LIBPQ_WITH_CHUNKS = 170000
CHUNK_ROWS = 1000


class PostgreSQLEngine(Engine):
    """A `REPEATABLE READ` snapshot; every schema change rolls back with the data."""

    is_snapshot = True

    @property
    def raw(self) -> "psycopg.Connection[Any]":
        self.connection.ensure_connection()
        connection: psycopg.Connection[Any] = self.connection.connection
        return connection

    def set_session(self) -> None:
        """Fix, until the transaction ends, what the text of a value depends on."""
        # Django's converters, by which a portable engine reads, expect the alias's own zone.
        is_portable = type(self).get_reader is Engine.get_reader
        utc = self.uses_time_zones and not is_portable
        zone = "UTC" if utc else self.connection.timezone_name
        self.configure({**SESSION, "TimeZone": zone})

    def configure(self, settings: dict[str, str]) -> None:
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        self.fetchall(f"SELECT {calls}", [text for item in settings.items() for text in item])

    @contextmanager
    def keeping_session(self) -> Iterator[None]:
        """Set everything back for what follows in the same transaction: migrations."""
        names = [*SESSION, "TimeZone", "lock_timeout"]
        calls = ", ".join(["current_setting(%s)"] * len(names))
        (values,) = self.fetchall(f"SELECT {calls}", names)
        yield
        self.configure(dict(zip(names, values, strict=True)))

    @property
    def uses_time_zones(self) -> bool:
        return self.connection.timezone is not None

    # Reading

    @contextmanager
    def snapshot(self, file: "NewBackupFile | None", tables: Sequence[Table]) -> Iterator[Engine]:
        with super().snapshot(file, tables) as engine:
            if engine is not self:
                yield engine
                return
            with self.keeping_session():
                self.set_session()
                yield engine

    @contextmanager
    def reading(self, tables: Sequence[Table]) -> Iterator[None]:
        self.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Before the first SELECT, which takes the snapshot: a table that is rewritten or truncated
        # between the two would be found empty.
        self.lock(tables, "ACCESS SHARE")
        self.set_session()
        # Closing the connection, which is the snapshot's own, ends the transaction.
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
        size = CHUNK_ROWS if psycopg.pq.version() >= LIBPQ_WITH_CHUNKS else 1
        if self.has_large_rows(table):
            size = 1
        with (
            self.connection.wrap_database_errors,
            psycopg.Cursor(self.raw) as cursor,
            closing(cast(Generator[Any], cursor.stream(sql, size=size, binary=True))) as rows,
        ):
            yield from rows

    def has_large_rows(self, table: Table) -> bool:
        """Return whether rows may be larger than a page: whether anything of them lies aside."""
        ((size,),) = self.fetchall(
            "SELECT coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0)"
            " FROM pg_class WHERE oid = %s::regclass",
            [self.quote(table.name)],
        )
        return bool(size)

    def get_next_keys(self, table: Table) -> dict[str, int]:
        """Read each sequence that a column of the table owns, identity or serial."""
        return {
            sequence.column: get_next_key(self, sequence) for sequence in get_sequences(self, table)
        }

    # Writing

    @contextmanager
    def transaction(self, file: "OpenedBackup", *, migrates: bool) -> Iterator[None]:
        with super().transaction(file, migrates=migrates):
            self.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            yield

    @contextmanager
    def replacing(self, replacement: Replacement) -> Iterator[None]:
        """Set the session for the rows, and aside what slows them down or acts on them."""
        with self.keeping_session():
            self.set_session()
            # What a caller's transaction left for its end would bar every ALTER TABLE.
            self.connection.check_constraints()
            self.lock(replacement.tables, "ACCESS EXCLUSIVE")
            self.set_aside = SetAside(self, replacement.tables)
            self.set_aside.take()
            yield
            self.set_aside.put_back()

    def lock(self, tables: Sequence[Table], mode: str) -> None:
        """Take every lock at once, before anything is done, or give up after a while."""
        if tables:
            names = ", ".join(self.quote(table.name) for table in tables)
            self.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            self.execute(f"LOCK TABLE {names} IN {mode} MODE")

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
        ((level,),) = self.fetchall("SHOW transaction_isolation")
        return level in ("repeatable read", "serializable")

    def get_live_columns(self, cursor: Any, table: Table) -> list[str]:
        cursor.execute(
            "SELECT attname FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [self.quote(table.name)],
        )
        return [name for (name,) in cursor.fetchall()]

    def empty_table(self, table: Table) -> None:
        self.execute(f"TRUNCATE {self.qualify(table)}")

    def load_table(self, file: "OpenedBackup", table: Table) -> Iterator[int]:
        register_functions(file.raw)
        if file.manifest.tables[table.name].rows >= LARGE_ROWS:
            self.set_aside.take_indexes(table)
        columns = table.writable
        expressions = [self.get_line_sql(file, table, column) for column in columns]
        names = ", ".join(self.quote(column.name) for column in columns)
        sql = f"COPY {self.quote(table.name)} ({names}) FROM STDIN (FORMAT csv, NULL '{NULL}')"
        sent = 0
        with self.connection.wrap_database_errors, psycopg.Cursor(self.raw) as cursor:
            # The writer has a thread: lines are built while the server reads the ones before.
            with cursor.copy(sql, writer=QueuedLibpqWriter(cursor)) as copy:
                for rows, lines in build_chunks(file, table, expressions):
                    copy.write(lines)
                    sent += rows
                    yield rows
            if cursor.rowcount != sent:
                raise CopyError(f"Of {sent} rows of {table.label} {cursor.rowcount} went in.")

    def get_line_sql(self, file: "OpenedBackup", table: Table, column: Column) -> str:
        form = get_form(column.field, self.connection)
        name = file.quote(column.name)
        if form is Form.COMPOSITE:
            to_text = composite_to_text(column.field)
            function = f"composite_text_{abs(hash(column))}"
            file.raw.create_function(function, 1, lambda value: value and to_text(value))
            return line_sql(Form.TEXT, f"{function}({name})")
        if form is Form.DECIMAL:
            return decimal_line(name, self.get_live_type(table, column).scale)
        return line_sql(form, name)

    def set_next_keys(self, table: Table, next_keys: dict[str, int]) -> None:
        for sequence in get_sequences(self, table):
            set_next_key(self, table, sequence, next_keys.get(sequence.column))
