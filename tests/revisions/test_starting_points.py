"""Where file, live database and code may be when a restore begins."""

import json

import pytest

from tests.revisions.history import write_code
from tests.revisions.stores import check_same
from tests.revisions.test_every_pair import get_lived, restore


@pytest.mark.parametrize("code", [3, 6])
def test_app_that_was_removed_keeps_its_rows_and_is_named(undoing_world, code):
    world = undoing_world
    path = world.get_file(1)
    world.begin(code)
    before = world.read()
    result = restore(world, code, path).check()
    assert ("archive.Record" in result.err) == (code == 6)
    assert world.read().rows["archive_record"] == before.rows["archive_record"]


def test_app_that_is_new_since_loses_its_rows_and_the_plan_says_so(undoing_world):
    world = undoing_world
    path = world.get_file(5)
    world.begin(6)
    plan = json.loads(restore(world, 6, path, "--dry-run", "--format=json").check().out)
    assert plan["delete"]["news.Story"] == 3
    assert "news.Story" not in plan["insert"]
    restore(world, 6, path).check()
    assert world.read().rows["news_story"] == []


def test_database_that_is_migrated_but_empty(world):
    path = world.get_file(4)
    world.store.clear()
    world.migrate(5)
    restore(world, 5, path).check()
    found = world.read().lived
    expected = get_lived(world, 4, 5)
    check_same(found, expected)


def test_file_and_database_diverged_where_each_has_what_the_other_lacks(undoing_world):
    """A file with news and without the last of members; a database the other way round."""
    world = undoing_world
    world.begin(5)
    world.at(6).run("migrate", "news", "-v0").check()
    path = world.folder / "diverged.sqlite3"
    path.unlink(missing_ok=True)
    world.at(6).run("sqlitebackup", "--file", path).check()
    world.migrate(6)
    expected = world.read().lived
    world.begin(5)
    world.at(6).run("migrate", "library", "-v0").check()
    plan = json.loads(restore(world, 6, path, "--dry-run", "--format=json").check().out)
    assert [step["migration"] for step in plan["unapply"]] == ["library.0008_placement"]
    assert [step["migration"] for step in plan["apply"]] == ["news.0001_initial"]
    restore(world, 6, path).check()
    check_same(world.read().lived, expected)


def test_missing_table_of_an_app_without_migrations_is_made(world):
    path = world.get_file(5)
    expected = get_lived(world, 5, 5)
    world.begin(5)
    world.store.execute("DROP TABLE plain_pin")
    plan = json.loads(restore(world, 5, path, "--dry-run", "--format=json").check().out)
    assert plan["create"] == ["plain.Pin"]
    restore(world, 5, path).check()
    check_same(world.read().lived, expected)


def test_database_that_is_newer_than_the_code_is_refused(undoing_world):
    world = undoing_world
    path = world.get_file(3)
    world.begin(5)
    before = world.read()
    for options in ([], ["--rebuild"]):
        result = restore(world, 3, path, *options)
        assert result.code == 1
        assert "The live database is newer than the code" in result.err
        assert "library.0007_code" in result.err
    check_same(world.read(), before)


def test_records_that_nobody_pruned_are_no_newer_database(sqlite_world):
    world = sqlite_world
    world.store.clear()
    world.migrate(6, "both")
    world.at(6, "both").execute("import fill; fill.fill()").check()
    path = world.folder / "unpruned.sqlite3"
    path.unlink(missing_ok=True)
    world.at(6, "finished").run("sqlitebackup", "--file", path).check()
    expected = world.read().lived
    world.store.execute("DELETE FROM library_note")
    world.at(6, "finished").run("sqliterestore", "--no-input", "--file", path).check()
    check_same(world.read().lived, expected)


def test_irreversible_operation_is_refused_by_name_and_rebuild_goes_round_it(world):
    path = world.get_file(6)
    expected = get_lived(world, 6, 7)
    world.begin(7)
    before = world.read()
    result = restore(world, 7, path)
    assert result.code == 1
    assert "library.0011_shout (Raw Python operation)" in result.err
    assert "--rebuild" in result.err
    check_same(world.read(), before)
    restore(world, 7, path, "--rebuild").check()
    check_same(world.read().lived, expected)


def test_staying_at_the_files_revision(world):
    path = world.get_file(4)
    expected = get_lived(world, 4, 4)
    world.begin(5)
    restore(world, 5, path, "--no-update").check()
    check_same(world.read().lived, expected)


ROUTER = """
SECOND = ("plain", "archive")

class Router:
    def allow_migrate(self, db, app_label, **hints):
        return (db == "second") == (app_label in SECOND)
    def db_for_read(self, model, **hints):
        return "second" if model._meta.app_label in SECOND else None
    db_for_write = db_for_read
"""


def test_second_database_with_a_router(sqlite_world, codes):
    """Migrations are taken back and applied there, with tables of the apps that belong there."""
    world = sqlite_world
    path = world.folder / "second.sqlite3"
    path.unlink(missing_ok=True)
    databases = {
        name: {**world.database, "NAME": str(world.folder / f"live_{name}.sqlite3")}
        for name in ("default", "second")
    }
    settings = {"DATABASES": databases, "DATABASE_ROUTERS": ["routers.Router"]}
    store = type(world.store)(databases["second"], world.folder)
    store.clear()

    def manage(state, *argv):
        code = codes.get(state)
        (code.folder / "routers.py").write_text(ROUTER)
        done = code.manage(*argv, **settings)
        assert done.returncode == 0, done.stderr

    def run(state, source):
        manage(state, "shell", "-v0", "-c", f"from plain.models import Pin; {source}")

    manage(3, "migrate", "--run-syncdb", "--database=second", "-v0")
    run(3, "Pin.objects.create(text='of state 3')")
    manage(3, "sqlitebackup", "--database=second", "--file", path)
    manage(5, "migrate", "--database=second", "-v0")
    expected = store.read().lived
    run(5, "Pin.objects.all().delete()")
    manage(5, "sqliterestore", "--no-input", "--database=second", "--file", path)
    check_same(store.read().lived, expected)
    assert set(expected.rows) == {"plain_pin", "archive_record"}
    assert len(expected.rows["plain_pin"]) == 2


def test_code_with_two_last_migrations_of_an_app_is_refused(sqlite_world, tmp_path):
    world = sqlite_world
    path = world.get_file(5)
    code = write_code(tmp_path / "code", 6)
    migrations = code.folder / "library" / "migrations"
    other = (migrations / "0002_rename_title.py").read_text()
    other = other.replace("0001_initial", "0007_code").replace('"title", "name"', '"name", "title"')
    (migrations / "0008_other.py").write_text(other)
    world.begin(6)
    before = world.read()
    done = code.manage("sqliterestore", "--no-input", f"--file={path}", database=world.database)
    assert done.returncode == 1
    assert "several last migrations in library" in done.stderr
    check_same(world.read(), before)
