"""Live rows that are to stay, and that migrations taken back would cost."""

from collections.abc import Iterator, Sequence

from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState

from .engines.base import Engine
from .revisions import Revisions
from .tables import Column, Table, is_record

MADE_BY_MIGRATE = {"contenttypes.ContentType", "auth.Permission", "sites.Site"}


def find_endangered(
    revisions: Revisions | None, tables: Sequence[Table], *, rebuild: bool
) -> Iterator[str]:
    """Yield why a table that keeps its rows would lose some of them on the way back."""
    if revisions is None:
        return
    touched = {migration.app_label for migration in revisions.unapply}
    if rebuild:
        touched = set(revisions.migrated_apps)
    for table in tables:
        if table.model._meta.app_label in touched and not is_record(table):
            yield (
                f"{table.label} is not restored, and its rows would be lost where migrations "
                f"of {table.model._meta.app_label} are taken back. Restore it too, or empty it."
            )


def find_steady(
    revisions: Revisions | None, kept: Sequence[Table], *, rebuild: bool
) -> list[Table]:
    """Return the live tables whose rows will surely be those of now when the file's go in."""
    if revisions is None or not (revisions.differ or rebuild):
        return list(kept)
    before = (*revisions.unapply, *revisions.apply)
    if rebuild or not all(map(is_of_schema, before)):
        return []
    touched = {migration.app_label for migration in before}
    # For new models `migrate` makes rows of these by itself.
    gaining = MADE_BY_MIGRATE if revisions.apply else set()
    return [
        table
        for table in kept
        if table.model._meta.app_label not in touched and table.label not in gaining
    ]


def is_of_schema(migration: Migration) -> bool:
    """Return whether a migration changes no row of other tables than those that it alters."""
    return all(
        type(operation).__module__.startswith("django.db.migrations.operations.")
        and not isinstance(operation, (RunPython, RunSQL, SeparateDatabaseAndState))
        for operation in migration.operations
    )


def find_orphans(engine: Engine, kept: Sequence[Table], emptied: set[str]) -> Iterator[str]:
    """Yield which rows that stay refer to tables that must be empty for a while."""
    for table in kept:
        for column in table.columns:
            target = column.references[0] if column.references else None
            if target in emptied and count_values(engine, table, column):
                yield (
                    f"{table.label}.{column.name} is not restored and refers to {target}, "
                    "which must be empty while migrations are taken back. Restore "
                    f"{table.label} too."
                )


def count_values(engine: Engine, table: Table, column: Column) -> int:
    ((count,),) = engine.fetchall(
        f"SELECT count({engine.quote(column.name)}) FROM {engine.qualify(table)}"
    )
    return int(count)
