"""LOAD DATA LOCAL from a pipe: lines are built while the server reads the ones before."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from io import FileIO
from typing import TYPE_CHECKING

from django.db import DatabaseError

from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.stored_forms import get_form
from django_sqlite_backup.tables import Table

from .inserting import insert_rows
from .lines import LineField, build_chunks, register_functions
from .mysql_forms import HEXADECIMAL, get_line_field
from .refused_rows import describe_warning, is_of_a_value

if TYPE_CHECKING:
    from django_sqlite_backup.validation import OpenedBackup

    from .mysql import MySQLEngine

DUPLICATE = 1062
"""https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html"""
SEARCHED_ROWS = 100_000
LINES = (
    "CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\\'' ESCAPED BY ''"
    " LINES TERMINATED BY '\\n'"
)


def load_data(engine: "MySQLEngine", file: "OpenedBackup", table: Table) -> Iterator[int]:
    """Copy a table of the file into the live one, yielding the number of rows of each chunk."""
    register_functions(file.raw)
    names, assignments = [], []
    fields: list[LineField] = []
    for number, column in enumerate(table.writable):
        name, form = engine.quote(column.name), get_form(column.field, engine.connection)
        live = engine.get_live_type(table, column)
        fields.append(get_line_field(form, file.quote(column.name), live.name))
        names.append(f"@field{number}" if form in HEXADECIMAL else name)
        if form in HEXADECIMAL:
            cell = f"unhex(@field{number})"
            # Text is converted to the column's character set, bytes are not.
            assignments.append(
                f"{name} = " + (f"CONVERT({cell} USING utf8mb4)" if live.charset else cell)
            )
    sql = f"INTO TABLE {engine.quote(table.name)} {LINES} ({', '.join(names)})"
    if assignments:
        sql += f" SET {', '.join(assignments)}"
    try:
        yield from load_lines(engine, file, table, sql, build_chunks(file, table, fields))
    except DatabaseError as error:
        if is_of_a_value(error):
            find_refused(engine, file, table)
        raise


def load_lines(
    engine: "MySQLEngine",
    file: "OpenedBackup",
    table: Table,
    sql: str,
    chunks: Iterator[tuple[int, bytes]],
) -> Iterator[int]:
    """Run one LOAD DATA in a thread while the pipe is filled here; yield the rows of each chunk.

    One statement a table: MariaDB builds the indexes of an empty table at its end.
    """
    reader, writer = os.pipe()
    sent = 0
    # The thread ends before the cursor that it uses.
    with closing(engine.raw.cursor()) as cursor, ThreadPoolExecutor(1) as executor:
        loading = executor.submit(
            cursor.execute, f"LOAD DATA LOCAL INFILE '/dev/fd/{reader}' {sql}"
        )
        # When the statement ends, however it ends, nobody reads: a write then fails at once.
        loading.add_done_callback(lambda _: os.close(reader))
        with engine.connection.wrap_database_errors:
            with suppress(BrokenPipeError), os.fdopen(writer, "wb", buffering=0) as pipe:
                for rows, lines in chunks:
                    write_all(pipe, lines)
                    sent += rows
                    yield rows
            loading.result()
        loaded = cursor.rowcount
    if loaded != sent or engine.raw.warning_count():
        refuse_changes(engine, file, table, loaded, sent)


def write_all(pipe: FileIO, lines: bytes) -> None:
    """Write all of the lines: a pipe takes as much at a time as fits."""
    view = memoryview(lines)
    while view:
        view = view[pipe.write(view) :]


def refuse_changes(
    engine: "MySQLEngine", file: "OpenedBackup", table: Table, loaded: int, rows: int
) -> None:
    """Raise `CopyError`: not every row went in as it was.

    With LOCAL the server makes a warning of each error, whatever the sql_mode
    (https://dev.mysql.com/doc/refman/8.4/en/load-data.html).
    """
    warnings = engine.fetchall("SHOW WARNINGS")
    if warnings:
        _, code, text = warnings[0]
        said = describe_warning(file, table, text)
        # Which rows are the same is found without the server.
        if said is None and code != DUPLICATE:
            find_refused(engine, file, table)
        raise CopyError(said or f"While copying {table.label}: {text}")
    raise CopyError(f"Of {rows} rows of {table.label} {loaded} went in.")


def find_refused(engine: "MySQLEngine", file: "OpenedBackup", table: Table) -> None:
    """Raise `CopyError` with the row that the server refuses, where it did not say which.

    They are inserted anew for that; a table that is large would take too long.
    """
    if file.manifest.tables[table.name].rows > SEARCHED_ROWS:
        return
    engine.empty_table(table)
    try:
        for _ in insert_rows(engine, file, table):
            pass
    except CopyError as error:
        # Python may have no value for what was not refused at all.
        if isinstance(error.__cause__, DatabaseError):
            raise
