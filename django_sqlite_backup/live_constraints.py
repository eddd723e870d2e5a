"""Which of the constraints that the models declare the live database has."""

import re
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import UniqueConstraint

from .tables import Column, Table


def get_unique_columns(table: Table) -> list[tuple[str, ...]]:
    """Return the columns that the model declares to be unique, alone or together."""
    meta: Any = table.model._meta
    together = [
        *([field.name] for field in meta.local_concrete_fields if field.unique),
        *meta.unique_together,
        *(
            constraint.fields
            for constraint in meta.constraints
            if isinstance(constraint, UniqueConstraint)
            and constraint.fields
            and constraint.condition is None
            and not constraint.expressions
        ),
    ]
    found = [tuple(meta.get_field(name).column for name in names) for names in together]
    found.append(table.primary_key)
    written = {column.name for column in table.writable}
    return [names for names in dict.fromkeys(found) if names and set(names) <= written]


def get_named_columns(
    connection: BaseDatabaseWrapper, table: Table, said: str
) -> list[tuple[str, ...]]:
    """Return the columns of the live unique indexes that an engine's message is about.

    Servers name the index, SQLite its columns.
    """
    written = {column.name.casefold(): column.name for column in table.writable}
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table.name)
    found = []
    for name, constraint in constraints.items():
        columns = [str(column).casefold() for column in constraint["columns"] or ()]
        listed = ", ".join(f"{table.name}.{column}" for column in constraint["columns"] or ())
        is_meant = any(is_word_of(word, said) for word in (name, listed))
        if constraint["unique"] and is_meant and columns and set(columns) <= set(written):
            found.append(tuple(written[column] for column in columns))
    return list(dict.fromkeys(found))


def is_word_of(word: str, text: str) -> bool:
    """Return whether a text has a name, and not only as a part of another one."""
    return bool(word) and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def is_enforced(table: Table, column: Column) -> bool:
    """Return whether the model wants the database to keep a foreign key."""
    field: Any = next(
        (f for f in table.model._meta.local_concrete_fields if f.column == column.name), None
    )
    return bool(getattr(field, "db_constraint", False))


class LiveConstraints:
    """Asks the live database, a table at a time, and only where there is a doubt.

    Without a connection, where the table is still to be made, the model is believed.
    """

    def __init__(self, connection: BaseDatabaseWrapper | None) -> None:
        self.connection = connection
        self.known: dict[str, list[Any]] = {}

    def get(self, table: Table) -> list[Any]:
        assert self.connection is not None
        if table.name not in self.known:
            with self.connection.cursor() as cursor:
                found = self.connection.introspection.get_constraints(cursor, table.name)
            self.known[table.name] = list(found.values())
        return self.known[table.name]

    def has(self, table: Table, kind: str, columns: tuple[str, ...]) -> bool:
        if self.connection is None:
            return bool(table.model._meta.managed)
        # A column may be named twice in a CHECK.
        wanted = {name.casefold() for name in columns}
        return any(
            constraint[kind]
            and {str(name).casefold() for name in constraint["columns"] or ()} == wanted
            for constraint in self.get(table)
        )

    def has_check(self, table: Table, column: Column) -> bool:
        return self.has(table, "check", (column.name,))

    def is_unique(self, table: Table, columns: tuple[str, ...]) -> bool:
        return self.has(table, "unique", columns) or self.has(table, "primary_key", columns)

    def has_foreign_key(self, table: Table, column: Column) -> bool:
        return self.has(table, "foreign_key", (column.name,))
