"""SIGKILL at any moment: what was there is there, or what was to come is, whole."""

import fcntl
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest

from django_sqlite_backup.targets import remove_leftovers
from tests import engines
from tests.faults.killing import KILLS, dump, is_whole, kill_often, list_partial
from tests.revisions.conftest import Worlds
from tests.revisions.stores import check_same
from tests.revisions.test_every_pair import get_lived
from tests.revisions.test_failures import find_safety_backups

pytestmark = pytest.mark.slow
CODE = 5


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    worlds = Worlds(tmp_path_factory.mktemp("kill"), "kill")
    yield worlds
    worlds.destroy()


@pytest.fixture(params=engines.ENGINES)
def world(request, worlds):
    return worlds.get(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def undoing_world(request, worlds):
    return worlds.get(request.param)


def back_up(world, name):
    """Back the world up and return the file."""
    path = world.folder / f"{name}.sqlite3"
    world.at(CODE).run("sqlitebackup", "--file", path).check()
    return path


def make_two(world):
    """Return the backups of two contents of one database, which now has the second."""
    world.begin(CODE)
    one = back_up(world, "one")
    world.at(CODE).execute("import fill; fill.fill('-more')").check()
    return one, back_up(world, "two")


@contextmanager
def living(target):
    """A temporary file of a run that is not dead: locked."""
    path = target.with_name(f".{target.name}.0123456789abcdef.partial")
    with open(path, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield path.name
        assert path.exists()
    path.unlink()


def test_killed_backup_leaves_the_previous_file_or_the_new_one(world, tmp_path):
    old, new = make_two(world)
    previous, expected = old.read_bytes(), dump(new)
    path = tmp_path / "file.sqlite3"

    def prepare():
        path.write_bytes(previous)
        return "sqlitebackup", "--file", path

    outcomes = Counter()
    with living(path) as other:
        for about in kill_often(world, CODE, KILLS, prepare):
            outcome = "old" if path.read_bytes() == previous else "new"
            outcomes[outcome] += 1
            if outcome == "new":
                assert is_whole(path), about
                assert dump(path) == expected, about
            # That of the killed run at most: it has removed what the one before it had left.
            assert len(list_partial(tmp_path)) <= 2, about
        world.at(CODE).run(*prepare()).check()
        assert list_partial(tmp_path) == [other]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    print(world.engine, "backup", dict(outcomes))  # noqa: T201
    assert outcomes["old"]
    for backup in (old, path):
        world.at(CODE).run("sqliterestore", "--no-input", "--file", backup, "--verify").check()
    assert dump(back_up(world, "again")) == expected


def check_found(world, found, before, expected, about):
    """Return whether a killed restore left the data as they were, or as they were to become."""
    if without_counts(world, found.undone) == without_counts(world, before.undone):
        return "old"
    check_same(*(without_counts(world, content) for content in (found.lived, expected)), about)
    return "new"


def without_counts(world, content):
    """Return the content; MariaDB's next keys are in no transaction, so they are only fresh."""
    if world.engine != "mysql":
        return content
    for table, key in content.next_keys.items():
        last = max((get_key(line) for line in content.rows[table]), default=0)
        assert key > last, f"{table} has the next key {key} and the row {last}."
    return replace(content, next_keys={})


def get_key(line):
    return int(dict(cell.split("=", 1) for cell in line.split("\t") if "=" in cell)["id"])


def test_killed_restore_leaves_the_old_rows_or_the_new_ones(world):
    one, two = make_two(world)
    bytes_before = one.read_bytes(), two.read_bytes()
    contents = {}
    for path in (one, two):
        world.at(CODE).run("sqliterestore", "--no-input", "--file", path).check()
        contents[path] = world.read().lived
    # The first is what is restored next, and takes turns with the other.
    paths, before, outcomes = [one, two], world.read(), Counter()
    for about in kill_often(world, CODE, KILLS, lambda: restoring(paths[0])):
        found = world.read()
        outcome = check_found(world, found, before, contents[paths[0]], about)
        outcomes[outcome] += 1
        if outcome == "new":
            paths.reverse()
        before = found
    assert (one.read_bytes(), two.read_bytes()) == bytes_before
    print(world.engine, "restore", dict(outcomes))  # noqa: T201
    assert outcomes["old"]


def restoring(path):
    return "sqliterestore", "--no-input", "--file", path


def test_killed_restore_of_older_rows_leaves_the_old_schema_too_or_the_new_one(undoing_world):
    """Both schema changes, the rows, and the data migrations after them are one transaction."""
    world = undoing_world
    path, new = world.get_file(2), get_lived(world, 2, CODE)
    world.begin(CODE)
    old, outcomes, killed = world.read(), Counter(), []

    def prepare():
        # Only after a restore that was through: else there is nothing to set back.
        if killed != ["old"]:
            world.begin(CODE)
        return restoring(path)

    for about in kill_often(world, CODE, KILLS // 2, prepare):
        outcome = check_found(world, world.read(), old, new, about)
        killed[:] = [outcome]
        outcomes[outcome] += 1
    print(world.engine, "restore of older rows", dict(outcomes))  # noqa: T201
    assert outcomes["old"]


def test_killed_restore_that_cannot_be_undone_leaves_a_way_back(worlds):
    """On MariaDB a schema change commits: before the first of them there is a safety backup."""
    world = worlds.get("mysql")
    path = world.get_file(2)
    world.begin(CODE)
    old, expected = world.read().lived, dump(back_up(world, "old"))

    def prepare():
        for made in find_safety_backups(path):
            made.unlink()
        if world.read().lived != old:
            world.begin(CODE)
        return restoring(path)

    outcomes = Counter()
    for about in kill_often(world, CODE, KILLS // 8, prepare):
        safety = find_safety_backups(path)
        assert len(safety) <= 1, about
        outcomes["with" if safety else "without"] += 1
        if safety:
            assert is_whole(safety[0]), about
            assert dump(safety[0]) == expected, about
        else:
            check_same(world.read().lived, old, about)
        assert len(list_partial(path.parent)) <= 1, about
    print(dict(outcomes))  # noqa: T201
    assert outcomes["with"]


@pytest.mark.parametrize("name", ["file.sqlite3", "file", "file.before-restore-2.sqlite3"])
def test_leftovers_of_safety_backups_are_those_of_their_file(tmp_path, name):
    dead = ("file.before-restore-20260102T030405Z.sqlite3", "file.sqlite3", name)
    others = [".file.notes.partial", ".file.sqlite3.download.partial"]
    others += [
        ".file2.sqlite3.0123456789abcdef.partial",
        ".my.file.sqlite3.0123456789abcdef.partial",
        ".file.partial",
    ]
    for entry in (*(f".{target}.0123456789abcdef.partial" for target in dead), *others):
        (tmp_path / entry).touch()
    remove_leftovers(tmp_path / name)
    assert list_partial(tmp_path) == sorted(others)
