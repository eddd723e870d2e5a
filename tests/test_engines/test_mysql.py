"""MariaDB and MySQL alone: sessions, zero dates, triggers, keys."""

import io

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections, transaction

from django_sqlite_backup import BackupMechanism
from tests.copying import back_up, exhaust, refused, restore, statements, unchanged
from zoo import fill
from zoo import models as zoo

PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])


@pytest.fixture
def mysql(databases):
    alias = databases.use("mysql")
    fill.clear(alias)
    return alias


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


VARIABLES = [
    *("sql_mode", "innodb_lock_wait_timeout", "lock_wait_timeout", "foreign_key_checks"),
    *("character_set_client", "collation_connection", "tx_isolation", "autocommit"),
    *("max_statement_time", "max_execution_time"),
]


def session(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SHOW SESSION VARIABLES")
        variables = dict(cursor.fetchall())
    return {name: variables.get(name) for name in VARIABLES}


@PORTABLE
def test_backup_leaves_the_session_as_it_was(mysql, path, portable):
    fill.execute(mysql, "SET SESSION sql_mode = 'ANSI_QUOTES', lock_wait_timeout = 77")
    before = session(mysql)

    back_up(mysql, path, "zoo.Tag", portable=portable)

    assert before["lock_wait_timeout"] == "77"
    assert session(mysql) == before
    connections[mysql].close()


@pytest.fixture
def hurried(mysql):
    """An alias of the same database whose server gives a statement a second."""
    settings = connections[mysql].settings_dict
    if not connections[mysql].mysql_is_mariadb:
        pytest.skip("MySQL ends no statement but a SELECT")
    options = {**settings["OPTIONS"], "init_command": "SET SESSION max_statement_time = 1"}
    connections.databases["hurried"] = {**settings, "OPTIONS": options}
    yield "hurried"
    connections["hurried"].close()
    del connections["hurried"], connections.databases["hurried"]


@PORTABLE
def test_restore_may_take_longer_than_a_statement_may(hurried, mysql, path, portable):
    fill.add(mysql, zoo.Tag, (1, "tall"), (2, "small"), (3, "late"))
    back_up(mysql, path, "zoo.Tag")
    create = ["CREATE TRIGGER zoo_x_slow BEFORE INSERT ON zoo_tag FOR EACH ROW DO sleep(0.5)"]

    with statements(mysql, create, ["DROP TRIGGER zoo_x_slow"]), unchanged(mysql, "zoo_tag"):
        restore(hurried, path, "zoo.Tag", portable=portable)


@PORTABLE
def test_runs_inside_a_transaction_leave_the_session_as_it_was(hurried, path, portable):
    before = session(hurried)
    with transaction.atomic(using=hurried):
        during = session(hurried)
        back_up(hurried, path, "zoo.Tag", portable=portable)
        restore(hurried, path, "zoo.Tag", portable=portable)
        assert session(hurried) == during
    assert before["max_statement_time"] == "1.000000"
    assert session(hurried) == before


@PORTABLE
def test_session_after_a_restore_is_that_of_a_new_connection(mysql, path, portable):
    connections[mysql].close()
    before = session(mysql)
    back_up(mysql, path, "zoo.Tag", portable=portable)

    restore(mysql, path, "zoo.Tag", portable=portable)

    assert session(mysql) == before


def test_time_beyond_a_day_does_not_stop_the_check_of_keys(mysql, path):
    fill.execute(mysql, "INSERT INTO zoo_time VALUES (1, '838:59:59', '-838:59:59')")
    back_up(mysql, path, "zoo.Time", verify=True)

    with unchanged(mysql, "zoo_time"):
        restore(mysql, path, "zoo.Time", verify=True)


def test_value_that_a_lax_server_would_change_is_refused(mysql, path, databases):
    source = databases.use("default")
    fill.clear(source)
    fill.execute(source, "INSERT INTO zoo_integer VALUES (1, 5000000000, NULL)")
    back_up(source, path, "zoo.Integer")
    fill.add(mysql, zoo.Integer, {"value": 7})
    fill.execute(mysql, "SET SESSION sql_mode = ''")

    with refused(mysql, "zoo.Integer"):
        restore(mysql, path, "zoo.Integer")

    connections[mysql].close()
    fill.clear(source)


def test_key_of_two_columns_is_checked(mysql, path):
    fill.add(mysql, zoo.Constrained, (1, "a", 1, 5, ""))
    fill.add(mysql, zoo.Shared, (1, "a", 5), (2, "", 6))
    create = [
        "ALTER TABLE zoo_constrained ADD UNIQUE INDEX zoo_x_both (name, high)",
        "ALTER TABLE zoo_shared ADD CONSTRAINT zoo_x_two FOREIGN KEY (name, count) "
        "REFERENCES zoo_constrained (name, high)",
    ]
    undo = [
        "ALTER TABLE zoo_shared DROP FOREIGN KEY zoo_x_two, DROP INDEX zoo_x_two",
        "ALTER TABLE zoo_constrained DROP INDEX zoo_x_both",
    ]
    back_up(mysql, path, "zoo.Shared")
    fill.execute(mysql, "DELETE FROM zoo_shared WHERE id = 2")

    with statements(mysql, create, undo), refused(mysql, "zoo_shared", "name, count"):
        restore(mysql, path, "zoo.Shared")


def key_to_tag(table):
    tag = f"`{connections['mysql'].settings_dict['NAME']}`.zoo_tag"
    key = f"CONSTRAINT zoo_x_key FOREIGN KEY (tag) REFERENCES {tag} (id)"
    return [f"CREATE TABLE {table} (tag bigint, {key})", f"INSERT INTO {table} VALUES (NULL), (2)"]


@pytest.mark.parametrize("schema", [None, "test_sqlite_backup_outside"])
def test_key_of_a_table_that_no_model_knows_does_not_dangle(mysql, path, schema):
    fill.add(mysql, zoo.Tag, (1, "tall"))
    back_up(mysql, path, "zoo.Tag")
    fill.add(mysql, zoo.Tag, (2, "late"))
    table = f"{schema}.zoo_x" if schema else "zoo_x"
    create, undo = key_to_tag(table), [f"DROP TABLE {table}"]
    if schema:
        create, undo = [f"CREATE DATABASE {schema}", *create], [f"DROP DATABASE {schema}"]

    with statements(mysql, create, undo):
        with refused(mysql, "zoo_x_key", "zoo_x.tag is '2', which zoo_tag does not have"):
            restore(mysql, path, "zoo.Tag")
        fill.execute(mysql, f"UPDATE {table} SET tag = 1")
        restore(mysql, path, "zoo.Tag")

    assert list(zoo.Tag.objects.using(mysql).values_list("id", flat=True)) == [1]


def test_key_of_a_kept_table_that_its_model_does_not_declare_does_not_dangle(mysql, path):
    fill.add(mysql, zoo.Tag, (1, "tall"))
    back_up(mysql, path, "zoo.Tag")
    fill.add(mysql, zoo.Tag, (2, "late"))
    fill.add(mysql, zoo.Word, (7, "kept"))
    create = [
        "ALTER TABLE zoo_word ADD COLUMN tag bigint,"
        " ADD CONSTRAINT zoo_x_key FOREIGN KEY (tag) REFERENCES zoo_tag (id)",
        "UPDATE zoo_word SET tag = 2",
    ]
    undo = ["ALTER TABLE zoo_word DROP FOREIGN KEY zoo_x_key, DROP COLUMN tag"]

    with statements(mysql, create, undo), refused(mysql, "zoo_x_key", "zoo_word.tag is '2'"):
        restore(mysql, path, "zoo.Tag")


@PORTABLE
def test_next_keys_that_a_callers_transaction_keeps_from_being_set_are_named(mysql, path, portable):
    fill.add(mysql, zoo.Tag, (1, "tall"), (50, "gone"))
    fill.add(mysql, zoo.Club, (3, "same"))
    fill.execute(mysql, "DELETE FROM zoo_tag WHERE id = 50")
    fill.execute(mysql, "ALTER TABLE zoo_club AUTO_INCREMENT = 4")
    back_up(mysql, path, "zoo.Tag", "zoo.Club")
    fill.execute(mysql, "DELETE FROM zoo_tag", "ALTER TABLE zoo_tag AUTO_INCREMENT = 1")

    with transaction.atomic(using=mysql):
        report = restore(mysql, path, "zoo.Tag", "zoo.Club", portable=portable)
    assert [warning for warning in report.warnings if "next keys" in warning] == [
        "The next keys of these tables could not be set, as ALTER TABLE would commit the "
        "transaction around the restore: zoo.Tag (is 2, was 51). Where one is lower than it was, "
        "keys of rows that were deleted before the backup may be used again."
    ]
    assert not restore(mysql, path, "zoo.Tag", "zoo.Club", portable=portable).warnings
    zoo.Tag.objects.using(mysql).create(name="fresh")
    assert list(zoo.Tag.objects.using(mysql).values_list("id", flat=True)) == [1, 51]


WARNING = "Triggers that MySQL cannot turn off act on each restored row: zoo's trigger of zoo_tag."


@PORTABLE
def test_triggers_are_named_as_they_act_on_the_rows(mysql, path, portable):
    fill.add(mysql, zoo.Tag, (1, "tall"))
    back_up(mysql, path, "zoo")
    create = [
        "CREATE TRIGGER `zoo's trigger` BEFORE INSERT ON zoo_tag FOR EACH ROW SET NEW.name = 'x'"
    ]

    with statements(mysql, create, ["DROP TRIGGER `zoo's trigger`"]):
        plan = BackupMechanism(path, database=mysql, labels=["zoo"]).plan_restore()
        report = restore(mysql, path, "zoo", portable=portable)
        assert plan.peculiarities == (WARNING,)
        assert report.warnings.count(WARNING) == 1
        with refused(mysql, "zoo.Tag"):
            restore(mysql, path, "zoo", portable=portable, verify=True)


def test_trigger_on_updates_only_is_no_obstacle(mysql, path):
    fill.add(mysql, zoo.Tag, (1, "tall"))
    back_up(mysql, path, "zoo.Tag")
    create = [
        "CREATE TRIGGER zoo_x_update BEFORE UPDATE ON zoo_tag FOR EACH ROW SET NEW.name = 'x'"
    ]

    with statements(mysql, create, ["DROP TRIGGER zoo_x_update"]), unchanged(mysql, "zoo_tag"):
        assert restore(mysql, path, "zoo.Tag").warnings == []


def test_triggers_are_named_before_anything_is_touched(mysql, path):
    back_up(mysql, path, "zoo.Tag")
    create = [
        "CREATE TRIGGER zoo_x_insert AFTER INSERT ON zoo_tag FOR EACH ROW DO 1",
        "CREATE TRIGGER zoo_x_delete AFTER DELETE ON zoo_tag FOR EACH ROW DO 1",
    ]
    options = {"file": path, "database": mysql, "migrate": False, "dry_run": True}
    shown = io.StringIO()

    with statements(mysql, create, ["DROP TRIGGER zoo_x_insert", "DROP TRIGGER zoo_x_delete"]):
        call_command("sqliterestore", "zoo.Tag", stdout=shown, **options)

    assert "act on each restored row: zoo_x_insert of zoo_tag." in shown.getvalue()
    assert "act on each deleted row: zoo_x_delete of zoo_tag." in shown.getvalue()


def test_triggers_that_a_hook_of_the_restore_makes_are_named_too(mysql, path):
    class Late(BackupMechanism):
        def prepare_schema_for_restore(self, from_connection, to_connection):
            sql = "CREATE TRIGGER zoo_x_late AFTER INSERT ON zoo_tag FOR EACH ROW DO 1"
            fill.execute(mysql, sql)

        def update_schema_after_restore(self, from_connection, to_connection):
            pass

    back_up(mysql, path, "zoo.Tag")
    with statements(mysql, [], ["DROP TRIGGER zoo_x_late"]):
        report = exhaust(Late(path, database=mysql, labels=["zoo.Tag"]), "restore")
    assert "act on each restored row: zoo_x_late of zoo_tag." in " ".join(report.warnings)


@pytest.fixture
def myisam(mysql):
    fill.execute(mysql, "ALTER TABLE zoo_word ENGINE = MyISAM")
    yield mysql
    fill.execute(mysql, "DELETE FROM zoo_word", "ALTER TABLE zoo_word ENGINE = InnoDB")


def test_tables_without_transactions_are_named_before_a_restore(myisam, path):
    back_up(myisam, path, "zoo.Word", "zoo.Tag")
    mechanism = BackupMechanism(path, database=myisam, labels=["zoo.Word"], migrate=False)
    assert mechanism.plan_restore().get_warnings() == [
        "Without transactions, so not undone where the restore fails: zoo_word."
    ]


@PORTABLE
def test_backup_names_tables_that_are_no_part_of_the_snapshot(myisam, path, portable):
    warning = (
        "Without transactions, so no part of the snapshot: what is written meanwhile to zoo_word "
        "may be in the file in part."
    )
    assert warning in back_up(myisam, path, "zoo.Word", "zoo.Tag", portable=portable).warnings
    other = back_up(myisam, path.with_name("tags"), "zoo.Tag", portable=portable)
    assert "snapshot" not in " ".join(other.warnings)


class Watched(BackupMechanism):
    """Lets another session insert rows when all of the file's are in, and nothing is committed."""

    other = None
    refused = ()

    def copy_table_data(self, from_table, to_table):
        yield from super().copy_table_data(from_table, to_table)
        if self.other:
            self.refused = [key for key in (5, 15, 25, 99999) if not self.goes_in(key)]

    def goes_in(self, key):
        try:
            fill.execute(self.other, f"INSERT INTO zoo_tag VALUES ({key}, 'other')")
        except OperationalError as error:
            assert error.args[0] == 1205
            return False
        return True


@pytest.fixture
def other(mysql):
    """An alias of the same database that waits for no row longer than a second."""
    settings = connections[mysql].settings_dict
    options = {**settings["OPTIONS"], "init_command": "SET SESSION innodb_lock_wait_timeout = 1"}
    connections.databases["other_session"] = {**settings, "OPTIONS": options}
    yield "other_session"
    connections["other_session"].close()
    del connections["other_session"], connections.databases["other_session"]


@PORTABLE
@pytest.mark.parametrize(
    ("stored", "live"),
    [([10, 20], []), ([], [10, 20]), ([10, 20], [10, 30]), (range(10_000, 20_001), []), ([], [])],
    ids=["into nothing", "of nothing", "into rows", "in bulk", "nothing"],
)
def test_rows_that_others_insert_wait_for_the_end_of_a_restore(
    mysql, other, path, portable, stored, live
):
    fill.add(mysql, zoo.Tag, *((key, "stored") for key in stored))
    back_up(mysql, path, "zoo.Tag")
    fill.execute(mysql, "DELETE FROM zoo_tag")
    fill.add(mysql, zoo.Tag, *((key, "live") for key in live))
    level = session(mysql)["tx_isolation"]

    options = {"database": mysql, "labels": ["zoo.Tag"], "migrate": False, "portable": portable}
    mechanism = Watched(path, verify=True, **options)
    mechanism.other = other
    exhaust(mechanism, "restore")

    assert mechanism.refused == [5, 15, 25, 99999]
    assert list(zoo.Tag.objects.using(mysql).values_list("id", flat=True)) == [*stored]
    assert (level, session(mysql)["tx_isolation"]) == ("READ-COMMITTED", "READ-COMMITTED")


def test_transaction_that_keeps_no_writers_out_is_warned_of(mysql, path):
    back_up(mysql, path, "zoo.Tag")
    with transaction.atomic(using=mysql):
        warnings = restore(mysql, path, "zoo.Tag").warnings
    assert "rows that others insert before it ends stay" in " ".join(warnings)
    assert restore(mysql, path, "zoo.Tag").warnings == []
