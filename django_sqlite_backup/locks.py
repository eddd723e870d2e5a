"""Locks that die with their owner, and say who that is."""

import errno
import fcntl
import os
import socket
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from .exceptions import Busy, ConfigurationError, explaining
from .space import describe_space

WRITTEN = "written"
"""What a backup does to its target."""
PLACES = {
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST),
    *(errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG),
}
"""Errors of a place where no file can be."""

PAUSE = 0.1
"""Seconds between two attempts."""


class Owner(NamedTuple):
    """Who holds a lock: one word for what is done, the time in seconds, a process and its host."""

    doing: str
    since: int
    process: int
    host: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return f'being {self.doing} by process {self.process} on "{self.host}", since {since}'

    def encode(self) -> str:
        return "|".join(map(str, self))

    def is_dead(self) -> bool:
        """Return whether it is surely not running any more."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


def describe_self(doing: str) -> Owner:
    return Owner(doing, int(time.time()), os.getpid(), socket.gethostname())


def decode_owners(texts: Sequence[str]) -> list[Owner]:
    """Return the owners of these texts; what is none, or cut short, is passed over."""
    owners = []
    for text in texts:
        match text.split("|", 3):
            case [doing, since, process, host] if (since + process).isdecimal():
                owners.append(Owner(doing, int(since), int(process), host))
    return owners


class Lock(ABC):
    """What one run holds, and another one waits for."""

    @abstractmethod
    def acquire(self) -> bool:
        """Take it, or return False at once."""

    @abstractmethod
    def find_owners(self) -> list[Owner]:
        """Return those who hold it, as far as can be known."""

    @abstractmethod
    def release(self) -> None:
        """Give it back, if it was taken."""


@contextmanager
def holding(lock: Lock, what: str, wait: float) -> Iterator[None]:
    """Hold a lock on `what` inside the block; raise `Busy` if another has it for `wait` seconds."""
    deadline = time.monotonic() + wait
    try:
        while not try_to_acquire(lock, what):
            if time.monotonic() >= deadline:
                raise Busy(describe_refusal(what, lock.find_owners(), wait))
            time.sleep(PAUSE)
        yield
    finally:
        lock.release()


def try_to_acquire(lock: Lock, what: str) -> bool:
    with explaining(f"looking whether {what[0].lower()}{what[1:]} is free"):
        return lock.acquire()


def describe_refusal(what: str, owners: Sequence[Owner], wait: float) -> str:
    named = ", and is ".join(map(str, owners)) or "in use by another run"
    waited = f" Gave up after {wait:g} seconds." if wait else ""
    return (
        f"{what} is {named}.{waited} Nothing was changed. Wait for it to end (--wait SECONDS), "
        "or end it."
    )


class FileLock(Lock):
    """A lock on what is, or will be, at a path: a file beside it, locked by `flock`.

    The kernel releases it when the process dies. The last holder removes the file; what a killed
    one leaves is taken over by the next.
    """

    def __init__(self, path: Path, doing: str, *, shared: bool = False) -> None:
        self.target = path
        self.path = path.with_name(f".{path.name}.lock")
        self.doing = doing
        self.shared = shared
        self.descriptor: int | None = None

    def acquire(self) -> bool:
        try:
            while True:
                descriptor = self.open()
                # Between its opening and its lock, the last holder may have removed it.
                if self.lock(descriptor) and self.is_in_place(descriptor):
                    self.descriptor = descriptor
                    self.sign()
                    return True
                is_held = self.is_in_place(descriptor)
                os.close(descriptor)
                if is_held:
                    return False
        except OSError as error:
            raise ConfigurationError(self.describe_refusal(error)) from error

    def describe_refusal(self, error: OSError) -> str:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            return self.describe_stranger()
        if error.errno == errno.EACCES and os.path.lexists(self.path):
            return (
                f'"{self.target}" cannot be locked: "{self.path}" is somebody else\'s '
                f"({error.strerror}). Run as the user who made it, or remove it."
            )
        if error.errno not in PLACES:
            return f'While writing "{self.path}": {error.strerror}. {describe_space(self.target)}'
        if self.doing == WRITTEN:
            advice = "Name a file in a folder that exists and can be written to."
            return f'"{self.target}" cannot be written: {error.strerror}. {advice}'
        advice = "A restore has to write there: run it as a user who may."
        return f'"{self.target}" cannot be locked: {error.strerror}. {advice}'

    def describe_stranger(self) -> str:
        return f'"{self.path}" is not a regular file. Remove it.'

    def open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise ConfigurationError(self.describe_stranger())
        os.fchmod(descriptor, 0o600)
        return descriptor

    def lock(self, descriptor: int) -> bool:
        try:
            kind = fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_in_place(self, descriptor: int) -> bool:
        """Return whether the open file is the one that others find under the name."""
        mine = os.fstat(descriptor)
        try:
            its = os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(mine, its)

    def sign(self) -> None:
        """Write who holds it; of a shared lock, behind the others who do."""
        assert self.descriptor is not None
        if not self.shared:
            os.ftruncate(self.descriptor, 0)
        os.write(self.descriptor, f"{describe_self(self.doing).encode()}\n".encode())

    def find_owners(self) -> list[Owner]:
        with suppress(FileNotFoundError):
            owners = decode_owners(self.path.read_text(errors="replace").splitlines())
            return [owner for owner in owners if not owner.is_dead()]
        return []

    def release(self) -> None:
        if self.descriptor is None:
            return
        with suppress(BlockingIOError):
            # Not the name of a lock that others still share.
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.is_in_place(self.descriptor):
                self.path.unlink()
        os.close(self.descriptor)
        self.descriptor = None
