"""A stored backup brought back to a file, or read whole to see that it is as it was."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from django_sqlite_backup.exceptions import InvalidBackup, VerificationError, explaining
from django_sqlite_backup.space import naming_disk
from django_sqlite_backup.targets import check_target, create_file, move_in, remove_leftovers

from .encryption import read_identities
from .local import describe_file
from .packing import unpack, working_file
from .stored import StoredBackup
from .stored_files import StoredFiles
from .streams import Sink


def download(files: StoredFiles, stored: StoredBackup, target: Sink | None = None) -> None:
    """Read all of a backup, into a file if there is one, and compare it with its sidecar.

    Raises `VerificationError` where they differ.
    """
    digest, size = hashlib.sha256(), 0
    for chunk in files.read(stored.name):
        digest.update(chunk)
        size += len(chunk)
        if size > stored.stored_bytes:
            break
        if target:
            target.write(chunk)
    if size != stored.stored_bytes or digest.hexdigest() != stored.stored_sha256:
        more = "or more " * (size > stored.stored_bytes)
        raise VerificationError(
            f'"{stored.name}" in the storage "{files.alias}": it was damaged or changed. It has '
            f"{size:,} bytes {more}with the SHA-256 {digest.hexdigest()}, and should have "
            f"{stored.stored_bytes:,} with {stored.stored_sha256}. Restore another backup."
        )


def fetch(
    files: StoredFiles, stored: StoredBackup, path: Path, identities: Sequence[str | Path]
) -> None:
    """Make the backup file at a path, of mode 0600; until it is whole, all there is as it was."""
    check_target(path)
    keys = read_identities(identities) if stored.encrypted else []
    remove_leftovers(path)
    with create_file(path) as file:
        try:
            with naming_disk(path), explaining(f'fetching "{stored.name}"'):
                write(files, stored, file, keys)
            move_in(Path(file.name), path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def write(files: StoredFiles, stored: StoredBackup, file: BinaryIO, keys: Sequence[Any]) -> None:
    """Download, compare, decrypt and decompress, each whole before the next begins."""
    with working_file(Path(file.name).parent) as packed:
        download(files, stored, Sink(packed))
        packed.seek(0)
        unpack(stored, packed, file, keys)
    os.fsync(file.fileno())
    if describe_file(Path(file.name)).checksum != stored.checksum:
        raise InvalidBackup(f'"{stored.name}" holds another backup than its sidecar says.')
