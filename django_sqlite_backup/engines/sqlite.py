"""SQLite: whole records copied from file to file by SQLite itself, under ATTACH."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError

from django_sqlite_backup.aliases import is_in_memory
from django_sqlite_backup.stored_forms import Form, get_form
from django_sqlite_backup.tables import Column, Table

from .base import Engine
from .sqlite_access import SQLiteAccess
from .sqlite_disk import changing_disk
from .sqlite_schema import LARGE_ROWS, SetAside, check_actions, check_affinities, find_suspects
from .transport import Reader, Replacement

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import BackupFile, NewBackupFile
    from django_sqlite_backup.validation import OpenedBackup

LIVE = "live_database"
FILE = "backup_file"


class SQLiteEngine(SQLiteAccess, Engine):
    """The live cells already are the stored form: they are copied as they are."""

    is_snapshot = True
    schema = "main"
    """Where the live tables are: under another name once they are attached to the new file."""
    attached = False
    """Whether the file that is restored is attached to the live connection."""

    def quote(self, name: str) -> str:
        """Quote a name as the file does: `quote_name` on SQLite trusts what it is given."""
        return '"' + name.replace('"', '""') + '"'

    def qualify(self, table: Table) -> str:
        return f"{self.schema}.{self.quote(table.name)}"

    # Reading

    def can_connect_again(self) -> bool:
        return not is_in_memory(self.connection)

    @contextmanager
    def snapshot(self, file: "NewBackupFile | None", tables: Sequence[Table]) -> Iterator[Engine]:
        """Attach the live database to the new file: one transaction then spans both."""
        if file is None or not self.can_attach():
            with super().snapshot(file, tables) as engine:
                yield engine
            return
        uri = Path(str(self.connection.settings_dict["NAME"])).absolute().as_uri()
        if str(self.connection.settings_dict["NAME"]).startswith("file:"):
            uri = self.connection.settings_dict["NAME"]
        file.raw.execute(f"PRAGMA busy_timeout = {round(self.patience * 1000)}")
        file.raw.execute(f"ATTACH ? AS {LIVE}", [uri])
        engine = type(self)(file.connection)
        engine.schema = LIVE
        # A transaction of SQLite's begins with the first read.
        engine.fetchall(f"SELECT count(*) FROM {LIVE}.sqlite_schema")
        yield engine

    def can_attach(self) -> bool:
        """Return whether another connection sees the same rows, and they need no conversion."""
        return (
            self.can_connect_again()
            and not self.connection.in_atomic_block
            and not self.converts_time_zones
            and self.is_in_utf_8()
        )

    def is_in_utf_8(self) -> bool:
        """Return whether the live database is encoded as the file is: else nothing is attached."""
        return self.fetchall("PRAGMA main.encoding") == [("UTF-8",)]

    @contextmanager
    def reading(self, tables: Sequence[Table]) -> Iterator[None]:
        self.execute("BEGIN")
        self.fetchall("SELECT count(*) FROM sqlite_schema")
        yield

    def get_reader(self, table: Table, column: Column) -> Reader:
        if self.is_converted(column):
            return super().get_reader(table, column)
        # The plus keeps Django's converters, which go by the declared type, off the cell.
        return Reader((f"+{self.quote(column.name)}",), is_large=True)

    def get_table_info(self, table: Table) -> dict[str, str]:
        """Return the declared types by column, in the order in which SQLite stores them."""
        sql = f"PRAGMA {self.schema}.table_xinfo({self.quote(table.name)})"
        own = {column.name.casefold(): column.name for column in table.columns}
        # SQLite takes a name in any case, and so may the model have it in another.
        return {own.get(row[1].casefold(), row[1]): row[2] for row in self.fetchall(sql)}

    def get_live_columns(self, table: Table) -> list[str]:
        sql = f"PRAGMA {self.schema}.table_xinfo({self.quote(table.name)})"
        # Hidden columns are those of a virtual table's machinery.
        return [row[1] for row in self.fetchall(sql) if row[6] != 1]

    def get_declared_types(self, table: Table) -> dict[str, str]:
        """Return the live table's own types: with another affinity a cell might change."""
        types = self.get_table_info(table)
        if "ANY" in (declared.upper() for declared in types.values()) and self.is_strict(table):
            # Only there does ANY mean no affinity; the file's own tables are not strict.
            types = {name: "" if types[name].upper() == "ANY" else types[name] for name in types}
        return types

    def is_strict(self, table: Table) -> bool:
        sql = "SELECT strict FROM pragma_table_list WHERE schema = %s AND lower(name) = lower(%s)"
        return self.fetchall(sql, [self.schema, table.name]) == [(1,)]

    def dump_table(self, table: Table, file: "BackupFile") -> Iterator[int]:
        if self.schema == LIVE:
            yield self.copy(table, LIVE, "main", table.columns)
        else:
            yield from super().dump_table(table, file)

    def copy(
        self,
        table: Table,
        source: str,
        target: str,
        columns: Sequence[Column],
        *,
        whole: bool = True,
    ) -> int:
        """Copy all rows from one schema to another, both attached.

        Only `SELECT *` lets SQLite copy whole records, and only between tables that are laid out
        alike (`xferOptimization` in its insert.c).
        """
        name = self.quote(table.name)
        listed = [self.get_names(schema, table) for schema in (source, target)]
        names = ", ".join(self.quote(column.name) for column in columns)
        into, what = f" ({names})", names
        if whole and listed[0] == listed[1] and len(columns) == len(listed[0]):
            into, what = "", "*"
        with self.connection.cursor() as cursor:
            # What a live table may do on a conflict, such as to replace a row, is not done.
            insert = f"INSERT OR ABORT INTO {target}.{name}{into}"
            cursor.execute(f"{insert} SELECT {what} FROM {source}.{name}")
            return int(cursor.rowcount)

    def get_names(self, schema: str, table: Table) -> list[str]:
        """Return the names of the columns in their order; SQLite takes them in any case."""
        rows = self.fetchall(f"PRAGMA {schema}.table_xinfo({self.quote(table.name)})")
        return [row[1].casefold() for row in rows]

    def get_next_keys(self, tables: Sequence[Table]) -> dict[str, dict[str, int]]:
        if not self.has_sequences():
            return {}
        last = dict(self.fetchall(f"SELECT name, seq FROM {self.schema}.sqlite_sequence"))
        return {
            table.name: {column.name: last.get(table.name, 0) + 1}
            for table in tables
            for column in table.columns
            if column.automatic
        }

    def has_sequences(self) -> bool:
        sql = f"SELECT 1 FROM {self.schema}.sqlite_schema WHERE name = 'sqlite_sequence'"
        return bool(self.fetchall(sql))

    # Writing

    @contextmanager
    def transaction(self, file: "OpenedBackup", *, migrates: bool) -> Iterator[None]:
        # A migration must not find a table in the file that the live database lacks.
        attaching = nullcontext() if migrates else self.attaching(file)
        waiting = self.waiting_for_writers()
        transaction = super().transaction(file, migrates=migrates)
        with changing_disk(self), attaching, waiting, transaction:
            # Where the caller's transaction keeps foreign keys on, they wait for its end.
            self.execute("PRAGMA defer_foreign_keys = ON")
            yield

    @contextmanager
    def replacing(self, replacement: Replacement) -> Iterator[None]:
        """Triggers must not act on restored rows, and indexes are built when they are in."""
        check_actions(self, replacement.tables)
        set_aside = SetAside(self, replacement.tables, replacement.get_large(LARGE_ROWS))
        set_aside.take()
        yield
        set_aside.put_back()
        suspects = set(find_suspects(self, replacement.tables))
        if suspects:
            # This one names the row.
            self.connection.check_constraints(table_names=sorted(suspects))

    @contextmanager
    def attaching(self, file: "OpenedBackup") -> Iterator[None]:
        """Attach the file for the time of the restore; not inside a caller's transaction.

        There it could not be detached again, and the rows take the way through Python.
        """
        in_python = self.connection.in_atomic_block or self.converts_time_zones
        if in_python or not self.is_in_utf_8():
            yield
            return
        self.execute(f"ATTACH %s AS {FILE}", [f"{file.path.absolute().as_uri()}?mode=ro"])
        try:
            file.check_identity()
            self.attached = True
            yield
        finally:
            self.attached = False
            self.execute(f"DETACH {FILE}")

    def load_table(self, file: "OpenedBackup", table: Table) -> Iterator[int]:
        try:
            if self.attached:
                # Whole indexes would be copied too; and whether those of expressions are right,
                # nobody can tell without executing them.
                whole = not file.has_expressions
                yield self.copy(table, FILE, "main", table.writable, whole=whole)
        except IntegrityError:
            # The statement is undone. Row by row the same is found again, and where it is.
            yield from super().load_table(file, table)
        if not self.attached:
            yield from super().load_table(file, table)
        check_affinities(self, file, table)

    def get_to_live(self, column: Column) -> Callable[[Any], Any] | None:
        return super().get_to_live(column) if self.is_converted(column) else None

    def is_converted(self, column: Column) -> bool:
        form = get_form(column.field, self.connection)
        return self.converts_time_zones and form is Form.DATETIME

    def set_next_keys(self, table: Table, next_keys: dict[str, int]) -> None:
        if not self.has_sequences():
            return
        for column in table.columns:
            if column.automatic:
                name = self.quote(table.name)
                ((largest,),) = self.fetchall(f"SELECT max({self.quote(column.name)}) FROM {name}")
                last = max(next_keys.get(column.name, 1) - 1, largest or 0)
                self.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table.name])
                if last:
                    self.execute("INSERT INTO sqlite_sequence VALUES (%s, %s)", [table.name, last])
