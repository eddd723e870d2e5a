"""Rows by INSERT: the way of every engine, and the one that knows which row it is at."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import OperationalError
from django.db.transaction import atomic

from django_sqlite_backup.tables import Table

from .refused_rows import OF_A_VALUE, is_of_a_value, naming_row
from .transport import batch_by_bytes, convert_row

if TYPE_CHECKING:
    from django_sqlite_backup.validation import OpenedBackup

    from .base import Engine


def insert_rows(engine: "Engine", file: "OpenedBackup", table: Table) -> Iterator[int]:
    """Insert the rows of a table of the file, yielding the number of rows of each batch.

    Raises `CopyError` that names the row which cannot be kept.
    """
    columns = table.writable
    names = ", ".join(engine.quote(column.name) for column in columns).replace("%", "%%")
    marks = ", ".join(["%s"] * len(columns))
    name = engine.quote(table.name).replace("%", "%%")
    # SQLite's tables may replace or ignore a row of their own accord, where nothing is said.
    insert = "INSERT OR ABORT" if engine.connection.vendor == "sqlite" else "INSERT"
    sql = f"{insert} INTO {name} ({names}) VALUES ({marks})"
    convert = [engine.get_to_live(column) for column in columns]
    rows = file.select(table, [file.quote(column.name) for column in columns])
    with engine.connection.cursor() as cursor:
        for batch in batch_by_bytes(rows):
            try:
                # What the engine refuses is undone to here: the transaction stays usable.
                with atomic(using=engine.connection.alias):
                    cursor.executemany(sql, [convert_row(row, convert) for row in batch])
            except (*OF_A_VALUE, OperationalError) as error:
                if not is_of_a_value(error):
                    raise
                insert_each(cursor, sql, table, batch, convert)
            yield len(batch)


def insert_each(
    cursor: Any,
    sql: str,
    table: Table,
    batch: list[tuple[Any, ...]],
    convert: Sequence[Callable[[Any], Any] | None],
) -> None:
    """Insert the rows of a refused batch one by one, to find which it is."""
    for row in batch:
        with naming_row(table, row):
            cursor.execute(sql, convert_row(row, convert))
