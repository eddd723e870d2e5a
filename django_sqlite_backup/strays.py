"""A live database that is not what its recorded migrations make of it."""

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

from .recorded import describe
from .revisions import Revisions
from .tables import Inventory, Table, shorten_list


def find_strays(
    revisions: Revisions | None, inventory: Inventory, connection: BaseDatabaseWrapper
) -> Iterator[str]:
    """Yield why a live database that records what the code does not have cannot be restored to.

    Such records may mean nothing (the parts of a finished squash that nobody pruned), or that the
    code is older than the database, whose tables it then does not know. The tables tell.
    """
    if revisions is None or not revisions.ahead:
        return
    app_labels = {app_label for app_label, _ in revisions.ahead}
    strays = [label for label in inventory.absent if label.partition(".")[0] in app_labels]
    strays += [
        table.label
        for table in inventory.tables
        if table.model._meta.app_label in app_labels and is_other(table, connection)
    ]
    if strays:
        yield (
            f"The live database is newer than the code: it records {describe(revisions.ahead)}, "
            f"which the code does not have, and {shorten_list(strays)} is not as the code knows "
            "it. Take those migrations back with the code that has them, or restore into an empty "
            "database."
        )


def is_other(table: Table, connection: BaseDatabaseWrapper) -> bool:
    """Return whether the live table has other columns than its model."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, table.name)
    convert = connection.introspection.identifier_converter
    return {info.name for info in found} != {convert(column.name) for column in table.columns}
