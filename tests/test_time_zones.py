"""Moments where the project has no time zones, or a database one of its own."""

import ast
import datetime as dt
from contextlib import contextmanager

import pytest
from django.db import connections
from django.test import override_settings

from tests import oracle
from tests.copying import back_up, quoted_file_rows, restore, unchanged
from zoo import fill
from zoo import models as zoo

PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
# Winter, summer, and the hour that Amsterdam and New York have twice, or never.
NAIVE = [
    dt.datetime(2024, 1, 1, 12),
    dt.datetime(2024, 7, 1, 12, 0, 0, 1),
    dt.datetime(2024, 3, 31, 1, 59, 59),
    dt.datetime(2024, 3, 31, 3, 30),
    dt.datetime(2024, 10, 27, 2, 30),
    dt.datetime(2024, 11, 3, 1, 30),
    dt.datetime(1, 1, 2),
    dt.datetime(9999, 12, 30, 23, 59, 59, 999_999),
]
AWARE = [moment.replace(tzinfo=dt.UTC) for moment in NAIVE]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


@contextmanager
def zone_of(alias, name):
    """The alias has a TIME_ZONE of its own."""
    connection = connections[alias]
    settings = connection.settings_dict
    forget = ("timezone", "timezone_name")
    old, settings["TIME_ZONE"] = settings["TIME_ZONE"], name
    try:
        for attribute in forget:
            connection.__dict__.pop(attribute, None)
        connection.close()
        yield
    finally:
        settings["TIME_ZONE"] = old
        for attribute in forget:
            connection.__dict__.pop(attribute, None)
        connection.close()


def fill_moments(alias, moments):
    fill.clear(alias)
    fill.add(alias, zoo.DateTime, *({"value": moment, "maybe": moment} for moment in moments))


@PORTABLE
def test_without_time_zones_moments_come_back(alias, path, portable):
    with override_settings(USE_TZ=False):
        fill_moments(alias, NAIVE)
        with unchanged(alias, "zoo_datetime"):
            back_up(alias, path, "zoo.DateTime", portable=portable, verify=True)
            restore(alias, path, "zoo.DateTime", portable=portable, verify=True)
    fill.clear(alias)


def test_without_time_zones_the_file_has_the_clocks_moments(alias, path):
    with override_settings(USE_TZ=False):
        fill_moments(alias, NAIVE)
        back_up(alias, path, "zoo.DateTime")
    fill.clear(alias)

    rows = map(ast.literal_eval, quoted_file_rows(path, "zoo_datetime"))
    written = [row[1] for row in rows]
    assert sorted(written) == sorted(f"text '{moment}'" for moment in NAIVE)


@PORTABLE
def test_without_time_zones_every_engine_gets_the_same(from_alias, to_alias, path, portable):
    with override_settings(USE_TZ=False):
        fill_moments(to_alias, NAIVE)
        expected = oracle.table_text(to_alias, "zoo_datetime")
        fill_moments(from_alias, NAIVE)
        back_up(from_alias, path, "zoo.DateTime", portable=portable)
        fill.clear(to_alias)
        restore(to_alias, path, "zoo.DateTime", portable=portable)
        assert oracle.table_text(to_alias, "zoo_datetime") == expected
        fill.clear(to_alias)


@PORTABLE
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_alias_with_a_zone_of_its_own_gets_its_moments_back(alias, path, portable, zone):
    with zone_of(alias, zone):
        # 02:30 UTC is 22:30 of the day before there: no hour that comes twice.
        fill_moments(alias, [*AWARE[:4], AWARE[7]])
        with unchanged(alias, "zoo_datetime"):
            back_up(alias, path, "zoo.DateTime", portable=portable, verify=True)
            restore(alias, path, "zoo.DateTime", portable=portable, verify=True)
        fill.clear(alias)


def test_file_of_an_alias_with_a_zone_of_its_own_is_in_utc(from_alias, to_alias, path):
    fill_moments(to_alias, AWARE[:4])
    expected = oracle.table_text(to_alias, "zoo_datetime")
    fill.clear(to_alias)
    with zone_of(from_alias, "America/New_York"):
        fill_moments(from_alias, AWARE[:4])
        back_up(from_alias, path, "zoo.DateTime")
        fill.clear(from_alias)

    restore(to_alias, path, "zoo.DateTime")

    assert oracle.table_text(to_alias, "zoo_datetime") == expected
