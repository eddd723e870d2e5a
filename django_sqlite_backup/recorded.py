"""What is recorded as applied, in the terms of the code's migrations."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from .exceptions import RevisionMismatch
from .manifest import Manifest
from .tables import OWN_APP, shorten_list

Key = tuple[str, str]
"""App label and name of a migration."""


def get_key(migration: Migration) -> Key:
    return (migration.app_label, migration.name)


def parse_key(name: str) -> Key:
    app_label, _, migration = name.partition(".")
    return (app_label, migration)


def join_key(key: Key) -> str:
    return ".".join(key)


def describe(keys: Collection[Key]) -> str:
    return shorten_list([join_key(key) for key in sorted(keys)])


def get_recorded(connection: BaseDatabaseWrapper) -> frozenset[Key]:
    """Return the migrations that the database, or the file, records as applied."""
    return frozenset(MigrationRecorder(connection).applied_migrations())


def load(connection: BaseDatabaseWrapper | None) -> MigrationLoader:
    """Return the code's migrations, with a graph of squashes or of parts as the connection has."""
    try:
        return MigrationLoader(connection, ignore_no_migrations=True)
    except NodeNotFoundError as error:
        raise RevisionMismatch(
            f"The migrations of the code do not fit what is recorded: {error}. A revision inside "
            "a squashed migration needs the migrations that it replaced: restore with code that "
            "still has them."
        ) from error


def express(
    recorded: Collection[Key], graph: MigrationGraph, disk: dict[Key, Migration]
) -> frozenset[Key]:
    """Return the nodes of the graph that are applied where these migrations are recorded.

    A squashed migration is applied when it is recorded or all that it replaces is, and what it
    replaces is applied when it is
    (https://docs.djangoproject.com/en/stable/topics/migrations/#squashing-migrations).
    """
    covered = set(recorded)
    for key in recorded:
        covered |= set(disk[key].replaces) if key in disk else set()
    return frozenset(
        key
        for key, node in graph.nodes.items()
        if key in covered or (node and node.replaces and covered.issuperset(node.replaces))
    )


def find_unknown(
    recorded: frozenset[Key],
    disk: dict[Key, Migration],
    replaces: Mapping[Key, frozenset[Key]],
    meaningless: Collection[Key] = (),
) -> list[Key]:
    """Return what is recorded, means something, and is not in the code.

    A squashed migration whose parts the code has means nothing of its own, and neither does a part
    whose squashed migration it has. `replaces` says which parts those squashes have that are
    recorded and that the code does not know any more.
    """
    squashes = {**replaces, **{key: frozenset(m.replaces) for key, m in disk.items() if m.replaces}}
    # A part stands for nothing where the whole is in the code, and is recorded or recorded in full.
    wholes = (
        parts
        for key, parts in squashes.items()
        if key in disk and (key in recorded or recorded.issuperset(parts))
    )
    needless = set(meaningless).union(*wholes)
    needless |= {key for key, parts in squashes.items() if parts <= recorded & disk.keys()}
    return sorted(recorded - disk.keys() - needless)


def find_unknown_of_file(
    recorded: frozenset[Key], disk: dict[Key, Migration], manifest: Manifest
) -> list[Key]:
    """Return what the file records, means something, and is not in the code.

    What the code that made the backup did not know either means nothing: it is not in the models
    by which the rows were read. Nor do the migrations of this app, whose tables are not restored.
    """
    replaces = {
        parse_key(name): frozenset(map(parse_key, parts))
        for name, parts in manifest.replaces.items()
    }
    unknown = find_unknown(recorded, disk, replaces, set(map(parse_key, manifest.unknown)))
    return [key for key in unknown if key[0] != OWN_APP]


def take_notes(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    """Return what a manifest says of the recorded migrations beside their names."""
    disk = load(connection).disk_migrations
    recorded = sorted(get_recorded(connection))
    return {
        "replaces": {
            join_key(key): [join_key(part) for part in disk[key].replaces]
            for key in recorded
            if key in disk and disk[key].replaces
        },
        "unknown": [join_key(key) for key in recorded if key not in disk],
    }
