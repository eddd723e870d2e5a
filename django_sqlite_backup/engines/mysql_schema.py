"""What MySQL's tables do that a restore can only name."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .mysql import MySQLEngine

PECULIARITIES = {
    "Triggers that MySQL cannot turn off act on each restored row": (
        "SELECT event_object_table FROM information_schema.triggers"
        " WHERE event_object_schema = DATABASE() AND event_object_table IN ({})"
    ),
    "Without transactions, so not undone where the restore fails": (
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
        " AND engine NOT IN ('InnoDB', 'RocksDB') AND table_name IN ({})"
    ),
}


def describe_peculiarities(engine: "MySQLEngine", tables: Sequence[Table]) -> Iterator[str]:
    """Yield a sentence for each promise of a restore that some of the tables break."""
    names = [table.name for table in tables]
    marks = ", ".join(["%s"] * len(names)) or "NULL"
    for sentence, sql in PECULIARITIES.items():
        found = sorted({name for (name,) in engine.fetchall(sql.format(marks), names)})
        if found:
            yield f"{sentence}: {', '.join(found)}."


def find_bulk_tables(engine: "MySQLEngine", tables: Sequence[Table]) -> Iterator[str]:
    """Yield the names of the tables that MariaDB can load in bulk, with unique keys checked.

    Where changes to indexes are buffered, a table that only looks empty would not be checked.
    """
    buffering = dict(engine.fetchall("SHOW VARIABLES LIKE 'innodb_change_buffering'"))
    is_mariadb = engine.connection.mysql_is_mariadb  # type: ignore[attr-defined]
    if is_mariadb and set(buffering.values()) <= {"none"}:
        for table in tables:
            if not engine.fetchall(f"SELECT 1 FROM {engine.qualify(table)} LIMIT 1"):
                yield table.name
