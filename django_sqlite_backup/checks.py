"""System checks of the settings; every id is documented in `docs/reference.md`."""

import difflib
from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.db import connections

from .aliases import check_alias, check_not_live, get_path
from .conf import HOOKS, KEYS, load, settings
from .exceptions import ConfigurationError


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check the dict itself: its keys, and what they name."""
    if not isinstance(settings.values, dict):
        return [Error("SQLITE_BACKUP is not a dict.", id="sqlite_backup.E001")]
    return [*find_unknown_keys(), *find_unloadable(), *find_wrong_aliases(), *find_wrong_labels()]


def find_unknown_keys() -> Iterator[CheckMessage]:
    for key in settings.values:
        if key not in KEYS:
            nearest = difflib.get_close_matches(str(key).upper(), KEYS, n=1)
            hint = (
                f'Did you mean "{nearest[0]}"?' if nearest else f"Known: {', '.join(sorted(KEYS))}."
            )
            message = f'SQLITE_BACKUP has no key "{key}".'
            yield Error(message, hint=hint, id="sqlite_backup.E002")


def find_unloadable() -> Iterator[CheckMessage]:
    for key in ("MECHANISM", *HOOKS):
        if settings.values.get(key) is None:
            continue
        try:
            loaded = load(key, settings.values[key])
        except ConfigurationError as error:
            yield Error(str(error), id="sqlite_backup.E003")
            continue
        if not callable(loaded):
            message = f'SQLITE_BACKUP["{key}"] is {loaded!r}, which cannot be called.'
            yield Error(message, id="sqlite_backup.E004")


def find_wrong_aliases() -> Iterator[CheckMessage]:
    try:
        check_alias(settings.database)
    except ConfigurationError as error:
        yield Error(f'SQLITE_BACKUP["DATABASE"]: {error}', id="sqlite_backup.E005")
        return
    if settings.backup not in connections.settings:
        # Whoever always names a file needs no alias; a named one that is missing is a mistake.
        if "BACKUP" in settings.values:
            message = f'SQLITE_BACKUP["BACKUP"] is "{settings.backup}", which DATABASES lacks.'
            yield Error(message, id="sqlite_backup.E006")
        return
    try:
        path = get_path(None, settings.backup)
    except ConfigurationError as error:
        yield Error(str(error), id="sqlite_backup.E007")
        return
    try:
        check_not_live(path, connections[settings.database])
    except ConfigurationError as error:
        yield Error(str(error), id="sqlite_backup.E008")


def find_wrong_labels() -> Iterator[CheckMessage]:
    for key in ("EXCLUDE", "RESTORE_EXCLUDE"):
        labels = settings.values.get(key, ())
        if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
            message = f'SQLITE_BACKUP["{key}"] is {labels!r}, and should be a list of labels.'
            yield Error(message, id="sqlite_backup.E009")


def check_router(**kwargs: Any) -> list[CheckMessage]:
    """Check that `migrate` and the test runner are kept off the file."""
    from django.conf import settings as django_settings

    routers = map(str, django_settings.DATABASE_ROUTERS)
    if settings.backup in connections.settings and not any("BackupRouter" in r for r in routers):
        return [
            Warning(
                f'Nothing keeps migrate and the test runner off the alias "{settings.backup}".',
                hint='Add "django_sqlite_backup.routers.BackupRouter" to DATABASE_ROUTERS.',
                id="sqlite_backup.W001",
            )
        ]
    return []
