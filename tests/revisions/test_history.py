"""The runs and this app's own migrations stay as they are, whatever file is restored."""

import sqlite3
from contextlib import closing

from tests import files, oracle

OWN = "django_sqlite_backup"
ROWS = "from django_sqlite_backup.models import BackupRun as R; "


def make_old(path):
    """Make a backup one of the time before this app had a table."""
    files.edit(
        path,
        f"DROP TABLE {oracle.RUNS}",
        f"DELETE FROM django_migrations WHERE app = '{OWN}'",
    )
    manifest = files.read_manifest(path)
    manifest["tables"].pop(oracle.RUNS)
    manifest["tables"]["django_migrations"]["rows"] -= 1
    files.edit_manifest(path, tables=manifest["tables"])
    return path


def make_newer(path):
    """Make a backup one by a later version of this app, which has more migrations."""
    files.edit(
        path,
        "INSERT INTO django_migrations (app, name, applied) "
        f"VALUES ('{OWN}', '0999_later', '2030-01-01 00:00:00')",
    )
    manifest = files.read_manifest(path)
    manifest["tables"]["django_migrations"]["rows"] += 1
    files.edit_manifest(path, tables=manifest["tables"])
    return path


def get_runs(world, state=5):
    """Return kind and outcome of each run, first to last."""
    source = ROWS + "print(list(R.objects.order_by('pk').values_list('kind', 'outcome')))"
    return world.at(state).execute(source).check().out.strip()


def back_up(world, path, state=5):
    world.begin(state)
    world.at(state).execute(ROWS + "R.objects.all().delete()").check()
    world.at(state).run("sqlitebackup", "--file", path).check()
    return path


HISTORY = "[('backup', 'succeeded'), ('restore', 'succeeded')]"


def test_a_restore_keeps_the_runs(world, tmp_path):
    path = back_up(world, tmp_path / "file.sqlite3")
    done = world.at(5).run("sqliterestore", "--no-input", "--file", path).check()
    assert get_runs(world) == HISTORY
    assert "BackupRun" not in done.out + done.err


def test_a_backup_from_before_this_app_had_a_table_does_not_cost_the_runs(world, tmp_path):
    path = make_old(back_up(world, tmp_path / "file.sqlite3"))
    for options in ((), ("--rebuild",), ("--no-migrate",)):
        world.at(5).execute(ROWS + "R.objects.filter(kind='restore').delete()").check()
        world.at(5).run("sqliterestore", "--no-input", "--file", path, *options).check()
        assert get_runs(world) == HISTORY


def test_a_filter_that_takes_everything_does_not_cost_the_runs(world, tmp_path):
    path = make_old(back_up(world, tmp_path / "file.sqlite3"))
    taking = {"SQLITE_BACKUP": {"RESTORE_TABLE_FILTER": "builtins.bool"}}
    world.at(5, **taking).run("sqliterestore", "--no-input", "--file", path).check()
    assert get_runs(world) == HISTORY
    whole = back_up(world, tmp_path / "whole.sqlite3")
    world.at(5, **taking).run("sqliterestore", "--no-input", "--file", whole).check()
    assert get_runs(world) == HISTORY


def test_a_backup_by_a_later_version_of_this_app_can_be_restored(world, tmp_path):
    path = make_newer(back_up(world, tmp_path / "file.sqlite3"))
    world.at(5).run("sqliterestore", "--no-input", "--file", path).check()
    assert get_runs(world) == HISTORY
    world.at(5).run("sqliteinspect", path).check()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT 1 FROM django_migrations WHERE name = '0999_later'").fetchone()


def test_a_rebuild_on_the_way_back_keeps_the_runs(world, tmp_path):
    path = back_up(world, tmp_path / "file.sqlite3", state=3)
    world.begin(5)
    world.at(5).execute(ROWS + "R.objects.all().delete()").check()
    world.at(5).run("sqlitebackup", "--file", tmp_path / "other.sqlite3").check()
    world.at(5).run("sqliterestore", "--no-input", "--rebuild", "--file", path).check()
    assert get_runs(world) == HISTORY


def test_a_restore_into_an_empty_database_makes_the_table_and_the_first_row(world, tmp_path):
    path = back_up(world, tmp_path / "file.sqlite3")
    world.begin(0)
    done = world.at(5).run("sqliterestore", "--no-input", "--file", path).check()
    assert get_runs(world) == "[('restore', 'succeeded')]"
    assert "recorded" not in done.err


def test_a_restore_that_fails_is_recorded(world, tmp_path):
    path = back_up(world, tmp_path / "file.sqlite3")
    path.write_bytes(path.read_bytes()[:-1])
    assert world.at(5).run("sqliterestore", "--no-input", "--file", path).code == 1
    assert get_runs(world) == "[('backup', 'succeeded'), ('restore', 'failed')]"
