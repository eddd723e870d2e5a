"""What a review found of files, filters, errors and reports, each with the way it was shown."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.transaction import atomic
from django.db.utils import ConnectionHandler
from django.test import override_settings

from django_sqlite_backup import BackupMechanism, Busy, ConfigurationError, CopyError
from django_sqlite_backup.aliases import check_not_live
from django_sqlite_backup.backup_file import writing
from django_sqlite_backup.exceptions import explaining
from shop.models import Category
from tests import files, oracle
from tests.shops import fill_shop


@pytest.fixture
def live(databases):
    return fill_shop(databases.use("default"))


@pytest.fixture
def file(live, tmp_path):
    """A good backup of the shop."""
    path = tmp_path / "backup.sqlite3"
    back_up(path)
    return path


def back_up(path, mechanism=BackupMechanism, **options):
    mechanism = mechanism(path, **options)
    list(mechanism.backup())
    return mechanism.report


def refusal(path, error=ConfigurationError, **options):
    with pytest.raises(error) as caught:
        back_up(path, **options)
    return str(caught.value)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Filters


@pytest.mark.parametrize("answer", [None, 1, "yes", []])
def test_a_filter_of_a_backup_answers_with_a_bool(file, answer):
    class Forgetful(BackupMechanism):
        def backup_table_filter(self, from_table):
            return answer

    before = file.read_bytes()
    message = refusal(file, mechanism=Forgetful)
    assert message.startswith(f'backup_table_filter returned "{answer}" for ')
    assert message.endswith(". Return True or False.")
    assert file.read_bytes() == before


def test_a_filter_of_the_settings_answers_with_a_bool(file):
    before = file.read_bytes()
    with (
        override_settings(SQLITE_BACKUP={"BACKUP_TABLE_FILTER": lambda table: None}),
        pytest.raises(CommandError, match=r'^backup_table_filter returned "None" for '),
    ):
        call_command("sqlitebackup", file=file)
    assert file.read_bytes() == before


def test_a_filter_that_fails_is_named(file):
    class Failing(BackupMechanism):
        def backup_table_filter(self, from_table):
            return from_table.no_such_attribute

    message = refusal(file, CopyError, mechanism=Failing)
    assert message.startswith("While asking backup_table_filter for ")


def test_a_backup_without_a_table_is_refused(file):
    class Nothing(BackupMechanism):
        def backup_table_filter(self, from_table):
            return False

    before = file.read_bytes()
    assert refusal(file, mechanism=Nothing) == (
        "Labels and backup_table_filter leave no table to back up. Let them take one in."
    )
    assert file.read_bytes() == before


# What lies beside the target


def test_a_journal_of_the_previous_backup_is_not_rolled_into_the_new_one(file, live):
    subprocess.run([sys.executable, "-c", files.KILLED, file])
    assert file.with_name("backup.sqlite3-journal").stat().st_size
    Category.objects.update(name="new")
    back_up(file)
    assert names(file.parent) == [file.name]
    sound = file.read_bytes()
    # As Model.objects.using("backup") opens it: a hot journal would be rolled back now.
    assert files.execute(file, "SELECT DISTINCT name FROM shop_category") == [("new",)]
    assert file.read_bytes() == sound
    list(BackupMechanism(file).restore())


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_companions_of_a_file_that_is_gone_are_removed(live, tmp_path, suffix):
    (tmp_path / f"file{suffix}").write_bytes(b"stale")
    back_up(tmp_path / "file", labels=["sites"])
    assert names(tmp_path) == ["file"]


def test_companions_stay_where_a_backup_fails(file):
    journal = file.with_name("backup.sqlite3-journal")
    journal.write_bytes(b"stale")

    class Failing(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            raise OSError("no more")

    refusal(file, CopyError, mechanism=Failing)
    assert journal.read_bytes() == b"stale"


# What is not replaced


@pytest.mark.parametrize("content", [b"precious", b"p" * 200, b"SQLite format 3\0" + b"\0" * 84])
def test_what_is_no_backup_is_not_replaced(live, tmp_path, content):
    path = tmp_path / "precious.txt"
    path.write_bytes(content)
    message = refusal(path)
    what = "is a SQLite database, but not" if content.startswith(b"SQLite") else "is not"
    assert message == (
        f'"{path}" {what} a backup, and is not replaced. '
        "Name another file, or remove this one first."
    )
    assert path.read_bytes() == content
    assert names(tmp_path) == [path.name]


def test_what_came_during_the_backup_is_not_replaced(live, tmp_path):
    path = tmp_path / "file"
    steps = BackupMechanism(path, labels=["sites"]).backup()
    next(steps)
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="is not a backup, and is not replaced"):
        list(steps)
    assert (names(tmp_path), path.read_text()) == (["file"], "precious")


def test_a_damaged_backup_is_replaced(file):
    files.overwrite(file, 5000, b"damage")
    back_up(file)
    list(BackupMechanism(file).restore())


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_a_companion_of_a_database_is_not_replaced(live, tmp_path, suffix):
    database = tmp_path / "its.sqlite3"
    files.execute(database, "CREATE TABLE t (id integer)")
    path = tmp_path / f"its.sqlite3{suffix}"
    assert refusal(path) == (
        f'"{path}" is the name of a file that SQLite keeps beside "{database}", and would '
        "be taken for it. Name another file."
    )
    assert names(tmp_path) == [database.name]


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_a_companion_of_the_live_database_is_known(live, tmp_path, suffix):
    database = Path(connections[live].settings_dict["NAME"])
    path = database.with_name(database.name + suffix)
    assert refusal(path) == f'"{path}" belongs to the live database "{live}". Name another file.'


def test_a_companion_is_named_after_what_a_link_leads_to(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "live")
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "link"}
    connection = ConnectionHandler({"default": database})["default"]
    check_not_live(tmp_path / "link-wal", connection)
    with pytest.raises(ConfigurationError):
        check_not_live(tmp_path / "live-wal", connection)


def test_a_name_that_only_ends_like_a_companion_will_do(live, tmp_path):
    for name in ("nightly-wal", "-journal"):
        back_up(tmp_path / name, labels=["sites"])
    assert names(tmp_path) == ["-journal", "nightly-wal"]


# Errors of drivers


@pytest.fixture
def copy_live(live, tmp_path):
    """A function that copies the live schema and migrations, in any encoding, to an own alias."""
    path = tmp_path / "own.sqlite3"
    connections.databases["own"] = {
        **connections.databases["default"],
        "NAME": path,
        "OPTIONS": {"timeout": 0.1},
    }

    def copy(encoding="UTF-8"):
        with (
            closing(sqlite3.connect(connections[live].settings_dict["NAME"])) as source,
            closing(sqlite3.connect(path)) as target,
        ):
            target.execute(f"PRAGMA encoding = '{encoding}'")
            schema = "SELECT sql FROM sqlite_schema WHERE sql > '' AND name NOT LIKE 'sqlite_%'"
            for (sql,) in source.execute(schema).fetchall():
                target.execute(sql)
            rows = source.execute("SELECT * FROM django_migrations").fetchall()
            target.executemany("INSERT INTO django_migrations VALUES (?, ?, ?, ?)", rows)
            target.commit()
        return path

    yield copy
    connections["own"].close()
    del connections["own"]
    del connections.databases["own"]


def test_a_live_database_in_utf_16(copy_live, tmp_path):
    """SQLite attaches no database of another encoding: the rows take the way through Python.

    Not portably: of a moment in UTF-16 Django itself makes None, and the backup says so.
    """
    own = copy_live("UTF-16le")
    files.execute(
        own, "INSERT INTO shop_category (id, name, slug) VALUES (5, 'größe 🦓', 'a' || char(0))"
    )
    select = "SELECT id, name, slug, parent_id FROM shop_category"
    path = tmp_path / "file"
    for options in ({}, {"verify": True}):
        back_up(path, database="own", **options)
        assert files.execute(path, "PRAGMA encoding") == [("UTF-8",)]
        before = files.execute(path, select)
        assert before == [(5, "größe 🦓", "a\0", None)]
        files.execute(own, "DELETE FROM shop_category")
        list(BackupMechanism(path, database="own", **options).restore())
        assert files.execute(own, select) == before


@pytest.mark.parametrize("portable", [False, True])
def test_a_live_database_that_is_locked(copy_live, tmp_path, portable):
    own = copy_live()
    back_up(tmp_path / "file", database="own")
    before = (tmp_path / "file").read_bytes()
    connections["own"].close()
    with closing(sqlite3.connect(own, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for options in ({"portable": portable}, {"portable": portable, "verify": True}):
            with pytest.raises((ConfigurationError, Busy), match="database is locked"):
                back_up(tmp_path / "file", database="own", **options)
        with pytest.raises((ConfigurationError, Busy), match="database is locked"):
            list(BackupMechanism(tmp_path / "file", database="own").restore())
    assert (tmp_path / "file").read_bytes() == before


def test_a_live_database_that_is_locked_meanwhile(copy_live, tmp_path):
    own = copy_live()
    connections["own"].close()

    class Locking(BackupMechanism):
        def backup_table_filter(self, from_table):
            if not other.in_transaction:
                connections["own"].close()
                other.execute("BEGIN EXCLUSIVE")
            return True

    with closing(sqlite3.connect(own, isolation_level=None)) as other:
        message = refusal(tmp_path / "file", Busy, mechanism=Locking, database="own")
    assert "database is locked. Try again when nobody writes to it" in message


def test_a_pool_of_one_connection(databases, tmp_path):
    pytest.importorskip("psycopg_pool")
    alias = databases.use("postgresql")
    settings = connections[alias].settings_dict
    pool = {"min_size": 1, "max_size": 1, "timeout": 1}
    connections.databases["pooled"] = {
        **settings,
        "OPTIONS": {**settings["OPTIONS"], "pool": pool},
        "CONN_MAX_AGE": 0,
    }
    try:
        message = refusal(tmp_path / "file", CopyError, database="pooled", labels=["sites"])
    finally:
        connections["pooled"].close()
        connections["pooled"].close_pool()
        del connections["pooled"]
        del connections.databases["pooled"]
    assert "give the pool in DATABASES a max_size of 3 or more" in message
    assert names(tmp_path) == []


@pytest.mark.parametrize("error", [TypeError("no number"), AttributeError("no such name")])
def test_a_conversion_that_meets_another_type_is_explained(error):
    with pytest.raises(CopyError) as caught, explaining("copying a.B"):
        raise error
    assert str(caught.value) == f"While copying a.B: {error}"
    assert caught.value.__cause__ is error


# Reports


@pytest.mark.parametrize("recipe", ["backup", "restore"])
def test_there_is_no_report_before_the_end(file, recipe):
    mechanism = BackupMechanism(file)
    for _ in range(2):
        steps = getattr(mechanism, recipe)()
        for step in steps:
            assert (mechanism.report is None) == (step.description != "done")
        assert mechanism.report is not None


@pytest.mark.parametrize("recipe", ["backup", "restore"])
def test_a_failed_run_has_no_report(file, tmp_path, recipe):
    mechanism = BackupMechanism(file)
    list(mechanism.backup())
    mechanism.filename = tmp_path / "no" / "such"
    with pytest.raises(Exception, match="no"):
        list(getattr(mechanism, recipe)())
    assert mechanism.report is None


# Two runs at once


def test_runs_at_once_do_not_take_each_other_for_leftovers(databases, tmp_path):
    errors = []

    def run():
        try:
            for _ in range(100):
                with writing(tmp_path / "file"):
                    pass
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert names(tmp_path) == []


# Parts


def test_the_manifest_says_whether_the_file_is_partial(live, tmp_path):
    path = tmp_path / "file"

    class Filtering(BackupMechanism):
        def backup_table_filter(self, from_table):
            return from_table.label != "sessions.Session"

    for mechanism, options, partial in (
        (BackupMechanism, {}, False),
        (BackupMechanism, {"labels": ["shop"]}, True),
        (BackupMechanism, {"exclude": ["shop"]}, True),
        (Filtering, {}, True),
    ):
        back_up(path, mechanism, **options)
        assert files.read_manifest(path)["partial"] is partial


def test_a_file_that_does_not_say_so_is_whole(file):
    files.edit(file, f"DELETE FROM {files.MANIFEST} WHERE key = 'partial'")
    list(BackupMechanism(file).restore())


def replacements(path, **options):
    """Back up, and return the warnings that are about what was there before."""
    return [text for text in back_up(path, **options).warnings if "was a backup" in text]


def test_a_partial_backup_in_place_of_a_whole_one_is_told(file):
    tables = len(files.read_manifest(file)["tables"])
    assert replacements(file) == []
    assert replacements(file, labels=["sites"]) == [
        f'"{file}" was a backup of every table, and is now one of 2 tables of {tables}.'
    ]
    assert replacements(file, labels=["sites"]) == []
    assert replacements(file) == []


def test_a_partial_backup_in_place_of_something_else_is_not(live, tmp_path):
    path = tmp_path / "file"
    assert replacements(path, labels=["sites"]) == []
    path.write_bytes(b"")
    assert replacements(path, labels=["sites"]) == []
    back_up(path)
    path.write_bytes(path.read_bytes()[:5000])
    assert replacements(path, labels=["sites"]) == []


def test_a_restore_says_that_the_file_is_partial(file, tmp_path):
    sentence = "It is partial: tables of the database that it is from were left out."
    part = shutil.copy(file, tmp_path / "part.sqlite3")
    back_up(part, labels=["shop"])
    for path, count in ((part, 1), (file, 0)):
        for command, arguments in (("sqliterestore", ["--dry-run"]), ("sqliteinspect", [])):
            out = StringIO()
            target = ["--file", path] if arguments else [path]
            call_command(command, *arguments, *map(os.fspath, target), stdout=out)
            assert out.getvalue().splitlines().count(sentence) == count


# Inside a caller's transaction


def test_a_restore_that_ends_inside_the_callers_block_leaves_it_alone(file, live):
    before = oracle.database_text(live)
    with atomic(using=live):
        Category.objects.create(name="mine", slug="mine")
        steps = BackupMechanism(file, labels=["sites"]).restore()
        next(steps)
        steps.close()
    assert not connections[live].in_atomic_block
    Category.objects.get(slug="mine").delete()
    assert oracle.database_text(live) == before
