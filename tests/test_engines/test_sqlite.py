"""SQLite alone: triggers, cells of any type in any column, journals, odd tables."""

import pytest
from django.db import connections

from tests import oracle
from tests.copying import back_up, refused, restore, statements, unchanged
from zoo import fill
from zoo import models as zoo

PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])


@pytest.fixture
def sqlite(databases):
    alias = databases.use("default")
    fill.clear(alias)
    return alias


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


TRIGGERS = [
    "CREATE TRIGGER \"on 'insert'\" AFTER INSERT ON zoo_tag BEGIN "
    "INSERT INTO zoo_club (name) VALUES ('from; a trigger'); END",
    "CREATE TRIGGER on_delete BEFORE DELETE ON ZOO_TAG BEGIN SELECT RAISE(ABORT, 'no'); END",
    "CREATE TRIGGER on_view INSTEAD OF INSERT ON zoo_view BEGIN SELECT 1; END",
]
WITHOUT_TRIGGERS = [f"DROP TRIGGER {name}" for name in ("\"on 'insert'\"", "on_delete", "on_view")]


@PORTABLE
def test_triggers_do_not_fire_and_stay(sqlite, path, portable):
    fill.add(sqlite, zoo.Tag, (1, "tall"), (2, "small"))
    back_up(sqlite, path, "zoo", portable=portable)

    with statements(sqlite, TRIGGERS, WITHOUT_TRIGGERS), unchanged(sqlite):
        restore(sqlite, path, "zoo", portable=portable)


ODD_CELLS = ["'text'", "x'00ff'", "1.5", "9e999", "'12'", "''", "-9223372036854775808", "1e300"]


def test_cells_of_any_type_in_any_column_come_back(sqlite, path):
    """SQLite enforces no types, so rows of other programs hold what no field would write."""
    names = [name for name in fill.VALUES if name != "Json" and not name.startswith("Positive")]
    for table in (getattr(zoo, name)._meta.db_table for name in names):
        for key, cell in enumerate(ODD_CELLS, start=1):
            fill.insert(sqlite, table, key, cell, cell)
    labels = [f"zoo.{name}" for name in names]
    back_up(sqlite, path, *labels, verify=True)

    with unchanged(sqlite):
        restore(sqlite, path, *labels, verify=True)

    fill.clear(sqlite)


def test_live_database_may_write_ahead(sqlite, path):
    fill.fill(sqlite)
    fill.execute(sqlite, "PRAGMA journal_mode = WAL")
    try:
        back_up(sqlite, path, "zoo")
        with unchanged(sqlite):
            restore(sqlite, path, "zoo")
    finally:
        connections[sqlite].close()
        fill.execute(sqlite, "PRAGMA journal_mode = DELETE")


def test_file_is_not_attached_afterwards(sqlite, path):
    back_up(sqlite, path, "zoo.Tag")
    restore(sqlite, path, "zoo.Tag")

    with connections[sqlite].cursor() as cursor:
        cursor.execute("PRAGMA database_list")
        assert {row[1] for row in cursor.fetchall()} <= {"main", "temp"}


@pytest.mark.parametrize("options", ["STRICT", "WITHOUT ROWID", "STRICT, WITHOUT ROWID"])
def test_table_of_another_kind_is_copied(sqlite, path, options):
    create = [
        "ALTER TABLE zoo_tag RENAME TO zoo_tag_plain",
        f"CREATE TABLE zoo_tag (name TEXT NOT NULL, id INTEGER PRIMARY KEY NOT NULL) {options}",
        "INSERT INTO zoo_tag (id, name) VALUES (5, 'five'), (6, '6')",
    ]
    undo = ["DROP TABLE zoo_tag", "ALTER TABLE zoo_tag_plain RENAME TO zoo_tag"]
    fill.execute(sqlite, "PRAGMA foreign_keys = OFF", "PRAGMA legacy_alter_table = ON")

    with statements(sqlite, create, undo), unchanged(sqlite):
        back_up(sqlite, path, "zoo.Tag")
        restore(sqlite, path, "zoo.Tag")

    connections[sqlite].close()


def test_schema_that_was_altered_by_hand_is_not_rewritten(sqlite, path):
    fill.add(sqlite, zoo.Tag, (1, "tall"))
    create = ["CREATE INDEX zoo_x ON zoo_tag (lower(name) DESC) WHERE id > 0", "ANALYZE"]

    with statements(sqlite, create, ["DROP INDEX zoo_x", "DROP TABLE sqlite_stat1"]):
        back_up(sqlite, path, "zoo.Tag")
        with unchanged(sqlite):
            restore(sqlite, path, "zoo.Tag")


def test_constraint_of_the_live_table_still_holds(sqlite, path):
    fill.add(sqlite, zoo.Tag, (1, "tall"), (2, "tall"))
    back_up(sqlite, path, "zoo.Tag")
    fill.clear(sqlite)
    create = ["CREATE UNIQUE INDEX zoo_x_one ON zoo_tag (name)"]

    with statements(sqlite, create, ["DROP INDEX zoo_x_one"]), refused(sqlite, "zoo.Tag"):
        restore(sqlite, path, "zoo.Tag")


def test_sqlite_sequence_of_others_is_left_alone(sqlite, path):
    fill.add(sqlite, zoo.Tag, (41, "tall"))
    back_up(sqlite, path, "zoo.Tag")
    fill.add(sqlite, zoo.Club, (77, "Chess"))

    restore(sqlite, path, "zoo.Tag")

    keys = oracle.next_keys(sqlite)
    assert (keys["zoo_tag"], keys["zoo_club"]) == (42, 78)
