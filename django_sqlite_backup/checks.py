"""System checks of the settings; every id is documented in `docs/reference.md`.

The commands refuse to run on what `find_mistakes` finds: a misspelt `ALLOW_RESTORE` forbids
nothing.
"""

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import connections, router
from django.db.models import Field
from django.utils.module_loading import import_string

from .aliases import check_alias, check_not_live, get_path, load_connection
from .conf import DEFAULT_MECHANISM, HOOKS, KEYS, load, settings
from .exceptions import ConfigurationError
from .operations.pruning import read_policy
from .stored_forms import Form, fits_a_double, get_form
from .tables import check_labels


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Check the dict itself: its keys, and what they name."""
    return [*find_mistakes(), *find_wrong_aliases()]


def find_mistakes() -> Iterator[CheckMessage]:
    """Yield what is wrong whatever a command is asked to do."""
    value = getattr(django_settings, "SQLITE_BACKUP", {})
    if not isinstance(value, dict):
        message = f"SQLITE_BACKUP is {value!r}, and should be a dict."
        yield Error(message, id="sqlite_backup.E001")
    yield from find_unknown_keys()
    yield from find_unloadable()
    yield from find_wrong_labels()
    yield from find_wrong_retention()
    yield from find_wrong_switches()


def refuse_mistakes() -> None:
    """Raise the first of the mistakes as a `ConfigurationError`."""
    for message in find_mistakes():
        raise ConfigurationError(" ".join(filter(None, [message.msg, message.hint])))


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
        if key == "MECHANISM" and not is_mechanism(loaded):
            message = f'SQLITE_BACKUP["{key}"] is {loaded!r}, and no subclass of BackupMechanism.'
            yield Error(message, id="sqlite_backup.E004")
        elif not callable(loaded):
            message = f'SQLITE_BACKUP["{key}"] is {loaded!r}, which cannot be called.'
            yield Error(message, id="sqlite_backup.E004")


def is_mechanism(loaded: Any) -> bool:
    return isinstance(loaded, type) and issubclass(loaded, import_string(DEFAULT_MECHANISM))


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
        check_not_live(path, load_connection(settings.database))
    except ConfigurationError as error:
        yield Error(str(error), id="sqlite_backup.E008")


def find_wrong_labels() -> Iterator[CheckMessage]:
    for key in ("EXCLUDE", "RESTORE_EXCLUDE"):
        labels = settings.values.get(key, ())
        if not isinstance(labels, (list, tuple, set, frozenset)) or not all(
            isinstance(label, str) for label in labels
        ):
            message = f'SQLITE_BACKUP["{key}"] is {labels!r}, and should be a list of labels.'
            yield Error(message, id="sqlite_backup.E009")
            continue
        try:
            check_labels(labels, (), apps)
        except ConfigurationError as error:
            yield Error(f'SQLITE_BACKUP["{key}"]: {error}', id="sqlite_backup.E009")


def find_wrong_retention() -> Iterator[CheckMessage]:
    if settings.retention is not None:
        try:
            read_policy(settings.retention)
        except ConfigurationError as error:
            yield Error(str(error), id="sqlite_backup.E015")


def check_retention(**kwargs: Any) -> list[CheckMessage]:
    """Check, of a deployment, that its storage does not fill up with backups."""
    if settings.storage and settings.retention is None:
        return [
            Warning(
                "Backups go to a storage, and nothing says which of them are kept.",
                hint='Set SQLITE_BACKUP["RETENTION"], and prune with sqlitebackup --prune.',
                id="sqlite_backup.W005",
            )
        ]
    return []


def find_wrong_switches() -> Iterator[CheckMessage]:
    for key in ("ALLOW_RESTORE", "RECORD_HOST", "BACKUP_BEFORE_MIGRATE", "ADMIN_RESTORE"):
        value = settings.values.get(key)
        if key in settings.values and not isinstance(value, bool):
            message = f'SQLITE_BACKUP["{key}"] is {value!r}, and should be True or False.'
            yield Error(message, id="sqlite_backup.E020")


def check_router(**kwargs: Any) -> list[CheckMessage]:
    """Check that `migrate` and the test runner are kept off the file."""
    alias = settings.backup
    if alias in connections.settings and any(
        router.allow_migrate_model(alias, model) for model in apps.get_models()
    ):
        return [
            Warning(
                f'Nothing keeps migrate and the test runner off the alias "{alias}".',
                hint='Put "django_sqlite_backup.routers.BackupRouter" first in DATABASE_ROUTERS.',
                id="sqlite_backup.W001",
            )
        ]
    return []


def check_readability(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Name the fields that the ORM may fail to read from the file; a restore reads all of them."""
    alias = settings.database
    if alias not in (databases or ()) or alias not in connections.settings:
        return []
    names = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        if router.allow_migrate_model(alias, model) and not model._meta.proxy
        for field in model._meta.local_concrete_fields
        if is_unreadable(field, alias)
    ]
    if not names:
        return []
    message = f"Of the backup's alias, the ORM cannot read every value of {', '.join(names)}."
    hint = (
        "The file holds them exactly, as text: read them with SQL there, or silence this check. "
        "A restore is not concerned."
    )
    return [Warning(message, hint=hint, id="sqlite_backup.W010")]


def is_unreadable(field: "Field[Any, Any]", alias: str) -> bool:
    """Return whether the file may hold a text where Django's sqlite3 backend expects none."""
    if field.column is None:
        return False
    form = get_form(field, connections[alias])
    return form is Form.COMPOSITE or (form is Form.DECIMAL and not fits_a_double(field))
