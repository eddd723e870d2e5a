from pathlib import Path

import pytest
from django.db import connections
from django.db.utils import ConnectionHandler

from django_sqlite_backup import ConfigurationError
from django_sqlite_backup.aliases import (
    check_not_live,
    get_connection,
    get_live_path,
    get_path,
    suggest,
)


def sqlite(name):
    """Return a connection that nobody opened, to a SQLite database of that name."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": name}
    return ConnectionHandler({"default": database})["default"]


def test_the_nearest_names_are_suggested():
    assert suggest("defualt", ["backup", "default"]) == 'Did you mean "default"?'
    assert suggest("x", ["default", "backup"]) == 'Did you mean "backup" or "default"?'


def test_a_connection_that_answers_is_given(alias):
    assert get_connection(alias) is connections[alias]


def test_a_path_wins_over_the_alias(tmp_path):
    assert get_path(tmp_path / "file", "no such alias") == tmp_path / "file"


def test_a_relative_path_is_made_absolute():
    assert get_path("file", "backup") == Path.cwd() / "file"


def test_the_alias_names_the_path(backup_path):
    assert get_path(None, "backup") == backup_path


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/a/b c.sqlite3", "/a/b c.sqlite3"),
        (Path("/a/b"), "/a/b"),
        ("file:/a/b%20c?mode=ro", "/a/b c"),
        ("file:///a/b", "/a/b"),
    ],
)
def test_the_path_of_a_live_file_is_known(name, path):
    assert get_live_path(sqlite(name)) == Path(path)


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory&cache=shared"])
def test_a_database_in_memory_has_no_path(name):
    assert get_live_path(sqlite(name)) is None


def test_a_file_of_another_name_is_not_the_live_one(tmp_path):
    (tmp_path / "live").touch()
    check_not_live(tmp_path / "other", sqlite(tmp_path / "live"))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_the_live_file_is_known_under_any_name(tmp_path, link):
    live = tmp_path / "live"
    live.touch()
    getattr(tmp_path / "link", link)(live)
    for name in (live, f"file:{live}?mode=rw"):
        with pytest.raises(ConfigurationError) as caught:
            check_not_live(tmp_path / "link", sqlite(name))
        assert str(caught.value) == (
            f'"{tmp_path / "link"}" is the live database "default" itself. Name another file.'
        )


def test_a_link_to_where_the_live_file_will_be_is_the_live_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "live")
    with pytest.raises(ConfigurationError):
        check_not_live(tmp_path / "link", sqlite(tmp_path / "live"))
