"""Foreign keys that dangle, found without reading a row that Python may have no value for."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .mysql import MySQLEngine

FOREIGN_KEYS = (
    "SELECT constraint_name, referenced_table_schema, referenced_table_name, column_name,"
    " referenced_column_name FROM information_schema.key_column_usage"
    " WHERE table_schema = DATABASE() AND table_name = %s AND referenced_table_name IS NOT NULL"
    " ORDER BY constraint_name, ordinal_position"
)


def check_foreign_keys(engine: "MySQLEngine", tables: Sequence[Table]) -> None:
    """Raise `IntegrityError`, naming the row, where a foreign key of the tables dangles."""
    for table in tables:
        for target, pairs in get_foreign_keys(engine, table):
            check_foreign_key(engine, table, target, pairs)


def get_foreign_keys(
    engine: "MySQLEngine", table: Table
) -> Iterator[tuple[tuple[str, str], list[tuple[str, str]]]]:
    """Yield the schema and name of each key's target, and the pairs of columns."""
    rows = engine.fetchall(FOREIGN_KEYS, [table.name])
    for (_, *target), group in groupby(rows, lambda row: row[:3]):
        schema, name = target
        yield (schema, name), [(row[3], row[4]) for row in group]


def check_foreign_key(
    engine: "MySQLEngine", table: Table, target: tuple[str, str], pairs: list[tuple[str, str]]
) -> None:
    quote = engine.quote
    joined = " AND ".join(f"own.{quote(own)} = target.{quote(its)}" for own, its in pairs)
    given = " AND ".join(f"own.{quote(own)} IS NOT NULL" for own, _ in pairs)
    names = [*table.primary_key, *(own for own, _ in pairs)]
    shown = ", ".join(f"CAST(own.{quote(name)} AS CHAR)" for name in names)
    # Without an index: rows of one's own transaction that a secondary one shows are looked up in
    # the table again, one by one. With a lock: the target may be about to be deleted.
    bad: list[tuple[Any, ...]] = engine.fetchall(
        f"SELECT {shown} FROM {engine.qualify(table)} own USE INDEX ()"
        f" LEFT JOIN {'.'.join(map(quote, target))} target ON {joined}"
        f" WHERE {given} AND target.{quote(pairs[0][1])} IS NULL LIMIT 1 LOCK IN SHARE MODE"
    )
    if bad:
        keys = len(table.primary_key)
        key, cells = (", ".join(map(str, part)) for part in (bad[0][:keys], bad[0][keys:]))
        columns = ", ".join(own for own, _ in pairs)
        raise IntegrityError(
            f"The row in table '{table.name}' with primary key '{key}' has an invalid foreign key: "
            f"{table.name}.{columns} is '{cells}', which {target[1]} does not have."
        )
