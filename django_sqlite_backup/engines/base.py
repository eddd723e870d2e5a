"""What every live database can do, done in Python: the portable engine, and the referee.

An engine with a module of its own changes the transport, never a value.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from django.core.management.color import no_style
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col
from django.db.transaction import atomic

from django_sqlite_backup.composites import composite_to_stored, composite_to_text
from django_sqlite_backup.conversions import TO_PYTHON, TO_STORED
from django_sqlite_backup.stored_forms import Form, get_form
from django_sqlite_backup.tables import Column, Table

from .access import Access
from .adapters import get_adapter
from .inserting import insert_rows
from .transport import (
    Reader,
    Replacement,
    check_nulls,
    convert_rows,
    find_large,
)

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import BackupFile, NewBackupFile
    from django_sqlite_backup.validation import OpenedBackup


class Engine(Access):
    """The live database's side of a backup or a restore, by Django's own means."""

    is_snapshot = False
    """Whether `snapshot` shows all tables as of one moment while others write."""
    buffers_results = False
    """Whether Django's cursor holds a whole result, so that only the engine's own can be used."""
    rolls_back_ddl: bool
    """Whether a schema change inside a transaction is undone with it."""
    rolls_back_rows = True
    """Whether all tables of the restore have transactions."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.rolls_back_ddl = connection.features.can_rollback_ddl

    # Reading

    @contextmanager
    def snapshot(self, file: "NewBackupFile | None", tables: Sequence[Table]) -> Iterator["Engine"]:
        """Give an engine that sees one state of the tables, on a connection of its own.

        `file` is what the state is copied to, or None where the state must outlive the writing.
        A caller inside a transaction has rows that no other connection sees, and a database in
        memory has but one: then it is the caller's own connection.
        """
        if self.connection.in_atomic_block or not self.can_connect_again():
            with atomic(using=self.connection.alias), self.own_session():
                yield self
            return
        connection = self.connection.copy()
        connection.inc_thread_sharing()
        try:
            engine = type(self)(connection)
            engine.lock_seconds = self.lock_seconds
            with engine.reading(tables):
                yield engine
        finally:
            connection.close()

    @contextmanager
    def own_session(self) -> Iterator[None]:
        """Fix what a value depends on, and give the caller's session its settings back."""
        yield

    def shows_one_state(self) -> bool:
        """Return whether what is read now, in this transaction, is of one moment."""
        return self.is_snapshot

    def can_connect_again(self) -> bool:
        return True

    @contextmanager
    def reading(self, tables: Sequence[Table]) -> Iterator[None]:
        """One read-only transaction, as steady as the engine offers."""
        self.connection.set_autocommit(False)
        try:
            yield
        finally:
            self.connection.rollback()

    def count_rows(self, table: Table) -> int:
        ((count,),) = self.fetchall(f"SELECT count(*) FROM {self.qualify(table)}")
        return int(count)

    def get_reader(self, table: Table, column: Column) -> Reader:
        """Return how a column is read: here, as the driver gives it, converted in Python."""
        return Reader((self.quote(column.name),), convert=self.get_to_stored(column), is_large=True)

    def get_to_stored(self, column: Column) -> Callable[[Any], Any] | None:
        """Return the composition of the backend's converters and the stored form."""
        form = get_form(column.field, self.connection)
        expression = Col(column.name, column.field)
        # The backend's own, not the field's: a field's two ways need not be inverses.
        converters = self.connection.ops.get_db_converters(expression)
        store = composite_to_stored(column.field) if form is Form.COMPOSITE else TO_STORED.get(form)
        if not converters and store is None:
            return None

        def to_stored(cell: Any) -> Any:
            value = cell
            try:
                for convert in converters:
                    value = convert(value, expression, self.connection)
                return store(value) if store is not None and value is not None else value
            except (ArithmeticError, TypeError, ValueError) as error:
                raise ValueError(f'"{cell}" in {column.name} is beyond Python: {error}') from error

        return to_stored

    def select_sql(self, table: Table, readers: Sequence[Reader]) -> str:
        expressions = [expression for reader in readers for expression in reader.expressions]
        return f"SELECT {', '.join(expressions)} FROM {self.qualify(table)}"

    def fetch(self, table: Table, sql: str) -> Generator[tuple[Any, ...]]:
        """Yield the rows of a query without holding them all."""
        with self.connection.chunked_cursor() as cursor:
            cursor.execute(sql)
            # Not in batches of so many rows: a row may have megabytes.
            yield from cursor

    def find_unknown_columns(self, tables: Sequence[Table]) -> list[str]:
        """Return the live columns, as label and name, that no field of the models knows."""
        found = []
        for table in tables:
            known = {column.name.casefold() for column in table.columns}
            names = self.get_live_columns(table)
            found += [f"{table.label}.{name}" for name in names if name.casefold() not in known]
        return found

    def get_live_columns(self, table: Table) -> list[str]:
        with self.connection.cursor() as cursor:
            description = self.connection.introspection.get_table_description(cursor, table.name)
        return [info.name for info in description]

    def get_declared_types(self, table: Table) -> dict[str, str]:
        """Return types that the file must declare, by column; the fields decide the others."""
        return {}

    @property
    def converts_time_zones(self) -> bool:
        """Whether the live database keeps naive moments of another zone than the file's UTC."""
        return (
            not self.connection.features.supports_timezones
            and self.connection.timezone is not None
            and self.connection.timezone_name != "UTC"
        )

    def qualify(self, table: Table) -> str:
        """Return the table's name as SQL."""
        return self.quote(table.name)

    def dump_table(self, table: Table, file: "BackupFile") -> Iterator[int]:
        """Copy a live table into the file, yielding the number of rows of each batch."""
        readers = [self.get_reader(table, column) for column in table.columns]
        large = find_large(readers)
        # Closed here, whatever happens: a result that is half read blocks its connection.
        with closing(self.fetch(table, self.select_sql(table, readers))) as rows:
            converted = convert_rows(rows, readers)
            yield from file.insert(table, converted, [reader.value for reader in readers], large)
        pairs = zip(table.columns, readers, strict=True)
        check_nulls(self, file, table, [column for column, reader in pairs if reader.convert])

    def get_next_keys(self, tables: Sequence[Table]) -> dict[str, dict[str, int]]:
        """Return the next value of each sequence, by the table's name and the column's."""
        return {}

    # Writing

    @contextmanager
    def transaction(self, file: "OpenedBackup", *, migrates: bool) -> Iterator[None]:
        """One transaction on the project's own connection, for all that a restore does.

        `migrates` says whether the schema is changed in it too.
        """
        with self.connection.constraint_checks_disabled(), atomic(using=self.connection.alias):
            yield

    @contextmanager
    def replacing(self, replacement: Replacement) -> Iterator[None]:
        """Prepare the tables for new rows; at the end, check what had to wait for the last row."""
        yield
        self.check_constraints(replacement)

    def check_constraints(self, replacement: Replacement) -> None:
        """Raise `IntegrityError` where a foreign key of the tables, or to them, dangles."""
        names = [table.name for table in replacement.checked]
        self.connection.check_constraints(table_names=names)

    def empty_table(self, table: Table) -> None:
        self.execute(f"DELETE FROM {self.qualify(table)}")

    def load_table(self, file: "OpenedBackup", table: Table) -> Iterator[int]:
        """Copy a table of the file into the live one, yielding the number of rows of each batch."""
        return insert_rows(self, file, table)

    def get_to_live(self, column: Column) -> Callable[[Any], Any] | None:
        """Return the function from the stored form to a parameter of the driver."""
        form = get_form(column.field, self.connection)
        if form is Form.COMPOSITE:
            return composite_to_text(column.field)
        to_python = TO_PYTHON.get(form)
        adapt = get_adapter(self.connection, column, form)
        if to_python is None or adapt is None:
            return to_python or adapt
        return lambda value: adapt(to_python(value))

    def set_next_keys(self, table: Table, next_keys: dict[str, int]) -> None:
        """Make the next key fresh: at least the recorded one, and above all that are there."""
        for sql in self.connection.ops.sequence_reset_sql(no_style(), [table.model]):
            self.execute(sql)
