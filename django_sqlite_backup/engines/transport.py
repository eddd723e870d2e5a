"""Rows on their way: how a column is read, conversion in Python, batches that stay small."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

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
