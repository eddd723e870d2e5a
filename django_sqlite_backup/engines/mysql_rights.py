"""What a user may do to the tables of MariaDB and MySQL."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django.db import Error

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .mysql_access import MySQLAccess

DENIED = {1044, 1142, 1143}
"""Errors about rights on a database, a table, a column (https://mariadb.com/kb/en/e1142/)."""

# EXPLAIN takes the rights of what it explains, wherever they come from, and executes nothing.
TO_READ = {"SELECT": "EXPLAIN SELECT * FROM {}"}
TO_WRITE = {
    **TO_READ,
    "INSERT": "EXPLAIN INSERT INTO {} () VALUES ()",
    "DELETE": "EXPLAIN DELETE FROM {}",
}
TO_ALTER = {"ALTER", "CREATE", "DROP", "INDEX", "REFERENCES"}
GRANTED = """
SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = %s
UNION SELECT privilege_type FROM information_schema.schema_privileges
WHERE grantee = %s AND DATABASE() LIKE table_schema
UNION SELECT privilege_type FROM information_schema.table_privileges
WHERE grantee = %s AND DATABASE() = table_schema
"""


def find_lacking(
    engine: "MySQLAccess",
    reads: Sequence[Table],
    writes: Sequence[Table],
    alters: Sequence[Table] | None,
) -> Iterator[str]:
    """Yield the statements that give the user what it needs."""
    grantee = get_grantee(engine)
    written = {table.name for table in writes}
    only_read = [table for table in reads if table.name not in written]
    for tables, probes in ((only_read, TO_READ), (writes, TO_WRITE)):
        for table in tables:
            lacking = [right for right, sql in probes.items() if is_denied(engine, sql, table)]
            if lacking:
                yield f"GRANT {', '.join(lacking)} ON {engine.quote(table.name)} TO {grantee}"
    if alters is not None:
        lacking = sorted(TO_ALTER - find_granted(engine, TO_ALTER))
        if lacking:
            database = engine.quote(engine.connection.settings_dict["NAME"])
            yield f"GRANT {', '.join(lacking)} ON {database}.* TO {grantee}"


def get_grantee(engine: "MySQLAccess") -> str:
    ((current,),) = engine.fetchall("SELECT CURRENT_USER()")
    user, _, host = str(current).rpartition("@")
    return f"'{user}'@'{host}'"


def is_denied(engine: "MySQLAccess", sql: str, table: Table) -> bool:
    """Return whether a statement would be refused for want of rights, and for nothing else."""
    try:
        engine.fetchall(sql.format(engine.quote(table.name)))
    except Error as error:
        return bool(error.args) and error.args[0] in DENIED
    return False


def find_granted(engine: "MySQLAccess", rights: set[str]) -> set[str]:
    """Return which of the rights the user has; all, where a role may give some."""
    if engine.fetchall("SELECT CURRENT_ROLE()")[0][0] not in (None, "NONE"):
        return rights
    grantee = get_grantee(engine)
    return rights & {right for (right,) in engine.fetchall(GRANTED, [grantee] * 3)}


def describe_blindness(engine: "MySQLAccess") -> Iterator[str]:
    """Yield a warning where triggers may be there that this user cannot see."""
    if not find_granted(engine, {"TRIGGER"}):
        yield (
            "Whether triggers act on each restored row cannot be seen by this user: that takes the "
            "right TRIGGER."
        )
