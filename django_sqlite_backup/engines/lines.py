"""Rows as lines of CSV, built by SQLite itself: what `COPY FROM` and `LOAD DATA` both read.

A field is what SQLite's `%Q` makes of a value: a text or a number in single quotes, with those
inside doubled, so that nothing else needs to be escaped; or NULL without quotes
(https://www.sqlite.org/printf.html, https://www.postgresql.org/docs/current/sql-copy.html,
https://dev.mysql.com/doc/refman/8.4/en/load-data.html).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import BackupFile

CHUNK_BYTES = 1 << 18
MICROSECONDS_A_DAY = 86_400_000_000
GROUP = 100
"""Fields in one call: SQLite passes at most 127 arguments (https://www.sqlite.org/limits.html)."""
NULL = "NULL"
"""What stands, without quotes, for no value."""
QUOTE = "'"


class LineField(NamedTuple):
    """One field of a line."""

    expression: str
    """SQLite's SQL for the value."""
    guard: str | None
    """SQL that is true where the value holds a NUL, at which `printf` would cut it off."""
    mark: str = "%Q"
    """How `printf` writes it."""


def text_field(expression: str) -> LineField:
    """Return the field of a text."""
    return LineField(expression, f"instr({expression}, char(0))")


def number_field(column: str, expression: str | None = None) -> LineField:
    """Return the field of a number, or of what stands in its place."""
    return LineField(expression or column, f"+{column} >= '' AND instr({column}, char(0))")


def is_text(column: str) -> str:
    """Return SQL for whether a cell is a text.

    Numbers sort before texts, and those before blobs (https://www.sqlite.org/datatype3.html); the
    plus keeps the column's affinity out of it. Asking for the type takes longer.
    """
    return f"(+{column} >= '' AND +{column} < x'')"


def begins_with_digit(column: str) -> str:
    """Return SQL for whether a cell is a text that begins with a digit."""
    return f"(+{column} >= '0' AND +{column} < ':')"


def moment_field(column: str, *conditions: str) -> LineField:
    """Return the field of a date or a time: servers read dates into numbers, and cut off a time."""
    good = " AND ".join(conditions)
    refused = refuse(column, "is no such moment")
    checked = f"CASE WHEN {column} IS NULL OR ({good}) THEN {column} ELSE {refused} END"
    return LineField(checked, f"instr({column}, char(0))")


def float_field(column: str) -> LineField:
    """Return the field of the shortest text that reads back as the same double."""
    return number_field(column, exact_float(column))


def exact_float(column: str) -> str:
    """Return SQL for a double as Python writes it.

    SQLite's own `%!.17g` is off in the last digit for some doubles of large exponent.
    """
    return f"CASE typeof({column}) WHEN 'real' THEN float_text({column}) ELSE {column} END"


def hexadecimal_field(expression: str, before: str = "") -> LineField:
    """Return the field of bytes as hexadecimal digits; `hex` makes an empty text of NULL."""
    digits = (
        f"CASE WHEN {expression} IS NULL THEN '{NULL}' ELSE '{before}' || hex({expression}) END"
    )
    # No quotes: `%Q` looks at each character, and these are many.
    return LineField(f"iif({expression} IS NULL, '{NULL}', {digits})", None, "%s")


def refuse(column: str, reason: str) -> str:
    """Return SQL for a text in the place of a number, which the server refuses and shows."""
    return f"{column} || ' {reason}'"


def write_line(marks: str, *values: Any) -> str:
    """Return what `printf` would, of values with a NUL."""
    fields = zip(marks.split(","), values, strict=True)
    return ",".join(value if mark == "%s" else write_field(value) for mark, value in fields)


def write_field(value: Any) -> str:
    if value is None:
        return NULL
    text = value.decode() if isinstance(value, bytes) else str(value)
    return QUOTE + text.replace(QUOTE, QUOTE * 2) + QUOTE


def register_functions(raw: sqlite3.Connection) -> None:
    """Register what the SQL of lines calls."""
    raw.create_function("float_text", 1, repr, deterministic=True)
    raw.create_function("write_line", -1, write_line, deterministic=True)


def line_sql(fields: Sequence[LineField]) -> str:
    """Return SQL for one row's line, without its newline."""
    groups = [fields[start : start + GROUP] for start in range(0, len(fields), GROUP)]
    return " || ',' || ".join(map(group_sql, groups))


def group_sql(fields: Sequence[LineField]) -> str:
    marks = ",".join(field.mark for field in fields)
    arguments = f"('{marks}', {', '.join(field.expression for field in fields)})"
    guards = [f"({field.guard})" for field in fields if field.guard]
    if not guards:
        return f"printf{arguments}"
    return f"CASE WHEN {' OR '.join(guards)} THEN write_line{arguments} ELSE printf{arguments} END"


def build_lines(file: "BackupFile", table: Table, fields: Sequence[LineField]) -> Iterator[bytes]:
    """Yield each row as a line, without its newline."""
    return (line for (line,) in file.select(table, [f"CAST({line_sql(fields)} AS BLOB)"]))


def build_chunks(
    file: "BackupFile", table: Table, fields: Sequence[LineField]
) -> Iterator[tuple[int, bytes]]:
    """Yield (rows, lines) in pieces of about `CHUNK_BYTES`; a longer row makes a piece alone."""
    lines: list[bytes] = []
    size = 0
    for line in build_lines(file, table, fields):
        lines.append(line)
        size += len(line) + 1
        if size >= CHUNK_BYTES:
            yield len(lines), b"\n".join(lines) + b"\n"
            lines, size = [], 0
    if lines:
        yield len(lines), b"\n".join(lines) + b"\n"
