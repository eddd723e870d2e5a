"""The registry of the models as they were at a revision."""

from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps as code_apps
from django.apps.registry import Apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.utils import resolve_relation

from .recorded import Key, express, get_key, get_recorded, load


def order_migrations(graph: MigrationGraph) -> list[Migration]:
    """Return all migrations of the graph in the order in which an empty database gets them."""
    ordered: dict[Key, None] = {}
    for leaf in graph.leaf_nodes():
        ordered.update(dict.fromkeys(graph.forwards_plan(leaf)))
    nodes = [graph.nodes[key] for key in ordered]
    return [node for node in nodes if node is not None]


def make_apps(graph: MigrationGraph, applied: Collection[Key], unmigrated: Iterable[str]) -> Apps:
    """Return the registry of the models as the applied migrations describe them.

    It is the code's own where all of them are applied: what `makemigrations` has not seen yet is
    then in the models and not in the database, and shows as a column that is missing.
    """
    if set(graph.nodes) <= set(applied):
        return code_apps
    state = ProjectState(real_apps=set(unmigrated))
    for migration in order_migrations(graph):
        if get_key(migration) in applied:
            migration.mutate_state(state, preserve=False)
    # Not as Django adds what has no migrations: without its foreign keys and many-to-many tables.
    whole = ProjectState(models=dict(state.models))
    add_unmigrated(whole, unmigrated)
    apps: Apps = whole.apps
    return apps


def add_unmigrated(state: ProjectState, labels: Iterable[str]) -> None:
    """Add the models of apps without migrations, but those that refer to what is not there."""
    models = [
        ModelState.from_model(model)
        for label in sorted(labels)
        for model in code_apps.get_app_config(label).get_models()
    ]
    known = {*state.models, *(get_name(model) for model in models)}
    while missing := [model for model in models if not find_referred(model) <= known]:
        models = [model for model in models if model not in missing]
        known -= {get_name(model) for model in missing}
    for model in models:
        state.models[get_name(model)] = model


def get_name(model: ModelState) -> tuple[str, str]:
    return model.app_label, model.name_lower


def find_referred(model: ModelState) -> set[tuple[str, str]]:
    """Return the names of the models that a model needs: its relations' and its bases'."""
    relations: list[Any] = [field.remote_field for field in model.fields.values()]
    named = [
        *(relation.model for relation in relations if relation),
        *(getattr(relation, "through", None) for relation in relations),
        *(base for base in model.bases if isinstance(base, str)),
    ]
    return {resolve_relation(name, *get_name(model)) for name in named if name}


def get_apps(connection: BaseDatabaseWrapper) -> Apps:
    """Return the registry of the models at the revision that the live database records."""
    loader = load(connection)
    applied = express(get_recorded(connection), loader.graph, loader.disk_migrations)
    return make_apps(loader.graph, applied, loader.unmigrated_apps)
