"""The recipe: what it yields, what it calls, and what it leaves when it is abandoned."""

import gc
from collections import Counter
from io import StringIO
from itertools import islice

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from django.test import override_settings

from django_sqlite_backup import BackupMechanism, CopyError, Progress, RevisionMismatch
from tests import files, oracle
from tests.shops import fill_shop

CALLED = []
TOUCHED = ["shop_category", "shop_product_categories", "shop_review", "shop_stockmovement"]


@pytest.fixture
def live(alias):
    """Each live alias in turn, with a small shop."""
    CALLED.clear()
    return fill_shop(alias)


@pytest.fixture
def default(databases):
    CALLED.clear()
    return fill_shop(databases.use("default"))


def run(mechanism, direction):
    return list(getattr(mechanism, direction)())


def execute(alias, *statements):
    with connections[alias].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


# Progress


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("direction", ["backup", "restore"])
def test_progress_keeps_its_contract(live, tmp_path, direction, verify):
    run(BackupMechanism(tmp_path / "file", database=live, labels=["shop"]), "backup")
    mechanism = BackupMechanism(tmp_path / "file", database=live, labels=["shop"], verify=verify)
    steps = run(mechanism, direction)

    completed = [step.completed for step in steps]
    rows = sum(mechanism.report.rows.values())
    assert all(type(step) is Progress for step in steps)
    assert completed == sorted(completed)
    assert {step.total for step in steps} == {rows * (1 + verify)}
    assert steps[0].completed == 0
    assert steps[-1] == (rows * (1 + verify), rows * (1 + verify), "done")


def test_progress_names_each_model(live, tmp_path):
    mechanism = BackupMechanism(tmp_path / "file", database=live, labels=["shop"], verify=True)
    shown = {step.description for step in mechanism.backup()}
    with_rows = {label for label, rows in mechanism.report.rows.items() if rows}
    assert shown - {"begun", "done"} >= {
        f"{doing} {label}" for doing in ("copying", "verifying") for label in with_rows
    }


def test_nothing_happens_before_the_first_step(default, tmp_path):
    mechanism = BackupMechanism(tmp_path / "nowhere" / "file")
    steps = mechanism.backup(), mechanism.restore()
    assert (list(tmp_path.iterdir()), mechanism.report) == ([], None)
    del steps


def test_the_file_is_there_before_the_last_step(default, tmp_path):
    steps = BackupMechanism(tmp_path / "file").backup()
    there = [(tmp_path / "file").exists() for _ in steps]
    assert there == [False] * (len(there) - 1) + [True]


# Abandoned


@pytest.mark.parametrize(("how", "verify"), [("closed", False), ("collected", True)])
def test_an_abandoned_backup_leaves_nothing(live, tmp_path, how, verify):
    path = tmp_path / "file"
    mechanism = BackupMechanism(path, database=live, labels=["shop"], verify=verify)
    run(mechanism, "backup")
    total, before, live_before = (
        mechanism.operation.total,
        path.read_bytes(),
        oracle.database_text(live),
    )

    for steps_taken in (1, 5, 1000):
        steps = mechanism.backup()
        for step in islice(steps, steps_taken):
            if step.completed > total // 2:
                break
        del step
        if how == "closed":
            steps.close()
        del steps
        gc.collect()
        assert [found.name for found in tmp_path.iterdir()] == ["file"]

    assert path.read_bytes() == before
    assert oracle.database_text(live) == live_before
    run(mechanism, "backup")


@pytest.mark.parametrize(("how", "verify"), [("closed", False), ("collected", True)])
def test_an_abandoned_restore_changes_nothing(live, tmp_path, how, verify):
    path = tmp_path / "file"
    run(BackupMechanism(path, database=live, labels=["shop"]), "backup")
    execute(live, "DELETE FROM shop_review", "UPDATE shop_category SET name = 'changed'")
    mechanism = BackupMechanism(path, database=live, labels=["shop"], verify=verify)
    before = path.read_bytes(), oracle.database_text(live, TOUCHED), oracle.schema_text(live)

    for steps_taken in (1, 8, 1000):
        steps = mechanism.restore()
        for step in islice(steps, steps_taken):
            if step.completed > step.total // 2:
                break
        if how == "closed":
            steps.close()
        del steps
        gc.collect()
        assert (path.read_bytes(), oracle.database_text(live, TOUCHED)) == before[:2]
        execute(live, "SELECT 1")
        assert not connections[live].in_atomic_block

    assert oracle.schema_text(live) == before[2]
    execute(live, "UPDATE shop_category SET name = 'usable'")
    run(mechanism, "restore")


def test_a_step_that_raises_changes_nothing(live, tmp_path):
    class Failing(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            if to_table.label == "shop.StockMovement":
                raise OSError("No space left")

    path = tmp_path / "file"
    run(BackupMechanism(path, database=live, labels=["shop"]), "backup")
    before = path.read_bytes(), oracle.database_text(live)
    for direction in ("backup", "restore"):
        with pytest.raises(CopyError) as caught:
            run(Failing(path, database=live, labels=["shop"]), direction)
        remains = ". Nothing was changed." if direction == "restore" else ""
        assert str(caught.value) == f"While copying shop.StockMovement: No space left{remains}"
        assert (path.read_bytes(), oracle.database_text(live)) == before
        assert [found.name for found in tmp_path.iterdir()] == ["file"]


# Again and again


def test_a_mechanism_can_be_used_twice(live, tmp_path):
    mechanism = BackupMechanism(tmp_path / "file", database=live, labels=["shop"])
    before = oracle.database_text(live)
    for direction in ("backup", "restore", "backup", "restore"):
        run(mechanism, direction)
        assert mechanism.report.file == str(tmp_path / "file")
    assert oracle.database_text(live) == before


def test_a_backup_is_as_old_as_its_rows(live, tmp_path):
    steps = BackupMechanism(tmp_path / "slow", database=live).backup()
    next(steps)
    list(BackupMechanism(tmp_path / "quick", database=live).backup())
    list(steps)
    slow, quick = (files.read_manifest(tmp_path / name)["created"] for name in ("slow", "quick"))
    assert slow < quick


def test_an_unchanged_database_makes_the_same_rows(default, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        run(BackupMechanism(path), "backup")
    dumps = [
        files.execute(path, "SELECT group_concat(quote(name) || quote(slug)) FROM shop_category")
        for path in (first, second)
    ]
    assert dumps[0] == dumps[1]


def test_a_backup_inside_a_transaction_sees_its_rows(live, tmp_path):
    with transaction.atomic(using=live):
        execute(live, "UPDATE shop_category SET name = 'uncommitted'")
        run(BackupMechanism(tmp_path / "file", database=live, labels=["shop"]), "backup")
        transaction.set_rollback(True, using=live)
    names = files.execute(tmp_path / "file", "SELECT DISTINCT name FROM shop_category")
    assert names == [("uncommitted",)]


# The hooks


class Recording(BackupMechanism):
    """Writes down what is called, with what."""

    def backup_table_filter(self, from_table):
        CALLED.append(("backup_table_filter", from_table.label, from_table.connection.alias))
        return super().backup_table_filter(from_table)

    def restore_table_filter(self, from_table):
        CALLED.append(("restore_table_filter", from_table.label, from_table.connection.alias))
        return super().restore_table_filter(from_table)

    def prepare_schema_for_restore(self, from_connection, to_connection):
        CALLED.append(("prepare_schema_for_restore", from_connection.alias, to_connection.alias))
        super().prepare_schema_for_restore(from_connection, to_connection)

    def update_schema_after_restore(self, from_connection, to_connection):
        CALLED.append(("update_schema_after_restore", from_connection.alias, to_connection.alias))
        super().update_schema_after_restore(from_connection, to_connection)

    def delete_table_data(self, to_table):
        CALLED.append(("delete_table_data", to_table.label, to_table.connection.alias))
        super().delete_table_data(to_table)

    def copy_table_data(self, from_table, to_table):
        CALLED.append(("copy_table_data", from_table.label, to_table.connection.alias))
        yield from super().copy_table_data(from_table, to_table)


LABELS = ["shop.Category", "shop.Product"]
TABLES = ["shop.Category", "shop.Product", "shop.Product_categories"]


def test_a_backup_calls_its_hooks(live, tmp_path):
    run(Recording(tmp_path / "file", database=live, labels=LABELS), "backup")
    by_hook = Counter(hook for hook, *_ in CALLED)
    assert by_hook == {"backup_table_filter": 4, "copy_table_data": 4}
    filtered = [label for hook, label, _ in CALLED if hook == "backup_table_filter"]
    copied = [label for hook, label, _ in CALLED if hook == "copy_table_data"]
    assert sorted(filtered) == sorted(copied) == sorted([*TABLES, "migrations.Migration"])
    assert copied.index("shop.Product_categories") > copied.index("shop.Product")
    assert {alias for hook, _, alias in CALLED if hook == "backup_table_filter"} == {live}


def test_a_restore_calls_its_hooks_in_order(live, tmp_path):
    run(BackupMechanism(tmp_path / "file", database=live, labels=LABELS), "backup")
    run(Recording(tmp_path / "file", database=live, labels=["shop"]), "restore")
    hooks = list(dict.fromkeys(hook for hook, *_ in CALLED))
    assert hooks == [
        "restore_table_filter",
        "prepare_schema_for_restore",
        "delete_table_data",
        "copy_table_data",
        "update_schema_after_restore",
    ]
    assert Counter(hook for hook, *_ in CALLED) == {
        "restore_table_filter": 4,
        "prepare_schema_for_restore": 1,
        "delete_table_data": 3,
        "copy_table_data": 3,
        "update_schema_after_restore": 1,
    }
    copied = [label for hook, label, alias in CALLED if hook == "copy_table_data"]
    deleted = [label for hook, label, alias in CALLED if hook == "delete_table_data"]
    assert deleted == copied[::-1]
    assert {alias for hook, _, alias in CALLED if hook in ("copy_table_data",)} == {live}


def test_hooks_of_the_schema_are_not_called_without_migrate(live, tmp_path):
    run(BackupMechanism(tmp_path / "file", database=live, labels=LABELS), "backup")
    run(Recording(tmp_path / "file", database=live, migrate=False), "restore")
    assert not [hook for hook, *_ in CALLED if "schema" in hook]


def test_what_the_filter_of_backups_leaves_out_is_not_in_the_file(live, tmp_path):
    class Filtering(BackupMechanism):
        def backup_table_filter(self, from_table):
            return from_table.label != "shop.Review"

    run(Filtering(tmp_path / "file", database=live, labels=["shop"]), "backup")
    assert "shop_review" not in files.read_manifest(tmp_path / "file")["tables"]


def test_what_the_filter_of_restores_leaves_out_stays(live, tmp_path):
    class Filtering(BackupMechanism):
        def restore_table_filter(self, from_table):
            return super().restore_table_filter(from_table) and from_table.label != "shop.Review"

    run(Filtering(tmp_path / "file", database=live, labels=["shop"]), "backup")
    assert "shop_review" in files.read_manifest(tmp_path / "file")["tables"]
    execute(live, "DELETE FROM shop_review", "DELETE FROM shop_stockmovement")
    run(Filtering(tmp_path / "file", database=live, labels=["shop"]), "restore")
    assert oracle.table_text(live, "shop_review") == []
    assert oracle.table_text(live, "shop_stockmovement") != []


def test_copying_can_make_anonymous(live, tmp_path):
    class Anonymous(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            if to_table.label == "shop.Customer":
                with to_table.connection.cursor() as cursor:
                    cursor.execute("UPDATE shop_customer SET name = 'x', email = id")

    before = oracle.database_text(live)
    run(Anonymous(tmp_path / "file", database=live, labels=["shop"]), "backup")
    query = "SELECT DISTINCT name, email = id FROM shop_customer"
    assert files.execute(tmp_path / "file", query) == [("x", 1)]
    assert oracle.database_text(live) == before

    run(BackupMechanism(tmp_path / "file", database=live, labels=["shop"]), "restore")
    after = oracle.database_text(live)
    assert {name for name in before if before[name] != after[name]} == {"shop_customer"}


def test_copying_can_leave_rows_out(live, tmp_path):
    class Recent(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            if to_table.label == "shop.StockMovement":
                with to_table.connection.cursor() as cursor:
                    cursor.execute("DELETE FROM shop_stockmovement")

    run(Recent(tmp_path / "file", database=live, labels=["shop"]), "backup")
    assert files.read_manifest(tmp_path / "file")["tables"]["shop_stockmovement"]["rows"] == 0
    run(BackupMechanism(tmp_path / "file", database=live, labels=["shop"]), "restore")
    assert oracle.table_text(live, "shop_stockmovement") == []


def test_deleting_can_keep_rows(default, tmp_path):
    class Merging(BackupMechanism):
        def delete_table_data(self, to_table):
            with to_table.connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {to_table.name} WHERE id < 1000")

    run(Merging(tmp_path / "file", labels=["shop.Category"]), "backup")
    execute(default, "INSERT INTO shop_category (id, name, slug) VALUES (1000, 'kept', 'kept')")
    run(Merging(tmp_path / "file"), "restore")
    ((count,),) = files.execute(
        connections[default].settings_dict["NAME"], "SELECT count(*) FROM shop_category"
    )
    assert count == 13


def test_a_hook_that_refuses_leaves_all_as_it_was(live, tmp_path):
    class Refusing(BackupMechanism):
        def prepare_schema_for_restore(self, from_connection, to_connection):
            raise RevisionMismatch("Not today.")

    run(BackupMechanism(tmp_path / "file", database=live, labels=["shop"]), "backup")
    before = oracle.database_text(live)
    with pytest.raises(RevisionMismatch) as caught:
        run(Refusing(tmp_path / "file", database=live, labels=["shop"]), "restore")
    assert str(caught.value) == "Not today."
    assert oracle.database_text(live) == before


# The hooks in the settings


def keep_categories(from_table):
    CALLED.append(from_table.label)
    return from_table.label.startswith("shop.Category")


def note(from_connection, to_connection):
    CALLED.append((from_connection.vendor, to_connection.alias))


def command(name, **options):
    call_command(name, stdout=StringIO(), stderr=StringIO(), **options)


@pytest.mark.parametrize("hook", [keep_categories, f"{__name__}.keep_categories"])
def test_a_setting_filters_backups(default, backup_path, hook):
    with override_settings(SQLITE_BACKUP={"BACKUP_TABLE_FILTER": hook}):
        command("sqlitebackup")
    assert files.read_manifest(backup_path)["tables"].keys() == {"shop_category"}
    assert "shop.Order" in CALLED


@pytest.mark.parametrize("hook", [keep_categories, f"{__name__}.keep_categories"])
def test_a_setting_filters_restores(default, backup_path, hook):
    command("sqlitebackup")
    before = oracle.table_text(default, "shop_category")
    execute(default, "UPDATE shop_category SET name = 'x'", "DELETE FROM shop_review")
    with override_settings(SQLITE_BACKUP={"RESTORE_TABLE_FILTER": hook}):
        command("sqliterestore", interactive=False)
    assert oracle.table_text(default, "shop_category") == before
    assert oracle.table_text(default, "shop_review") == []


@pytest.mark.parametrize("hook", [note, f"{__name__}.note"])
def test_settings_prepare_and_update_the_schema(default, backup_path, hook):
    command("sqlitebackup")
    hooks = {"PREPARE_SCHEMA_FOR_RESTORE": hook, "UPDATE_SCHEMA_AFTER_RESTORE": hook}
    with override_settings(SQLITE_BACKUP=hooks):
        command("sqliterestore", interactive=False)
    assert [("sqlite", default)] * 2 == CALLED


@pytest.mark.parametrize("mechanism", [Recording, f"{__name__}.Recording"])
def test_a_setting_names_the_mechanism(default, backup_path, mechanism):
    with override_settings(SQLITE_BACKUP={"MECHANISM": mechanism}):
        command("sqlitebackup")
    assert {hook for hook, *_ in CALLED} == {"backup_table_filter", "copy_table_data"}


def test_a_hook_in_the_settings_wins_over_the_mechanism(default, backup_path):
    settings = {"MECHANISM": Recording, "BACKUP_TABLE_FILTER": keep_categories}
    with override_settings(SQLITE_BACKUP=settings):
        command("sqlitebackup")
    assert files.read_manifest(backup_path)["tables"].keys() == {"shop_category"}


def test_what_is_excluded_by_a_setting_is_not_in_the_file(default, backup_path):
    with override_settings(SQLITE_BACKUP={"EXCLUDE": ["shop.Review", "auth"]}):
        command("sqlitebackup", exclude=["shop.Payment"])
    labels = {entry["label"] for entry in files.read_manifest(backup_path)["tables"].values()}
    assert "shop.Order" in labels
    assert not {label for label in labels if label.startswith("auth.")}
    assert not labels & {"shop.Review", "shop.Payment"}


def test_what_is_excluded_from_restores_is_in_the_file(default, backup_path):
    with override_settings(SQLITE_BACKUP={"RESTORE_EXCLUDE": ["shop.Review"]}):
        command("sqlitebackup")
        execute(default, "DELETE FROM shop_review", "DELETE FROM shop_stockmovement")
        command("sqliterestore", interactive=False)
    assert files.read_manifest(backup_path)["tables"]["shop_review"]["rows"] > 0
    assert oracle.table_text(default, "shop_review") == []
    assert oracle.table_text(default, "shop_stockmovement") != []


def test_the_class_itself_reads_no_settings(default, tmp_path):
    with override_settings(SQLITE_BACKUP={"EXCLUDE": ["shop"], "DATABASE": "other"}):
        mechanism = BackupMechanism(tmp_path / "file")
        run(mechanism, "backup")
    assert mechanism.report.database == "default"
    assert "shop.Order" in mechanism.report.rows
