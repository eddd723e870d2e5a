"""What the schema hooks do by default: bring the live schema to a revision with `migrate`."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState
from django.db.utils import NotSupportedError

from .historical import get_apps, order_migrations
from .recorded import get_key, get_recorded
from .revisions import Revisions, compare, get_last_keys
from .tables import OWN_APP

SCHEMA_CHANGE = re.compile(r"\s*(ALTER|CREATE|DROP|TRUNCATE|REINDEX|CLUSTER)\b", re.IGNORECASE)


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
            with checking_keys(to_connection):
                executor.migrate(None, plan=[(migration, backwards) for migration in migrations])
    create_unmigrated(to_connection, revisions.unmigrated_apps)


def migrate_to_code(connection: BaseDatabaseWrapper) -> None:
    """Run `migrate` as from the command line: what the code has, on the rows that are there.

    `post_migrate` receivers run once, also where there is nothing to migrate.
    """
    with checking_keys(connection):
        call_command(
            load_migrate(),
            database=connection.alias,
            interactive=False,
            verbosity=0,
            skip_checks=True,
        )


def load_migrate() -> BaseCommand:
    """Return the project's `migrate`, which may be another than Django's."""
    app = get_commands()["migrate"]
    return app if isinstance(app, BaseCommand) else load_command_class(app, "migrate")


@contextmanager
def checking_keys(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let no key wait to be checked while the schema is changed inside a transaction.

    PostgreSQL refuses to alter a table with pending events of deferred triggers. Where each
    migration has a transaction of its own, a data migration leaves few: an update of a row leaves
    one only if the key changes, or if the row is as new as the transaction. After a restore in the
    same transaction, every row is.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.execute_wrapper(check_keys_first):
            yield
    else:
        yield


def check_keys_first(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Check what waits, before a statement that changes the schema."""
    if SCHEMA_CHANGE.match(str(sql)):
        for when in ("IMMEDIATE", "DEFERRED"):
            execute(f"SET CONSTRAINTS ALL {when}", None, False, context)
    return execute(sql, params, many, context)


def make_executor(connection: BaseDatabaseWrapper, graph: MigrationGraph) -> MigrationExecutor:
    """Return an executor for the migrations of this graph."""
    executor = MigrationExecutor(connection)
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


def refuses_schema_changes(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the transaction that is open now is no place for a schema change.

    SQLite's editor needs foreign keys off, which only works before a transaction begins.
    """
    try:
        with connection.schema_editor():
            return not connection.features.can_rollback_ddl
    except NotSupportedError:
        return True


def find_migrated_tables(connection: BaseDatabaseWrapper, revisions: Revisions) -> set[str]:
    """Return the names of all tables that migrations may have made, at any of the revisions."""
    app_labels = revisions.migrated_apps
    registries = [apps, revisions.get_apps(), get_apps(connection)]
    names = {
        model._meta.db_table
        for registry in registries
        for model in registry.get_models(include_auto_created=True)
        if model._meta.app_label in app_labels
        and model._meta.can_migrate(connection)
        and router.allow_migrate_model(connection.alias, model)
    }
    return names | find_passing_tables(connection, revisions)


def find_passing_tables(connection: BaseDatabaseWrapper, revisions: Revisions) -> set[str]:
    """Return the names of tables that a migration which failed half-way may have left behind.

    They belong to the states just before and after the migrations that are not surely behind the
    live database: those it has not applied, and its last ones, which it may have been taking back.
    """
    settled = revisions.live - get_last_keys(revisions.graph, revisions.live)
    state, names = ProjectState(), set[str]()
    for migration in order_migrations(revisions.graph):
        if get_key(migration) in settled:
            migration.mutate_state(state, preserve=False)
        else:
            names.update(find_tables(state, connection))
            migration.mutate_state(state, preserve=False)
            names.update(find_tables(state, connection))
    return names


def find_tables(state: ProjectState, connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield the names of a state's tables without rendering its models, which takes long."""
    longest = connection.ops.max_name_length()
    for (app_label, name), model in state.models.items():
        allowed = router.allow_migrate(connection.alias, app_label, model_name=name)
        passed_over = model.options.get("proxy") or not model.options.get("managed", True)
        if not allowed or passed_over or app_label == OWN_APP:
            continue
        table = model.options.get("db_table") or truncate_name(f"{app_label}_{name}", longest)
        yield table
        for field_name, field in model.fields.items():
            if field.many_to_many:
                # One with a model of its own has no such table, and none is found.
                yield field.db_table or truncate_name(f"{table}_{field_name}", longest)


def find_dropped_tables(connection: BaseDatabaseWrapper, revisions: Revisions) -> set[str]:
    """Return the names of the live tables that `drop_tables` drops."""
    with connection.cursor() as cursor:
        present = set(connection.introspection.table_names(cursor))
    return find_migrated_tables(connection, revisions) & present


def drop_tables(connection: BaseDatabaseWrapper, revisions: Revisions) -> None:
    """Drop the tables of all migrated apps, in whatever state, and forget the migrations."""
    names = find_dropped_tables(connection, revisions)
    with connection.constraint_checks_disabled(), connection.schema_editor() as editor:
        for name in sorted(names):
            table = editor.quote_name(name)
            editor.execute(editor.sql_delete_table % {"table": table})
    recorder = MigrationRecorder(connection)
    for key in get_recorded(connection):
        if key[0] in revisions.migrated_apps:
            recorder.record_unapplied(*key)
