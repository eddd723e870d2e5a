"""The tables that Django does not make, made as another program would."""

from django.db import connections, router

from . import models

LEGACY_ITEM = (
    "CREATE TABLE zoo_a_legacyitem (id bigint NOT NULL PRIMARY KEY, owner_id bigint NOT NULL, "
    "CONSTRAINT zoo_legacy_owner FOREIGN KEY (owner_id) REFERENCES zoo_legacyowner (id))"
)
VIEW = "CREATE VIEW zoo_view AS SELECT id, name FROM zoo_shared"


def create_unmanaged_tables(*, using, **kwargs):
    """Receiver of `post_migrate`: create what is missing on this alias."""
    connection = connections[using]
    tables = connection.introspection.table_names(include_views=True)
    if not router.allow_migrate_model(using, models.Shared) or "zoo_shared" not in tables:
        return
    with connection.schema_editor() as editor:
        for model in (models.Unmanaged, models.LegacyOwner):
            if model._meta.db_table not in tables:
                editor.create_model(model)
        if "zoo_a_legacyitem" not in tables:
            editor.execute(LEGACY_ITEM)
        if "zoo_view" not in tables:
            editor.execute(VIEW)
