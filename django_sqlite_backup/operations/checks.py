"""System checks of where the backups lie; `docs/reference.md` lists them."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.files.storage import FileSystemStorage, Storage
from django.db import connections

from django_sqlite_backup.aliases import get_path
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import ConfigurationError

from .compression import SUFFIXES, check_compression
from .encryption import load_age, read_recipients
from .storages import find_public_root, find_publicity, get_storage, make_storage


def check_storage(**kwargs: Any) -> list[CheckMessage]:
    """Check that backups can go to the storage, packed as the settings say."""
    return [*find_unusable_storage(), *find_unusable_packing(), *find_packing_for_nothing()]


def find_unusable_storage() -> Iterator[CheckMessage]:
    if not settings.storage:
        return
    try:
        storage = make_storage(settings.storage)
    except ConfigurationError as error:
        yield Error(f'SQLITE_BACKUP["STORAGE"]: {error}', id="sqlite_backup.E010")
        return
    if reason := find_publicity(settings.storage, storage):
        yield Error(reason, id="sqlite_backup.E014")


def find_unusable_packing() -> Iterator[CheckMessage]:
    try:
        check_compression(settings.compression)
    except ConfigurationError as error:
        is_known = settings.compression in list(SUFFIXES)
        yield make_missing(error) if is_known else Error(str(error), id="sqlite_backup.E011")
    try:
        recipients = settings.recipients
    except ConfigurationError as error:
        yield Error(str(error), id="sqlite_backup.E012")
        return
    if not recipients:
        return
    try:
        load_age()
    except ConfigurationError as error:
        yield make_missing(error)
        return
    try:
        read_recipients(recipients)
    except ConfigurationError as error:
        yield Error(str(error), id="sqlite_backup.E012")


def make_missing(error: ConfigurationError) -> Error:
    return Error(str(error), id="sqlite_backup.E013")


def find_packing_for_nothing() -> Iterator[CheckMessage]:
    for key in ("COMPRESSION", "ENCRYPTION"):
        if settings.values.get(key) and not settings.storage:
            yield Warning(
                f'SQLITE_BACKUP["{key}"] is set, and "STORAGE" is not.',
                hint="The backup file itself is neither compressed nor encrypted, only what is "
                "put into a storage.",
                id="sqlite_backup.W007",
            )


def check_deployed_storage(**kwargs: Any) -> list[CheckMessage]:
    """Check, of a deployment, that only those can read the backups who should."""
    try:
        storage = get_storage(settings.storage) if settings.storage else None
        is_encrypted = bool(settings.recipients)
    except ConfigurationError:
        # Said by `check_storage`.
        return []
    if storage is None:
        return []
    return [] if is_encrypted else [*find_readable(storage)]


def find_readable(storage: Storage) -> Iterator[CheckMessage]:
    """Yield what makes backups that are not encrypted readable by others."""
    if not isinstance(storage, FileSystemStorage):
        yield Warning(
            f'Backups go to the storage "{settings.storage}", and are not encrypted.',
            hint='Set SQLITE_BACKUP["ENCRYPTION"]: whoever can read the storage can read all '
            "password hashes and personal data.",
            id="sqlite_backup.W003",
        )
    elif (mode := storage.file_permissions_mode) is None or mode & 0o077:
        yield Warning(
            f'The storage "{settings.storage}" makes files that other users of this machine may '
            "read, and the backups are not encrypted.",
            hint='Give its OPTIONS "file_permissions_mode": 0o600.',
            id="sqlite_backup.W006",
        )


def check_deployed_file(**kwargs: Any) -> list[CheckMessage]:
    """Check, of a deployment, that the file is not where a server hands out what is there."""
    if settings.backup not in connections.settings:
        return []
    try:
        path = get_path(None, settings.backup)
    except ConfigurationError:
        # Said by `check_settings`.
        return []
    # A server follows a link, and a backup replaces what it leads to.
    folder = find_public_root(path.parent) or find_public_root(path)
    if not folder:
        return []
    return [
        Warning(
            f'The file of the alias "{settings.backup}", "{path}", is in "{folder}", and what is '
            "there is served to anybody.",
            hint="Give the alias a NAME outside of MEDIA_ROOT and STATIC_ROOT: whoever has the "
            "file has all password hashes and personal data.",
            id="sqlite_backup.W008",
        )
    ]
