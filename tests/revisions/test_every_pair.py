"""A backup of each state, restored onto each state of the code, on each engine.

The oracle is the database of that backup's moment, brought to the state by `migrate` alone.
"""

import pytest

from tests.revisions.history import STATES
from tests.revisions.stores import check_same

pytestmark = pytest.mark.slow

IRREVERSIBLE, NON_ATOMIC = 7, 8
ARCHIVE = "archive_record"


def get_lived(world, state, code):
    """Return what a database of `state` is when only `migrate` brings it to the code's state."""
    world.begin(state)
    if code != state:
        world.migrate(code)
    return world.read().lived


def restore(world, code, path, *options):
    return world.at(code).run("sqliterestore", "--no-input", "--file", path, *options)


def get_older(world, code):
    """Return the states whose backups are restored onto a state of the code.

    All of them where that is quick; on a server the first, the last two, and one between.
    """
    if world.engine == "sqlite":
        return range(1, code + 1)
    return sorted({1, max(code - 1, 1), code} | ({IRREVERSIBLE} if code > IRREVERSIBLE else set()))


@pytest.mark.parametrize("code", STATES)
def test_older_file_lives_through_what_it_missed(world, code):
    for state in get_older(world, code):
        path = world.get_file(state)
        expected = get_lived(world, state, code)
        world.begin(code)
        bars = state < IRREVERSIBLE <= code
        result = restore(world, code, path, *(["--rebuild"] if bars else [])).check()
        check_same(world.read().lived, expected, f"{state} onto {code}\n{result.err}")


@pytest.mark.parametrize("state", [2, 5, 8])
def test_newer_file_is_refused_by_its_name_and_nothing_is_touched(world, state):
    path = world.get_file(state)
    world.begin(state - 1)
    before = world.read()
    result = restore(world, state - 1, path)
    names = {2: "library.0002_rename_title", 5: "library.0007_code", 8: "library.0012_price_index"}
    assert result.code == 1
    assert f"newer than the code: it records {names[state]}" in result.err
    check_same(world.read(), before)


@pytest.mark.parametrize("live", [1, 3, 5])
def test_live_database_behind_file_or_code_comes_out_the_same(world, live):
    path = world.get_file(4)
    expected = get_lived(world, 4, 6)
    world.begin(live)
    restore(world, 6, path).check()
    check_same(world.read().lived, expected)


def test_database_without_any_table_comes_out_the_same(world):
    path = world.get_file(4)
    world.begin(4)
    world.migrate(6)
    # What no code can make that does not have the app any more.
    world.store.execute(
        "DROP TABLE archive_record", "DELETE FROM django_migrations WHERE app = 'archive'"
    )
    expected = world.read().lived
    world.begin(0)
    restore(world, 6, path).check()
    check_same(world.read().lived, expected)


@pytest.mark.parametrize(("state", "code"), [(1, 2), (3, 6), (6, 8)])
def test_backup_by_code_that_is_ahead_of_the_database(world, state, code):
    """As a hook of a deploy makes it: the new code, before its migrations."""
    path = world.get_file(state, code=code)
    expected = get_lived(world, state, code)
    world.begin(state)
    restore(world, code, path).check()
    check_same(world.read().lived, expected)
