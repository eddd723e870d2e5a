"""SQLite among other users: a lock beside the file, and SQLite's own on it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django_sqlite_backup.aliases import get_live_path
from django_sqlite_backup.locks import FileLock, Lock

from .access import Access


class SQLiteAccess(Access):
    """Runs find each other by a lock file beside the database; one in memory has one user."""

    def make_lock(self, doing: str, *, shared: bool) -> Lock | None:
        path = get_live_path(self.connection)
        # Where this user can write nothing, its backup is left to SQLite's own locks.
        if path is None or (shared and not os.access(path.parent, os.W_OK)):
            return None
        return FileLock(Path(os.path.realpath(path)), doing, shared=shared)

    def gave_up_waiting(self, error: BaseException | None) -> bool:
        return "database is locked" in str(error)

    @property
    def patience(self) -> float:
        if self.lock_seconds is not None:
            return self.lock_seconds
        ((milliseconds,),) = self.fetchall("PRAGMA busy_timeout")
        return float(milliseconds) / 1000

    @contextmanager
    def waiting_briefly(self) -> Iterator[None]:
        # What is in a transaction has its lock.
        with nullcontext() if self.connection.in_atomic_block else self.waiting_for_writers():
            yield

    @contextmanager
    def waiting_for_writers(self) -> Iterator[None]:
        """Begin transactions with a writer's lock, so that they wait for the writer before.

        Asked for after a read it may be refused at once
        (https://www.sqlite.org/lang_transaction.html, section 2.2).
        """
        connection: Any = self.connection
        ((timeout,),) = self.fetchall("PRAGMA busy_timeout")
        mode, connection.transaction_mode = connection.transaction_mode, "IMMEDIATE"
        try:
            self.fetchall(f"PRAGMA busy_timeout = {round(self.patience * 1000)}")
            yield
        finally:
            connection.transaction_mode = mode
            if connection.connection is not None:
                self.fetchall(f"PRAGMA busy_timeout = {timeout}")
