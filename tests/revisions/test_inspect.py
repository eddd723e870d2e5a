"""`sqliteinspect`: what a file says of itself, with no live database at hand."""

import json
import shutil

import pytest


def inspect(world, code, path, *options):
    """Run it where `DATABASES` is empty."""
    return world.at(code, DATABASES={}).run("sqliteinspect", path, *options)


def test_text_says_when_from_where_and_what(sqlite_world):
    world = sqlite_world
    path = world.get_file(5)
    result = inspect(world, 5, path).check()
    lines = result.out.splitlines()
    assert lines[0] == f'"{path}", {path.stat().st_size:,} bytes'
    assert lines[1].startswith("Backed up 20")
    assert lines[2].startswith('from "default" (sqlite 3.')
    assert ["library.Book", "15"] in [line.split() for line in lines]
    assert lines[-1].startswith("The checksum holds: ")


def test_migrations_ahead_of_and_behind_the_code_are_marked(sqlite_world):
    world = sqlite_world
    found = json.loads(inspect(world, 3, world.get_file(4), "--format=json").check().out)
    assert found["migrations"]["library.0003_remove_pages"] == "known"
    assert found["migrations"]["library.0004_address"] == "ahead"
    found = json.loads(inspect(world, 6, world.get_file(5), "--format=json").check().out)
    assert found["behind"] == ["library.0008_placement", "news.0001_initial"]
    assert found["migrations"]["archive.0001_initial"] == "removed"
    assert found["intact"]
    text = inspect(world, 3, world.get_file(4)).check().out
    assert "  library.0004_address  (ahead: the code does not have it)" in text


def damage(path, kind):
    data = bytearray(path.read_bytes())
    if kind == "byte":
        data[len(data) // 2] ^= 1
    elif kind == "cut short":
        del data[len(data) // 2 :]
    elif kind == "nothing left":
        data = b""
    elif kind == "text":
        data = b"no database at all " * 100
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["byte", "cut short", "nothing left", "text"])
def test_damaged_file_is_described_as_far_as_possible(sqlite_world, tmp_path, kind):
    world = sqlite_world
    path = tmp_path / "damaged.sqlite3"
    shutil.copyfile(world.get_file(5), path)
    damage(path, kind)
    result = inspect(world, 5, path, "--format=json")
    assert result.code == 1
    found = json.loads(result.out)
    assert found["problems"]
    assert not found["intact"]
    assert found["checksum"] is None
    if kind == "byte":
        assert found["manifest"]["tables"]["library_book"]["rows"] == 15


def test_file_that_is_not_there(sqlite_world, tmp_path):
    result = inspect(sqlite_world, 5, tmp_path / "nothing.sqlite3")
    assert result.code == 1
    assert "There is no file" in result.err


def test_no_connection_is_opened(sqlite_world):
    """With a server in DATABASES that nobody runs."""
    world = sqlite_world
    nowhere = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/at/all"}
    process = world.at(5, DATABASES={"default": nowhere})
    process.run("sqliteinspect", world.get_file(5)).check()
