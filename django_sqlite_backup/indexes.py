"""Secondary indexes and unique constraints for a file that a project is to run on."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import DatabaseError
from django.db.models import UniqueConstraint

from .backup_file import NewBackupFile
from .space import is_refusal
from .tables import Table


def create_indexes(file: NewBackupFile, tables: Sequence[Table]) -> list[str]:
    """Create what Django would create on SQLite, and return a warning for each that it cannot.

    A unique index that the rows violate is an error: they would not have been there. So is a disk
    that refuses.
    """
    editor: Any = file.connection.schema_editor(collect_sql=True, atomic=False)
    warnings = []
    # A restore reads no file whose indexes call functions that are not SQLite's own: without this,
    # one on a part of a date would be made, by a function of Django's.
    file.raw.execute("PRAGMA trusted_schema = OFF")
    for table in tables:
        for name, sql in [*get_indexes(editor, table), *get_constraints(editor, table)]:
            try:
                with file.connection.wrap_database_errors:
                    file.raw.execute(sql)
            except DatabaseError as error:
                if "UNIQUE constraint" in str(error) or is_refusal(error):
                    raise
                warnings.append(f'The index "{name}" of {table.label} cannot be made: {error}.')
    return warnings


def get_indexes(editor: Any, table: Table) -> Iterator[tuple[str, str]]:
    """Yield the name and the statement of each secondary index."""
    model = table.model
    for field in model._meta.local_concrete_fields:
        for statement in editor._field_indexes_sql(model, field):
            yield field.name, str(statement)
    for index in model._meta.indexes:
        yield index.name, str(index.create_sql(model, editor))


def get_constraints(editor: Any, table: Table) -> Iterator[tuple[str, str]]:
    """Yield the name and the statement of each unique constraint, as a unique index."""
    meta: Any = table.model._meta
    columns = [[field] for field in meta.local_concrete_fields if field.unique]
    together = [[meta.get_field(name) for name in names] for names in meta.unique_together]
    for fields in columns + together:
        if not any(field.primary_key for field in fields):
            names = ", ".join(field.name for field in fields)
            yield names, str(editor._create_unique_sql(table.model, fields))
    for constraint in meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            statement = constraint.create_sql(table.model, editor)
            # None: one that waits for the end of a transaction is nothing that SQLite has.
            if statement is not None:
                yield constraint.name, str(statement)
