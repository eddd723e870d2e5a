"""From an alias of `STORAGES` to a storage that is fit for backups, which are large and secret."""

import copy
import os
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage, Storage, storages

from django_sqlite_backup.aliases import suggest
from django_sqlite_backup.exceptions import ConfigurationError, get_reason

SHARED = ("default", "staticfiles")
"""The aliases that Django and apps put files for everybody in."""
MEMORY = 8 << 20
"""Bytes of a stored file that are held in memory when it is opened."""
MODES = {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700}
"""Of what is written in a folder, for its owner only; Django's own are for uploads of a site."""
LIBRARY = "storages.backends."


def get_storage(alias: str) -> Storage:
    """Return the storage of an alias, adapted to backups.

    Raises `ConfigurationError` where there is none, where its backend cannot be made, or where it
    is open to the public.
    """
    storage = make_storage(alias)
    if reason := find_publicity(alias, storage):
        raise ConfigurationError(reason)
    return adapt(storage, django_settings.STORAGES[alias].get("OPTIONS") or {})


def make_storage(alias: str) -> Storage:
    """Return the storage of an alias as Django makes it, or raise `ConfigurationError`."""
    if alias not in django_settings.STORAGES:
        own = set(django_settings.STORAGES) - set(SHARED)
        hint = suggest(alias, own) if own else "Add it there, for backups only."
        raise ConfigurationError(f'STORAGES has no alias "{alias}". {hint}')
    configured = django_settings.STORAGES[alias]
    if not isinstance(configured, dict):
        # Not the value: an address may have a password in it.
        raise ConfigurationError(
            f'STORAGES["{alias}"] is of the type {type(configured).__name__}, and should be a dict '
            'with "BACKEND" and, where they are needed, "OPTIONS".'
        )
    try:
        return storages[alias]
    except (ImproperlyConfigured, ImportError, TypeError, AttributeError, KeyError) as error:
        backend = str(configured.get("BACKEND", ""))
        needs = backend.startswith(LIBRARY) and lacks_module(error)
        hint = ' For S3: pip install "django-sqlite-backup[s3]".' if needs else ""
        raise ConfigurationError(
            f'The storage "{alias}" cannot be used: {get_reason(error).rstrip(".")}.{hint}'
        ) from error


def lacks_module(error: BaseException | None) -> bool:
    """Return whether an error comes from a module that is not there.

    django-storages raises `ImproperlyConfigured` of Django where a library of a backend is missing,
    and the same where an option is none.
    """
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            return True
        error = error.__cause__ or error.__context__
    return False


def adapt(storage: Storage, options: dict[str, Any]) -> Storage:
    """Return a copy of a storage that leaves large files on the disk, and writes private ones.

    What the project's own `options` say stays.
    """
    storage = copy.copy(storage)
    # Of django-storages: 0, the default, is no limit, and a file that is opened is in memory whole
    # (https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html).
    if getattr(storage, "max_memory_size", None) == 0:
        storage.max_memory_size = MEMORY  # type: ignore[attr-defined]
    if isinstance(storage, FileSystemStorage):
        for name, mode in MODES.items():
            if options.get(name) is None:
                setattr(storage, name, mode)
    return storage


def find_publicity(alias: str, storage: Storage) -> str:
    """Return a paragraph on why others may fetch what is stored there, or nothing."""
    named = f'SQLITE_BACKUP["STORAGE"] is "{alias}"'
    if alias in SHARED or any(
        django_settings.STORAGES.get(shared) == django_settings.STORAGES[alias] for shared in SHARED
    ):
        return (
            f"{named}, where the project's own files are, which anybody may fetch. Give the "
            "backups an alias of their own in STORAGES."
        )
    if acl := find_public_acl(storage):
        return f'{named}, whose ACL is "{acl}". Leave it out, or set it to "private".'
    if folder := find_public_folder(storage):
        return (
            f'{named}, which is in "{folder}", and what is there is served to anybody. Give it a '
            "location outside of MEDIA_ROOT and STATIC_ROOT."
        )
    return ""


def find_public_acl(storage: Storage) -> str:
    """Return the canned ACL that lets strangers read what a storage writes, if it has one.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    """
    parameters = getattr(storage, "object_parameters", None) or {}
    for acl in (getattr(storage, "default_acl", None), parameters.get("ACL")):
        if str(acl or "").startswith(("public", "authenticated")):
            return str(acl)
    return ""


def find_public_folder(storage: Storage) -> str:
    """Return the folder of media or static files that a storage on a disk is in, if it is."""
    return find_public_root(storage.location) if isinstance(storage, FileSystemStorage) else ""


def find_public_root(path: str | os.PathLike[str]) -> str:
    """Return `MEDIA_ROOT` or `STATIC_ROOT`, whichever of them a path leads into, if one."""
    location = Path(path).resolve()
    # Empty, the default, names no folder, though Django takes it for the current one.
    roots = [root for root in (django_settings.MEDIA_ROOT, django_settings.STATIC_ROOT) if root]
    public = (str(root) for root in roots if location.is_relative_to(Path(root).resolve()))
    return next(public, "")
