"""A pipe from which LOAD DATA reads while another thread writes the lines."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

BATCH_BYTES = 4 << 20
"""Lines for one statement: progress is reported behind each."""


@contextmanager
def closing_descriptor(descriptor: int) -> Iterator[None]:
    """Close the reading end: a writer that nobody reads any more then stops."""
    try:
        yield
    finally:
        os.close(descriptor)


def feed(descriptor: int, chunks: Iterator[tuple[int, bytes]]) -> int:
    """Write a few megabytes of lines into the pipe and return the number of rows."""
    rows = size = 0
    with os.fdopen(descriptor, "wb", buffering=0) as pipe:
        while size < BATCH_BYTES and (chunk := next(chunks, None)):
            rows += chunk[0]
            size += len(chunk[1])
            write_all(pipe, chunk[1])
    return rows


def write_all(pipe: FileIO, lines: bytes) -> None:
    view = memoryview(lines)
    while view:
        view = view[pipe.write(view) :]
