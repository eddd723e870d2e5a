import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django import get_version
from django.core.management import call_command
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from django_sqlite_backup import InvalidBackup, __version__
from django_sqlite_backup.manifest import Manifest, TableEntry
from tests import files
from tests.shops import fill_shop

MANIFEST = Manifest(
    created="2001-02-03T04:05:06+00:00",
    package="1",
    django="5.2",
    database="default",
    engine="sqlite",
    engine_version="3.45",
    origin="0123456789abcdef",
    use_tz=True,
    tables={"shop_order": TableEntry("shop.Order", 3, {"id": -4})},
)


@pytest.fixture
def connection():
    with closing(sqlite3.connect(":memory:")) as connection:
        yield connection


def test_a_manifest_reads_back_as_it_was_written(connection):
    MANIFEST.write(connection)
    assert Manifest.read(connection) == MANIFEST
    assert MANIFEST.rows == 3


def test_a_manifest_marks_the_file(connection):
    MANIFEST.write(connection)
    marks = [
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version")
    ]
    assert [marks[0].to_bytes(4, "big"), marks[1]] == [b"DSB1", 1]


def test_a_manifest_says_where_the_rows_come_from(alias, backup_path):
    fill_shop(alias)
    call_command("sqlitebackup", "shop", database=alias, stdout=StringIO())
    manifest = files.read_manifest(backup_path)
    connection = connections[alias]
    age = datetime.now(UTC) - datetime.fromisoformat(manifest["created"])
    assert timedelta(0) <= age < timedelta(minutes=2)
    expected = {
        "package": __version__,
        "django": get_version(),
        "database": alias,
        "engine": connection.vendor,
        "engine_version": ".".join(map(str, connection.get_database_version())),
        "use_tz": True,
        "format": 1,
    }
    assert {key: manifest[key] for key in expected} == expected


def test_a_manifest_counts_the_rows_and_the_next_keys(alias, backup_path):
    fill_shop(alias)
    call_command("sqlitebackup", "shop.Category", database=alias, stdout=StringIO())
    manifest = files.read_manifest(backup_path)
    ((count, largest),) = files.execute(backup_path, "SELECT count(*), max(id) FROM shop_category")
    entry = manifest["tables"]["shop_category"]
    assert (entry["label"], entry["rows"], count) == ("shop.Category", 12, 12)
    assert list(entry["next_keys"]) == ["id"]
    # The shop gives keys of its own, which PostgreSQL's sequences know nothing of.
    assert entry["next_keys"]["id"] > largest or alias == "postgresql"


def test_the_file_names_neither_host_nor_password(databases, backup_path):
    alias = fill_shop(databases.use("postgresql"))
    call_command("sqlitebackup", "shop", database=alias, stdout=StringIO())
    data = backup_path.read_bytes()
    database = connections[alias].settings_dict
    assert database["HOST"].encode() not in data
    assert database["NAME"].encode() not in data


def test_two_origins_have_two_fingerprints(databases, backup_path):
    def fingerprint(alias):
        backup_path.unlink(missing_ok=True)
        call_command("sqlitebackup", "sites", database=databases.use(alias), stdout=StringIO())
        return files.read_manifest(backup_path)["origin"]

    mine, its, again = fingerprint("default"), fingerprint("other"), fingerprint("default")
    assert mine == again != its


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("replaces", {"shop.0002_squashed": 1}),
        ("replaces", {"shop.0002_squashed": [1]}),
        ("unknown", [["shop", "0001_initial"]]),
    ],
)
def test_names_of_migrations_are_texts(connection, key, value):
    MANIFEST.write(connection)
    row = (json.dumps(value), key)
    connection.execute(f"UPDATE {files.MANIFEST} SET value = ? WHERE key = ?", row)
    with pytest.raises(InvalidBackup) as caught:
        Manifest.read(connection)
    assert str(caught.value) == f'The manifest makes no sense where it says "{key}".'


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from([*MANIFEST.__dataclass_fields__, "surprise"])


@given(keys, json_values)
@settings(max_examples=200, deadline=None)
def test_any_value_makes_sense_or_is_refused(key, value):
    with closing(sqlite3.connect(":memory:")) as connection:
        MANIFEST.write(connection)
        table = files.MANIFEST
        row = (key, json.dumps(value))
        connection.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", row)
        try:
            manifest = Manifest.read(connection)
        except InvalidBackup:
            return
        assert type(getattr(manifest, key)) is type(getattr(MANIFEST, key))
