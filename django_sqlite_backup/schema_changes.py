"""What the schema hooks do by default: bring the live schema to a revision with `migrate`."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.recorder import MigrationRecorder

from .revisions import Revisions, compare, get_apps, get_recorded


def migrate_to_recorded(
    from_connection: BaseDatabaseWrapper,
    to_connection: BaseDatabaseWrapper,
    *,
    rebuild: bool = False,
) -> None:
    """Bring the live database to exactly the revision that the file records.

    The tables concerned must be empty where migrations are unapplied. With `rebuild` the tables of
    all migrated apps are dropped first. Raises `RevisionMismatch` where there is no way.
    """
    revisions = compare(from_connection, to_connection)
    revisions.check(rebuild=rebuild)
    recorder = MigrationRecorder(to_connection)
    if rebuild:
        drop_tables(to_connection, revisions)
        revisions = compare(from_connection, to_connection)
    for app_label, name in revisions.divided:
        recorder.record_unapplied(app_label, name)
    for migrations, backwards in ((revisions.unapply, True), (revisions.apply, False)):
        if migrations:
            executor = make_executor(to_connection, revisions.graph)
            executor.migrate(None, plan=[(migration, backwards) for migration in migrations])
    create_unmigrated(to_connection, revisions.unmigrated_apps)


def migrate_to_code(connection: BaseDatabaseWrapper) -> None:
    """Run `migrate` as from the command line: what the code has, on the rows that are there.

    `post_migrate` receivers run once, also where there is nothing to migrate.
    """
    command = load_migrate()
    # Instead of the command's own, which only prints.
    command.migration_progress_callback = KeyCheck(connection)  # type: ignore[attr-defined]
    call_command(
        command, database=connection.alias, interactive=False, verbosity=0, skip_checks=True
    )


def load_migrate() -> BaseCommand:
    """Return the project's `migrate`, which may be another than Django's."""
    app = get_commands()["migrate"]
    return app if isinstance(app, BaseCommand) else load_command_class(app, "migrate")


class KeyCheck:
    """A callback of the executor that checks keys after each migration.

    What waits for the end of a transaction must not wait for the next `ALTER TABLE`: PostgreSQL
    refuses one while the events of deferred triggers are pending.
    """

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection

    def __call__(
        self, action: str, migration: Migration | None = None, fake: bool | None = False
    ) -> None:
        if action in ("apply_success", "unapply_success") and self.connection.in_atomic_block:
            self.connection.check_constraints()


def make_executor(connection: BaseDatabaseWrapper, graph: MigrationGraph) -> MigrationExecutor:
    """Return an executor for the migrations of this graph."""
    executor = MigrationExecutor(connection, KeyCheck(connection))
    executor.loader.graph = graph
    return executor


def create_unmigrated(connection: BaseDatabaseWrapper, app_labels: Iterable[str]) -> None:
    """Create the missing tables of apps without migrations, as `migrate --run-syncdb` does."""
    present = set(connection.introspection.table_names())
    missing = [
        app_label
        for app_label in app_labels
        for model in router.get_migratable_models(
            apps.get_app_config(app_label), connection.alias, include_auto_created=True
        )
        if model._meta.can_migrate(connection) and model._meta.db_table not in present
    ]
    if missing:
        command: Any = load_migrate()
        command.verbosity = 0
        command.sync_apps(connection, set(missing))


def find_migrated_tables(connection: BaseDatabaseWrapper, revisions: Revisions) -> set[str]:
    """Return the names of all tables that migrations may have made, at any of the revisions."""
    app_labels = {app_label for app_label, _ in revisions.graph.nodes}
    registries = [apps, revisions.get_apps(), get_apps(connection)]
    return {
        model._meta.db_table
        for registry in registries
        for model in registry.get_models(include_auto_created=True)
        if model._meta.app_label in app_labels
        and model._meta.can_migrate(connection)
        and router.allow_migrate_model(connection.alias, model)
    }


def drop_tables(connection: BaseDatabaseWrapper, revisions: Revisions) -> None:
    """Drop the tables of all migrated apps, in whatever state, and forget the migrations."""
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
    names = find_migrated_tables(connection, revisions) & present
    with connection.constraint_checks_disabled(), connection.schema_editor() as editor:
        for name in sorted(names):
            table = editor.quote_name(name)
            editor.execute(editor.sql_delete_table % {"table": table})
    recorder = MigrationRecorder(connection)
    for key in get_recorded(connection):
        if key[0] in {label for label, _ in revisions.graph.nodes}:
            recorder.record_unapplied(*key)
