"""What stands in the way of loading SQLite's tables, set aside and put back in one transaction."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.tables import Column, Table

if TYPE_CHECKING:
    from django_sqlite_backup.validation import OpenedBackup

    from .sqlite import SQLiteEngine

LARGE_ROWS = 10_000
"""From here on, building an index at once costs less than feeding it row by row."""

OBJECTS = "SELECT name, tbl_name, sql FROM main.sqlite_schema WHERE type = %s AND sql IS NOT NULL"
KEYS = """
SELECT m.name, k."table", k."from", k."to", k.on_delete, k.id
FROM main.sqlite_schema m, pragma_foreign_key_list(m.name) k
WHERE m.type = 'table'
"""


class SetAside:
    """The triggers of the tables, and the secondary indexes of the large ones."""

    def __init__(self, engine: "SQLiteEngine", tables: Sequence[Table], large: set[str]) -> None:
        self.engine = engine
        self.names = {table.name.casefold() for table in tables}
        self.large = {name.casefold() for name in large}
        self.back: list[str] = []

    def take(self) -> None:
        for kind, names in (("trigger", self.names), ("index", self.large)):
            for name, table, sql in self.engine.fetchall(OBJECTS, [kind]):
                # SQLite's names differ in case only where nothing differs.
                if table.casefold() in names:
                    self.engine.execute(f"DROP {kind.upper()} {self.engine.quote(name)}")
                    self.back.append(sql)

    def put_back(self) -> None:
        for sql in reversed(self.back):
            self.engine.execute(sql)


def check_actions(engine: "SQLiteEngine", tables: Sequence[Table]) -> None:
    """Raise `CopyError` where emptying the tables would act on rows of others.

    Inside a caller's transaction foreign keys cannot be turned off, and their actions happen.
    """
    ((enabled,),) = engine.fetchall("PRAGMA foreign_keys")
    names = {table.name.casefold() for table in tables}
    for child, parent, _, _, action, _ in engine.fetchall(KEYS) if enabled else ():
        restored = child.casefold() in names
        if parent.casefold() in names and not restored and action not in ("NO ACTION", "RESTRICT"):
            raise CopyError(
                f'Emptying "{parent}" would {action} in "{child}", which is not restored: inside '
                "a transaction SQLite cannot be kept from it. Restore outside of atomic()."
            )


def find_suspects(engine: "SQLiteEngine", tables: Sequence[Table]) -> Iterator[str]:
    """Yield the names of tables with a key of, or to, these tables that may dangle.

    `PRAGMA foreign_key_check` reads every row; this reads the index of the key where there is one.
    A key of several columns is always suspect.
    """
    names = {table.name.casefold() for table in tables}
    keys = engine.fetchall(KEYS)
    seen = [(child, number) for child, *_, number in keys]
    for child, parent, column, target, _, number in keys:
        if not {child.casefold(), parent.casefold()} & names:
            continue
        if target is None or seen.count((child, number)) > 1:
            yield child
            continue
        own, its = engine.quote(column), engine.quote(target)
        sql = (
            f"SELECT 1 FROM main.{engine.quote(child)} c WHERE c.{own} IS NOT NULL AND NOT EXISTS"
            f" (SELECT 1 FROM main.{engine.quote(parent)} p WHERE p.{its} = c.{own}) LIMIT 1"
        )
        if engine.fetchall(sql):
            yield child


def check_affinities(engine: "SQLiteEngine", file: "OpenedBackup", table: Table) -> None:
    """Raise `CopyError` where the live column made a rounded number of a text."""
    declared = file.get_columns(table.name)
    live = engine.get_table_info(table)
    for column in table.writable:
        # A virtual table does not list its rowid, and has no affinities.
        if column.name in live and live[column.name].lower() != declared[column.name].lower():
            check_affinity(engine, file, table, column)


def check_affinity(
    engine: "SQLiteEngine", file: "OpenedBackup", table: Table, column: Column
) -> None:
    name, keys = engine.quote(column.name), [engine.quote(key) for key in table.primary_key]
    texts = file.raw.execute(
        f"SELECT {', '.join([name, *keys])} FROM {engine.quote(table.name)}"
        f" WHERE typeof({name}) = 'text'"
    )
    where = " AND ".join(f"{key.replace('%', '%%')} = %s" for key in keys)
    select = f"SELECT +{name} FROM {engine.quote(table.name)}".replace("%", "%%")
    sql = f"{select} WHERE {where}"
    for text, *key in texts:
        ((cell,),) = engine.fetchall(sql, key)
        if cell != text and str(cell) != text:
            raise CopyError(
                f'"{text}" in {table.label}.{column.name} (primary key {key}) would become '
                f"{cell!r} in SQLite, which has no such type. Restore to another engine, or "
                f"leave out {table.label}."
            )
