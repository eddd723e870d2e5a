"""What somebody lost who tried to: rows that outlasted a restore, columns, views, whole tables."""

import sqlite3
import threading
from contextlib import closing

import psycopg
import pytest
from django.db import connections, transaction

from django_sqlite_backup import BackupMechanism, CopyError
from django_sqlite_backup.engines.dependents import find_dependents
from tests.copying import back_up, refused, restore, statements, unchanged
from zoo import fill
from zoo import models as zoo


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


@pytest.fixture
def words(alias):
    """Each live alias in turn, with one word in it."""
    fill.execute(alias, "DELETE FROM zoo_word", "INSERT INTO zoo_word VALUES (1, 'kept')")
    yield alias
    fill.execute(alias, "DELETE FROM zoo_word")


@pytest.fixture
def postgresql(databases):
    return databases.use("postgresql")


@pytest.fixture(params=["repeatable read", "serializable"])
def strict(postgresql, request):
    """An alias whose transactions see only what was committed before they began."""
    level = psycopg.IsolationLevel[request.param.upper().replace(" ", "_")]
    settings = connections[postgresql].settings_dict
    options = {**settings["OPTIONS"], "isolation_level": level}
    connections.databases["strict"] = {**settings, "OPTIONS": options}
    fill.execute(postgresql, "DELETE FROM zoo_word", "INSERT INTO zoo_word VALUES (1, 'kept')")
    yield "strict"
    connections["strict"].close()
    del connections["strict"], connections.databases["strict"]
    fill.execute(postgresql, "DELETE FROM zoo_word")


def get_words(alias):
    return sorted(zoo.Word.objects.using(alias).values_list("pk", "text"))


def test_row_that_is_committed_while_a_restore_waits_does_not_outlast_it(postgresql, strict, path):
    back_up(strict, path, "zoo.Word")
    other = connections[postgresql].copy()
    other.inc_thread_sharing()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO zoo_word VALUES (2, 'late')")
    timer = threading.Timer(1, other.commit)
    timer.start()

    restore(strict, path, "zoo.Word", wait=20, verify=True)

    timer.join()
    other.close()
    assert get_words(postgresql) == [(1, "kept")]


def test_restore_inside_a_transaction_that_sees_no_others_is_refused(strict, path):
    back_up(strict, path, "zoo.Word")
    with transaction.atomic(using=strict), refused_there(strict):
        restore(strict, path, "zoo.Word")
    assert get_words(strict) == [(1, "kept")]


def refused_there(alias):
    return pytest.raises(Exception, match="does not see the rows that others commit")


def test_column_that_no_field_knows_is_named_where_its_values_go(words, path):
    create = ["ALTER TABLE zoo_word ADD COLUMN hidden varchar(20)"]
    with statements(words, create, ["ALTER TABLE zoo_word DROP COLUMN hidden"]):
        back_up(words, path, "zoo.Word")
        plan = BackupMechanism(path, database=words, labels=["zoo.Word"]).plan_restore()
        report = restore(words, path, "zoo.Word")
    assert plan.lost == ("column zoo.Word.hidden",)
    expected = "Lost by this restore, and in no backup: column zoo.Word.hidden."
    assert expected in report.warnings


TRIGGERS = {
    "postgresql": [
        "CREATE FUNCTION zoo_nothing() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER own AFTER INSERT ON zoo_word FOR EACH ROW EXECUTE FUNCTION zoo_nothing()",
        "CREATE VIEW zoo_seen AS SELECT text FROM zoo_word",
        "CREATE TABLE zoo_outside (word varchar(40) REFERENCES zoo_word (text))",
        "GRANT SELECT ON zoo_word TO PUBLIC",
    ],
    "mysql": ["CREATE TRIGGER own BEFORE INSERT ON zoo_word FOR EACH ROW SET @nothing = 1"],
    "sqlite": ["CREATE TRIGGER own AFTER INSERT ON zoo_word BEGIN SELECT 1; END"],
}
UNDO = {
    "postgresql": [
        "DROP TABLE zoo_outside",
        "DROP VIEW zoo_seen",
        "REVOKE ALL ON zoo_word FROM PUBLIC",
        "DROP FUNCTION zoo_nothing CASCADE",
    ],
    "mysql": ["DROP TRIGGER own"],
    "sqlite": ["DROP TRIGGER own"],
}
DEPENDENTS = {
    "postgresql": [
        "foreign key zoo_outside_word_fkey of zoo_outside",
        "privileges on zoo_word",
        "trigger own of zoo_word",
        "view zoo_seen",
    ],
    "mysql": ["trigger own of zoo_word"],
    "sqlite": ["trigger own of zoo_word"],
}


def test_what_is_dropped_with_a_table_is_found(words):
    connection = connections[words]
    with statements(words, TRIGGERS[connection.vendor], UNDO[connection.vendor]):
        assert find_dependents(connection, {"zoo_word"}) == DEPENDENTS[connection.vendor]
        assert find_dependents(connection, {"zoo_price"}) == []


@pytest.mark.parametrize("portable", [False, True])
def test_table_that_would_replace_rows_of_its_own_accord_keeps_all_or_none(
    databases, path, portable
):
    databases.use("default")
    fill.execute("default", "DELETE FROM zoo_word")
    fill.execute("default", "INSERT INTO zoo_word VALUES (1, 'a'), (2, 'A')")
    back_up("default", path, "zoo.Word")
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_schema WHERE name = 'zoo_word'")
        (definition,) = cursor.fetchone()
    replacing = [
        "DROP TABLE zoo_word",
        "CREATE TABLE zoo_word (id integer NOT NULL PRIMARY KEY, text varchar(40) NOT NULL"
        " COLLATE NOCASE UNIQUE ON CONFLICT REPLACE)",
        "INSERT INTO zoo_word VALUES (9, 'stays')",
    ]
    with statements("default", replacing, ["DROP TABLE zoo_word", definition]):
        with refused("default", "zoo.Word") as raised:
            restore("default", path, "zoo.Word", portable=portable)
        assert get_words("default") == [(9, "stays")]
    assert isinstance(raised.value, CopyError)


def test_key_that_no_database_keeps_is_none_in_the_file(databases, path, monkeypatch):
    databases.use("default")
    monkeypatch.setattr(zoo.Car._meta.get_field("driver"), "db_constraint", False)
    back_up("default", path, "zoo.Car", "zoo.Driver")
    with closing(sqlite3.connect(path)) as connection:
        keys = [
            [row[3] for row in connection.execute(f"PRAGMA foreign_key_list({table})")]
            for table in ("zoo_car", "zoo_driver")
        ]
    assert keys == [[], ["favourite_id"]]


PRECISE = {"postgresql": "timestamp(0) with time zone", "mysql": "datetime"}


@pytest.mark.parametrize("live", ["postgresql", "mysql"])
def test_moment_that_the_live_column_would_round_is_named(live, databases, path):
    alias = databases.use(live)
    databases.use("default")
    column = f"{PRECISE[live]} NOT NULL"
    wide = "timestamp with time zone" if live == "postgresql" else "datetime(6) NOT NULL"
    change = {
        "postgresql": "ALTER TABLE zoo_datetime ALTER COLUMN value TYPE {}",
        "mysql": "ALTER TABLE zoo_datetime MODIFY COLUMN value {}",
    }[live]
    fill.execute("default", "DELETE FROM zoo_datetime")
    fill.execute(
        "default",
        "INSERT INTO zoo_datetime (id, value) VALUES (1, '2024-12-31 23:59:59.999999'),"
        " (2, '2024-12-31 23:59:59')",
    )
    back_up("default", path, "zoo.DateTime")
    narrow = column.removesuffix(" NOT NULL") if live == "postgresql" else column
    with (
        statements(alias, [change.format(narrow)], [change.format(wide)]),
        unchanged(alias, "zoo_datetime"),
        refused(alias, "zoo.DateTime", "has more than 0 digits after the second", "999999") as it,
    ):
        restore(alias, path, "zoo.DateTime")
    assert str(it.value).count("digits after the second") == 1
    fill.execute("default", "DELETE FROM zoo_datetime")
