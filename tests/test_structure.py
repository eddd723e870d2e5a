"""What makes a copy fast and small, without a clock: statements, conversions, batches, memory."""

import tracemalloc

import pytest
from django.apps import apps
from django.db import connections

from django_sqlite_backup import BackupMechanism
from django_sqlite_backup.engines import get_engine
from django_sqlite_backup.engines.transport import BATCH_BYTES, batch_by_bytes
from django_sqlite_backup.tables import describe_tables
from zoo import fill
from zoo.models import Text


def add_texts(alias, rows):
    fill.clear(alias)
    Text.objects.using(alias).bulk_create(Text(value="x" * 100) for _ in range(rows))


@pytest.fixture
def texts(alias):
    """A function that leaves so many texts in each live alias in turn, and none at the end."""
    yield lambda rows: add_texts(alias, rows)
    fill.clear(alias)


def exhaust(steps):
    for _ in steps:
        pass


def test_fast_paths_convert_nothing_in_python_that_a_shop_has(alias):
    engine = get_engine(connections[alias])
    tables = [t for t in describe_tables(apps, connections[alias]) if t.label.startswith("shop.")]
    converted = {
        f"{table.label}.{column.name}"
        for table in tables
        for column in table.columns
        if engine.get_reader(table, column).convert is not None
    }
    assert len(tables) == 10
    assert converted == set()


class Traced(BackupMechanism):
    """Notes each statement that writes to the file while texts are copied."""

    def copy_table_data(self, from_table, to_table):
        self.statements = []
        raw = to_table.connection.connection
        raw.set_trace_callback(self.statements.append)
        yield from super().copy_table_data(from_table, to_table)
        raw.set_trace_callback(None)
        if to_table.label == "zoo.Text":
            self.of_texts = [sql for sql in self.statements if sql.startswith("INSERT")]


def count_statements(path, rows):
    add_texts("default", rows)
    mechanism = Traced(path, database="default")
    exhaust(mechanism.backup())
    return len(mechanism.of_texts)


def test_sqlite_copies_a_table_in_one_statement_whatever_its_size(databases, tmp_path):
    databases.use("default")
    assert count_statements(tmp_path / "few.sqlite3", 10) == 1
    assert count_statements(tmp_path / "many.sqlite3", 5_000) == 1
    fill.clear("default")


def test_batches_are_bounded_in_bytes():
    rows = [(number, b"x" * (BATCH_BYTES // 3)) for number in range(10)]
    batches = list(batch_by_bytes(iter(rows)))
    assert [row for batch in batches for row in batch] == rows
    assert [len(batch) for batch in batches] == [4, 4, 2]


def test_batches_are_bounded_in_rows():
    assert [len(batch) for batch in batch_by_bytes((n,) for n in range(2_500))] == [1000, 1000, 500]


def measure_peak(make_steps):
    """Return the most bytes that Python held at once, the smaller of two times.

    What a process of many tests does once in its life is not the table's: its interned strings,
    say, when the 174,763rd comes, move into a dict of 7.7 MB.
    """
    return min(measure_once(make_steps()) for _ in range(2))


def measure_once(steps):
    tracemalloc.start()
    exhaust(steps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("portable", [False, True])
def test_memory_does_not_grow_with_a_table(alias, texts, portable, tmp_path):
    path = tmp_path / "backup.sqlite3"

    def measure(rows):
        texts(rows)
        options = {"database": alias, "portable": portable, "labels": ["zoo.Text"]}
        backup = measure_peak(BackupMechanism(path, **options).backup)
        restore = measure_peak(BackupMechanism(path, **options, migrate=False).restore)
        return backup, restore

    few, many = measure(1_000), measure(10_000)
    # 10,000 rows are ten batches, and some 4 MB as Python's objects.
    assert many[0] < few[0] + 1_500_000
    assert many[1] < few[1] + 1_500_000


def test_memory_does_not_grow_with_large_rows(alias, texts, tmp_path):
    """Where SQLite reads them faster than the server takes them, they do not pile up either."""
    path = tmp_path / "backup.sqlite3"

    def measure(rows):
        fill.clear(alias)
        for _ in range(rows):
            Text.objects.using(alias).create(value="x" * 1_000_000)
        options = {"database": alias, "labels": ["zoo.Text"]}
        backup = measure_peak(BackupMechanism(path, **options).backup)
        return backup, measure_peak(BackupMechanism(path, **options, migrate=False).restore)

    few, many = measure(5), measure(100)
    assert many[0] < few[0] + 3_000_000
    assert many[1] < few[1] + 3_000_000
