"""Rows as lines of CSV, built by SQLite itself: what `COPY FROM` and `LOAD DATA` both read.

Texts in quotes, with quotes inside doubled, so that nothing else in them needs to be escaped;
numbers and NULL without (https://www.postgresql.org/docs/current/sql-copy.html,
https://dev.mysql.com/doc/refman/8.4/en/load-data.html).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import BackupFile

CHUNK_BYTES = 1 << 18
MICROSECONDS_A_DAY = 86_400_000_000
GROUP = 100
NULL = "NULL"
"""What stands, without quotes, for no value."""


def quoted(expression: str) -> str:
    """Return SQL for a text in quotes."""
    return f"""'"' || replace({expression}, '"', '""') || '"'"""


def plain(column: str) -> str:
    """Return SQL for a number, or for what stands in its place, as a field of a line."""
    return f"CASE typeof({column}) WHEN 'text' THEN {quoted(column)} ELSE {column} END"


def hexadecimal(column: str) -> str:
    """Return SQL for bytes as hexadecimal digits; `hex` alone makes an empty text of NULL."""
    return f"CASE WHEN {column} IS NOT NULL THEN hex({column}) END"


def float_text(column: str) -> str:
    """Return SQL for the shortest text that reads back as the same double.

    SQLite's own `%!.17g` is off in the last digit for some doubles of large exponent.
    """
    return f"CASE typeof({column}) WHEN 'real' THEN float_text({column}) ELSE {plain(column)} END"


def register_functions(raw: sqlite3.Connection) -> None:
    raw.create_function("float_text", 1, repr, deterministic=True)


def line_sql(expressions: Sequence[str]) -> str:
    """Return SQL for one row's line, without its newline."""
    fields = [f"coalesce({expression}, '{NULL}')" for expression in expressions]
    # In groups: SQLite limits the depth of an expression to 1000, and each field adds to it.
    groups = [fields[start : start + GROUP] for start in range(0, len(fields), GROUP)]
    return " || ',' || ".join("(" + " || ',' || ".join(group) + ")" for group in groups)


def build_chunks(
    file: "BackupFile", table: Table, expressions: Sequence[str]
) -> Iterator[tuple[int, bytes]]:
    """Yield (rows, lines) in pieces of about `CHUNK_BYTES`; a longer row makes a piece alone."""
    rows = file.select(table, [f"CAST({line_sql(expressions)} AS BLOB)"])
    lines: list[bytes] = []
    size = 0
    for (line,) in rows:
        lines.append(line)
        size += len(line) + 1
        if size >= CHUNK_BYTES:
            yield len(lines), b"\n".join(lines) + b"\n"
            lines, size = [], 0
    if lines:
        yield len(lines), b"\n".join(lines) + b"\n"
