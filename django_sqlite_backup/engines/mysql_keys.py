"""Foreign keys that dangle, found without reading a row that Python may have no value for."""

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import IntegrityError

from .transport import Replacement

if TYPE_CHECKING:
    from .mysql import MySQLEngine

FOREIGN_KEYS = (
    "SELECT constraint_name, table_schema, table_name, referenced_table_schema,"
    " referenced_table_name, table_schema = DATABASE(), referenced_table_schema = DATABASE(),"
    " column_name, referenced_column_name FROM information_schema.key_column_usage"
    " WHERE referenced_table_name IS NOT NULL"
    " AND (table_schema = DATABASE() OR referenced_table_schema = DATABASE())"
    " ORDER BY table_schema, table_name, constraint_name, ordinal_position"
)


class ForeignKey(NamedTuple):
    """A foreign key as the server has it, whether or not a model knows of it."""

    name: str
    schema: str
    table: str
    its_schema: str
    its_table: str
    is_here: bool
    """Whether its table is in the live database, and not in another one of the server."""
    refers_here: bool
    columns: tuple[tuple[str, str], ...]
    """The pairs of columns: its own, and the one that it refers to."""


def check_foreign_keys(engine: "MySQLEngine", replacement: Replacement) -> None:
    """Raise `IntegrityError`, naming key and row, where one of the tables dangles, or one to them.

    Those to them may be of tables that no model is known of, in any database of the server.
    """
    # A server may keep all names in lower case.
    replaced = {table.name.casefold() for table in replacement.tables}
    keys = {table.name.casefold(): table.primary_key for table in replacement.checked}
    for key in get_foreign_keys(engine) if replacement.checked else ():
        is_checked = key.is_here and key.table.casefold() in keys
        if is_checked or (key.refers_here and key.its_table.casefold() in replaced):
            primary_key = keys.get(key.table.casefold(), ()) if key.is_here else ()
            check_foreign_key(engine, key, primary_key)


def get_foreign_keys(engine: "MySQLEngine") -> Iterator[ForeignKey]:
    """Yield all that are in this database, or refer to it, as far as this user may see them."""
    rows = engine.fetchall(FOREIGN_KEYS)
    for (name, *places, is_here, refers_here), group in groupby(rows, lambda row: row[:7]):
        schema, table, its_schema, its_table = places
        columns = tuple((row[7], row[8]) for row in group)
        here = bool(is_here), bool(refers_here)
        yield ForeignKey(name, schema, table, its_schema, its_table, *here, columns)


def check_foreign_key(engine: "MySQLEngine", key: ForeignKey, primary_key: tuple[str, ...]) -> None:
    quote = engine.quote
    own_table = f"{quote(key.schema)}.{quote(key.table)}"
    its_table = f"{quote(key.its_schema)}.{quote(key.its_table)}"
    joined = " AND ".join(f"own.{quote(own)} = target.{quote(its)}" for own, its in key.columns)
    given = " AND ".join(f"own.{quote(own)} IS NOT NULL" for own, _ in key.columns)
    names = [*primary_key, *(own for own, _ in key.columns)]
    shown = ", ".join(f"CAST(own.{quote(name)} AS CHAR)" for name in names)
    # Without an index: rows of one's own transaction that a secondary one shows are looked up in
    # the table again, one by one. With a lock: the target may be about to be deleted.
    bad: list[tuple[Any, ...]] = engine.fetchall(
        f"SELECT {shown} FROM {own_table} own USE INDEX ()"
        f" LEFT JOIN {its_table} target ON {joined}"
        f" WHERE {given} AND target.{quote(key.columns[0][1])} IS NULL LIMIT 1 LOCK IN SHARE MODE"
    )
    if bad:
        size = len(primary_key)
        row, cells = (", ".join(map(str, part)) for part in (bad[0][:size], bad[0][size:]))
        which = f" with primary key '{row}'" if size else ""
        columns = ", ".join(own for own, _ in key.columns)
        raise IntegrityError(
            f"The row in table '{key.table}'{which} has an invalid foreign key ({key.name}): "
            f"{key.table}.{columns} is '{cells}', which {key.its_table} does not have."
        )
