"""At which revision a file and a database are, and which migrations lead from one to the other."""

from collections.abc import Collection
from dataclasses import dataclass

from django.apps import apps as code_apps
from django.apps.registry import Apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader

from .exceptions import RevisionMismatch
from .historical import make_apps, order_migrations
from .manifest import Manifest
from .recorded import (
    Key,
    describe,
    express,
    find_unknown,
    find_unknown_of_file,
    get_key,
    get_recorded,
    join_key,
    load,
)
from .tables import MIGRATIONS_TABLE, OWN_APP


@dataclass(frozen=True)
class Revisions:
    """File, live database and code, held against each other.

    The migrations are those of `graph`, in the order in which they are run.
    """

    graph: MigrationGraph
    stored: frozenset[Key]
    """What the file has applied, in the terms of the graph; of this app, what is live."""
    live: frozenset[Key]
    unapply: tuple[Migration, ...]
    """What the live database has and the file has not, last first."""
    apply: tuple[Migration, ...]
    """What the file has and the live database has not."""
    update: tuple[Migration, ...]
    """What the code has and the file has not: run on the restored rows."""
    newer: tuple[Key, ...]
    """What the file has and the code has not."""
    ahead: tuple[Key, ...]
    """What the live database has and the code has not: its tables may be others than they seem."""
    removed: tuple[Key, ...]
    """What the file has of apps that are not installed any more."""
    divided: tuple[Key, ...]
    """Squashed migrations that the file has in part: the live database must forget them whole."""
    unmigrated_apps: frozenset[str]

    @property
    def differ(self) -> bool:
        """Whether the live database must be migrated before the rows fit."""
        return bool(self.unapply or self.apply)

    @property
    def migrated_apps(self) -> frozenset[str]:
        """The labels of the apps whose tables the migrations of a restore may make or drop."""
        return frozenset(app_label for app_label, _ in self.graph.nodes) - {OWN_APP}

    @property
    def migrations(self) -> tuple[Migration, ...]:
        return (*self.unapply, *self.apply, *self.update)

    @property
    def non_atomic(self) -> list[Key]:
        """The migrations that cannot be part of one transaction."""
        return [get_key(migration) for migration in self.migrations if not migration.atomic]

    @property
    def irreversible(self) -> list[tuple[Key, str]]:
        """The operations in the way back, each with its migration."""
        return [
            (get_key(migration), operation.describe())
            for migration in self.unapply
            for operation in migration.operations
            if not operation.reversible
        ]

    def get_last(self, applied: Collection[Key]) -> dict[str, list[str]]:
        """Return the last of the applied migrations by app label: usually one."""
        last: dict[str, list[str]] = {}
        for app_label, name in sorted(get_last_keys(self.graph, applied)):
            last.setdefault(app_label, []).append(name)
        return last

    def get_apps(self) -> Apps:
        """Return the registry of the models at the file's revision."""
        return make_apps(self.graph, self.stored, self.unmigrated_apps)

    def check(self, *, rebuild: bool) -> None:
        """Raise `RevisionMismatch` where there is no way to the file's revision."""
        check_known(self.newer)
        if self.irreversible and not rebuild:
            shown = "; ".join(
                f"{join_key(key)} ({operation})" for key, operation in self.irreversible
            )
            raise RevisionMismatch(
                f"The way back to the file's revision is barred by what cannot be undone: {shown}. "
                "--rebuild drops the tables and migrates them forward from zero instead."
            )


def check_known(newer: Collection[Key]) -> None:
    if newer:
        raise RevisionMismatch(
            f"The backup is newer than the code: it records {describe(newer)}, which the code "
            "does not have (any more, if they were squashed). Restore it with the code that made "
            "it, or take the tables and columns that both sides have with --no-migrate."
        )


def check_consistent(graph: MigrationGraph, applied: Collection[Key], whose: str) -> None:
    """Raise `RevisionMismatch` where a migration is applied and another that it needs is not."""
    for key in sorted(applied):
        missing = {parent.key for parent in graph.node_map[key].parents} - set(applied)
        if missing:
            raise RevisionMismatch(
                f"{whose} records {join_key(key)} without {describe(missing)}, which it depends "
                "on in this code. If that is a squash whose parts are forgotten, restore with "
                "code that still says what it replaces."
            )


def compare(
    from_connection: BaseDatabaseWrapper,
    to_connection: BaseDatabaseWrapper,
) -> Revisions:
    """Hold the revisions of file, live database and code against each other.

    Raises `RevisionMismatch` where the file does not say at which revision it is.
    """
    live_loader, stored_loader = load(to_connection), load(from_connection)
    check_recorded(from_connection, live_loader)
    disk = live_loader.disk_migrations
    # A squashed migration that the file has in part is, in its graph, the parts.
    divided = set(live_loader.graph.nodes) - set(stored_loader.graph.nodes)
    loader = stored_loader if divided else live_loader
    recorded = get_recorded(from_connection)
    stored = express(recorded, loader.graph, disk)
    live = express(get_recorded(to_connection), loader.graph, disk)
    stored = keep_own(stored, live)
    order = order_migrations(loader.graph)
    from_connection.ensure_connection()
    unknown = find_unknown_of_file(recorded, disk, Manifest.read(from_connection.connection))
    ahead = find_unknown(get_recorded(to_connection), disk, {})
    installed = {config.label for config in code_apps.get_app_configs()}
    newer = tuple(key for key in unknown if key[0] in installed)
    try:
        check_consistent(loader.graph, stored, "The backup")
    except RevisionMismatch:
        check_known(newer)
        raise
    check_consistent(loader.graph, live, f'The database "{to_connection.alias}"')
    return Revisions(
        graph=loader.graph,
        stored=stored,
        live=live,
        unapply=tuple(m for m in reversed(order) if get_key(m) in live - stored),
        apply=tuple(m for m in order if get_key(m) in stored - live),
        update=tuple(m for m in order if get_key(m) not in stored),
        newer=newer,
        ahead=tuple(key for key in ahead if key[0] in installed),
        removed=tuple(key for key in unknown if key[0] not in installed),
        divided=tuple(sorted(divided)),
        unmigrated_apps=frozenset(live_loader.unmigrated_apps),
    )


def keep_own(stored: frozenset[Key], live: frozenset[Key]) -> frozenset[Key]:
    """Return what the file has applied, with this app's migrations as the live database has them.

    Its tables are no part of a restore: to take them back would cost the history of all runs.
    """
    own = {key for key in live if key[0] == OWN_APP}
    return frozenset(key for key in stored if key[0] != OWN_APP) | own


def check_recorded(connection: BaseDatabaseWrapper, loader: MigrationLoader) -> None:
    """Raise `RevisionMismatch` where the code has migrations and the file does not record any."""
    if loader.graph.nodes and MIGRATIONS_TABLE not in connection.introspection.table_names():
        raise RevisionMismatch(
            f"The file does not say at which revision it is: it has no {MIGRATIONS_TABLE}. "
            "Bring the database to the file's revision yourself, and use --no-migrate."
        )
    conflicts = loader.detect_conflicts()
    if conflicts:
        raise RevisionMismatch(
            f"The code has several last migrations in {', '.join(sorted(conflicts))}. "
            "Merge them with makemigrations --merge first."
        )


def get_last_keys(graph: MigrationGraph, applied: Collection[Key]) -> set[Key]:
    """Return the applied migrations that no applied one of the same app follows."""
    followed = {
        parent.key
        for key in applied
        for parent in graph.node_map[key].parents
        if parent.key[0] == key[0]
    }
    return set(applied) - followed
