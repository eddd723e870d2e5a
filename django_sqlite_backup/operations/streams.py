"""Bytes in chunks: read, written whole, counted and hashed, however many there are."""

import hashlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

CHUNK_BYTES = 1 << 20


class Readable(Protocol):
    """What can be read from: an open file, or what decompresses one."""

    def read(self, size: int = ..., /) -> bytes:
        """Return up to `size` bytes; none of them is the end."""


class Sink:
    """A file without a buffer that takes all of what it is given, or raises.

    Such a file, alone, may take a part of it, when the disk is nearly full, and say no more than
    how much. With a buffer the disk would refuse once more where the file is closed.
    """

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, data: Any) -> int:
        """Write all of it and return its length."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


def iterate(source: Readable) -> Iterator[bytes]:
    """Yield all that is left to read."""
    while chunk := source.read(CHUNK_BYTES):
        yield chunk


def copy(source: Readable, target: Any, limit: int | None = None) -> int:
    """Copy in chunks; of more than `limit` bytes, write none beyond it; return how many came."""
    copied = 0
    for chunk in iterate(source):
        copied += len(chunk)
        if limit is not None and copied > limit:
            break
        target.write(chunk)
    return copied


def measure(file: BinaryIO) -> tuple[str, int]:
    """Return SHA-256, in hexadecimal, and size of a whole file, and go back to its start."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    for chunk in iterate(file):
        digest.update(chunk)
        size += len(chunk)
    file.seek(0)
    return digest.hexdigest(), size
