"""The place of a new file: what may be replaced there, and what dead runs left beside it."""

import fcntl
import os
import re
import secrets
import stat
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from .aliases import COMPANIONS
from .exceptions import ConfigurationError
from .manifest import APPLICATION_ID, MAGIC

SAFETY_INFIX = re.compile(r"\.before-(?:restore|migrate)-")
FETCHED = re.compile(r"\.?(.+)\.fetched-[0-9a-f]{16}\.sqlite3(\..+)?", re.DOTALL)
"""The names of what was fetched to be restored, and of what lies beside it: not to stay."""


def check_target(target: Path) -> None:
    """Raise `ConfigurationError` where a backup would replace what is not a backup."""
    if target.is_dir():
        raise ConfigurationError(f'"{target}" is a folder. Name a file in it.')
    if target.exists() and not target.is_file():
        raise ConfigurationError(f'"{target}" is not a regular file. Name another one.')
    for suffix in COMPANIONS:
        owner = target.with_name(target.name.removesuffix(suffix) or target.name)
        if owner != target and owner.exists():
            raise ConfigurationError(
                f'"{target}" is the name of a file that SQLite keeps beside "{owner}", and would '
                "be taken for it. Name another file."
            )
    if target.exists() and target.stat().st_size:
        check_replaceable(target)


def check_replaceable(target: Path) -> None:
    """Raise `ConfigurationError` unless a file that is not empty is a backup."""
    with open(target, "rb") as file:
        header = file.read(100)
    is_sqlite = header.startswith(MAGIC)
    if not is_sqlite or int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        what = "is a SQLite database, but not a backup" if is_sqlite else "is not a backup"
        raise ConfigurationError(
            f'"{target}" {what}, and is not replaced. Name another file, or remove this one first.'
        )


def create_file(target: Path) -> BinaryIO:
    """Create a file beside the target, readable by its owner only, and lock it.

    The lock dies with its owner: a later run tells by it what a dead one left behind.
    """
    try:
        while True:
            file = create_locked(target)
            # Between its creation and its lock, another run may have taken it for a leftover.
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()
    except OSError as error:
        raise ConfigurationError(
            f'"{target}" cannot be written: {error.strerror}. '
            "Name a file in a folder that exists and can be written to."
        ) from error


def create_locked(target: Path) -> BinaryIO:
    path = target.with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    # A path, not a number, as the name: open() keeps what it was given. No buffer: a full disk
    # must not fail once more where the file is closed.
    return open(path, "r+b", buffering=0, opener=lambda _path, _flags: descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files of runs that died; those of living ones are locked.

    Safety backups count as runs to the file that they were made beside, whatever time they name.
    """
    if not target.parent.is_dir():
        return
    stem = re.escape(get_stem(target))
    leftover = re.compile(
        rf"\.{stem}({SAFETY_INFIX.pattern}\w+)?(\.sqlite3)?\.[0-9a-f]{{16}}\.partial"
    )
    for path in target.parent.iterdir():
        if leftover.fullmatch(path.name):
            remove_unlocked(path)


def remove_unlocked(path: Path) -> None:
    """Remove a file unless a living run holds its lock, or it is somebody else's."""
    # A link is not followed, and a FIFO not waited for: no run makes either.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError), open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def get_stem(target: Path) -> str:
    """Return what the name of a backup has in common with those of its safety backups."""
    return SAFETY_INFIX.split(target.name.removesuffix(".sqlite3"))[0]


def name_safety_backup(path: Path, doing: str = "restore") -> Path:
    """Return the name, beside the file, of a backup of what is about to be replaced or changed."""
    # To the microsecond: the second of two in a second must not replace the first.
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    stem = FETCHED.sub(r"\1", path.name).removesuffix(".sqlite3")
    return path.with_name(f"{stem}.before-{doing}-{moment}.sqlite3")


def move_in(path: Path, target: Path) -> None:
    """Move the finished file to its final name, where the previous backup was until now."""
    # Again: hours may have passed.
    check_target(target)
    # SQLite would roll the journal of a file that was here before back into the new one
    # (https://www.sqlite.org/howtocorrupt.html, section 1.4). Gone from the disk first: after a
    # crash the new file must not meet it either.
    for suffix in COMPANIONS:
        with suppress(FileNotFoundError):
            target.with_name(target.name + suffix).unlink()
            sync_folder(target.parent)
    os.replace(path, target)
    sync_folder(target.parent)


def sync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
