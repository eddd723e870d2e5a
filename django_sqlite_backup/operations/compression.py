"""A stream compressed by zstd or gzip, and back again; the stock tools read what is made here."""

import gzip
import zlib
from typing import Any

from django_sqlite_backup.exceptions import ConfigurationError, InvalidBackup

from .extras import load_module
from .streams import Readable, copy, iterate

SUFFIXES = {"": "", "zstd": ".zst", "gzip": ".gz"}
"""What each compression adds to the name."""
GZIP_LEVEL = 6
"""The default of the tool; Python's own, 9, takes twice as long for one part in a hundred."""
GZIP_FORMAT = 16 + zlib.MAX_WBITS
"""A header without name and time of day: the same file becomes the same bytes."""


def load_zstd() -> Any:
    """Return the standard library's module of Python 3.14, or its backport."""
    return load_module(["compression.zstd", "backports.zstd"], "zstd")


def check_compression(compression: object) -> None:
    """Raise `ConfigurationError` where there is no such compression, or it is not installed."""
    if not isinstance(compression, str) or compression not in SUFFIXES:
        raise ConfigurationError(
            f'SQLITE_BACKUP["COMPRESSION"] is {compression!r}, and should be "zstd", "gzip" or '
            "None."
        )
    if compression == "zstd":
        load_zstd()


def compress(source: Readable, target: Any, compression: str) -> None:
    """Write what is read, compressed by "zstd" or "gzip"."""
    # Not by a file that compresses: where the disk is full that one fails a second time, unheard,
    # when it is collected.
    compressor = make_compressor(compression)
    for chunk in iterate(source):
        target.write(compressor.compress(chunk))
    target.write(compressor.flush())


def make_compressor(compression: str) -> Any:
    if compression == "zstd":
        zstd = load_zstd()
        # A checksum at the end, as the stock tool writes one: `zstd --test` finds damage by it.
        return zstd.ZstdCompressor(options={zstd.CompressionParameter.checksum_flag: 1})
    return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_FORMAT)


def decompress(source: Readable, target: Any, compression: str, size: int) -> None:
    """Write what is read, decompressed; raise `InvalidBackup` unless that is `size` bytes.

    What would unpack to more than it says does not fill the disk.
    """
    zstd_errors = (load_zstd().ZstdError,) if compression == "zstd" else ()
    try:
        with open_for_reading(source, compression) as opened:
            copied = copy(opened, target, size)
    except (EOFError, gzip.BadGzipFile, zlib.error, *zstd_errors) as error:
        raise InvalidBackup(
            f"It cannot be decompressed ({error}): it was damaged or cut short before it was "
            "stored. Use another backup."
        ) from error
    check_size(copied, size)


def open_for_reading(source: Any, compression: str) -> Any:
    if compression == "zstd":
        return load_zstd().ZstdFile(source, "rb")
    return gzip.GzipFile(fileobj=source, mode="rb")


def check_size(found: int, expected: int) -> None:
    """Raise `InvalidBackup` where a file that was unpacked is not as large as it should be."""
    if found != expected:
        shown = "more" if found > expected else f"to {found:,}"
        raise InvalidBackup(
            f"It should unpack to {expected:,} bytes, and unpacks {shown}: somebody changed it, or "
            "its sidecar. Use another backup."
        )
