"""The sidecar of a stored backup: its description as JSON, beside it, written last."""

import json
from collections.abc import Sequence, Set
from typing import Any

from django.core.files.base import ContentFile

from django_sqlite_backup.exceptions import (
    BackupError,
    InvalidBackup,
    StorageError,
    VerificationError,
)

from .stored import SUFFIX, StoredBackup, sort_newest_first
from .stored_files import StoredFiles

LARGEST = 1 << 20
"""Bytes; a real one has a few hundred, and some for each app."""


def write_sidecar(files: StoredFiles, stored: StoredBackup) -> None:
    """Write it, and read it back."""
    content = json.dumps(stored.as_dict(), indent=1) + "\n"
    files.save(stored.name + SUFFIX, ContentFile(content.encode()))
    if read_sidecar(files, stored.name) != stored:
        raise VerificationError(f'The sidecar of "{stored.name}" is not what was written.')


def read_sidecar(files: StoredFiles, name: str) -> StoredBackup:
    """Return what the sidecar of a backup says; raise `InvalidBackup` where it is none."""
    stored = StoredBackup.from_dict(read_json(files, name + SUFFIX))
    if stored.name != name:
        raise InvalidBackup(f'"{name}{SUFFIX}" describes "{stored.name}".')
    return stored


def read_json(files: StoredFiles, name: str) -> Any:
    """Return what a small file holds; raise `InvalidBackup` where it is not small, or no JSON."""
    content = b""
    for chunk in files.read(name):
        content += chunk
        if len(content) > LARGEST:
            raise InvalidBackup(f'"{name}" is too large to be what its name says.')
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidBackup(f'"{name}" is no JSON: {error}.') from error


def look(files: StoredFiles) -> tuple[list[StoredBackup], Sequence[str]]:
    """Return the backups that are whole, by their sidecars, and the names of all other files.

    The backups come the newest first.
    """
    names = files.list_names()
    found, _ = read_sidecars(files, names)
    known = {name for backup in found for name in (backup.name, backup.name + SUFFIX)}
    return found, sorted(names - known)


def read_sidecars(
    files: StoredFiles, names: Set[str]
) -> tuple[list[StoredBackup], dict[str, BackupError]]:
    """Return what the sidecars among these names say, and those that say nothing, with why.

    The backups come the newest first. One that cannot be read bars no other one.
    """
    found: list[StoredBackup] = []
    unreadable: dict[str, BackupError] = {}
    for name in sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)):
        if name not in names:
            unreadable[name] = InvalidBackup(f'There is a sidecar, and no "{name}".')
            continue
        try:
            found.append(read_sidecar(files, name))
        except (InvalidBackup, StorageError) as error:
            unreadable[name] = error
    return sort_newest_first(found), unreadable
