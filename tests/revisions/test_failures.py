"""What a restore leaves behind that does not come to its end."""

import pytest

from tests.revisions.history import split_way_back
from tests.revisions.stores import check_same
from tests.revisions.test_every_pair import get_lived, restore


@pytest.mark.parametrize(("state", "code", "fail"), [(2, 5, "0005"), (6, 7, "0011")])
def test_failing_data_migration_leaves_everything_as_it_was(undoing_world, state, code, fail):
    world = undoing_world
    path = world.get_file(state)
    world.begin(code if code < 7 else 6)
    before = world.read()
    argv = ["sqliterestore", "--no-input", "--file", path]
    result = world.at(code).run(*argv, REVISIONS_FAIL=fail)
    assert result.code == 1
    assert "While updating the schema: the " in result.err
    assert "do not want to" in result.err
    assert "To go back" not in result.err
    check_same(world.read().undone, before.undone)
    # And the same process can do it afterwards.
    expected = get_lived(world, state, code)
    world.begin(code if code < 7 else 6)
    restore(world, code, path).check()
    check_same(world.read().lived, expected)


def find_safety_backups(path):
    return sorted(path.parent.glob(f"{path.stem}.before-restore-*.sqlite3"))


def test_way_back_that_the_error_names_works_word_for_word(mysql_world):
    """On MariaDB, where a failure half-way cannot be undone."""
    world = mysql_world
    path = world.get_file(2)
    world.begin(4)
    before = world.read()
    made = set(find_safety_backups(path))
    argv = ["sqliterestore", "--no-input", "--file", path]
    result = world.at(5).run(*argv, REVISIONS_FAIL="0005")
    assert result.code == 1
    assert world.read().lived != before.lived
    (safety,) = set(find_safety_backups(path)) - made
    assert str(safety) in result.err
    command = split_way_back(result.err)
    # In a shell, in the project's folder, with nothing on standard input; the code still fails.
    done = world.codes.get(5).manage(
        *command, database=world.database, env={"REVISIONS_FAIL": "0005"}
    )
    assert done.returncode == 0, done.stderr
    check_same(world.read().lived, before.lived)


def test_way_back_from_a_half_done_migration_that_is_not_atomic(postgresql_world):
    world = postgresql_world
    path = world.get_file(6)
    world.begin(6)
    before = world.read()
    # An index by the name that the non-atomic migration gives its own.
    world.store.execute("CREATE INDEX library_price ON library_shelf (name)")
    result = restore(world, 8, path)
    world.store.execute("DROP INDEX library_price")
    assert result.code == 1
    done = world.codes.get(8).manage(*split_way_back(result.err), database=world.database)
    assert done.returncode == 0, done.stderr
    check_same(world.read().lived, before.lived)


def test_safety_backup_is_made_named_and_kept(mysql_world):
    world = mysql_world
    path = world.get_file(4)
    world.begin(5)
    made = set(find_safety_backups(path))
    result = restore(world, 5, path).check()
    (safety,) = set(find_safety_backups(path)) - made
    assert f'Before the restore the database was backed up to "{safety}".' in result.err
    world.begin(5)
    before = world.read()
    restore(world, 5, path).check()
    restore(world, 5, safety).check()
    check_same(world.read().lived, before.lived)


def test_safety_backup_is_waived_by_its_flag(mysql_world):
    world = mysql_world
    path = world.get_file(4)
    world.begin(5)
    made = find_safety_backups(path)
    restore(world, 5, path, "--no-safety-backup").check()
    assert find_safety_backups(path) == made


@pytest.mark.parametrize("is_new", [True, False], ids=["without tables", "migrated"])
def test_empty_database_needs_no_safety_backup(mysql_world, is_new):
    world = mysql_world
    path = world.get_file(4)
    world.store.clear()
    if not is_new:
        world.migrate(5)
        world.store.execute("DELETE FROM plain_pin")
    made = find_safety_backups(path)
    restore(world, 5, path).check()
    assert find_safety_backups(path) == made


def test_no_safety_backup_where_all_is_one_transaction(undoing_world):
    world = undoing_world
    path = world.get_file(4)
    world.begin(5)
    restore(world, 5, path).check()
    assert find_safety_backups(path) == []


def test_safety_backup_of_a_non_atomic_migration(postgresql_world):
    world = postgresql_world
    path = world.get_file(7)
    world.begin(7)
    made = set(find_safety_backups(path))
    result = restore(world, 8, path).check()
    (safety,) = set(find_safety_backups(path)) - made
    assert str(safety) in result.err


HELD = """
import time
from contextlib import closing
from django.db import connection
from django_sqlite_backup import BackupMechanism, MigrationError

SETTING = {
    "postgresql": "SELECT current_setting('lock_timeout')",
    "mysql": "SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout",
}[connection.vendor]

def ask(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()

def hold():
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("UPDATE library_book SET price = price")

class Mechanism(BackupMechanism):
    def prepare_schema_for_restore(self, from_connection, to_connection):
        if phase == "prepare":
            hold()
        super().prepare_schema_for_restore(from_connection, to_connection)

    def update_schema_after_restore(self, from_connection, to_connection):
        if phase == "update":
            hold()
        super().update_schema_after_restore(from_connection, to_connection)

before = ask(SETTING)
other = connection.copy()
with closing(other):
    if phase == "before":
        hold()
    begun = time.monotonic()
    try:
        list(Mechanism(path, wait=1, safety_backup=safety).restore())
    except MigrationError as error:
        print(error)
    print("at once" if time.monotonic() - begun < 15 else "late")
    other.rollback()
print("set back" if ask(SETTING) == before else ask(SETTING))
"""


@pytest.mark.parametrize("safety", [True, False])
@pytest.mark.parametrize("phase", ["before", "prepare", "update"])
@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_schema_that_somebody_holds_is_given_up_after_a_while(worlds, engine, phase, safety):
    """On MariaDB, and where a migration is not atomic: outside of any transaction."""
    world = worlds.get(engine)
    path = world.get_file(7)
    world.begin(7 if phase == "update" else 8)
    result = world.at(8).execute(HELD, path=str(path), phase=phase, safety=safety).check()
    message, *lines = result.out.splitlines()
    assert "Gave up after 1 seconds. In the way now: session " in message
    assert ("To go back: " if safety else "no safety backup was taken") in message
    assert lines == ["at once", "set back"]
