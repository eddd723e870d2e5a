"""The session of MariaDB and MySQL in which values are copied: they depend on its settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .base import Engine
from .mysql_access import MySQLAccess

SESSION = (
    *("sql_mode", "innodb_lock_wait_timeout", "lock_wait_timeout", "net_read_timeout"),
    *("net_write_timeout", "wait_timeout", "max_error_count", "sql_notes", "unique_checks"),
)
"""The variables that are set for a copy, and set back."""

ISOLATION = ("tx_isolation", "transaction_isolation")
"""The variable's name in MariaDB, and in MySQL since 8.0; MariaDB has both since 11.1."""
LOCKS_GAPS = ("REPEATABLE-READ", "SERIALIZABLE")
SNAPSHOT_ISOLATION = "innodb_snapshot_isolation"
"""Where it is on, what others commit after the first read bars a restore instead of going."""


class MySQLSession(MySQLAccess, Engine):
    """Sets the session, and gives a caller's its own settings back."""

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
        # A long copy is no runaway statement.
        self.execute(f"SET SESSION {self.statement_limit} = 0")
        self.raw.set_character_set("utf8mb4")

    @contextmanager
    def own_session(self) -> Iterator[None]:
        driver_charset = self.raw.character_set_name()
        variables = [*SESSION, self.statement_limit]
        names = [*variables, "character_set_client", "collation_connection"]
        ((*values, charset, collation),) = self.fetchall(
            "SELECT " + ", ".join(f"@@{name}" for name in names)
        )
        try:
            self.set_session()
            yield
        finally:
            if self.connection.connection is not None and self.connection.is_usable():
                for name, value in zip(variables, values, strict=True):
                    self.execute(f"SET SESSION {name} = %s", [value])
                self.raw.set_character_set(driver_charset)
                self.execute(f"SET NAMES {charset} COLLATE {collation}")

    def get_isolation_level(self) -> str:
        rows = self.fetchall("SHOW VARIABLES WHERE variable_name IN (%s, %s)", ISOLATION)
        return str(rows[0][1])

    def shows_one_state(self) -> bool:
        return self.get_isolation_level() in LOCKS_GAPS

    @contextmanager
    def keeping_writers_out(self) -> Iterator[None]:
        """Let the transaction in here lock what it empties against rows that others insert.

        At READ COMMITTED, which is Django's default, there are no locks between the rows
        (https://mariadb.com/kb/en/innodb-lock-modes/). A caller's transaction keeps its level.
        """
        level = self.get_isolation_level()
        if self.connection.in_atomic_block:
            if level not in LOCKS_GAPS:
                self.warnings.append(
                    f'The transaction around the restore is "{level}", so rows that others insert '
                    "before it ends stay beside the restored ones. Call restore() outside of "
                    "atomic(), or at REPEATABLE READ."
                )
            yield
            return
        snapshot = dict(self.fetchall("SHOW VARIABLES LIKE %s", [SNAPSHOT_ISOLATION]))
        self.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name in snapshot:
            self.execute(f"SET SESSION {name} = OFF")
        try:
            yield
        finally:
            if self.connection.connection is not None and self.connection.is_usable():
                before = level.replace("-", " ")
                self.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {before}")
                for name, value in snapshot.items():
                    self.execute(f"SET SESSION {name} = {value}")
