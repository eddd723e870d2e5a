"""LOAD DATA LOCAL from a pipe: lines are built while the server reads the ones before."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.stored_forms import get_form
from django_sqlite_backup.tables import Table

from .lines import build_chunks, register_functions
from .mysql_forms import HEXADECIMAL, line_sql
from .pipe import closing_descriptor, feed

if TYPE_CHECKING:
    from django_sqlite_backup.validation import OpenedBackup

    from .mysql import MySQLEngine

LINES = (
    "CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
    " LINES TERMINATED BY '\\n'"
)


def load_data(engine: "MySQLEngine", file: "OpenedBackup", table: Table) -> Iterator[int]:
    """Feed lines to LOAD DATA through a pipe, one statement for each few megabytes."""
    register_functions(file.raw)
    fields, assignments, expressions = [], [], []
    for number, column in enumerate(table.writable):
        name, form = engine.quote(column.name), get_form(column.field, engine.connection)
        expressions.append(line_sql(form, file.quote(column.name)))
        fields.append(f"@field{number}" if form in HEXADECIMAL else name)
        if form in HEXADECIMAL:
            assignments.append(f"{name} = unhex(@field{number})")
    sql = f"INTO TABLE {engine.quote(table.name)} {LINES} ({', '.join(fields)})"
    if assignments:
        sql += f" SET {', '.join(assignments)}"
    chunks = build_chunks(file, table, expressions)
    while rows := load_batch(engine, table, sql, chunks):
        yield rows


def load_batch(
    engine: "MySQLEngine", table: Table, sql: str, chunks: Iterator[tuple[int, bytes]]
) -> int:
    """Load the next few megabytes and return the number of rows: 0 when there are no more."""
    reader, writer = os.pipe()
    with (
        ThreadPoolExecutor(1) as executor,
        closing_descriptor(reader),
        engine.connection.cursor() as cursor,
    ):
        fed = executor.submit(feed, writer, chunks)
        cursor.execute(f"LOAD DATA LOCAL INFILE '/dev/fd/{reader}' {sql}")
        loaded, rows = cursor.rowcount, fed.result()
    check_warnings(engine, table, loaded, rows)
    return rows


def check_warnings(engine: "MySQLEngine", table: Table, loaded: int, rows: int) -> None:
    """Raise `CopyError` unless every row went in as it was.

    With LOCAL the server makes a warning of each error, whatever the sql_mode
    (https://dev.mysql.com/doc/refman/8.4/en/load-data.html).
    """
    warnings = engine.fetchall("SHOW WARNINGS")
    if warnings or loaded != rows:
        reason = warnings[0][2] if warnings else f"{loaded} of {rows} rows went in"
        raise CopyError(f"A value of {table.label} cannot be kept: {reason}.")
