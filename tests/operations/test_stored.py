"""`operations.stored`: the JSON of a sidecar, both ways."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from django_sqlite_backup.exceptions import InvalidBackup
from django_sqlite_backup.operations.stored import StoredBackup

STORED = StoredBackup(
    name="default-20260301T023000Z-0123abcd.sqlite3.zst.age",
    created=datetime(2026, 3, 1, 2, 30, tzinfo=UTC),
    database="default",
    origin="0123456789abcdef",
    engine="postgresql",
    engine_version="15.4",
    rows=608,
    tables=21,
    file_bytes=241_664,
    checksum="a" * 64,
    stored_bytes=51_200,
    stored_sha256="b" * 64,
    compression="zstd",
    encrypted=True,
    migrations={"shop": ["0002_order"], "auth": ["0012_alter_user_first_name_max_length"]},
    verified=True,
    package="0.1.0",
    partial=True,
)


def test_description_survives_json():
    assert StoredBackup.from_dict(json.loads(json.dumps(STORED.as_dict()))) == STORED


def test_time_is_written_in_utc():
    local = datetime(2026, 3, 1, 3, 30, tzinfo=timezone(timedelta(hours=1)))
    stored = StoredBackup.from_dict({**STORED.as_dict(), "created": local.isoformat()})
    assert stored == STORED
    assert stored.as_dict()["created"] == "2026-03-01T02:30:00+00:00"


def test_keys_of_a_later_version_are_passed_over():
    assert StoredBackup.from_dict({**STORED.as_dict(), "signature": "x"}) == STORED


@pytest.mark.parametrize("data", [None, [], "text", 1])
def test_what_is_no_object_is_refused(data):
    with pytest.raises(InvalidBackup, match="no JSON object"):
        StoredBackup.from_dict(data)


@pytest.mark.parametrize("key", list(STORED.as_dict()))
def test_missing_key_is_named(key):
    data = STORED.as_dict()
    del data[key]
    with pytest.raises(InvalidBackup, match=f"lacks '{key}'"):
        StoredBackup.from_dict(data)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 1),
        ("created", "yesterday"),
        ("created", None),
        ("created", "2026-03-01T02:30:00"),
        ("created", "0001-01-01T00:00:00+14:00"),
        ("created", "9999-12-31T23:59:59-14:00"),
        ("rows", -1),
        ("rows", True),
        ("tables", "21"),
        ("file_bytes", 1.5),
        ("checksum", "a" * 63),
        ("stored_sha256", "../" + "b" * 61),
        ("compression", "xz"),
        ("encrypted", 1),
        ("migrations", []),
        ("migrations", {"shop": "0002_order"}),
        ("migrations", {"shop": [2]}),
        ("verified", None),
    ],
)
def test_senseless_value_is_named(key, value):
    with pytest.raises(InvalidBackup, match=f'where it says "{key}"'):
        StoredBackup.from_dict({**STORED.as_dict(), key: value})
