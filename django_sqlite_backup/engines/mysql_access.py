"""MariaDB and MySQL among other users: user-level locks, waiting, rights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil

from django_sqlite_backup.locks import Lock
from django_sqlite_backup.tables import Table

from .access import Access
from .mysql_locks import NamedLock, find_transactions
from .mysql_rights import find_lacking

PAUSE_SECONDS = 86400
WAITING = ("innodb_lock_wait_timeout", "lock_wait_timeout")
"""The variables that say how long to wait, for rows and for tables."""
LOCK_WAIT_TIMEOUT = 1205
"""https://mariadb.com/kb/en/e1205/"""


class MySQLAccess(Access):
    """Runs find each other by user-level locks."""

    def make_lock(self, doing: str, *, shared: bool) -> Lock:
        return NamedLock(self, shared=shared)

    def find_lacking(
        self, reads: Sequence[Table], writes: Sequence[Table], alters: Sequence[Table] | None
    ) -> Iterator[str]:
        return find_lacking(self, reads, writes, alters)

    def limit_waiting(self) -> None:
        """Set how long to wait for rows, and for tables."""
        seconds = max(1, ceil(self.patience))
        for variable in WAITING:
            self.execute(f"SET SESSION {variable} = {seconds}")

    @contextmanager
    def waiting_briefly(self) -> Iterator[None]:
        (before,) = self.fetchall(f"SELECT {', '.join(f'@@{name}' for name in WAITING)}")
        self.limit_waiting()
        try:
            yield
        finally:
            if self.connection.connection is not None and self.connection.is_usable():
                for name, seconds in zip(WAITING, before, strict=True):
                    self.execute(f"SET SESSION {name} = {seconds}")

    @property
    def statement_limit(self) -> str:
        """The variable that says how long a statement may take; MySQL's is for SELECT alone."""
        is_mariadb = self.connection.mysql_is_mariadb  # type: ignore[attr-defined]
        return "max_statement_time" if is_mariadb else "max_execution_time"

    def outlast_pauses(self) -> None:
        """Let whoever drives the generator take a break, in the middle of a table too."""
        for variable in ("net_read_timeout", "net_write_timeout", "wait_timeout"):
            self.execute(f"SET SESSION {variable} = {PAUSE_SECONDS}")
        if not self.connection.in_atomic_block:
            # MariaDB's own, and not set back: the connection is closed at the end.
            for variable, _ in self.fetchall("SHOW VARIABLES LIKE 'idle%transaction_timeout'"):
                self.execute(f"SET SESSION {variable} = 0")

    def gave_up_waiting(self, error: BaseException | None) -> bool:
        return error is not None and error.args[:1] == (LOCK_WAIT_TIMEOUT,)

    def find_blockers(self, tables: Sequence[Table]) -> Iterator[str]:
        return find_transactions(self)
