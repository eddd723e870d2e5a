"""At which revision a database is: the migrations that it records."""

from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper

from .exceptions import RevisionMismatch
from .tables import MIGRATIONS_TABLE, shorten_list

Migration = tuple[str, str]
"""App label and name."""


def get_recorded(connection: BaseDatabaseWrapper) -> set[Migration]:
    """Return the migrations that the database, or the file, records as applied."""
    if MIGRATIONS_TABLE not in connection.introspection.table_names():
        return set()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT app, name FROM {MIGRATIONS_TABLE}")
        return {(app, name) for app, name in cursor.fetchall()}


def describe(migrations: Iterable[Migration]) -> str:
    """Return the first few migrations as text, and how many more there are."""
    return shorten_list([".".join(migration) for migration in sorted(migrations)])


def check_same_revision(
    from_connection: BaseDatabaseWrapper, to_connection: BaseDatabaseWrapper
) -> None:
    """Raise `RevisionMismatch` unless file and live database record the same migrations."""
    stored, live = get_recorded(from_connection), get_recorded(to_connection)
    if stored != live:
        differences = [
            f"{where} only: {describe(migrations)}"
            for where, migrations in (
                ("in the file", stored - live),
                ("in the database", live - stored),
            )
            if migrations
        ]
        raise RevisionMismatch(
            f"File and database are at different revisions ({'; '.join(differences)}). "
            "Bring the database to the file's revision with migrate, then restore again."
        )
