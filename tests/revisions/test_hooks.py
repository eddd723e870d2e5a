"""The hooks: overridden, by method and by setting; receivers; and a caller's transaction."""

import pytest

from tests.revisions.stores import check_same
from tests.revisions.test_every_pair import get_lived

RESTORE = """
from django_sqlite_backup import BackupMechanism
from django.db import connection, transaction
"""
BY_METHOD = f"""{RESTORE}
calls = []

class Mechanism(BackupMechanism):
    def prepare_schema_for_restore(self, from_connection, to_connection):
        calls.append(("prepare", from_connection.vendor, to_connection.alias))
        super().prepare_schema_for_restore(from_connection, to_connection)

    def update_schema_after_restore(self, from_connection, to_connection):
        calls.append(("update", from_connection.vendor, to_connection.alias))
        super().update_schema_after_restore(from_connection, to_connection)

list(Mechanism(path).restore())
print(calls)
"""
BY_SETTING = """
import os
from django_sqlite_backup.schema_changes import migrate_to_code, migrate_to_recorded


def prepare(from_connection, to_connection):
    with open(os.environ["REVISIONS_LOG"], "a") as file:
        file.write("prepare\\n")
    migrate_to_recorded(from_connection, to_connection)


def update(from_connection, to_connection):
    with open(os.environ["REVISIONS_LOG"], "a") as file:
        file.write("update\\n")
    migrate_to_code(to_connection)
"""


def test_override_by_method_that_calls_the_default(world):
    path = world.get_file(3)
    expected = get_lived(world, 3, 4)
    world.begin(4)
    result = world.at(4).execute(BY_METHOD, path=str(path)).check()
    assert result.out == "[('prepare', 'sqlite', 'default'), ('update', 'sqlite', 'default')]\n"
    check_same(world.read().lived, expected)


def test_override_by_setting_that_calls_the_default(sqlite_world, tmp_path):
    world = sqlite_world
    path = world.get_file(3)
    expected = get_lived(world, 3, 4)
    world.begin(4)
    code = world.codes.get(4)
    (code.folder / "hooks.py").write_text(BY_SETTING)
    log = tmp_path / "log"
    done = code.manage(
        "sqliterestore",
        "--no-input",
        f"--file={path}",
        database=world.database,
        env={"REVISIONS_LOG": str(log)},
        SQLITE_BACKUP={
            "PREPARE_SCHEMA_FOR_RESTORE": "hooks.prepare",
            "UPDATE_SCHEMA_AFTER_RESTORE": "hooks.update",
        },
    )
    assert done.returncode == 0, done.stderr
    assert log.read_text() == "prepare\nupdate\ndefault\n"
    check_same(world.read().lived, expected)


@pytest.mark.parametrize("state", [3, 5], ids=["with migrations", "without"])
def test_receivers_of_post_migrate_run_once(world, tmp_path, state):
    path = world.get_file(state)
    world.begin(5)
    log = tmp_path / "log"
    argv = ["sqliterestore", "--no-input", "--file", path]
    world.at(5).run(*argv, REVISIONS_LOG=str(log)).check()
    assert log.read_text() == "default\n"


def test_renamed_model_keeps_its_content_type_and_permissions(world):
    """The live database knows the model by its new name already."""
    path = world.get_file(6)
    expected = get_lived(world, 6, 7)
    world.begin(7)
    world.at(7).run("sqliterestore", "--no-input", "--file", path, "--rebuild").check()
    found = world.read().lived
    check_same(found, expected)
    types = [row for row in found.rows["django_content_type"] if "library" in row]
    assert len([row for row in types if "writer" in row]) == 1
    assert not [row for row in types if "author" in row]


IN_ATOMIC = f"""{RESTORE}
try:
    with transaction.atomic():
        list(BackupMechanism(path).restore())
        print("restored")
        if undo:
            raise KeyError
except KeyError:
    print("undone")
"""


@pytest.mark.parametrize("undo", [False, True])
def test_same_revision_inside_a_callers_transaction(world, undo):
    path = world.get_file(5)
    expected = get_lived(world, 5, 5)
    world.begin(5)
    world.store.execute("DELETE FROM library_note")
    before = world.read()
    result = world.at(5).execute(IN_ATOMIC, path=str(path), undo=undo).check()
    if undo:
        assert result.out == "restored\nundone\n"
        check_same(world.read().undone, before.undone)
    else:
        check_same(world.read().lived, expected)


def test_migrations_inside_a_callers_transaction(world):
    path = world.get_file(3)
    expected = get_lived(world, 3, 4)
    world.begin(4)
    before = world.read()
    result = world.at(4).execute(IN_ATOMIC, path=str(path), undo=False)
    if world.engine == "postgresql":
        result.check()
        check_same(world.read().lived, expected)
    else:
        assert "RevisionMismatch: The restore would change the schema" in result.err
        assert "Call it outside of atomic()." in result.err
        check_same(world.read(), before)
