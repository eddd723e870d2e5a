"""Moments that no server keeps as they are: each way refuses them, and the preflight lists them."""

import pytest

from django_sqlite_backup import BackupMechanism
from django_sqlite_backup.exceptions import CopyError, UnfitValues
from tests import files, oracle
from tests.copying import back_up, restore
from zoo import fill

MODELS = {"zoo.Date": "date", "zoo.Time": "time", "zoo.DateTime": "datetime"}
SEVEN = "has more than six digits of microseconds"
NO = {label: f"is no {kind} here" for label, kind in MODELS.items()}
UNFIT = [
    ("zoo.DateTime", "2024-12-31 23:59:59.9999999", SEVEN),
    ("zoo.DateTime", "2024-12-31 23:59:59.9999990", SEVEN),
    ("zoo.DateTime", "2024-01-01 24:00:00", NO["zoo.DateTime"]),
    ("zoo.DateTime", "24:00:00", NO["zoo.DateTime"]),
    ("zoo.DateTime", "25:00:00", NO["zoo.DateTime"]),
    ("zoo.DateTime", "100:00:00", NO["zoo.DateTime"]),
    ("zoo.Time", "23:59:59.9999999", SEVEN),
    ("zoo.Time", "2024-01-01 10:30:00", NO["zoo.Time"]),
    ("zoo.Time", "10:30:00+02:00", NO["zoo.Time"]),
    ("zoo.Time", "10", NO["zoo.Time"]),
    ("zoo.Time", "now", NO["zoo.Time"]),
    ("zoo.Date", "2024-01-01 10:30:00", NO["zoo.Date"]),
    ("zoo.Date", "24:00:00", NO["zoo.Date"]),
    ("zoo.Date", "25:00:00", NO["zoo.Date"]),
    ("zoo.Date", "100:00:00", NO["zoo.Date"]),
    ("zoo.Date", "-10:00:00", NO["zoo.Date"]),
]
OFFSETS = ["2024-01-01 10:00:00+02:00", "2024-01-01 10:00Z"]
FIT = [
    ("zoo.DateTime", "2024-12-31 23:59:59.999999"),
    ("zoo.DateTime", "2024-12-31 23:59:59.5"),
    ("zoo.DateTime", "2024-12-31 23:59:59"),
    ("zoo.Time", "23:59:59.100000"),
    ("zoo.Time", "23:59"),
]
SERVERS = pytest.mark.parametrize("server", ["postgresql", "mysql"])


class Untold(BackupMechanism):
    """Of whose rows no preflight knows."""

    def copy_table_data(self, from_table, to_table):
        yield from super().copy_table_data(from_table, to_table)


@pytest.fixture
def stored(databases, tmp_path):
    """A function that makes a sealed file of SQLite's with one such cell."""
    source, path = databases.use("default"), tmp_path / "stored.sqlite3"

    def store(label, text):
        table = label.lower().replace(".", "_")
        fill.execute(source, f"DELETE FROM {table}")
        fill.execute(source, f"INSERT INTO {table} VALUES (1, '{text}', NULL)")
        back_up(source, path, label)
        fill.execute(source, f"DELETE FROM {table}")
        files.edit(path, f"UPDATE {table} SET value = '{text}'")
        return path

    return store


def plan(path, alias, label):
    mechanism = BackupMechanism(path, database=alias, labels=[label], migrate=False)
    return {misfit.reason for misfit in mechanism.plan_restore().misfits}


@SERVERS
@pytest.mark.parametrize(("label", "text", "reason"), UNFIT)
def test_moment_that_no_server_keeps_is_listed_and_refused(
    databases, stored, server, label, text, reason
):
    alias, path = databases.use(server), stored(label, text)

    assert plan(path, alias, label) == {reason}
    for portable in (False, True):
        with pytest.raises(UnfitValues):
            restore(alias, path, label, portable=portable)
        untold = Untold(path, database=alias, labels=[label], migrate=False, portable=portable)
        if text != "2024-01-01 24:00:00" or portable:
            with pytest.raises(CopyError):
                list(untold.restore())


@pytest.mark.parametrize("text", OFFSETS)
def test_offset_from_utc_is_listed_for_mysql(databases, stored, text):
    alias, path = databases.use("mysql"), stored("zoo.DateTime", text)

    assert plan(path, alias, "zoo.DateTime") == {NO["zoo.DateTime"]}


@SERVERS
@pytest.mark.parametrize(("label", "text"), FIT)
def test_moment_of_six_digits_goes_in_alike(databases, stored, server, label, text):
    alias, path = databases.use(server), stored(label, text)
    table, found = label.lower().replace(".", "_"), []
    assert plan(path, alias, label) == set()

    for portable in (False, True):
        restore(alias, path, label, portable=portable)
        found.append(oracle.table_text(alias, table))
        fill.execute(alias, f"DELETE FROM {table}")

    assert found[0] == found[1] != []


def test_live_sqlite_keeps_the_text(databases, stored):
    alias, path = databases.use("default"), stored("zoo.DateTime", "2024-12-31 23:59:59.9999999")

    restore(alias, path, "zoo.DateTime")

    assert "23:59:59.9999999" in oracle.table_text(alias, "zoo_datetime")[0]
    fill.execute(alias, "DELETE FROM zoo_datetime")
