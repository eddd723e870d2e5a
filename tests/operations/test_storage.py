"""Backups that go into a storage and come from it, run as the commands that people run."""

import json
import os
import sqlite3
from contextlib import closing
from textwrap import dedent

import pytest

from tests import files, oracle
from tests.shops import WAITING, Project

STORAGE = """
    STORAGES = {{
        "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
        "staticfiles": {{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
        "backups": {{
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {{"location": "{folder}"}},
        }},
    }}
    SQLITE_BACKUP = {{"STORAGE": "backups", "COMPRESSION": "gzip"}}
"""


@pytest.fixture
def shelf(tmp_path):
    """The folder of the storage."""
    return tmp_path / "shelf"


@pytest.fixture
def settings(shelf):
    return STORAGE.format(folder=shelf)


@pytest.fixture
def project(tmp_path, settings):
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", settings)


def read_runs(project):
    query = f"SELECT kind, outcome, file, storage, error FROM {oracle.RUNS} WHERE id > 1"
    with closing(sqlite3.connect(project.live)) as connection:
        return connection.execute(query).fetchall()


def list_names(shelf):
    return sorted(os.listdir(shelf)) if shelf.exists() else []


def change(project):
    files.execute(project.live, "UPDATE shop_order SET note = 'changed'")


def test_a_backup_goes_into_the_storage_and_comes_back(project, shelf):
    done = project.run("sqlitebackup", "--storage", "--format=json")
    assert done.code == 0, done.err
    said = json.loads(done.out)
    name = said["stored"]["name"]
    assert list_names(shelf) == [name, f"{name}.json"]
    assert said["file"] == str(project.backup)
    before = files.dump(project.live)
    change(project)
    # Not from the file.
    project.backup.unlink()
    done = project.run("sqliterestore", "--storage", "--no-input")
    assert (done.code, done.err) == (0, "")
    assert f'from "{name}" to "default"' in done.out
    assert files.dump(project.live) == before
    assert read_runs(project) == [
        ("backup", "succeeded", name, "backups", ""),
        ("restore", "succeeded", name, "backups", ""),
    ]
    assert not list(project.folder.glob("default-*"))


def test_without_an_alias_the_file_is_a_temporary_one(project, shelf, settings):
    project.configure(f"del DATABASES['backup']\n{settings}".replace("\n    ", "\n"))
    names = sorted(os.listdir(project.folder))
    done = project.run("sqlitebackup", "--storage")
    assert done.code == 0, done.err
    (name, _) = list_names(shelf)
    assert 'to the storage "backups" (' in done.out
    assert f'Stored as "{name}" in "backups"' in done.out
    change(project)
    done = project.run("sqliterestore", f"--storage={name}", "--no-input", "--verify")
    assert done.code == 0, done.err
    assert files.execute(project.live, "SELECT 1 FROM shop_order WHERE note = 'changed'") == []
    assert sorted(os.listdir(project.folder)) == names


def wait_in(settings):
    """Return the settings with a mechanism that stops in the middle."""
    last = 'SQLITE_BACKUP["MECHANISM"] = "own_settings.Waiting"'
    return f"{dedent(WAITING)}{dedent(settings)}{last}\n"


def test_what_a_killed_restore_fetched_is_removed_by_the_next(project, shelf, settings):
    assert project.run("sqlitebackup", "--storage").code == 0
    before = sorted(os.listdir(project.folder))
    with project.waiting("sqliterestore", "--storage", "--no-input", settings=wait_in(settings)):
        (fetched,) = project.folder.glob("*.fetched-*.sqlite3")
        assert fetched.stat().st_mode & 0o077 == 0
        # Not one that is in use.
        project.configure(settings)
        assert project.run("sqliterestore", "--storage", "--dry-run").code == 0
        assert fetched.exists()
    assert fetched.exists()
    project.configure(settings)
    listed = json.loads(project.run("sqlitebackups", "--local", "--format=json").out)
    assert [item["name"] for item in listed["backups"]] == [str(project.backup)]
    assert project.run("sqliterestore", "--storage", "--dry-run").code == 0
    left = set(os.listdir(project.folder)) - set(before)
    assert not [name for name in left if "fetched" in name]


def test_what_a_killed_backup_left_in_a_temporary_folder_goes(
    project, shelf, settings, tmp_path, monkeypatch
):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    without_alias = f"{dedent(settings)}del DATABASES['backup']\n"
    stranger = tmp_path / "temporary" / "sqlitebackup-notes"
    stranger.mkdir()
    (stranger / "notes").write_text("none of ours")
    with project.waiting("sqlitebackup", "--storage", settings=wait_in(without_alias)):
        (folder,) = set(stranger.parent.iterdir()) - {stranger}
        project.configure(without_alias)
        assert project.run("sqlitebackup", "--storage").code == 0
        assert folder.exists()
    assert folder.exists()
    project.configure(without_alias)
    assert project.run("sqlitebackup", "--storage").code == 0
    assert list(stranger.parent.iterdir()) == [stranger]
    assert (stranger / "notes").exists()


def test_a_person_is_shown_what_is_fetched(project, shelf):
    assert project.run("sqlitebackup", "--storage").code == 0
    done = project.run("sqliterestore", "--storage", "--dry-run")
    assert done.code == 0, done.err
    assert "All of it is one transaction" in done.out
    done = project.run_in_terminal("sqliterestore", "--storage", keys="n\n")
    assert done.code == 1
    assert "About to replace" in done.shows
    assert [kind for kind, *_ in read_runs(project)] == ["backup"]
    assert not list(project.folder.glob("default-*"))


def test_a_storage_that_is_not_set_is_said_before_anything_is_read(project, shelf):
    project.configure("")
    previous = project.backup.read_bytes()
    done = project.run("sqlitebackup", "--storage")
    assert done.code == 1
    assert 'SQLITE_BACKUP["STORAGE"] is not set' in done.err
    assert project.backup.read_bytes() == previous
    ((kind, outcome, _, _, error),) = read_runs(project)
    assert (kind, outcome) == ("backup", "failed")
    assert error in done.err


def test_a_storage_that_refuses_is_no_success(project, shelf):
    shelf.write_text("no folder")
    done = project.run("sqlitebackup", "--storage")
    assert done.code == 1
    assert 'The storage "backups"' in done.err
    ((_, outcome, _, storage, error),) = read_runs(project)
    assert (outcome, storage) == ("failed", "backups")
    assert error in done.err


def test_what_was_damaged_in_the_storage_is_not_restored(project, shelf):
    assert project.run("sqlitebackup", "--storage").code == 0
    (name, _) = list_names(shelf)
    os.chmod(shelf / name, 0o600)
    files.overwrite(shelf / name, 100, b"damage")
    before = files.dump(project.live)
    done = project.run("sqliterestore", "--storage", "--no-input")
    assert done.code == 1
    assert "it was damaged or changed" in done.err
    assert files.dump(project.live) == before
    assert read_runs(project)[-1][:4] == ("restore", "failed", name, "backups")
    assert not list(project.folder.glob("default-*"))


def test_migrate_stores_its_backup_where_there_is_no_alias(project, shelf, settings):
    own = settings.replace('"COMPRESSION"', '"BACKUP_BEFORE_MIGRATE": True, "COMPRESSION"')
    project.configure(f"del DATABASES['backup']\n{own}".replace("\n    ", "\n"))
    before = files.dump(project.live)
    done = project.run("migrate", "sites", "zero")
    assert done.code == 0, done.err
    (name, _) = list_names(shelf)
    assert f"sqliterestore --storage {name} --database default --no-update" in done.out
    assert files.dump(project.live) != before
    done = project.run("sqliterestore", f"--storage={name}", "--no-update", "--no-input")
    assert done.code == 0, done.err
    assert len(files.execute(project.live, "SELECT * FROM django_site")) == 1


def test_what_fails_before_it_begins_is_recorded_and_announced(project, shelf):
    project.configure("""
        from django_sqlite_backup.signals import backup_failed

        def note(sender, error, **kwargs):
            print("announced:", error)

        backup_failed.connect(note)
    """)
    done = project.run("sqlitebackup", "--prune")
    assert done.code == 1
    assert 'SQLITE_BACKUP["RETENTION"] is not set' in done.err
    assert done.out.startswith('announced: SQLITE_BACKUP["RETENTION"] is not set')
    ((kind, outcome, _, _, error),) = read_runs(project)
    assert (kind, outcome) == ("backup", "failed")
    assert error in done.err
