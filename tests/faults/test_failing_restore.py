"""Restores that fail inside the engine: rolled back, and told where it was and what to do."""

import threading
import time
from contextlib import closing, contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from django_sqlite_backup import BackupMechanism, CopyError
from tests import oracle
from tests.copying import back_up, restore, statements
from tests.files import edit
from zoo import fill
from zoo import models as zoo

TABLES = ["zoo_word", "zoo_driver", "zoo_car"]
LABELS = ["zoo.Word", "zoo.Driver", "zoo.Car"]
PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])


@pytest.fixture
def live(alias, tmp_path):
    """Each live alias in turn: its few rows are as they were when a test has done its worst."""
    fill.execute(alias, "UPDATE zoo_car SET driver_id = NULL")
    fill.execute(alias, "DELETE FROM zoo_driver", "DELETE FROM zoo_car", "DELETE FROM zoo_word")
    rows = ", ".join(f"({n}, 'word\n{n}')" for n in range(1, 31))
    fill.execute(alias, f"INSERT INTO zoo_word VALUES {rows}")
    back_up(alias, tmp_path / "backup.sqlite3", *LABELS)
    fill.execute(alias, "DELETE FROM zoo_word", "INSERT INTO zoo_word VALUES (900, 'stays')")
    before = contents(alias)
    yield alias
    connections[alias].close()
    assert contents(alias) == before
    fill.execute(alias, "DELETE FROM zoo_word")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


def contents(alias):
    return oracle.database_text(alias, TABLES)


def failure(alias, path, **options):
    """Return what the command says on failing."""
    with pytest.raises(CommandError) as raised:
        call_command(
            *("sqliterestore", *LABELS),
            **{"database": alias, "file": path, "migrate": False, "interactive": False, **options},
        )
    assert raised.value.returncode == 1
    return str(raised.value)


# Values


@PORTABLE
def test_a_check_that_no_model_declares_names_the_row(live, path, portable):
    if live == "default":
        pytest.skip("SQLite adds no constraint to a table")
    check = "ALTER TABLE zoo_word ADD CONSTRAINT zoo_check CHECK (text NOT LIKE '%17')"
    with statements(live, [check], ["ALTER TABLE zoo_word DROP CONSTRAINT zoo_check"]):
        said = failure(live, path, portable=portable)
    assert said.startswith("While copying zoo.Word: ")
    assert "zoo_check" in said
    assert "Nothing was changed." in said
    assert "primary key 17" in said


@PORTABLE
def test_a_check_on_sqlite_names_the_row(databases, tmp_path, portable):
    alias = databases.use("default")
    path = tmp_path / "backup.sqlite3"
    fill.clear(alias)
    fill.execute(alias, "INSERT INTO zoo_positiveinteger VALUES (1, 1, NULL), (2, 2, 2)")
    back_up(alias, path, "zoo.PositiveInteger")
    edit(path, "UPDATE zoo_positiveinteger SET maybe = -2 WHERE id = 2")
    before = oracle.table_text(alias, "zoo_positiveinteger")
    mechanism = BackupMechanism(
        path, database=alias, labels=["zoo.PositiveInteger"], migrate=False, portable=portable
    )
    with pytest.raises(CopyError) as raised:
        for _ in mechanism.restore():
            pass
    lines = str(raised.value).splitlines()
    assert lines[0].startswith(
        "While copying zoo.PositiveInteger: of the row with primary key 2: CHECK constraint failed"
    )
    assert lines[0].endswith("Nothing was changed.")
    assert lines[1:] == ['- zoo.PositiveInteger.maybe: "-2" (primary key 2) is less than 0.']
    assert oracle.table_text(alias, "zoo_positiveinteger") == before


@PORTABLE
def test_a_text_that_is_too_long_names_the_row(live, path, portable):
    if live == "default":
        pytest.skip("SQLite enforces no length")
    edit(path, f"UPDATE zoo_word SET text = '{'x' * 50}' WHERE id = 17")
    lines = failure(live, path, portable=portable).splitlines()
    assert lines[0].startswith("While copying zoo.Word: of the row with primary key 17")
    assert lines[0].endswith("Nothing was changed.")
    assert lines[1:] == [
        f'- zoo.Word.text: "{"x" * 50}" (primary key 17) is longer than 40 characters.'
    ]


def test_a_duplicate_names_the_rows(live, path):
    edit(path, "UPDATE zoo_word SET text = 'word' WHERE id IN (16, 17)")
    lines = failure(live, path).splitlines()
    assert lines[0].startswith("While copying zoo.Word: ")
    assert lines[0].endswith("Nothing was changed.")
    assert lines[1:] == [
        '- zoo.Word.text: "word" (primary key 16), "word" (primary key 17) is there more than '
        "once, and must be unique."
    ]


def test_a_trigger_that_raises_names_the_row(databases, live, path):
    if live != "mysql":
        pytest.skip("triggers of the other engines rest during a restore")
    trigger = (
        "CREATE TRIGGER zoo_t BEFORE INSERT ON zoo_word FOR EACH ROW BEGIN IF NEW.id = 17 THEN"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF; END"
    )
    with statements(live, [trigger], ["DROP TRIGGER zoo_t"]):
        for portable in (False, True):
            said = failure(live, path, portable=portable)
            assert "not this one" in said
            assert "Nothing was changed" in said
            assert "primary key 17" in said


# Connections and locks


@contextmanager
def other(alias):
    """A connection that is another client's."""
    connection = connections[alias].copy()
    with closing(connection):
        yield connection


def execute(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def get_number(connection):
    sql = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
    return execute(connection, sql[connection.vendor])[0][0]


class Interrupted(BackupMechanism):
    """Lets a test do something to the restore when the first rows are in."""

    def delete_table_data(self, to_table):
        super().delete_table_data(to_table)
        if to_table.label == "zoo.Word":
            self.interrupt(to_table.connection)


def interrupted(alias, path, interrupt, **options):
    """Return what a restore says of what `interrupt` does to it."""
    mechanism = Interrupted(path, database=alias, labels=LABELS, migrate=False, **options)
    mechanism.interrupt = interrupt
    with pytest.raises(CopyError) as raised:
        for _ in mechanism.restore():
            pass
    return str(raised.value)


END = {"postgresql": "SELECT pg_terminate_backend(%d)", "mysql": "KILL %d"}


@PORTABLE
def test_a_connection_that_is_ended(live, path, portable):
    if live == "default":
        pytest.skip("SQLite has no connections to end")

    def interrupt(connection):
        with other(live) as killer:
            execute(killer, END[live] % get_number(connection))

    said = interrupted(live, path, interrupt, portable=portable)
    assert_lost(said)


def assert_lost(said):
    assert said.startswith("While ")
    assert "The connection was lost: see that the server runs" in said
    assert said.endswith("Nothing was changed.")


class Killed(BackupMechanism):
    """Ends its own connection, from another one, when rows are on their way."""

    def delete_table_data(self, to_table):
        super().delete_table_data(to_table)
        self.number = get_number(to_table.connection)

    def copy_table_data(self, from_table, to_table):
        for rows in super().copy_table_data(from_table, to_table):
            with other(self.database) as killer:
                execute(killer, END[self.database] % self.number)
            yield rows


def test_a_connection_that_is_ended_while_rows_are_on_their_way(live, path):
    if live == "default":
        pytest.skip("SQLite has no connections to end")
    mechanism = Killed(path, database=live, labels=LABELS, migrate=False)
    with pytest.raises(CopyError) as raised:
        for _ in mechanism.restore():
            pass
    assert_lost(str(raised.value))


def test_a_statement_that_takes_too_long(live, path):
    if live == "default":
        pytest.skip("SQLite has no statement timeout")
    if live == "mysql" and not connections[live].mysql_is_mariadb:
        pytest.skip("MySQL ends no statement but a SELECT")

    def interrupt(connection):
        if live == "postgresql":
            execute(connection, "SET LOCAL statement_timeout = '1ms'")
            execute(connection, "SELECT pg_sleep(5)")
        else:
            execute(connection, "SET STATEMENT max_statement_time = 0.01 FOR SELECT sleep(5)")

    said = interrupted(live, path, interrupt)
    assert "more time" in said
    assert said.endswith("Nothing was changed.")


def test_a_deadlock(live, path):
    """The rival has done more, or is more patient: it is the restore that has to give way."""
    if live == "default":
        pytest.skip("SQLite has one writer")
    with other(live) as rival:
        rival.inc_thread_sharing()
        rival.set_autocommit(False)
        if live == "postgresql":
            execute(rival, "SET deadlock_timeout = '20s'")
        rows = ", ".join(f"({n}, 'rival', NULL)" for n in range(9000, 9200))
        execute(rival, f"INSERT INTO zoo_slug VALUES {rows}")
        wish = "UPDATE zoo_word SET text = 'rival' WHERE id = 900"
        thread = threading.Thread(target=execute, args=(rival, wish))
        its = {"postgresql": "LOCK TABLE zoo_slug", "mysql": "DELETE FROM zoo_slug"}

        def interrupt(connection):
            thread.start()
            # Time for it to ask for the row that is gone from under it.
            time.sleep(0.5)
            execute(connection, its[live])

        said = interrupted(live, path, interrupt)
        thread.join()
        rival.rollback()
    assert "deadlock" in said.lower()
    assert "try again when it has ended. Nothing was changed." in said


@pytest.mark.parametrize("rows", [3, 10_001], ids=["few rows", "index built at the end"])
def test_duplicates_under_an_index_of_no_model_are_named(alias, tmp_path, rows):
    path = tmp_path / "backup.sqlite3"
    fill.clear(alias)
    zoo.Char.objects.using(alias).bulk_create(
        [zoo.Char(pk=pk, value=str(pk)) for pk in range(1, rows + 1)], batch_size=500
    )
    back_up(alias, path, "zoo.Char")
    fill.execute(alias, "DELETE FROM zoo_char")
    edit(path, "UPDATE zoo_char SET value = 'twice' WHERE id IN (2, 3)")
    where = "" if alias == "mysql" else " WHERE maybe IS NULL"
    create = f"CREATE UNIQUE INDEX of_no_model ON zoo_char (value){where}"
    drop = "DROP INDEX of_no_model" + (" ON zoo_char" if alias == "mysql" else "")

    with statements(alias, [create], [drop]), pytest.raises(CopyError) as raised:
        restore(alias, path, "zoo.Char")

    assert str(raised.value).splitlines()[1:] == [
        '- zoo.Char.value: "twice" (primary key 2), "twice" (primary key 3) is there more than'
        " once, and must be unique."
    ]
