"""MariaDB and MySQL: an unbuffered cursor out, LOAD DATA in."""

import functools
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from django.db import OperationalError
from MySQLdb.cursors import SSCursor

from django_sqlite_backup.tables import Column, Table

from .base import Engine
from .load_data import load_data
from .mysql_keys import check_foreign_keys
from .mysql_schema import describe_peculiarities, find_bulk_tables
from .mysql_types import (
    COLUMNS,
    LiveType,
    get_fast_reader,
    get_live_types,
    needs_no_affinity,
    with_exact_floats,
)
from .transport import BATCH_ROWS, Reader, Replacement

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import NewBackupFile
    from django_sqlite_backup.validation import OpenedBackup

LOCK_SECONDS = 30
ALTER_SECONDS = 5
PAUSE_SECONDS = 86400
SESSION = (
    *("sql_mode", "innodb_lock_wait_timeout", "lock_wait_timeout", "net_read_timeout"),
    *("max_error_count", "sql_notes"),
)
"""The variables that are set for a copy, and set back."""

ISOLATION = ("tx_isolation", "transaction_isolation")


class MySQLEngine(Engine):
    """A consistent snapshot of InnoDB's tables; schema changes commit and cannot be undone."""

    is_snapshot = True
    buffers_results = True
    were_empty: frozenset[str] | set[str] = frozenset()
    """The tables that had no rows before the restore."""
    local_infile = False
    """Whether the connection was made with the client's half of LOAD DATA LOCAL."""

    @property
    def raw(self) -> Any:
        """The driver's connection."""
        self.connection.ensure_connection()
        return self.connection.connection

    def set_session(self) -> None:
        """Fix what a value depends on, until the connection or its caller sets it anew.

        Strict, so that a value that does not fit is an error and not another value; zero dates
        are let through, as they were once let in.
        """
        self.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO'")
        # What LOAD DATA changes is told by warnings alone.
        self.execute("SET SESSION max_error_count = 64, sql_notes = 1")
        self.raw.set_character_set("utf8mb4")

    @contextmanager
    def keeping_session(self) -> Iterator[None]:
        """Give the caller's session its settings back."""
        driver_charset = self.raw.character_set_name()
        names = [*SESSION, "character_set_client", "collation_connection"]
        ((*values, charset, collation),) = self.fetchall(
            "SELECT " + ", ".join(f"@@{name}" for name in names)
        )
        try:
            yield
        finally:
            if self.connection.connection is not None and self.connection.is_usable():
                for name, value in zip(SESSION, values, strict=True):
                    self.execute(f"SET SESSION {name} = %s", [value])
                self.raw.set_character_set(driver_charset)
                self.execute(f"SET NAMES {charset} COLLATE {collation}")

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
        # Without this level the snapshot below is ignored; Django's default is another.
        self.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.set_session()
        self.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        yield

    @functools.cached_property
    def live_types(self) -> dict[tuple[str, str], LiveType]:
        return get_live_types(self)

    def get_live_type(self, table: Table, column: Column) -> LiveType:
        key = table.name.casefold(), column.name.casefold()
        return self.live_types.get(key, LiveType())

    def get_live_columns(self, cursor: Any, table: Table) -> list[str]:
        cursor.execute(COLUMNS, [table.name])
        return [name for (name,) in cursor.fetchall()]

    def get_declared_types(self, table: Table) -> dict[str, str]:
        columns = table.columns
        return {column.name: "" for column in columns if needs_no_affinity(self, table, column)}

    def get_reader(self, table: Table, column: Column) -> Reader:
        return get_fast_reader(self, table, column) or super().get_reader(table, column)

    def select_sql(self, table: Table, readers: Sequence[Reader]) -> str:
        """Select every digit of a FLOAT, however the columns are read."""
        return super().select_sql(table, with_exact_floats(self, table, readers))

    def fetch(self, table: Table, sql: str) -> Generator[tuple[Any, ...]]:
        """Read without the driver's buffer, which would hold the whole table."""
        self.connection.ensure_connection()
        with (
            self.connection.wrap_database_errors,
            closing(self.connection.connection.cursor(SSCursor)) as cursor,
        ):
            cursor.execute(sql)
            size = 1 if self.may_have_large_rows(table) else BATCH_ROWS
            while rows := cursor.fetchmany(size):
                yield from rows

    def may_have_large_rows(self, table: Table) -> bool:
        return any(
            column.field.get_internal_type() in ("BinaryField", "TextField", "JSONField")
            for column in table.columns
        )

    def get_next_keys(self, table: Table) -> dict[str, int]:
        automatic = [column.name for column in table.columns if column.automatic]
        if not automatic:
            return {}
        # SHOW, not information_schema, which MySQL 8 caches for a day.
        with self.connection.cursor() as cursor:
            cursor.execute("SHOW TABLE STATUS WHERE name = %s", [table.name])
            names = [description[0] for description in cursor.description]
            status = dict(zip(names, cursor.fetchone(), strict=True))
        return {automatic[0]: int(status["Auto_increment"] or 1)}

    def shows_one_state(self) -> bool:
        # MySQL's name of the variable since 8.0; MariaDB has both since 11.1.
        rows = self.fetchall("SHOW VARIABLES WHERE variable_name IN (%s, %s)", ISOLATION)
        return all(level in ("REPEATABLE-READ", "SERIALIZABLE") for _, level in rows)

    # Writing

    @contextmanager
    def replacing(self, replacement: Replacement) -> Iterator[None]:
        for warning in describe_peculiarities(self, replacement.tables):
            if warning not in self.warnings:
                self.warnings.append(warning)
        self.were_empty = set(find_bulk_tables(self, replacement.tables))
        with super().replacing(replacement):
            yield

    def check_constraints(self, tables: Sequence[Table]) -> None:
        check_foreign_keys(self, tables)

    @contextmanager
    def transaction(self, file: "OpenedBackup", *, migrates: bool) -> Iterator[None]:
        """The sequences are set when the rows are committed: on this engine that is DDL."""
        self.next_keys: dict[Table, int] = {}
        with self.allowing_local_infile(), self.keeping_session():
            self.set_session()
            self.execute(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}")
            self.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")
            # Whoever drives the generator may take a break in the middle of a table.
            self.execute(f"SET SESSION net_read_timeout = {PAUSE_SECONDS}")
            with super().transaction(file, migrates=migrates):
                yield
            if not self.connection.in_atomic_block:
                self.write_next_keys()

    def write_next_keys(self) -> None:
        """Set the sequences that are not where they were; the rows are committed already.

        Where somebody holds the table, waiting longer would make all its readers wait too: the
        next key is then fresh all the same, and it is only said that one may be used again.
        """
        self.execute(f"SET SESSION lock_wait_timeout = {ALTER_SECONDS}")
        for table, value in self.next_keys.items():
            if value in self.get_next_keys(table).values():
                continue
            try:
                self.execute(f"ALTER TABLE {self.quote(table.name)} AUTO_INCREMENT = {value}")
            except OperationalError as error:
                self.warnings.append(
                    f"The next key of {table.label} could not be set to {value} ({error}): keys "
                    "of rows that were deleted before the backup may be used again."
                )

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
        ((allowed,),) = self.fetchall("SELECT @@local_infile")
        return self.local_infile and bool(allowed) and not self.converts_time_zones

    def load_table(self, file: "OpenedBackup", table: Table) -> Iterator[int]:
        if not self.can_load_data(table):
            yield from super().load_table(file, table)
        elif file.manifest.tables[table.name].rows:
            # MariaDB then builds the indexes of a table that was empty at the end, and finds
            # duplicates there (https://mariadb.com/kb/en/innodb-bulk-insert/).
            self.execute(f"SET SESSION unique_checks = {int(table.name not in self.were_empty)}")
            yield from load_data(self, file, table)
            self.execute("SET SESSION unique_checks = 1")
