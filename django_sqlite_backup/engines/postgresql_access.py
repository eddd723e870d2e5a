"""PostgreSQL among other users: advisory locks, locks on tables, rights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.locks import Lock
from django_sqlite_backup.tables import Table

from .access import Access
from .postgresql_locks import AdvisoryLock, find_blockers
from .postgresql_rights import NOT_OWNED, find_lacking


class PostgreSQLAccess(Access):
    """Runs find each other by an advisory lock of the database; a copy locks its tables."""

    in_place = False
    """Whether the tables are filled by a role that does not own them."""

    def make_lock(self, doing: str, *, shared: bool) -> Lock:
        return AdvisoryLock(self, doing, shared=shared)

    def find_lacking(
        self, reads: Sequence[Table], writes: Sequence[Table], alters: Sequence[Table] | None
    ) -> Iterator[str]:
        return find_lacking(self, reads, writes, alters)

    def find_not_owned(self, tables: Sequence[Table]) -> list[tuple[str, ...]]:
        """Return the tables, and their owners, that bar the role from the keys of `tables`."""
        return self.fetchall(NOT_OWNED, [[self.quote(table.name) for table in tables]] * 3)

    def lock(self, tables: Sequence[Table], mode: str) -> None:
        """Take every lock at once, before anything is done, or give up after a while."""
        if tables:
            names = ", ".join(self.quote(table.name) for table in tables)
            self.limit_waiting()
            self.execute(f"LOCK TABLE {names} IN {mode} MODE")

    def get_isolation_level(self) -> str:
        """Return that of the transaction that is open."""
        ((level,),) = self.fetchall("SHOW transaction_isolation")
        return str(level)

    def see_what_others_commit(self, *, is_own: bool) -> None:
        """Let each statement see what was committed before it: rows must not outlast a restore.

        The alias, the role or the database may have another level as its default.
        """
        if is_own:
            self.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            return
        level = self.get_isolation_level()
        if level != "read committed":
            raise ConfigurationError(
                f'The transaction around the restore is "{level}", so it does not see the rows '
                "that others commit meanwhile, and would leave them in the tables. Call restore() "
                "outside of atomic(), or at READ COMMITTED."
            )

    def limit_waiting(self) -> None:
        """Set, until the transaction ends, how long to wait for any lock."""
        self.execute(f"SET LOCAL lock_timeout = {self.lock_timeout}")

    @property
    def lock_timeout(self) -> str:
        """How long to wait for a lock, in milliseconds; zero would be for ever."""
        return str(max(1, round(self.patience * 1000)))

    @contextmanager
    def waiting_briefly(self) -> Iterator[None]:
        # Outside of a transaction it is the session's, and no error takes it back.
        is_local = self.connection.in_atomic_block
        ((before,),) = self.fetchall("SELECT current_setting('lock_timeout')")
        self.set_lock_timeout(self.lock_timeout, is_local=is_local)
        try:
            yield
        except BaseException:
            if not is_local and self.connection.is_usable():
                self.set_lock_timeout(before, is_local=False)
            raise
        self.set_lock_timeout(before, is_local=is_local)

    def set_lock_timeout(self, value: str, *, is_local: bool) -> None:
        self.fetchall("SELECT set_config('lock_timeout', %s, %s)", [value, is_local])

    def gave_up_waiting(self, error: BaseException | None) -> bool:
        cause = error.__cause__ if error is not None else None
        return isinstance(cause, psycopg.errors.LockNotAvailable)

    def find_blockers(self, tables: Sequence[Table]) -> Iterator[str]:
        return find_blockers(self, tables)
