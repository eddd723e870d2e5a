"""What goes between an engine and a file: tables to replace, columns to read, batches of rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.tables import Column, Table

if TYPE_CHECKING:
    from django_sqlite_backup.backup_file import BackupFile
    from django_sqlite_backup.validation import OpenedBackup

    from .base import Engine

BATCH_BYTES = 8 << 20
BATCH_ROWS = 1000


class Reader(NamedTuple):
    """How one column is read from the live database and put into the file."""

    expressions: tuple[str, ...]
    """SQL of the live engine; usually one, more where one result type cannot hold all values."""
    value: str = "?"
    """SQL of SQLite that makes the cell of them, with a question mark for each."""
    convert: Callable[[Any], Any] | None = None
    """Python for what no SQL can do. It never sees None."""
    is_large: bool = False
    """Whether a cell may be so large that rows must be counted in bytes."""


@dataclass(frozen=True)
class Replacement:
    """What a restore is about to replace."""

    tables: Sequence[Table]
    """The tables that are emptied and filled."""
    checked: Sequence[Table]
    """Those, and the ones that refer to them: whose keys must hold at the end.

    None where that is not the end, as the rows to which others refer are still to come.
    """
    file: "OpenedBackup"

    def get_large(self, rows: int) -> set[str]:
        """Return the names of the tables that get at least so many rows."""
        entries = self.file.manifest.tables
        return {t.name for t in self.tables if t.name in entries and entries[t.name].rows >= rows}


def convert_row(
    row: tuple[Any, ...], convert: Sequence[Callable[[Any], Any] | None]
) -> tuple[Any, ...]:
    return tuple(
        [
            value if function is None or value is None else function(value)
            for value, function in zip(row, convert, strict=True)
        ]
    )


def convert_rows(
    rows: Iterator[tuple[Any, ...]], readers: Sequence[Reader]
) -> Iterator[tuple[Any, ...]]:
    """Apply the readers' Python conversions; without any, the rows pass untouched."""
    convert = [reader.convert for reader in readers for _ in reader.expressions]
    if not any(convert):
        return rows
    return (convert_row(row, convert) for row in rows)


def find_large(readers: Sequence[Reader]) -> list[int]:
    """Return the positions, in a row, of the cells that may be large."""
    large = [reader.is_large for reader in readers for _ in reader.expressions]
    return [position for position, is_large in enumerate(large) if is_large]


def check_nulls(
    engine: "Engine", file: "BackupFile", table: Table, columns: Sequence[Column]
) -> None:
    """Raise `CopyError` where a value became NULL on its way through Python.

    Drivers do that to what Python cannot hold (mysqlclient: a zero date), and SQLite to NaN.
    """
    if not columns:
        return
    counts = ", ".join(f"count({engine.quote(column.name)})" for column in columns)
    (live,) = engine.fetchall(f"SELECT {counts} FROM {engine.qualify(table)}")
    (stored,) = file.select(table, [f"count({file.quote(column.name)})" for column in columns])
    for column, mine, its in zip(columns, live, stored, strict=True):
        if mine != its:
            raise CopyError(
                f"{mine - its} values of {table.label}.{column.name} cannot be held outside "
                "their engine: its driver makes NULL of them. Correct them first."
            )


def batch_by_bytes(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield lists of rows that stay under a number of rows and of bytes, whichever is less."""
    while head := list(islice(rows, 1)):
        batch, size = head, measure(head[0])
        while len(batch) < BATCH_ROWS and size < BATCH_BYTES and (row := next(rows, None)):
            batch.append(row)
            size += measure(row)
        yield batch


def measure(row: tuple[Any, ...]) -> int:
    """Return the bytes (or characters) of the texts and blobs in a row."""
    return sum(len(value) for value in row if isinstance(value, (str, bytes)))
