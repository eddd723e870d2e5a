"""Uploads that were begun and never finished, in a storage that cannot say so itself.

Before the data of a backup its mark is written, `NAME.unfinished`, and removed after the sidecar.
What a mark of a dead run stands for is removed by the next one: nothing else proves that data
without a sidecar are ours.
"""

import json
from datetime import UTC, datetime

from django.core.files.base import ContentFile

from django_sqlite_backup.exceptions import InvalidBackup, StorageError
from django_sqlite_backup.models import SILENCE
from django_sqlite_backup.report import Report
from django_sqlite_backup.tables import shorten_list

from .liveness import describe_process, is_dead
from .sidecars import read_json, read_sidecar
from .stored import SUFFIX
from .stored_files import StoredFiles

MARK = ".unfinished"


def mark(files: StoredFiles, name: str) -> None:
    """Say that the upload of this name begins, and who makes it."""
    if files.exists(name + MARK):
        files.delete(name + MARK)
    content = {"name": name, "begun": datetime.now(UTC).isoformat(), "by": describe_process()}
    files.save(name + MARK, ContentFile(json.dumps(content).encode()))


def clean(files: StoredFiles, report: Report) -> None:
    """Remove what dead runs left, and say so in a warning; what stays does no harm."""
    try:
        removed = remove_unfinished(files)
    except StorageError as error:
        report.warnings.append(f"What an unfinished upload left could not be removed: {error}")
        return
    if removed:
        report.warnings.append(
            f'Removed from the storage "{files.alias}", as its upload was never finished: '
            f"{shorten_list(removed)}."
        )


def remove_unfinished(files: StoredFiles) -> list[str]:
    """Remove what dead runs left, and return the names of the data that were removed.

    A run of another host is taken for dead when its mark is a day old.
    """
    names = files.list_names()
    removed = []
    for name in sorted(marked.removesuffix(MARK) for marked in names if marked.endswith(MARK)):
        if not is_abandoned(files, name):
            continue
        # Otherwise the backup was finished, and only the mark is too much.
        if name in names and not has_sidecar(files, name):
            files.delete(name)
            files.delete(name + SUFFIX)
            removed.append(name)
        files.delete(name + MARK)
    return removed


def has_sidecar(files: StoredFiles, name: str) -> bool:
    """Return whether a sidecar was written, and to its end."""
    if not files.exists(name + SUFFIX):
        return False
    try:
        read_sidecar(files, name)
    except InvalidBackup:
        return False
    return True


def is_abandoned(files: StoredFiles, name: str) -> bool:
    """Return whether the mark of this name is one, and its run will surely not go on."""
    try:
        content = read_json(files, name + MARK)
        begun = datetime.fromisoformat(content["begun"])
        is_dated = content["name"] == name and begun.tzinfo is not None
        return is_dated and (is_dead(content["by"]) or datetime.now(UTC) - begun > SILENCE)
    except (InvalidBackup, TypeError, KeyError, ValueError):
        # Somebody else's, or cut short before there were data.
        return False
    except StorageError:
        if files.exists(name + MARK):
            raise
        # Its run has just finished.
        return False
