"""The files in a storage of Django's, whose every error is a `StorageError`."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage

from django_sqlite_backup.exceptions import BackupError, StorageError, get_line
from django_sqlite_backup.targets import sync_folder

from .streams import iterate


def sync(path: Path) -> None:
    """Bring a file and its name to the disk: Django does not."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    sync_folder(path.parent)


class StoredFiles:
    """The files at the root of a storage; `alias` is its name in `STORAGES`, for messages."""

    def __init__(self, storage: Storage, alias: str) -> None:
        self.storage = storage
        self.alias = alias

    @contextmanager
    def explaining(self, doing: str) -> Iterator[None]:
        """Raise whatever a storage raises as a `StorageError`: each has errors of its own."""
        try:
            yield
        except BackupError:
            raise
        except Exception as error:
            raise StorageError(f'The storage "{self.alias}", {doing}: {get_line(error)}') from error

    def list_names(self) -> set[str]:
        """Return the names of the files, not those of folders."""
        with self.explaining("listing its names"):
            try:
                return set(self.storage.listdir("")[1])
            except FileNotFoundError:
                # A folder that the first upload makes.
                return set()

    def exists(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        with self.explaining(f'looking for "{name}"'):
            return self.storage.exists(name)

    def get_size(self, name: str) -> int:
        """Return the bytes of a file."""
        with self.explaining(f'asking for the size of "{name}"'):
            return int(self.storage.size(name))

    def read(self, name: str) -> Iterator[bytes]:
        """Yield the chunks of a file."""
        with self.explaining(f'reading "{name}"'), self.storage.open(name, "rb") as file:
            yield from iterate(file)

    def save(self, name: str, content: "File[Any]") -> None:
        """Make a new file; raise `StorageError` where the storage would name it otherwise."""
        with self.explaining(f'writing "{name}"'):
            saved = self.storage.save(name, content)
            if saved != name:
                self.storage.delete(saved)
                raise StorageError(
                    f'The storage "{self.alias}" would not take the name "{name}", and made '
                    f'"{saved}" of it. Use one that keeps names.'
                )
            if isinstance(self.storage, FileSystemStorage):
                sync(Path(self.storage.path(name)))

    def delete(self, name: str) -> None:
        """Remove a file, if there is one; raise `StorageError` where it stays."""
        with self.explaining(f'removing "{name}"'):
            self.storage.delete(name)
        if self.exists(name):
            raise StorageError(f'The storage "{self.alias}" did not remove "{name}".')

    def withdraw(self, names: Iterable[str]) -> str:
        """Remove what a failed upload left; return a sentence on what may remain, or nothing."""
        try:
            for name in names:
                if self.exists(name):
                    self.delete(name)
        except BackupError as error:
            return f" What was uploaded may remain there, and is no backup. {error}"
        return ""
