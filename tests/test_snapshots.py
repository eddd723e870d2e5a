"""One state of the database while others write, inside transactions, in tests and in memory."""

import unittest
from contextlib import closing, contextmanager

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test import TestCase

from django_sqlite_backup import BackupMechanism
from tests import oracle
from tests.copying import back_up, exhaust, file_tables, quoted_file_rows, restore, unchanged
from zoo import fill
from zoo import models as zoo

PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
TABLES = ["zoo_club", "zoo_member", "zoo_membership", "zoo_tag", "zoo_word"]
LABELS = ["zoo.Club", "zoo.Member", "zoo.Membership", "zoo.Tag", "zoo.Word"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


@contextmanager
def writers_allowed(alias):
    """In SQLite's default mode nobody writes while somebody reads; in this one they may."""
    if connections[alias].vendor != "sqlite":
        yield
        return
    connections[alias].close()
    set_journal_mode(alias, "WAL")
    try:
        yield
    finally:
        connections[alias].close()
        set_journal_mode(alias, "DELETE")


def set_journal_mode(alias, mode):
    with closing(oracle.open_engine(alias)) as engine:
        assert engine.connection.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (
            mode.lower(),
        )


@contextmanager
def another_connection(alias):
    """Another client of the same database, under an alias of its own."""
    connections[f"{alias}_too"] = connections[alias].copy(alias=f"{alias}_too")
    connections.databases[f"{alias}_too"] = connections[alias].settings_dict
    try:
        yield f"{alias}_too"
    finally:
        connections[f"{alias}_too"].close()
        del connections[f"{alias}_too"], connections.databases[f"{alias}_too"]


def change_everything(alias):
    """Delete, change and insert rows in tables that belong together."""
    with transaction.atomic(using=alias):
        zoo.Membership.objects.using(alias).all().delete()
        zoo.Club.objects.using(alias).update(name="changed")
        fill.add(alias, zoo.Tag, (900, "inserted"))
        fill.add(alias, zoo.Word, (900, "inserted"))


@PORTABLE
def test_file_holds_the_state_at_the_beginning_whatever_is_written_meanwhile(
    filled, path, portable
):
    before = oracle.database_text(filled, TABLES)
    backup = BackupMechanism(path, database=filled, labels=LABELS, portable=portable).backup()

    with writers_allowed(filled), another_connection(filled) as other:
        assert next(backup).description == "begun"
        change_everything(other)
        for _ in backup:
            pass

    assert oracle.database_text(filled, TABLES) != before
    restore(filled, path, *LABELS)
    assert oracle.database_text(filled, TABLES) == before


@PORTABLE
def test_verification_compares_with_the_same_state(filled, path, portable):
    mechanism = BackupMechanism(
        path, database=filled, labels=LABELS, portable=portable, verify=True
    )
    backup = mechanism.backup()

    with writers_allowed(filled), another_connection(filled) as other:
        next(backup)
        change_everything(other)
        for _ in backup:
            pass

    assert (mechanism.report.verified, mechanism.report.rows["zoo.Membership"]) == (True, 2)


@PORTABLE
def test_backup_inside_a_transaction_has_its_rows_and_leaves_it_open(filled, path, portable):
    before = oracle.database_text(filled, TABLES)

    with transaction.atomic(using=filled):
        change_everything(filled)
        back_up(filled, path, *LABELS, portable=portable)
        assert connections[filled].in_atomic_block
        fill.add(filled, zoo.Tag, (901, "afterwards"))
        transaction.set_rollback(True, using=filled)

    assert oracle.database_text(filled, TABLES) == before
    assert len(quoted_file_rows(path, "zoo_word")) == 3
    assert quoted_file_rows(path, "zoo_membership") == []


@PORTABLE
def test_restore_inside_a_transaction_is_undone_with_it(filled, path, portable):
    back_up(filled, path, *LABELS)
    change_everything(filled)

    with unchanged(filled), transaction.atomic(using=filled):
        restore(filled, path, *LABELS, portable=portable)
        assert connections[filled].in_atomic_block
        assert zoo.Membership.objects.using(filled).count() == 2
        transaction.set_rollback(True, using=filled)


@PORTABLE
def test_restore_inside_a_transaction_is_kept_with_it(filled, path, portable):
    before = oracle.database_text(filled)
    back_up(filled, path, "zoo")
    change_everything(filled)

    with transaction.atomic(using=filled):
        restore(filled, path, "zoo", portable=portable)

    assert oracle.database_text(filled) == before


def test_failed_restore_inside_a_transaction_leaves_the_callers_rows(filled, path):
    back_up(filled, path, *LABELS)
    before = oracle.database_text(filled, TABLES)

    class Failing(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            if to_table.name == "zoo_membership":
                raise ValueError("on purpose")

    with transaction.atomic(using=filled):
        fill.add(filled, zoo.Tag, (902, "mine"))
        with pytest.raises(Exception, match="on purpose"):
            exhaust(Failing(path, database=filled, labels=LABELS, migrate=False), "restore")
        tags = list(zoo.Tag.objects.using(filled).values_list("name", flat=True).order_by("id"))
        assert tags == ["tall", "small", "mine"]
        zoo.Tag.objects.using(filled).filter(pk=902).delete()

    assert oracle.database_text(filled, TABLES) == before


def test_both_work_inside_a_test_case_of_django(filled, path):
    class Inside(TestCase):
        databases = frozenset({filled})

        def runTest(self):
            fill.add(filled, zoo.Tag, (903, "of the test"))
            back_up(filled, path, *LABELS)
            zoo.Tag.objects.using(filled).all().delete()
            restore(filled, path, *LABELS)
            names = zoo.Tag.objects.using(filled).values_list("name", flat=True)
            self.assertEqual(sorted(names), ["of the test", "small", "tall"])

    with unchanged(filled, *TABLES):
        result = unittest.TestResult()
        unittest.TestSuite([Inside()]).run(result)
        assert (result.testsRun, result.errors, result.failures) == (1, [], [])


@contextmanager
def memory_alias():
    """A SQLite database in memory with the zoo's tables: no second connection sees it."""
    connections.databases["memory"] = connections.configure_settings(
        {"default": {}, "memory": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )["memory"]
    try:
        call_command("migrate", database="memory", run_syncdb=True, verbosity=0)
        yield "memory"
    finally:
        # Django keeps a database in memory open when it is asked to close it.
        connections["memory"].connection.close()
        del connections["memory"], connections.databases["memory"]


@PORTABLE
def test_database_in_memory_is_backed_up_and_restored(path, databases, portable):
    with memory_alias() as memory:
        fill.fill(memory)
        before = memory_text()
        back_up(memory, path, portable=portable, verify=True)
        fill.clear(memory)
        restore(memory, path, portable=portable, verify=True)
        assert memory_text() == before
        assert len(file_tables(path)) > 100


def memory_text():
    engine = object.__new__(oracle.Sqlite)
    engine.connection = connections["memory"].connection
    return {name: oracle.table_lines(engine, name, ()) for name in engine.table_names()}


@PORTABLE
def test_abandoned_backup_leaves_no_trace(filled, path, portable):
    backup = BackupMechanism(path, database=filled, portable=portable).backup()

    with unchanged(filled, *TABLES):
        for _ in range(40):
            next(backup)
        backup.close()

    assert list(path.parent.iterdir()) == []


@PORTABLE
def test_abandoned_restore_changes_nothing(filled, path, portable):
    back_up(filled, path)
    change_everything(filled)
    run = BackupMechanism(path, database=filled, portable=portable).restore()

    with unchanged(filled):
        for _ in range(40):
            next(run)
        run.close()
