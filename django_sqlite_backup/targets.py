"""The place of a new file: what may be replaced there, and what dead runs left beside it."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from .aliases import COMPANIONS
from .exceptions import ConfigurationError
from .manifest import APPLICATION_ID, MAGIC


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
    # A path, not a number, as the name: open() keeps what it was given.
    return open(path, "r+b", opener=lambda _path, _flags: descriptor)


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files of runs that died; those of living ones are locked."""
    if not target.parent.is_dir():
        return
    for path in target.parent.iterdir():
        if not (path.name.startswith(f".{target.name}.") and path.name.endswith(".partial")):
            continue
        with suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


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
