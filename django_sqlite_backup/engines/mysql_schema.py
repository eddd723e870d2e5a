"""How MySQL's tables are filled beside their rows: in bulk, and what they count."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from django.db import OperationalError

from django_sqlite_backup.tables import Table

from .transport import Replacement

if TYPE_CHECKING:
    from .mysql import MySQLEngine

ALTER_SECONDS = 5
LARGE_ROWS = 10_000
"""From here on, building an index at once costs less than feeding it row by row."""


def find_bulk_tables(engine: "MySQLEngine", replacement: Replacement) -> Iterator[str]:
    """Yield the names of the large tables that MariaDB can load in bulk, with unique keys checked.

    Where changes to indexes are buffered, a table that only looks empty would not be checked.
    """
    buffering = dict(engine.fetchall("SHOW VARIABLES LIKE 'innodb_change_buffering'"))
    is_mariadb = engine.connection.mysql_is_mariadb  # type: ignore[attr-defined]
    if is_mariadb and set(buffering.values()) <= {"none"}:
        large = replacement.get_large(LARGE_ROWS)
        for table in replacement.tables:
            if table.name in large and not engine.fetchall(
                f"SELECT 1 FROM {engine.qualify(table)} LIMIT 1"
            ):
                yield table.name


def get_next_keys(engine: "MySQLEngine", tables: Sequence[Table]) -> dict[str, dict[str, int]]:
    """Return what each AUTO_INCREMENT gives next, by the table's name and the column's."""
    # SHOW, not information_schema, which MySQL 8 caches for a day.
    with engine.connection.cursor() as cursor:
        cursor.execute("SHOW TABLE STATUS")
        names = [description[0] for description in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    # A server may keep all names in lower case.
    following = {row["Name"].casefold(): row["Auto_increment"] for row in rows}
    following |= {row["Name"]: row["Auto_increment"] for row in rows}
    return {
        table.name: {
            column.name: int(following.get(table.name) or following.get(table.name.casefold()) or 1)
        }
        for table in tables
        for column in table.columns
        if column.automatic
    }


def write_next_keys(engine: "MySQLEngine", next_keys: Mapping[Table, int]) -> None:
    """Set the sequences that are not where they were; the rows are committed already.

    Where somebody holds the table, waiting longer would make all its readers wait too: the
    next key is then fresh all the same, and it is only said that one may be used again.
    """
    engine.execute(f"SET SESSION lock_wait_timeout = {ALTER_SECONDS}")
    present = engine.get_next_keys(list(next_keys))
    for table, value in next_keys.items():
        if value in present.get(table.name, {}).values():
            continue
        try:
            engine.execute(f"ALTER TABLE {engine.quote(table.name)} AUTO_INCREMENT = {value}")
        except OperationalError as error:
            engine.warnings.append(
                f"The next key of {table.label} could not be set to {value} ({error}): keys "
                "of rows that were deleted before the backup may be used again."
            )


def describe_unset_keys(engine: "MySQLEngine", next_keys: Mapping[Table, int]) -> Iterator[str]:
    """Yield a warning where the sequences are not where they were, and cannot be set.

    That is DDL, which would commit the transaction of the caller.
    """
    present = engine.get_next_keys(list(next_keys))
    others = [
        f"{table.label} (is {is_at}, was {value})"
        for table, value in next_keys.items()
        for is_at in present.get(table.name, {}).values()
        if is_at != value
    ]
    if others:
        yield (
            "The next keys of these tables could not be set, as ALTER TABLE would commit the "
            f"transaction around the restore: {', '.join(others)}. Where one is lower than it was, "
            "keys of rows that were deleted before the backup may be used again."
        )
