"""From aliases of `DATABASES` and paths to connections and files."""

import difflib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import Error

from .exceptions import ConfigurationError, get_reason

COMPANIONS = ("-journal", "-wal", "-shm")
"""What SQLite puts behind a database's name to name the files that belong to it."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the nearest right ones, or all there are."""
    known = sorted(known)
    return suggest_nearest(name, known) or f"Did you mean {join_names(known)}?"


def suggest_nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the nearest right ones, or nothing where none is near."""
    nearest = difflib.get_close_matches(name, sorted(known))
    return f"Did you mean {join_names(nearest)}?" if nearest else ""


def join_names(names: Iterable[str]) -> str:
    return " or ".join(map(repr_name, names))


def repr_name(name: str) -> str:
    return f'"{name}"'


@contextmanager
def registered(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let the ORM find the connection by its alias, as `using(connection.alias)`, for a while."""
    connections[connection.alias] = connection
    try:
        yield
    finally:
        del connections[connection.alias]


def check_alias(alias: str) -> None:
    """Raise `ConfigurationError` unless `DATABASES` has the alias."""
    if alias not in connections.settings:
        raise ConfigurationError(
            f'DATABASES has no alias "{alias}". {suggest(alias, connections.settings)}'
        )


def get_connection(alias: str) -> BaseDatabaseWrapper:
    """Return the connection to a live database that answers."""
    check_alias(alias)
    connection = load_connection(alias)
    try:
        # SQLite opens anything: only a query tells whether it is a database.
        connection.introspection.table_names()
    except (Error, ImproperlyConfigured) as error:
        reason = get_reason(error).rstrip(".?")
        raise ConfigurationError(
            f'The database "{alias}" does not answer: {reason}. Check that its server runs and '
            "that DATABASES has the right host, name, user and password."
        ) from error
    return connection


def load_connection(alias: str) -> BaseDatabaseWrapper:
    """Return the connection, not yet opened, of an alias that is known to be there."""
    try:
        return connections[alias]
    except (ImproperlyConfigured, ImportError) as error:
        raise ConfigurationError(
            f'The alias "{alias}" cannot be used: {get_reason(error).rstrip(".?")}. '
            "Correct its ENGINE in DATABASES, or install the driver."
        ) from error


def get_path(filename: str | os.PathLike[str] | None, alias: str) -> Path:
    """Return the path of the backup file: the given one, or the one that the alias names."""
    if filename is not None:
        if not os.fspath(filename):
            raise ConfigurationError("The name of the file is empty. Name a file.")
        return Path(filename).absolute()
    if alias not in connections.settings:
        hint = suggest_nearest(alias, connections.settings) or (
            "Add it, with the engine django.db.backends.sqlite3 and a path as its NAME, "
            "or name a file (--file)."
        )
        raise ConfigurationError(
            f'DATABASES has no alias "{alias}" to say where the file is. {hint}'
        )
    connection = load_connection(alias)
    if connection.vendor != "sqlite":
        raise ConfigurationError(
            f'The alias "{alias}" has the engine {connection.settings_dict["ENGINE"]}, '
            "and a backup is a SQLite file. "
            "Give the alias the engine django.db.backends.sqlite3, or name a file (--file)."
        )
    name = str(connection.settings_dict["NAME"])
    if not name or is_in_memory(connection) or name.startswith("file:"):
        raise ConfigurationError(
            f'The alias "{alias}" has the NAME "{name}", which is no path. Give it a path.'
        )
    return Path(name).absolute()


def is_in_memory(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a SQLite database has no file."""
    in_memory: bool = connection.is_in_memory_db()  # type: ignore[attr-defined]
    return in_memory


def get_live_path(connection: BaseDatabaseWrapper) -> Path | None:
    """Return the file of a live SQLite database, if it is one."""
    if connection.vendor != "sqlite" or is_in_memory(connection):
        return None
    name = str(connection.settings_dict["NAME"])
    if name.startswith("file:"):
        name = unquote(urlsplit(name).path)
    return Path(name).absolute()


def check_not_live(path: Path, connection: BaseDatabaseWrapper) -> None:
    """Raise `ConfigurationError` where the backup is a file of the live database."""
    live = get_live_path(connection)
    if live is None:
        return
    if is_same_file(path, live):
        raise ConfigurationError(
            f'"{path}" is the live database "{connection.alias}" itself. Name another file.'
        )
    # SQLite names them after what a link leads to.
    if any(is_same_file(path, Path(os.path.realpath(live) + suffix)) for suffix in COMPANIONS):
        raise ConfigurationError(
            f'"{path}" belongs to the live database "{connection.alias}". Name another file.'
        )


def is_same_file(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one file, which need not be there yet."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    # Not of pathlib: what lies in a folder that may not be searched is for others to report.
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)
