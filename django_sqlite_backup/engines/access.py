"""How a run shares a live database with others: its connection, locks and rights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from django_sqlite_backup.exceptions import MissingRights
from django_sqlite_backup.locks import Lock, holding
from django_sqlite_backup.tables import Table

LOCK_SECONDS = 30


class Access:
    """A live database, as one of many who use it."""

    lock_seconds: float | None = None
    """How long to wait for somebody's lock; None means as long as the engine usually does."""

    @property
    def patience(self) -> float:
        """The seconds to wait for somebody's lock."""
        return LOCK_SECONDS if self.lock_seconds is None else self.lock_seconds

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.warnings: list[str] = []
        """What the caller of a run must be told, and did not go wrong."""

    def quote(self, name: str) -> str:
        return self.connection.ops.quote_name(name)

    def execute(self, sql: str, params: Sequence[Any] | None = None) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)

    def fetchall(self, sql: str, params: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    @contextmanager
    def claiming(self, doing: str, *, shared: bool) -> Iterator[None]:
        """Keep a restore off all other runs on this database, and a backup (`shared`) off restores.

        Raises `Busy` where one of them is at work longer than it may be waited for.
        """
        lock = self.make_lock(doing, shared=shared)
        what = f'The database "{self.connection.alias}"'
        with nullcontext() if lock is None else holding(lock, what, self.lock_seconds or 0):
            yield

    def make_lock(self, doing: str, *, shared: bool) -> Lock | None:
        """Return the lock by which runs on this database find each other, if the engine has one."""
        return None

    def check_rights(
        self,
        reads: Sequence[Table],
        writes: Sequence[Table] = (),
        alters: Sequence[Table] | None = None,
    ) -> None:
        """Raise `MissingRights` unless the user may read, fill, and alter these live tables.

        `alters` is None where the schema stays as it is.
        """
        lacking = list(self.find_lacking(reads, writes, alters))
        if lacking:
            raise MissingRights(
                f'The user of the database "{self.connection.alias}" lacks rights, and nothing was '
                f"touched. It needs: {'; '.join(lacking)}."
            )

    def find_lacking(
        self, reads: Sequence[Table], writes: Sequence[Table], alters: Sequence[Table] | None
    ) -> Iterator[str]:
        """Yield what `check_rights` finds missing, each as what gives it."""
        return iter(())

    def describe_peculiarities(
        self, filled: Sequence[Table], emptied: Sequence[Table]
    ) -> Iterator[str]:
        """Yield, each once, what the tables do to restored or deleted rows, or cannot undo."""
        return iter(())

    def describe_unsteady(self, tables: Sequence[Table]) -> Iterator[str]:
        """Yield what of the tables may change while a snapshot is read."""
        return iter(())

    @contextmanager
    def waiting_briefly(self) -> Iterator[None]:
        """Wait no longer than `patience` for locks in this block, in a transaction or outside."""
        yield

    def gave_up_waiting(self, error: BaseException | None) -> bool:
        """Return whether an error says that somebody else held what was needed for too long."""
        return False

    def find_blockers(self, tables: Sequence[Table]) -> Iterator[str]:
        """Yield who holds something of the tables, as far as the engine and the rights tell."""
        return iter(())
