"""The tables that are copied: from the app registry to columns, in dependency order."""

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps.registry import Apps
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Field, Model

from .exceptions import ConfigurationError

MIGRATIONS_TABLE = "django_migrations"
OWN_APP = "django_sqlite_backup"


@dataclass(frozen=True)
class Column:
    """One column: its name and the field that gives it its type (the target's, for a key)."""

    name: str
    field: "Field[Any, Any]"
    null: bool
    primary_key: bool
    automatic: bool
    generated: bool
    has_default: bool
    """Whether the database fills it where a row does not."""
    references: tuple[str, str] | None
    """The table and the column that a foreign key points to."""
    constrained: bool = True
    """Whether the database is to keep that key."""


@dataclass(frozen=True)
class Table:
    """One table, as a model describes it, on the connection where its rows are."""

    label: str
    """`shop.Order`, as in `dumpdata`."""
    name: str
    """`db_table`, the same in the file."""
    model: type[Model]
    columns: tuple[Column, ...]
    connection: BaseDatabaseWrapper | None = None
    """Where the rows are: the live database, or the file. Set when a mechanism hands it out."""

    def bind(self, connection: BaseDatabaseWrapper) -> "Table":
        """Return the same table on another connection."""
        return dataclasses.replace(self, connection=connection)

    def with_columns(self, names: Iterable[str]) -> "Table":
        """Return the table reduced to the named columns, in that order."""
        by_name = {column.name: column for column in self.columns}
        return dataclasses.replace(self, columns=tuple(by_name[name] for name in names))

    @property
    def primary_key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.primary_key)

    @property
    def writable(self) -> tuple[Column, ...]:
        """The columns that a restore writes: all but the generated ones."""
        return tuple(column for column in self.columns if not column.generated)

    @property
    def references(self) -> set[str]:
        """The names of the tables that its foreign keys point to."""
        return {column.references[0] for column in self.columns if column.references}


@dataclass(frozen=True)
class Inventory:
    """What a database holds, held against an app registry."""

    tables: tuple[Table, ...]
    """In dependency order: a table stands behind those that it refers to."""
    unknown: tuple[str, ...]
    """Tables in the database that belong to no model."""
    absent: tuple[str, ...]
    """Labels of managed models whose table is not in the database."""


def get_value_field(field: "Field[Any, Any]") -> "Field[Any, Any]":
    """Return the field that decides how a column stores: the end of a key, a generated output."""
    while True:
        if field.remote_field is not None and getattr(field, "target_field", None) is not None:
            field = field.target_field  # type: ignore[attr-defined]
        elif getattr(field, "generated", False):
            field = field.output_field  # type: ignore[attr-defined]
        else:
            return field


def get_columns(model: type[Model], connection: BaseDatabaseWrapper) -> Iterator[Column]:
    """Yield the columns of the model's own table."""
    meta = model._meta
    keys = {field.column for field in getattr(meta, "pk_fields", [meta.pk])}
    for field in meta.local_concrete_fields:
        if field.column is None or field.db_type(connection) is None:
            continue
        target = getattr(field, "target_field", None) if field.remote_field is not None else None
        yield Column(
            name=field.column,
            field=get_value_field(field),
            null=field.null,
            primary_key=field.column in keys,
            automatic=field.get_internal_type().endswith("AutoField"),
            generated=getattr(field, "generated", False),
            has_default=field.has_db_default(),
            references=(target.model._meta.db_table, target.column) if target is not None else None,
            constrained=getattr(field, "db_constraint", True),
        )


def get_models(apps: Apps, connection: BaseDatabaseWrapper) -> list[type[Model]]:
    """Return the models with a table of their own that belongs into this database."""
    models = [
        model
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy and router.allow_migrate_model(connection.alias, model)
    ]
    return [MigrationRecorder(connection).Migration, *models]


def merge_models(models: Sequence[type[Model]], connection: BaseDatabaseWrapper) -> Table:
    """Return the table that the models share; usually there is one model.

    A managed model describes its table better than an unmanaged one, and names it.
    """
    first = sorted(models, key=lambda model: not model._meta.managed)[0]
    columns = {column.name: column for column in get_columns(first, connection)}
    for model in models:
        for column in get_columns(model, connection):
            columns.setdefault(column.name, column)
    return Table(first._meta.label, first._meta.db_table, first, tuple(columns.values()))


def describe_tables(apps: Apps, connection: BaseDatabaseWrapper) -> tuple[Table, ...]:
    """Return the tables that the registry's models have or would have, in dependency order."""
    by_table: dict[str, list[type[Model]]] = {}
    for model in get_models(apps, connection):
        by_table.setdefault(model._meta.db_table, []).append(model)
    return sort_by_dependency([merge_models(models, connection) for models in by_table.values()])


def take_inventory(apps: Apps, connection: BaseDatabaseWrapper) -> Inventory:
    """Hold the app registry against the tables of the database."""
    with connection.cursor() as cursor:
        listed = connection.introspection.get_table_list(cursor)
    # Not only what Django calls a table: MariaDB's system-versioned tables have no type here.
    found = {info.name for info in listed if info.type != "v"}
    views = {info.name for info in listed if info.type == "v"}
    # A partition's rows are its parent's.
    partitions = {info.name for info in listed if info.type == "p"}
    convert = connection.introspection.identifier_converter
    tables = describe_tables(apps, connection)
    return Inventory(
        tables=tuple(table for table in tables if convert(table.name) in found),
        unknown=tuple(sorted(found - partitions - {convert(table.name) for table in tables})),
        absent=tuple(
            table.label
            for table in tables
            if convert(table.name) not in found | views
            and is_for(table.model, connection)
            and table.name != MIGRATIONS_TABLE
        ),
    )


def is_for(model: type[Model], connection: BaseDatabaseWrapper) -> bool:
    """Return whether the engine is one that the model is made for, managed or not."""
    vendor = model._meta.required_db_vendor
    features = model._meta.required_db_features
    return (vendor is None or vendor == connection.vendor) and all(
        getattr(connection.features, feature, False) for feature in features
    )


def sort_by_dependency(tables: Sequence[Table]) -> tuple[Table, ...]:
    """Return the tables with each behind those that it refers to; a cycle is cut where entered."""
    by_name = {table.name: table for table in tables}
    ordered: dict[str, Table] = {}
    entered: set[str] = set()

    for root in tables:
        path = [(root, iter(sorted(root.references)))]
        entered.add(root.name)
        while path:
            table, references = path[-1]
            target = next((name for name in references if name not in entered), None)
            if target is None:
                ordered.setdefault(table.name, table)
                path.pop()
            elif target in by_name:
                entered.add(target)
                path.append((by_name[target], iter(sorted(by_name[target].references))))
    return tuple(ordered.values())


def get_labels(table: Table) -> set[str]:
    """Return the lower-case labels by which a table can be named: app, model, owner of the M2M."""
    owner: Any = table.model._meta.auto_created
    labels = {table.model._meta.app_label.lower(), table.label.lower()}
    return labels | {owner._meta.label_lower} if owner else labels


def is_record(table: Table) -> bool:
    """Return whether a table says what was done to the database: no restore undoes that."""
    return table.name == MIGRATIONS_TABLE or table.model._meta.app_label == OWN_APP


def check_labels(labels: Iterable[str], tables: Sequence[Table], apps: Apps) -> None:
    """Raise `ConfigurationError` for a label that names nothing, with the nearest right ones."""
    known = {label for table in tables for label in get_labels(table)}
    known |= {config.label.lower() for config in apps.get_app_configs()}
    known |= {model._meta.label_lower for model in apps.get_models(include_auto_created=True)}
    spelled = {name: name for name in known}
    spelled.update({table.label.lower(): table.label for table in tables})
    for label in labels:
        if label.lower() not in known:
            nearest = difflib.get_close_matches(label.lower(), sorted(known), n=3)
            hint = " or ".join(f'"{spelled[name]}"' for name in nearest)
            raise ConfigurationError(
                f'No app or model is called "{label}". '
                + (f"Did you mean {hint}?" if hint else "Use app_label or app_label.ModelName.")
            )


def is_selected(table: Table, labels: Iterable[str], exclude: Iterable[str]) -> bool:
    """Return whether the labels (all tables, if there are none) take in the table.

    The table of migrations is never left out by labels: without it nobody knows the file's
    revision.
    """
    if table.name == MIGRATIONS_TABLE:
        return True
    own = get_labels(table)
    wanted = {label.lower() for label in labels}
    return (not wanted or bool(own & wanted)) and not own & {label.lower() for label in exclude}


def shorten_list(names: Sequence[str], shown: int = 5) -> str:
    """Return the first few names as text, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
