"""Live rows that are to stay, and that migrations taken back would cost."""

from collections.abc import Iterator, Sequence

from .engines.base import Engine
from .revisions import Revisions
from .tables import Column, Table, is_record


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
