"""Numbers and JSON that a server refuses: listed beforehand, and nothing that it takes is."""

import pytest

from django_sqlite_backup import BackupMechanism
from django_sqlite_backup.exceptions import CopyError
from django_sqlite_backup.fitness import has_lone_surrogate
from tests import files
from tests.copying import back_up, restore
from zoo import fill

NO_NUMBER = "is no number here"
HALF = "has half a surrogate pair"
BOTH = ("postgresql", "mysql")
UNFIT = [
    ("zoo.Float", "", NO_NUMBER, BOTH),
    ("zoo.Float", "abc", NO_NUMBER, BOTH),
    ("zoo.Float", "1_000", NO_NUMBER, BOTH),
    ("zoo.Float", "2024-01-01", NO_NUMBER, BOTH),
    ("zoo.Price", "", NO_NUMBER, BOTH),
    ("zoo.Price", " ", NO_NUMBER, BOTH),
    ("zoo.Price", "2024-01-01", NO_NUMBER, BOTH),
    ("zoo.Price", "Infinity", NO_NUMBER, BOTH),
    ("zoo.Price", "-Infinity", NO_NUMBER, BOTH),
    ("zoo.Json", r'"\ud800"', HALF, BOTH),
    ("zoo.Json", r'{"\udc00": 1}', HALF, BOTH),
    ("zoo.Json", r'"\ud83d\ud83d"', HALF, BOTH),
]
FIT = [
    ("zoo.Float", " 5 ", ["postgresql"]),
    ("zoo.Float", "-1.5e-3", ["postgresql"]),
    ("zoo.Float", "Infinity", ["postgresql"]),
    ("zoo.Float", "NaN", ["postgresql"]),
    ("zoo.Price", "NaN", ["postgresql"]),
    ("zoo.Json", r'"\ud83d\ude00 \\ud800"', BOTH),
]


@pytest.fixture
def stored(databases, tmp_path):
    """A function that makes a sealed file of SQLite's with one such cell, and tells its misfits."""
    source, path = databases.use("default"), tmp_path / "stored.sqlite3"

    def store(alias, label, text):
        table = label.lower().replace(".", "_")
        value = "'1'" if label == "zoo.Json" else "1"
        fill.execute(source, f"DELETE FROM {table}")
        fill.execute(source, f"INSERT INTO {table} VALUES (1, {value}, NULL)")
        back_up(source, path, label)
        fill.execute(source, f"DELETE FROM {table}")
        files.edit(path, f"UPDATE {table} SET value = '{text}'")
        mechanism = BackupMechanism(path, database=alias, labels=[label], migrate=False)
        return path, {misfit.reason for misfit in mechanism.plan_restore().misfits}

    return store


class Untold(BackupMechanism):
    """Of whose rows no preflight knows."""

    def copy_table_data(self, from_table, to_table):
        yield from super().copy_table_data(from_table, to_table)


@pytest.mark.parametrize(
    ("label", "text", "reason", "server"),
    [(*case, server) for *case, servers in UNFIT for server in servers],
)
def test_what_the_server_refuses_is_listed(databases, stored, label, text, reason, server):
    alias = databases.use(server)
    path, found = stored(alias, label, text)

    assert found == {reason}
    with pytest.raises(CopyError):
        list(Untold(path, database=alias, labels=[label], migrate=False).restore())


@pytest.mark.parametrize(
    ("label", "text", "server"), [(*case, server) for *case, servers in FIT for server in servers]
)
def test_what_the_server_takes_is_not_listed(databases, stored, label, text, server):
    alias = databases.use(server)
    path, found = stored(alias, label, text)

    assert found == set()
    restore(alias, path, label)
    fill.execute(alias, f"DELETE FROM {label.lower().replace('.', '_')}")


@pytest.mark.parametrize(
    ("text", "lone"),
    [(r"\ud83d\ude00", False), (r"\\ud83d", False), (r"\\\ud83d", True), (r"\uDFFF", True)],
)
def test_half_of_a_surrogate_pair(text, lone):
    assert has_lone_surrogate(text) is lone
