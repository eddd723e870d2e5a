"""Squashed migrations: on the file's side, on the live database's, on the code's."""

import pytest

from tests.revisions.stores import check_same

CODES = ["parts", "both", "only", "finished"]
SQUASH = "0001_squashed_0003"


@pytest.fixture(scope="session")
def made():
    """Files, by engine and by how they came to be."""
    return {}


def make_file(world, made, state, squash):
    """Return a backup of a database that was new when the code had the squash so far, and that."""
    key = (world.engine, state, squash)
    if key not in made:
        world.store.clear()
        world.migrate(state, squash)
        world.at(state, squash).execute("import fill; fill.fill()").check()
        path = world.folder / f"squash_{state}_{squash}.sqlite3"
        world.at(state, squash).run("sqlitebackup", "--file", path).check()
        made[key] = path, world.read().lived
    return made[key]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("origin", CODES)
def test_file_of_any_squash_fits_code_of_any(sqlite_world, made, origin, code):
    """The file is of state 5, the code of state 6, and the live database new at state 6."""
    world = sqlite_world
    path, before = make_file(world, made, 5, origin)
    world.store.clear()
    world.migrate(6, code)
    result = world.at(6, code).run("sqliterestore", "--no-input", "--file", path)
    if (origin, code) in FORGOTTEN:
        assert result.code == 1
        assert "squash" in result.err
        return
    result.check()
    after = world.read().lived
    assert after.rows["library_author"] == before.rows["library_author"]
    assert after.rows["library_note"] == before.rows["library_note"]
    assert len(after.rows["library_book"]) == 3
    assert "position" in after.rows["library_book_shelves"][0]
    # And Django agrees: nothing is left to do.
    assert world.at(6, code).run("migrate", "--check").code == 0


# What no code can know: the squash is forgotten on one side, and so is what it stood for.
FORGOTTEN = {("parts", "finished"), ("finished", "parts")}


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_file_from_before_a_squash_fits_code_with_the_squash_only(worlds, engine):
    world = worlds.get(engine)
    path = world.get_file(5)
    world.begin(5)
    world.migrate(6)
    expected = world.read().lived
    world.store.clear()
    world.migrate(6, "only")
    world.at(6, "only").run("sqliterestore", "--no-input", "--file", path).check()
    found = world.read().lived
    for name, rows in found.rows.items():
        assert rows == expected.rows[name], name


def test_database_that_recorded_only_the_parts(sqlite_world):
    world = sqlite_world
    path = world.get_file(3)
    world.begin(3)
    world.migrate(6, "both")
    expected = world.read().lived
    world.begin(5)
    world.at(6, "both").run("sqliterestore", "--no-input", "--file", path).check()
    check_same(world.read().lived, expected)


def test_file_from_inside_a_squash_needs_the_parts(sqlite_world):
    world = sqlite_world
    path = world.get_file(2)
    world.begin(6)
    before = world.read()
    result = world.at(6, "only").run("sqliterestore", "--no-input", "--file", path)
    assert result.code == 1
    assert "inside a squashed migration" in result.err
    check_same(world.read(), before)


def test_file_from_inside_a_squash_is_restored_where_the_parts_still_are(sqlite_world):
    world = sqlite_world
    path = world.get_file(2)
    world.begin(2)
    world.migrate(6, "both")
    expected = world.read().lived
    world.store.clear()
    world.migrate(6, "both")
    world.at(6, "both").run("sqliterestore", "--no-input", "--file", path).check()
    found = world.read().lived
    assert found.rows["library_book"] == expected.rows["library_book"]
    assert found.applied == [line for line in expected.applied if "archive" not in line]
