"""Restores of less than everything, without migrations, and those that are only planned."""

import json
import shutil

import pytest

from tests.files import edit, edit_manifest
from tests.revisions.stores import check_same
from tests.revisions.test_every_pair import get_lived, restore

POINTS = {
    "same": (5, 5, 5),
    "behind": (5, 3, 6),
    "ahead": (3, 6, 6),
    "new": (4, 0, 5),
    "newer than the code": (5, 3, 3),
    "irreversible": (6, 7, 7),
    "not atomic": (7, 7, 8),
}


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("point", POINTS)
def test_dry_run_touches_nothing(world, point, format):
    state, live, code = POINTS[point]
    path = world.get_file(state)
    world.begin(live)
    before = world.read()
    files = set(path.parent.glob("*.sqlite3"))
    result = restore(world, code, path, "--dry-run", f"--format={format}")
    assert result.code == (1 if point in ("newer than the code", "irreversible") else 0)
    check_same(world.read(), before)
    assert set(path.parent.glob("*.sqlite3")) == files
    if format == "json":
        plan = json.loads(result.out)
        assert sum(plan["delete"].values()) == sum(
            len(before.rows[name]) for name in before.rows if name in deleted_tables(plan)
        )
    else:
        assert result.out.startswith(f'"{path}", backed up ')


def deleted_tables(plan):
    """Return the names that the deleted models' tables have: Django's, but for one."""
    names = {label.lower().replace(".", "_") for label in plan["delete"]}
    known = {
        "contenttypes_contenttype": "django_content_type",
        "sites_site": "django_site",
        "library_placement": "library_book_shelves",
    }
    return {known.get(name, name) for name in names}


def test_plan_says_what_will_happen(world):
    path = world.get_file(3)
    world.begin(6)
    plan = json.loads(restore(world, 6, path, "--dry-run", "--format=json").check().out)
    assert plan["file_revision"]["library"] == ["0003_remove_pages"]
    assert plan["live_revision"]["library"] == ["0008_placement"]
    assert [step["migration"] for step in plan["unapply"]][-1] == "library.0004_address"
    assert plan["apply"] == []
    assert next(step["migration"] for step in plan["update"]) == "library.0004_address"
    assert plan["delete"]["library.Book"] == 18
    assert plan["insert"]["library.Book"] == 9
    assert plan["left_out"] == ["archive.Record"]
    assert plan["one_transaction"] == (world.engine != "mysql")
    assert bool(plan["safety_backup"]) == (world.engine == "mysql")


def test_plan_marks_what_is_not_atomic_and_what_is_irreversible(postgresql_world):
    world = postgresql_world
    path = world.get_file(6)
    world.begin(8)
    result = restore(world, 8, path, "--dry-run")
    assert result.code == 1
    lines = result.out.splitlines()
    assert "library: the file is at 0008_placement, the database at 0012_price_index." in lines
    assert "  library.0012_price_index (not atomic)" in lines
    assert "  library.0011_shout (irreversible)" in lines
    assert "library.0011_shout (Raw Python operation)" in result.err


def test_newer_file_without_migrations_takes_what_both_sides_have(undoing_world):
    """The file has a table and a column more."""
    world = undoing_world
    path = world.get_file(4)
    world.begin(3)
    result = restore(world, 3, path, "--no-migrate", "library.Shelf", "members").check()
    left_out = "In the file and not restored: members.Member.favourite_id, library.Address."
    assert left_out in result.err
    found = world.read()
    assert len(found.rows["library_shelf"]) == 8
    assert len(found.rows["members_member"]) == 4


def test_column_that_would_be_empty_is_refused_before_anything_is_touched(world):
    path = world.get_file(3)
    world.begin(5)
    before = world.read()
    result = restore(world, 5, path, "--no-migrate")
    assert result.code == 1
    assert "library.Book.code may not be NULL" in result.err
    check_same(world.read(), before)


def test_column_that_may_be_empty_is_left_to_its_default(undoing_world):
    world = undoing_world
    path = world.get_file(3)
    world.begin(3)
    world.migrate(4)
    result = restore(world, 4, path, "--no-migrate", "members").check()
    assert "Not in the file, left to defaults: members.Member.favourite_id." in result.err
    for row in world.read().rows["members_member"]:
        assert "favourite_id" in row.split("\t")


def test_part_of_an_older_file_never_costs_rows_of_other_tables(world):
    path = world.get_file(4)
    world.begin(5)
    before = world.read()
    for label, reason in (
        ("library", "members.Member.favourite_id is not restored and refers to library_author"),
        ("library.Book", "library.Author is not restored, and its rows would be lost"),
    ):
        result = restore(world, 5, path, label)
        assert result.code == 1
        assert reason in result.err
    check_same(world.read(), before)
    restore(world, 5, path, "library", "members").check()
    found = world.read()
    assert found.rows["plain_pin"] == before.rows["plain_pin"]
    assert found.rows["auth_group"] == before.rows["auth_group"]
    assert len(found.rows["library_book"]) == 12


def test_one_app_without_migrations_of_an_older_file(world):
    """Whatever else is at another revision has nothing to do with it."""
    path = world.get_file(4)
    world.begin(5)
    before = world.read().lived
    restore(world, 5, path, "plain", "--no-migrate").check()
    found = world.read().lived
    assert len(found.rows["plain_pin"]) == len(before.rows["plain_pin"]) - 1
    check_same(found.without("plain_pin"), before.without("plain_pin"))


def test_excluded_tables_keep_their_rows(undoing_world):
    world = undoing_world
    path = world.get_file(4)
    expected = get_lived(world, 4, 5)
    world.begin(5)
    before = world.read()
    restore(world, 5, path, "--exclude", "plain", "--exclude", "sites").check()
    found = world.read().lived
    assert found.rows["plain_pin"] == before.rows["plain_pin"]
    check_same(found.without("plain_pin"), expected.without("plain_pin"))


def test_value_that_the_columns_of_the_file_s_revision_cannot_take(postgresql_world, tmp_path):
    """They are not there yet: the live database is ahead, and the fields of that revision count."""
    world = postgresql_world
    path = shutil.copy(world.get_file(3), tmp_path / "bad.sqlite3")
    edit(path, f"UPDATE library_author SET street = '{'x' * 41}' WHERE id = 1")
    edit_manifest(path, engine="sqlite")
    world.begin(6)
    before = world.read()
    result = restore(world, 6, path)
    assert result.code == 1
    assert f'- library.Author.street: "{"x" * 41}" (primary key 1) is longer than 40' in result.err
    check_same(world.read(), before)


def test_key_to_a_row_that_stays_is_looked_at_before_anything_is_migrated(world, tmp_path):
    path = tmp_path / "edited.sqlite3"
    shutil.copy(world.get_file(1), path)
    edit(
        path,
        "UPDATE auth_permission SET content_type_id = 999"
        " WHERE id = (SELECT max(id) FROM auth_permission)",
    )
    world.begin(2)
    before = world.read()

    result = restore(world, 2, path, "--exclude=contenttypes")

    assert "is in no row that stays of contenttypes.ContentType." in result.err
    assert result.code == 1
    assert "Nothing was changed." in result.err
    check_same(world.read(), before)


def test_key_to_a_row_that_a_migration_may_make_is_left_to_the_engine(world, tmp_path):
    path = tmp_path / "edited.sqlite3"
    shutil.copy(world.get_file(6), path)
    edit(
        path,
        "UPDATE auth_permission SET content_type_id = 999"
        " WHERE id = (SELECT max(id) FROM auth_permission)",
    )
    world.begin(5)

    result = restore(world, 6, path, "--exclude=contenttypes", "--dry-run", "--format=json")

    assert (result.code, json.loads(result.out)["misfits"]) == (0, [])
