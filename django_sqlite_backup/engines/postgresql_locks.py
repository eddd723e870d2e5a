"""What keeps two runs apart on PostgreSQL, and who holds the tables that a run waits for."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from django.db import DatabaseError

from django_sqlite_backup.locks import Lock, Owner, decode_owners, describe_self
from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .postgresql_access import PostgreSQLAccess

KEYS = 1685287539, 1
"""The lock's name among all advisory locks of the database: "dsbs" as a number, and a version."""

UNLIMITED = """
SELECT set_config(name, '0', true) FROM pg_settings
WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
"""
OWNERS = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND (l.classid, l.objid, l.objsubid) = (%s, %s, 2)
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
BLOCKERS = """
SELECT DISTINCT ON (a.pid) a.pid, a.usename, a.application_name,
       coalesce(host(a.client_addr), 'a local socket'), a.state, l.relation::regclass::text
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'relation' AND l.granted AND a.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.relation IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS wanted (name))
ORDER BY a.pid, l.relation
"""


class AdvisoryLock(Lock):
    """A transaction's advisory lock, on a connection of its own that says in its name whose it is.

    A transaction's, as poolers give each transaction another session
    (https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS).
    """

    def __init__(self, engine: "PostgreSQLAccess", doing: str, *, shared: bool) -> None:
        self.engine = type(engine)(engine.connection.copy())
        self.connection = self.engine.connection
        # A generator may be collected, and the lock be released, in any thread.
        self.connection.inc_thread_sharing()
        self.doing = doing
        self.function = "pg_try_advisory_xact_lock" + ("_shared" if shared else "")

    def acquire(self) -> bool:
        self.connection.set_autocommit(False)
        self.engine.fetchall(UNLIMITED)
        name = describe_self(self.doing).encode()
        self.engine.fetchall("SELECT set_config('application_name', %s, true)", [name])
        ((is_mine,),) = self.engine.fetchall(f"SELECT {self.function}(%s, %s)", KEYS)
        if not is_mine:
            self.connection.rollback()
        return bool(is_mine)

    def find_owners(self) -> list[Owner]:
        return decode_owners([name for (name,) in self.engine.fetchall(OWNERS, KEYS)])

    def release(self) -> None:
        # By itself the server lets go when it notices that the session is gone, which takes time.
        with suppress(DatabaseError):  # The session is gone already.
            self.connection.rollback()
        self.connection.close()


def find_blockers(engine: "PostgreSQLAccess", tables: Sequence[Table]) -> Iterator[str]:
    """Yield who else has locks on the tables now, as far as they are there."""
    names = [engine.quote(table.name) for table in tables]
    for pid, user, program, host, state, relation in engine.fetchall(BLOCKERS, [names]):
        who = f'user "{user}", program "{program}", from {host}, {state}'
        yield f"session {pid} ({who}) has {relation}"
