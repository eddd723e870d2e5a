"""Which row of the file an engine has refused, and how that is said."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, OperationalError

from django_sqlite_backup.backup_file import BackupFile
from django_sqlite_backup.exceptions import CopyError, get_reason
from django_sqlite_backup.misfits import shorten, to_plain
from django_sqlite_backup.rows import Rows
from django_sqlite_backup.tables import Table

from .lines import LineField, build_lines

# https://www.postgresql.org/docs/current/sql-copy.html: a line of the input, not a row.
LINE = re.compile(r"line (\d+)(?:, column ([^:]+):)?")
# MariaDB names the column alone, or with schema and table before it.
ROW = re.compile(r"(?:column (?:`[^`]*`\.`[^`]*`\.)?['`]([^'`]+)['`].*)?at row (\d+)")

MYSQL_CODES = {1292, 1366, 1644, 3140}
"""Of wrong values, of what a trigger raises, and of what is no JSON: the driver puts them among the
operational errors (https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html)."""
BULK_DUPLICATE = (1180, "Operation not permitted")
"""What MariaDB says of a duplicate that it meets when it builds the indexes of many new rows."""
OF_A_VALUE = (DataError, IntegrityError, ArithmeticError, AttributeError, TypeError, ValueError)


def is_of_a_value(error: BaseException) -> bool:
    """Return whether an error is about a row, and not about the connection or a lock."""
    if not isinstance(error, OperationalError) or not error.args:
        return isinstance(error, OF_A_VALUE)
    number, said = error.args[0], str(error)
    return number in MYSQL_CODES or (number == BULK_DUPLICATE[0] and BULK_DUPLICATE[1] in said)


def describe_row(table: Table, row: Sequence[Any], column: str | None, reason: str) -> str:
    """Return a sentence on a refused row, of all columns that are written, or of the key alone."""
    cells = dict(zip((column.name for column in table.writable), row, strict=False))
    key = ", ".join(str(to_plain(cells.get(name))) for name in table.primary_key)
    value = f', {column} is "{shorten(cells[column])}"' if column in cells else ""
    return f"While copying {table.label}: of the row with primary key {key}{value}: {reason}"


def get_row(file: BackupFile, table: Table, number: int) -> tuple[Any, ...]:
    """Return the row that is copied as the one of that number, from 0."""
    width = len(Rows(file, table).keys)
    (row,) = Rows(file, table).get(table.writable, "1", 1, number)
    return row[width:]


def get_number(file: BackupFile, table: Table, fields: Sequence[LineField], line: int) -> int:
    """Return the number of the row whose lines end with this one: texts may hold some."""
    seen = 0
    for number, text in enumerate(build_lines(file, table, fields)):
        # In the first line the server does not know yet how lines end, and takes the other for it.
        seen += text.count(b"\n" if number else b"\r") + 1
        if seen >= line:
            return number
    raise ValueError(f"The server read a line {line}, and there are {seen}.")


@contextmanager
def naming_line(file: BackupFile, table: Table, fields: Sequence[LineField]) -> Iterator[None]:
    """Raise `CopyError` with the row where PostgreSQL says which line it has refused."""
    try:
        yield
    except DatabaseError as error:
        diagnosis = getattr(error.__cause__, "diag", None)
        found = LINE.search(getattr(diagnosis, "context", None) or "")
        if diagnosis is None or found is None or not is_of_a_value(error):
            raise
        row = get_row(file, table, get_number(file, table, fields, int(found[1])))
        details = filter(None, [diagnosis.message_primary, diagnosis.message_detail])
        column = found[2] or diagnosis.column_name
        raise CopyError(describe_row(table, row, column, ". ".join(details))) from error


def describe_warning(file: BackupFile, table: Table, warning: str) -> str | None:
    """Return a sentence on the row that MySQL has warned of, where it says which."""
    found = ROW.search(warning)
    if found is None:
        return None
    return describe_row(table, get_row(file, table, int(found[2]) - 1), found[1], warning)


@contextmanager
def naming_row(table: Table, row: Sequence[Any]) -> Iterator[None]:
    """Raise `CopyError` with the row that is being written."""
    try:
        yield
    except (*OF_A_VALUE, OperationalError) as error:
        if not is_of_a_value(error):
            raise
        raise CopyError(describe_row(table, row, None, get_reason(error))) from error
