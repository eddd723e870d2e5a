"""Backing up and restoring in one call each, and what every test of them asks."""

from contextlib import contextmanager

import pytest
from django.db import connections

from django_sqlite_backup import BackupMechanism
from django_sqlite_backup.exceptions import BackupError
from tests import oracle
from zoo import fill


def back_up(alias, path, *labels, **options):
    """Back `alias` up into `path` and return the report."""
    return exhaust(BackupMechanism(path, database=alias, labels=labels, **options), "backup")


def restore(alias, path, *labels, migrate=False, **options):
    """Restore `path` to `alias` and return the report. To run `migrate` each time is slow."""
    options = {"database": alias, "labels": labels, "migrate": migrate, **options}
    return exhaust(BackupMechanism(path, **options), "restore")


def exhaust(mechanism, run):
    for _ in getattr(mechanism, run)():
        pass
    return mechanism.report


@contextmanager
def unchanged(alias, *tables):
    """The tables (every one, if none is named) and the schema are the same afterwards."""
    before = oracle.database_text(alias, tables or None), oracle.schema_text(alias)
    yield
    assert (oracle.database_text(alias, tables or None), oracle.schema_text(alias)) == before
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT 1")
        assert list(cursor.fetchone()) == [1]
    assert not connections[alias].in_atomic_block


@contextmanager
def refused(alias, *named):
    """A `BackupError` is raised whose message has each of the words, and nothing is changed."""
    with unchanged(alias), pytest.raises(BackupError) as raised:
        yield raised
    for word in named:
        assert word in str(raised.value)


@contextmanager
def statements(alias, create, undo):
    """SQL that is run before, and SQL that is run after, whatever happens between."""
    fill.execute(alias, *create)
    try:
        yield
    finally:
        fill.execute(alias, *undo)


def quoted_file_rows(path, table):
    """Every cell of a file's table as SQLite itself writes it: type, digits and all."""
    engine = oracle.Sqlite({"NAME": path})
    try:
        return sorted(map(str, engine.rows(table)))
    finally:
        engine.close()


def file_tables(path):
    engine = oracle.Sqlite({"NAME": path})
    try:
        names = engine.table_names()
    finally:
        engine.close()
    return [name for name in names if not name.startswith("django_sqlite_backup_")]
