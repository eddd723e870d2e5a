"""Backups in a storage of Django's: packed, uploaded, read back, listed, fetched.

Beside each backup lies its sidecar, `NAME.json`, which is written last: a backup without one is not
there. Nothing else in the storage is ever touched.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import BinaryIO

from django.core.files import File
from django.core.files.storage import Storage
from django.utils.text import get_valid_filename

from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import (
    BackupError,
    ConfigurationError,
    InvalidBackup,
    StorageError,
    VerificationError,
    explaining,
)
from django_sqlite_backup.report import Report
from django_sqlite_backup.space import naming_disk

from . import fetching, finding, sidecars, unfinished
from .local import describe_file
from .packing import Packing, working_file
from .storages import get_storage
from .stored import INFIX, SUFFIX, StoredBackup
from .stored_files import StoredFiles
from .streams import measure


def get_store() -> "BackupStore":
    """Return the store of the settings; there is no fallback to the storage `default`.

    Raises `ConfigurationError` where `STORAGE` is not set, names no alias of `STORAGES` or one that
    is open to the public, or where the backups are to be packed as nobody can here.
    """
    if not settings.storage:
        raise ConfigurationError(
            'SQLITE_BACKUP["STORAGE"] is not set: name an alias of STORAGES that is for backups.'
        )
    return get_store_of(settings.storage)


def get_store_of(alias: str) -> "BackupStore":
    """Return the store in the storage of this alias, which need not be that of the settings."""
    return BackupStore(
        get_storage(alias),
        alias=alias,
        compression=settings.compression,
        recipients=settings.recipients,
    )


class BackupStore:
    """The backups in one storage.

    Args:
        storage: any storage of Django's that can list its names.
        alias: its alias in `STORAGES`, for messages.
        compression: `"zstd"`, `"gzip"`, or `""` for none.
        recipients: public keys of age or SSH; where there are any, backups are encrypted to them.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        alias: str = "",
        compression: str = "",
        recipients: Sequence[str] = (),
    ) -> None:
        self.storage = storage
        self.alias = alias
        self.files = StoredFiles(storage, alias)
        self.packing = Packing(compression, recipients)

    def put(self, path: Path, report: Report) -> StoredBackup:
        """Store a finished backup, read it back, and return what its sidecar says.

        A backup that is there already is read, and not written again. Raises a `BackupError`; what
        was uploaded is then removed again, and the error says so where that fails too.
        """
        with ExitStack() as stack:
            with explaining(f'reading "{path}"'):
                source = stack.enter_context(open(path, "rb", buffering=0))
            found = self.describe(path, source, report)
            if self.files.exists(found.name + SUFFIX):
                return self.find_again(found)
            unfinished.clean(self.files, report)
            with naming_disk(path), explaining(f'packing "{path}"'):
                work = stack.enter_context(working_file(path.parent))
                packed = self.packing.pack(source, work)
                digest, size = measure(packed)
            stored = replace(found, stored_sha256=digest, stored_bytes=size)
            self.upload(stored, packed, report)
            return stored

    def describe(self, path: Path, source: BinaryIO, report: Report) -> StoredBackup:
        """Return what is known of a file before it is packed: its name here, too."""
        found = describe_file(path)
        is_same = os.path.samestat(os.fstat(source.fileno()), os.stat(path))
        if not is_same or found.checksum != report.checksum:
            raise InvalidBackup(
                f'"{path}" is not the file any more that was just made: another backup has taken '
                "its place. Nothing was stored. Try again."
            )
        return replace(
            found,
            name=self.make_name(found),
            compression=self.packing.compression,
            encrypted=self.packing.is_encrypted,
            verified=report.verified,
        )

    def make_name(self, backup: StoredBackup) -> str:
        """Return the name of a backup file in the storage: alias, time in UTC, and checksum."""
        moment = backup.created.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        alias = get_valid_filename(backup.database)
        return f"{alias}-{moment}-{backup.checksum[:8]}{INFIX}{self.packing.suffix}"

    def find_again(self, found: StoredBackup) -> StoredBackup:
        """Return the backup of this name that is there, if it is the same and whole."""
        stored = sidecars.read_sidecar(self.files, found.name)
        if stored.checksum != found.checksum:
            raise VerificationError(
                f'The storage "{self.alias}" has another backup of the name "{found.name}". '
                "Nothing was stored."
            )
        self.check(stored)
        return stored

    def upload(self, stored: StoredBackup, packed: BinaryIO, report: Report) -> None:
        """Upload the data, read them back, and then write the sidecar."""
        mark = stored.name + unfinished.MARK
        # What an upload of the same file left that was killed.
        if self.files.exists(stored.name):
            self.files.delete(stored.name)
        try:
            unfinished.mark(self.files, stored.name)
            self.files.save(stored.name, File(packed, name=stored.name))
            self.check(stored)
            sidecars.write_sidecar(self.files, stored)
            self.check_listed(stored)
        except BaseException as error:
            remains = self.files.withdraw([stored.name + SUFFIX, stored.name, mark])
            if remains and isinstance(error, BackupError):
                raise type(error)(f"{error}{remains}") from error
            raise
        try:
            self.files.delete(mark)
        except StorageError as error:
            # The sidecar is there, so the backup is.
            report.warnings.append(f'"{mark}" stays, and does no harm: {error}')

    def check_listed(self, stored: StoredBackup) -> None:
        """Raise `StorageError` where nobody would find it, or another host has removed it."""
        wanted = {stored.name, stored.name + SUFFIX}
        if missing := wanted - self.files.list_names():
            raise StorageError(
                f'The storage "{self.alias}" does not list "{min(missing)}", which was just '
                "written there. Use one that lists what it has by the name that it was given."
            )

    def list(self) -> Sequence[StoredBackup]:
        """Return the backups that are whole by their sidecars, the newest first."""
        return self.look()[0]

    def strangers(self) -> Sequence[str]:
        """Return the names that are no backups with a sidecar: not ours, or never finished."""
        return self.look()[1]

    def look(self) -> tuple[Sequence[StoredBackup], Sequence[str]]:
        """Return both."""
        return sidecars.look(self.files)

    def find(
        self, name: str, database: str | None = None, origin: str | None = None
    ) -> StoredBackup:
        """Return the backup of a name or, of `LATEST`, the newest one, as `finding.find` does."""
        return finding.find(self.files, name, database, origin)

    def check(self, stored: StoredBackup) -> None:
        """Read all of a backup; raise `VerificationError` where it is not what was stored."""
        fetching.download(self.files, stored)

    def fetch(
        self, stored: StoredBackup, path: Path, identities: Sequence[str | Path] = ()
    ) -> None:
        """Make the backup file at a path, of mode 0600, of what is stored.

        Args:
            stored: the backup.
            path: a new file, or another backup, which is replaced when all is well.
            identities: paths of files with private keys, of which one must fit.

        Raises a `BackupError` where what is stored is not what its sidecar says, or no identity
        opens it; then all is at the path as it was before.
        """
        fetching.fetch(self.files, stored, path, identities)

    def get_size(self, stored: StoredBackup) -> int:
        """Return how many bytes a backup has in the storage now."""
        return self.files.get_size(stored.name)

    def delete(self, stored: StoredBackup) -> None:
        """Remove one backup: its sidecar first, so that no half of it passes for a backup."""
        self.files.delete(stored.name + SUFFIX)
        self.files.delete(stored.name)
