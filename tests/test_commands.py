import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.db import connections
from django.test import override_settings

from tests import files, oracle
from tests.shops import Project, fill_shop

# Pauses so long that the progress bar, which is drawn ten times a second, shows each model.
SLOW = """
    import time
    from django_sqlite_backup import BackupMechanism

    class Slow(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            for rows in super().copy_table_data(from_table, to_table):
                time.sleep(0.12 if rows > 20 else 0)
                yield rows

    SQLITE_BACKUP = {"MECHANISM": "own_settings.Slow"}
"""


@pytest.fixture
def live(databases):
    return fill_shop(databases.use("default"))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def report_of(command, *arguments, **options):
    """Run a command in this process and return its JSON."""
    out = StringIO()
    call_command(command, *arguments, format="json", stdout=out, stderr=StringIO(), **options)
    return json.loads(out.getvalue())


def backed_up(*labels, exclude=()):
    """Return the labels that a backup has rows of, but for the migrations."""
    rows = report_of("sqlitebackup", *labels, exclude=list(exclude))["rows"]
    return {label for label, number in rows.items() if number} - {"migrations.Migration"}


def count_live(project, table):
    ((count,),) = files.execute(project.live, f"SELECT count(*) FROM {table}")
    return count


# Labels


@pytest.mark.parametrize(
    ("labels", "exclude"),
    [
        ([], ["zoo", "zoo_postgresql"]),
        (["shop"], []),
        (["shop.Order", "contenttypes"], []),
        (["shop"], ["shop.Order", "shop.orderline"]),
        ([], ["zoo", "zoo_postgresql", "contenttypes", "auth.Permission"]),
        (["shop.Order"], ["shop"]),
    ],
)
def test_labels_take_in_what_dumpdata_takes_in(live, backup_path, labels, exclude):
    dumped = StringIO()
    call_command("dumpdata", *labels, exclude=exclude, all=True, stdout=dumped)
    models = {row["model"] for row in json.loads(dumped.getvalue())}

    through = {"shop.Product_categories"}
    rows = backed_up(*labels, exclude=exclude) - through
    # The first row of that one may be the backup itself.
    runs = {"django_sqlite_backup.backuprun"}
    assert {label.lower() for label in rows} - runs == models - runs


def test_a_many_to_many_table_goes_with_its_owner(live, backup_path):
    assert backed_up("shop.Product") == {"shop.Product", "shop.Product_categories"}


def test_a_many_to_many_table_stays_with_its_owner(live, backup_path):
    assert backed_up("shop", exclude=["shop.Product"]) == backed_up("shop") - {
        "shop.Product",
        "shop.Product_categories",
    }


def test_a_many_to_many_table_has_a_label_of_its_own(live, backup_path):
    assert backed_up("shop.Product_categories") == {"shop.Product_categories"}


def test_labels_are_read_in_any_case(live, backup_path):
    assert backed_up("shop.ORDER") == {"shop.Order"}


def test_the_record_of_migrations_is_in_every_backup(live, backup_path):
    report_of("sqlitebackup", "shop.Review", exclude=["shop"])
    assert files.read_manifest(backup_path)["tables"].keys() == {"django_migrations"}


def test_a_restore_of_labels_leaves_other_tables_alone(live, backup_path):
    report_of("sqlitebackup")
    before = oracle.database_text(live)
    with connections[live].cursor() as cursor:
        cursor.execute("UPDATE shop_category SET name = 'changed'")
        cursor.execute("UPDATE shop_review SET text = 'changed'")
    changed = oracle.table_text(live, "shop_review")

    report = report_of("sqliterestore", "shop.Category", interactive=False)

    assert list(report["rows"]) == ["shop.Category"]
    assert oracle.database_text(live) == {**before, "shop_review": changed}


def test_a_restore_leaves_out_what_is_excluded(live, backup_path):
    report_of("sqlitebackup", "shop")
    report = report_of("sqliterestore", exclude=["shop.Review", "shop.Product"], interactive=False)
    assert report["rows"].keys() == {
        f"shop.{name}"
        for name in ("Customer", "Address", "Category", "Order", "OrderLine", "Payment")
    } | {"shop.StockMovement"}


# Where from, where to


def test_a_file_is_used_instead_of_the_alias(live, backup_path, tmp_path):
    report = report_of("sqlitebackup", "shop", file=str(tmp_path / "named.sqlite3"))
    assert report["file"] == str(tmp_path / "named.sqlite3")
    assert not backup_path.exists()


def test_another_alias_says_where_the_file_is(live, backup_path):
    with override_settings(SQLITE_BACKUP={"BACKUP": "nowhere"}):
        assert report_of("sqlitebackup", "shop", backup="backup")["file"] == str(backup_path)


def test_another_alias_is_backed_up_and_restored(live, databases, backup_path):
    other = fill_shop(databases.use("other"), rows=40)
    before = oracle.database_text(other)

    report = report_of("sqlitebackup", database="other")
    fill_shop(other, rows=30)
    report_of("sqliterestore", database="other", interactive=False)

    assert report["database"] == "other"
    assert oracle.database_text(other) == before


def test_the_backup_of_another_alias_is_not_replaced(live, databases, backup_path):
    call_command("sqlitebackup", verbosity=0)
    before = backup_path.read_bytes()
    other = databases.use("postgresql")
    with pytest.raises(
        CommandError, match=f'of "default", and is not replaced by one of "{other}"'
    ):
        call_command("sqlitebackup", database=other, verbosity=0)
    assert backup_path.read_bytes() == before
    call_command("sqlitebackup", verbosity=0)


def test_the_rows_of_another_alias_are_restored_where_that_is_said(live, databases, backup_path):
    call_command("sqlitebackup", database=databases.use("postgresql"), verbosity=0)
    before = oracle.database_text(live)
    for arguments in ({"interactive": False}, {"dry_run": True}):
        with pytest.raises(CommandError, match='a backup of "postgresql", and its rows would'):
            call_command("sqliterestore", "shop", verbosity=0, **arguments)
    assert oracle.database_text(live) == before
    call_command("sqliterestore", "shop", database=live, interactive=False, verbosity=0)


def test_the_settings_name_the_aliases(live, databases, backup_path):
    fill_shop(databases.use("other"))
    with override_settings(SQLITE_BACKUP={"DATABASE": "other"}):
        assert report_of("sqlitebackup", "shop")["database"] == "other"


def test_the_alias_of_the_backup_reads_the_file(live, backup_path):
    from shop.models import Product

    report_of("sqlitebackup")
    mine, its = (list(Product.objects.using(a).order_by("id").values()) for a in (live, "backup"))
    assert its == mine


# The other flags


def test_indexes_make_the_file_fit_to_run_on(live, backup_path):
    query = "SELECT name FROM sqlite_schema WHERE name = 'shop_address_place'"
    report_of("sqlitebackup", "shop")
    without = files.execute(backup_path, query)
    report_of("sqlitebackup", "shop", indexes=True)
    assert (without, files.execute(backup_path, query)) == ([], [("shop_address_place",)])


@pytest.mark.parametrize("portable", [False, True])
def test_both_commands_verify(alias, backup_path, portable):
    fill_shop(alias)
    before = oracle.database_text(alias)
    options = {"database": alias, "verify": True, "portable": portable}

    assert report_of("sqlitebackup", "shop", **options)["verified"] is True
    assert report_of("sqliterestore", "shop", **options, interactive=False)["verified"] is True
    assert oracle.database_text(alias) == before


def test_a_restore_without_migrate_calls_no_hook(live, backup_path):
    def refuse(from_connection, to_connection):
        raise AssertionError("called")

    report_of("sqlitebackup", "shop")
    hooks = {"PREPARE_SCHEMA_FOR_RESTORE": refuse, "UPDATE_SCHEMA_AFTER_RESTORE": refuse}
    with override_settings(SQLITE_BACKUP=hooks):
        report = report_of("sqliterestore", migrate=False, interactive=False)
    assert "shop.Order" in report["rows"]


@pytest.mark.parametrize("command", ["sqlitebackup", "sqliterestore"])
def test_help_describes_every_argument(command):
    parser = load_command_class("django_sqlite_backup", command).create_parser("manage.py", command)
    assert [action.dest for action in parser._actions if not action.help] == []


# What is printed


def test_json_is_one_object_on_standard_output(project):
    files.execute(project.live, "CREATE TABLE legacy (id integer)")
    project.backup.unlink()
    done = project.run("sqlitebackup", "shop", "--format=json", "--verify")
    report = json.loads(done.out)
    tables = files.read_manifest(project.backup)["tables"].values()
    assert report == {
        "file": str(project.backup),
        "database": "default",
        "bytes": project.backup.stat().st_size,
        "tables": len(tables),
        "rows": {table["label"]: table["rows"] for table in tables},
        "total_rows": sum(table["rows"] for table in tables),
        "seconds": report["seconds"],
        "verified": True,
        "partial": True,
        "checksum": files.hash_file(project.backup.read_bytes()),
        "warnings": ["Not in the backup, as no model of this database has these tables: legacy."],
    }
    assert 0 < report["seconds"] < 60
    assert (done.code, done.err) == (0, f"Warning: {report['warnings'][0]}\n")


def test_json_of_a_restore_has_the_same_keys(project):
    backup = json.loads(project.run("sqlitebackup", "--format=json").out)
    done = project.run("sqliterestore", "--no-input", "--format=json")
    restore = json.loads(done.out)
    assert restore.keys() == backup.keys()
    assert restore["rows"] == {
        label: number
        for label, number in backup["rows"].items()
        if label not in ("migrations.Migration", "django_sqlite_backup.BackupRun")
    }
    assert (done.code, done.err) == (0, "")


def test_a_pipe_gets_nothing_but_the_result_of_a_backup(project):
    project.backup.unlink()
    done = project.run("sqlitebackup", "shop.Category")
    assert re.sub(r"\d+\.\d(\xa0KB| s)", r"N\1", done.out) == (
        f'Backed up 34 rows in 2 tables from "default" to "{project.backup}" (N\xa0KB) in N s.\n'
    )
    assert (done.code, done.err) == (0, "")


def test_a_pipe_gets_nothing_but_the_result_of_a_restore(project):
    done = project.run("sqliterestore", "shop.Category", "--no-input", "--verify")
    assert re.sub(r"\d+\.\d s", "N s", done.out) == (
        f'Restored 12 rows in 1 table from "{project.backup}" to "default" in N s, '
        "and found every value equal.\n"
    )
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("command", ["sqlitebackup", "sqliterestore"])
def test_a_terminal_shows_rows_rate_time_left_and_model(project, command):
    project.configure(SLOW)
    arguments = ["--no-input"] if command == "sqliterestore" else []
    done = project.run_in_terminal(command, *arguments)
    bar = re.compile(
        r"copying shop\.OrderLine: +\d+%\|.+\| \d+/\d+ "
        r"\[\d\d:\d\d<\d\d:\d\d, .+ rows/s]"
    )
    assert bar.search(done.shows)
    assert re.search(r"done: 100%\|.+\| (\d+)/\1 \[", done.shows)
    assert done.code == 0
    assert done.out.count("\n") == 1


def test_no_progress_shows_none_on_a_terminal(project):
    done = project.run_in_terminal("sqlitebackup", "--no-progress")
    assert (done.code, done.shows) == (0, "")


def test_an_error_stands_on_a_line_below_the_bar(project):
    project.configure(
        SLOW.replace("yield rows", "yield rows\n                raise OSError(28, 'No space')")
    )
    done = project.run_in_terminal("sqlitebackup")
    *_, bar, message = done.shows.splitlines()
    assert "rows/s" in bar
    assert "CommandError: While copying migrations.Migration: No space" in message
    assert done.code == 1


# The question


def test_the_question_names_both_sides(project):
    files.execute(project.live, "DELETE FROM shop_review")
    files.edit_manifest(project.backup, created="2001-02-03T04:05:06+00:00", engine="postgresql")
    shown = project.run_in_terminal(
        "sqliterestore", "shop.Review", "shop.Category", keys="n\n"
    ).shows
    days = re.search(r"backed up (\d+) days ago", shown)[1]
    text = re.sub(r"\x1b\[[\d;]*m", "", shown).replace("\r\n", "\n")
    assert int(days) > 8000
    assert text == (
        f'About to replace 12 rows in 2 tables of "default" (SQLite, {project.live})\n'
        f'by the 22 rows of "{project.backup}", backed up {days} days ago from "default" '
        "(postgresql).\n"
        "All of it is one transaction: a failure changes nothing.\n"
        "Replace them? [y/N] n\n"
        "CommandError: Nothing was changed.\n"
    )


@pytest.mark.parametrize("alias", ["postgresql", "mysql"])
def test_the_question_names_the_host(databases, backup_path, alias):
    from django_sqlite_backup import BackupMechanism
    from django_sqlite_backup.management.describe import describe_replacement

    fill_shop(databases.use(alias))
    report_of("sqlitebackup", "shop", database=alias)
    database = connections[alias].settings_dict
    plan = BackupMechanism(database=alias).plan_restore()
    text = describe_replacement(plan, connections[alias])
    assert f"({connections[alias].display_name}, {database['NAME']} on {database['HOST']})" in text


@pytest.mark.parametrize("keys", ["\n", "n\n", "no\n", "yess\n", "\x04"])
def test_the_answer_is_no_unless_it_is_yes(project, keys):
    before = project.contents()
    done = project.run_in_terminal("sqliterestore", keys=keys)
    assert (
        done.shows.rstrip().removesuffix("\x1b[0m").endswith("CommandError: Nothing was changed.")
    )
    assert (done.code, done.out) == (1, "")
    assert project.contents() == before


@pytest.mark.parametrize("keys", ["y\n", "Yes\n"])
def test_after_a_yes_rows_are_replaced(project, keys):
    files.execute(project.live, "DELETE FROM shop_review")
    done = project.run_in_terminal("sqliterestore", "--format=json", keys=keys)
    assert (done.code, json.loads(done.out)["rows"]["shop.Review"]) == (0, 10)
    assert count_live(project, "shop_review") == 10


def test_an_interrupt_at_the_question_changes_nothing(project):
    before = project.contents()
    done = project.run_in_terminal("sqliterestore", keys="\x03")
    assert (done.code, done.out) == (130, "")
    assert done.shows.rstrip().removesuffix("\x1b[0m").endswith("Interrupted.")
    assert project.contents() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", [["sqlitebackup"], ["sqliterestore", "--no-input"]])
def test_what_a_service_manager_ends_is_recorded_and_leaves_nothing(project, command, number):
    before = project.contents()
    with project.waiting(*command) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (128 + number, "")
    assert project.contents() == before
    query = f"SELECT outcome, error FROM {oracle.RUNS} ORDER BY id DESC LIMIT 1"
    assert files.execute(project.live, query) == [("failed", "Its process was ended.")]


@pytest.mark.parametrize("command", [["sqlitebackup"], ["sqliterestore", "--no-input"]])
def test_an_interrupt_in_the_middle_changes_nothing(project, command):
    before = project.contents()
    with project.waiting(*command) as process:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Interrupted.\n")
    assert project.contents() == before


NO_TERMINAL = (
    "CommandError: A restore replaces live rows, and there is no terminal to ask on. "
    "Nothing was changed. Use --no-input to restore without a question.\n"
)


@pytest.mark.parametrize("stdin", ["y\n", ""])
def test_a_pipe_cannot_answer(project, stdin, tmp_path):
    before = project.contents()
    with project.start("sqliterestore", stdin=-1, stdout=-1, stderr=-1) as process:
        out, err = process.communicate(stdin, timeout=60)
    assert (process.returncode, out, err) == (1, "", NO_TERMINAL)
    assert project.contents() == before


def test_a_closed_standard_input_cannot_answer(project):
    before = project.contents()
    done = project.run("sqliterestore", stdin=None, preexec_fn=lambda: os.close(0))
    assert (done.code, done.out, done.err) == (1, "", NO_TERMINAL)
    assert project.contents() == before


@pytest.mark.parametrize("flag", ["--no-input", "--noinput"])
def test_no_question_is_asked_without_input(project, flag):
    files.execute(project.live, "DELETE FROM shop_review")
    done = project.run_in_terminal("sqliterestore", flag, "--no-progress")
    assert (done.code, done.shows) == (0, "")
    assert count_live(project, "shop_review") == 10


# Errors


def test_an_error_is_one_paragraph(project):
    done = project.run("sqliterestore", "--file=none.sqlite3", "--no-input")
    path = project.folder / "none.sqlite3"
    assert (done.code, done.out) == (1, "")
    assert done.err == f'CommandError: There is no file "{path}". Make one with sqlitebackup.\n'


def test_a_traceback_is_shown_to_who_asks(project):
    done = project.run("sqliterestore", "--file=none.sqlite3", "--no-input", "--traceback")
    assert done.code == 1
    assert done.err.startswith("Traceback (most recent call last):")
    assert "InvalidBackup: There is no file" in done.err


def test_an_unknown_flag_exits_with_2(project):
    done = project.run("sqlitebackup", "--index-all")
    assert (done.code, done.out) == (2, "")
    assert "unrecognized arguments: --index-all" in done.err


def test_file_and_backup_exclude_each_other(project):
    done = project.run("sqlitebackup", "--file=a", "--backup=backup")
    assert (done.code, done.out) == (2, "")
    assert "argument --backup: not allowed with argument --file" in done.err


def test_a_database_that_refuses_in_the_middle_is_one_paragraph(project):
    project.configure("DATABASES['default']['OPTIONS'] = {'timeout': 0.1}")
    before = project.contents()
    with closing(sqlite3.connect(project.live, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = project.run("sqliterestore", "--no-input")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        'CommandError: While restoring "default": database is locked. '
        "Try again when nobody writes to it, or give DATABASES a longer timeout. "
        "Gave up after 0.1 seconds, and nothing was changed. Wait longer (--wait SECONDS).\n"
    )
    assert project.contents() == before


def test_call_command_raises_a_command_error(live, backup_path):
    with pytest.raises(CommandError) as caught:
        call_command("sqliterestore", interactive=False)
    assert str(caught.value) == f'There is no file "{backup_path}". Make one with sqlitebackup.'
