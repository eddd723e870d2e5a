"""What a recorded backup left: a file here, or an object in a storage, if it still is there."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from django_sqlite_backup import checksum
from django_sqlite_backup.exceptions import ConfigurationError, InvalidBackup
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.validation import check_header, open_at_once, reading

from .jobs import RestoreJob
from .local import LocalBackups, describe_file
from .storing import get_store_of
from .temporary import temporary_folder


def find_output(run: BackupRun) -> "Output":
    """Return what a run left; raise `InvalidBackup` where a run of this kind leaves nothing."""
    if run.removed is not None:
        raise InvalidBackup(
            f"The backup of the run {run.pk} is gone: it was removed, or a later backup has "
            "taken its place. See the later runs."
        )
    if not has_output(run):
        raise InvalidBackup(
            f"The run {run.pk} left no backup: it is a {run.get_kind_display()} that has "
            f"{run.get_outcome_display().lower()}. Choose a backup that has succeeded."
        )
    return StoredOutput(run) if run.storage else FileOutput(run)


def has_output(run: BackupRun) -> bool:
    """Return whether a run left a backup which, as far as the rows tell, is still there."""
    is_backup = run.kind == BackupRun.Kind.BACKUP and run.outcome == BackupRun.Outcome.SUCCEEDED
    return is_backup and bool(run.file) and run.removed is None


class Output(ABC):
    """One backup; each method raises `InvalidBackup` where it is not there any more."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that a download gets."""

    @abstractmethod
    def open(self) -> BinaryIO:
        """Return it, open for reading, as it lies there."""

    @abstractmethod
    def check(self) -> None:
        """Read all of it; raise `InvalidBackup` unless it is whole."""

    @abstractmethod
    def at_path(self) -> Any:
        """Give the path of the backup file, for a block: of a temporary one, if need be."""

    @abstractmethod
    def make_restore(self, **options: Any) -> RestoreJob:
        """Return the job that restores it."""

    @abstractmethod
    def delete(self) -> None:
        """Remove it."""


class FileOutput(Output):
    """A backup file on this machine."""

    def __init__(self, run: BackupRun) -> None:
        self.path = Path(run.file)
        self.checksum = run.checksum

    @property
    def name(self) -> str:
        return self.path.name

    def open(self) -> BinaryIO:
        try:
            file = open(self.path, "rb", opener=open_at_once)  # noqa: SIM115 the caller closes it
        except FileNotFoundError as error:
            raise InvalidBackup(
                f'There is no file "{self.path}" here any more. It was removed, or the backup was '
                "made on another machine."
            ) from error
        except OSError as error:
            raise InvalidBackup(f'"{self.path}" cannot be read: {error.strerror}.') from error
        try:
            self.check_identity(file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    def check_identity(self, file: BinaryIO) -> None:
        """Raise `InvalidBackup` unless the file carries the checksum that the run noted."""
        check_header(file, self.path)
        if checksum.read_digest(file).decode("ascii", "replace") != self.checksum:
            raise InvalidBackup(
                f'"{self.path}" is not the file that this run made: a later backup has taken its '
                "place. See the later run."
            )

    def check(self) -> None:
        with self.at_path() as path, reading(path):
            pass

    @contextmanager
    def at_path(self) -> Iterator[Path]:
        self.open().close()
        yield self.path

    def make_restore(self, **options: Any) -> RestoreJob:
        self.open().close()
        return RestoreJob(filename=self.path, **options)

    def delete(self) -> None:
        self.open().close()
        # By the run's checksum: another backup may come in between.
        made = replace(describe_file(self.path), checksum=self.checksum)
        LocalBackups(self.path.parent).delete(made)


class StoredOutput(Output):
    """A backup in a storage."""

    def __init__(self, run: BackupRun) -> None:
        self.store = get_store_of(run.storage)
        self.stored = self.store.find(run.file)
        if self.stored.checksum != run.checksum:
            raise InvalidBackup(
                f'"{run.file}" in the storage "{run.storage}" is not what this run made: another '
                "backup has taken its place."
            )

    @property
    def name(self) -> str:
        return os.path.basename(self.stored.name)

    def open(self) -> BinaryIO:
        with self.store.files.explaining(f'opening "{self.stored.name}"'):
            return cast(BinaryIO, self.store.storage.open(self.stored.name, "rb"))

    def check(self) -> None:
        self.store.check(self.stored)

    @contextmanager
    def at_path(self) -> Iterator[Path]:
        self.refuse_encrypted()
        with temporary_folder() as folder:
            path = Path(folder, "backup.sqlite3")
            self.store.fetch(self.stored, path)
            yield path

    def make_restore(self, **options: Any) -> RestoreJob:
        self.refuse_encrypted()
        # Not `at_path`: what the restore puts beside the file, a safety backup, has to stay.
        return RestoreJob(storage=self.stored.name, store=self.store, **options)

    def refuse_encrypted(self) -> None:
        if self.stored.encrypted:
            raise ConfigurationError(
                f'"{self.stored.name}" is encrypted, and this server has no identity to read it '
                "with. Use sqliterestore --storage, with --identity, where there is one."
            )

    def delete(self) -> None:
        self.store.delete(self.stored)
