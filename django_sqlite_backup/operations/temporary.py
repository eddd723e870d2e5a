"""Files and folders that end with the run that made them, even where that is killed.

What a dead run left is removed by the next one, which tells it by its lock.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir

from django_sqlite_backup.targets import FETCHED, remove_unlocked

FOLDER = re.compile(r"sqlitebackup-[0-9a-f]{32}")
"""A name that nobody else gives: what is in such a folder is removed."""


@contextmanager
def fetched(folder: Path, stem: str, fetch: Callable[[Path], None]) -> Iterator[Path]:
    """Give the path of a file that `fetch` makes in a folder, and remove it at the end."""
    # Where there is no such folder, `fetch` says so.
    for path in folder.iterdir() if folder.is_dir() else ():
        if FETCHED.fullmatch(path.name):
            remove_unlocked(path)
    path = folder / f"{stem}.fetched-{secrets.token_hex(8)}.sqlite3"
    fetch(path)
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that nobody else may read, and remove it at the end."""
    for path in Path(gettempdir()).iterdir():
        if FOLDER.fullmatch(path.name):
            with suppress(OSError), locked(path):
                shutil.rmtree(path)
    with ExitStack() as stack:
        folder = make_folder(stack)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def make_folder(stack: ExitStack) -> Path:
    """Return a new folder, locked until the stack is closed."""
    while True:
        folder = Path(gettempdir(), f"sqlitebackup-{secrets.token_hex(16)}")
        folder.mkdir(mode=0o700)
        # Between its creation and its lock, another run may take it for a leftover.
        with suppress(FileNotFoundError, BlockingIOError):
            stack.enter_context(locked(folder))
            if folder.exists():
                return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder; raise `OSError` where another run has, or it is not this user's."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
