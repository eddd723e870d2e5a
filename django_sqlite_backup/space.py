"""Where a disk refuses: which one it is, why, and how much it has left."""

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .exceptions import CopyError

REFUSALS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR),
}
SQLITE_REFUSALS = {
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM),
}
PROBE_MEGABYTES = 64
TEMPORARY_FOLDERS = ("/var/tmp", "/usr/tmp", "/tmp", ".")


@contextmanager
def naming_disk(path: Path, file: BinaryIO | None = None) -> Iterator[None]:
    """Add to a `CopyError` of the block, where a disk has refused, what is to be known of it.

    Args:
        path: the file that is written.
        file: the same, open, where it is thrown away now: by writing to it the system is asked
            for the reason, where SQLite says "I/O error" and no more.
    """
    try:
        yield
    except CopyError as error:
        if not is_refusal(error.__cause__):
            raise
        reason = find_reason(file) if file and "I/O error" in str(error) else ""
        raise CopyError(
            f"{str(error).rstrip('.')}{reason}. {describe_space(path)}"
        ) from error.__cause__


def is_refusal(error: BaseException | None) -> bool:
    """Return whether it was a disk that refused, through SQLite, through Django or directly."""
    while error is not None:
        if isinstance(error, OSError):
            return error.errno in REFUSALS
        if isinstance(error, sqlite3.Error):
            # The lower byte of an extended code: https://www.sqlite.org/rescode.html
            return getattr(error, "sqlite_errorcode", 0) & 0xFF in SQLITE_REFUSALS
        error = error.__cause__
    return False


def find_reason(file: BinaryIO) -> str:
    """Return, in brackets, what the system says when the file is to grow, if it says anything."""
    try:
        file.seek(0)
        for _ in range(PROBE_MEGABYTES):
            file.write(bytes(1 << 20))
        os.fsync(file.fileno())
    except OSError as error:
        return f" ({error.strerror})"
    return ""


def describe_space(path: Path) -> str:
    """Return sentences on the room that is left beside a file, and where SQLite sorts."""
    temporary = find_temporary_folder()
    return (
        f'"{path}" is as it was. {describe_folder(path.parent)}; {describe_folder(temporary)}, '
        "where SQLite sorts and compares. Make room (the new file and the previous one are there "
        "together for a while) or lift what forbids to write, and try again."
    )


def describe_folder(folder: Path) -> str:
    try:
        return f'"{folder}" has {shutil.disk_usage(folder).free:,} bytes free'
    except OSError as error:
        return f'"{folder}" cannot be used ({error.strerror})'


def find_temporary_folder() -> Path:
    """Return where SQLite makes temporary files (https://www.sqlite.org/tempfiles.html)."""
    named = [os.environ.get(name, "") for name in ("SQLITE_TMPDIR", "TMPDIR")]
    folders = [Path(name) for name in (*named, *TEMPORARY_FOLDERS) if name]
    usable = [folder for folder in folders if folder.is_dir() and os.access(folder, os.W_OK)]
    return usable[0] if usable else folders[-1]
