"""What keeps two runs apart on MariaDB and MySQL: user-level locks, which die with their session.

They are exclusive, and nobody can list them, so each backup takes one of a few, a restore takes
one that no backup goes past and looks for those of backups, and each run holds further ones whose
names, taken together, are a number that says who it is.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from django.db import DatabaseError

from django_sqlite_backup.locks import Lock, Owner, describe_self

if TYPE_CHECKING:
    from .mysql_access import MySQLAccess

BACKUPS = tuple(f"backup{number}" for number in range(8))
RESTORE = "restore"
DOING = dict.fromkeys(BACKUPS, "backed up") | {RESTORE: "restored"}
PROCESS_BITS, TIME_BITS = 22, 33
"""Linux counts processes to 2**22 (https://man7.org/linux/man-pages/man5/proc.5.html)."""
BITS = PROCESS_BITS + TIME_BITS
A_YEAR = 31536000

TRANSACTIONS = """
SELECT p.id, p.user, p.host, t.trx_started
FROM information_schema.innodb_trx t
JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
WHERE p.db = DATABASE() AND p.id <> connection_id()
ORDER BY t.trx_started
"""
MAY_SEE = "SELECT 1 FROM information_schema.user_privileges WHERE privilege_type = 'PROCESS'"


class NamedLock(Lock):
    """A lock on a connection of its own: that of the restore is closed in the middle."""

    def __init__(self, engine: "MySQLAccess", *, shared: bool) -> None:
        self.engine = type(engine)(engine.connection.copy())
        self.connection = self.engine.connection
        # A generator may be collected, and the lock be released, in any thread.
        self.connection.inc_thread_sharing()
        self.own = BACKUPS if shared else (RESTORE,)
        self.others = (RESTORE,) if shared else BACKUPS

    def name(self, name: str) -> str:
        """Return a name for the whole server, in no more than 64 characters."""
        # The server takes a lock's name in any case, and some a database's.
        database = str(self.connection.settings_dict["NAME"]).lower()
        return f"sqlite_backup:{hashlib.sha256(database.encode()).hexdigest()[:20]}:{name}"

    def acquire(self) -> bool:
        self.engine.execute(f"SET SESSION wait_timeout = {A_YEAR}")
        own = next((name for name in self.own if self.take([name])), None)
        # Its own first, then those of others: of two that begin at once, none overlooks the other.
        if own is None or any(self.find_sessions(self.others)):
            self.release()
            return False
        owner = describe_self(DOING[own])
        number = owner.since << PROCESS_BITS | owner.process
        self.take([f"{own}:{bit}" for bit in range(BITS) if number >> bit & 1])
        return True

    def take(self, names: list[str]) -> bool:
        calls = ", ".join(["GET_LOCK(%s, 0)"] * len(names))
        ((*taken,),) = self.engine.fetchall(f"SELECT {calls}", [*map(self.name, names)])
        return all(taken)

    def find_sessions(self, names: tuple[str, ...] | list[str]) -> list[int | None]:
        """Return, for each name, the number of the session that holds it."""
        calls = ", ".join(["IS_USED_LOCK(%s)"] * len(names))
        ((*sessions,),) = self.engine.fetchall(f"SELECT {calls}", [*map(self.name, names)])
        return sessions

    def find_owners(self) -> list[Owner]:
        return list(self.read_owners())

    def read_owners(self) -> Iterator[Owner]:
        # A backup is only in the way of a restore.
        names = [RESTORE, *(BACKUPS if self.own == (RESTORE,) else ())]
        for name, session in zip(names, self.find_sessions(names), strict=True):
            if session is not None:
                bits = self.find_sessions([f"{name}:{bit}" for bit in range(BITS)])
                number = sum(1 << bit for bit, holder in enumerate(bits) if holder is not None)
                process = number & ((1 << PROCESS_BITS) - 1)
                yield Owner(DOING[name], number >> PROCESS_BITS, process, self.get_host(session))

    def get_host(self, session: int) -> str:
        """Return where a session comes from, as far as this user may know."""
        sql = "SELECT host FROM information_schema.processlist WHERE id = %s"
        hosts = [str(host).partition(":")[0] for (host,) in self.engine.fetchall(sql, [session])]
        return hosts[0] if hosts else "unknown"

    def release(self) -> None:
        # By itself the server lets go when it notices that the session is gone, which takes time.
        if self.connection.connection is not None:
            with suppress(DatabaseError):  # The session is gone already.
                self.engine.execute("DO RELEASE_ALL_LOCKS()")
        self.connection.close()


def find_transactions(engine: "MySQLAccess") -> Iterator[str]:
    """Yield the open transactions of this database, if this user may see those of others."""
    if engine.fetchall(MAY_SEE):
        for session, user, host, started in engine.fetchall(TRANSACTIONS):
            who = f'session {session} (user "{user}", from {host})'
            yield f"{who}, in a transaction since {started}"
