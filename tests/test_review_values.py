"""Values that a review found changed: what a live column holds, whatever its model says of it."""

import datetime
import sqlite3
from contextlib import closing, contextmanager, nullcontext

import pytest
from django.db import connections, transaction

from django_sqlite_backup import verification
from tests import files, oracle
from tests.copying import back_up, quoted_file_rows, refused, restore
from zoo import fill
from zoo import models as zoo
from zoo.fields import RawField

WAYS = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])


@contextmanager
def live_type(alias, model, column_type, *extra):
    """The column `maybe` of a model's table, emptied, has another type for a while."""
    connection = connections[alias]
    table, own = model._meta.db_table, model._meta.get_field("maybe").db_type(connection)
    change = {"postgresql": "ALTER TABLE {0} ALTER maybe TYPE {1} USING NULL"}.get(
        connection.vendor, "ALTER TABLE {0} MODIFY maybe {1} NULL"
    )
    fill.execute(alias, f"DELETE FROM {table}", *extra, change.format(table, column_type))
    try:
        yield table
    finally:
        fill.execute(alias, f"DELETE FROM {table}", change.format(table, own))


def insert(alias, table, value, *cells):
    fill.execute(
        alias, *(f"INSERT INTO {table} (value, maybe) VALUES ({value}, {cell})" for cell in cells)
    )


def assert_comes_back(alias, model, path, **options):
    before = oracle.table_text(alias, model._meta.db_table)
    back_up(alias, path, model._meta.label, verify=True, **options)
    fill.execute(alias, f"DELETE FROM {model._meta.db_table}")
    restore(alias, path, model._meta.label, verify=True, **options)
    assert oracle.table_text(alias, model._meta.db_table) == before


def types_in_file(path, table):
    with closing(sqlite3.connect(path)) as file:
        return [row[0] for row in file.execute(f"SELECT typeof(maybe) FROM {table} ORDER BY id")]


# PostgreSQL

POSTGRESQL = [
    ("Price", "numeric", "0", ["12345678901234567.89", "0.125", "'NaN'"]),
    ("Price", "numeric(30,10)", "0", ["12345678901234567.1234567891", "1"]),
    ("Text", "citext", "''", ["'Hé'"]),
    ("Text", "uuid", "''", ["'00000000-0000-0000-0000-0000000000ff'"]),
    ("Text", "jsonb", "''", ["'{\"a\": 1}'"]),
    ("Text", "xml", "''", ["'<a/>'"]),
    ("Text", "inet", "''", ["'1.2.3.4/8'"]),
    ("Text", "text[]", "''", ["array['a', 'b, c', NULL]"]),
    ("Text", "tsvector", "''", ["'b:2 a:1'"]),
    ("Text", "char(5)", "''", ["'ab'"]),
    ("Uuid", "text", "'00000000000000000000000000000001'", ["'Not-a-uuid'"]),
    ("Integer", "numeric", "0", ["12345678901234567890123", "5"]),
    ("Time", "time with time zone", "'12:00'", ["'12:13:14+05'"]),
]


@pytest.mark.parametrize(("name", "column_type", "value", "cells"), POSTGRESQL)
def test_column_of_another_type_comes_back(databases, tmp_path, name, column_type, value, cells):
    alias, model = databases.use("postgresql"), getattr(zoo, name)
    extension = "CREATE EXTENSION IF NOT EXISTS citext"

    with live_type(alias, model, column_type, extension) as table:
        insert(alias, table, value, *cells)
        assert_comes_back(alias, model, tmp_path / "backup.sqlite3")
        assert "blob" not in types_in_file(tmp_path / "backup.sqlite3", table)


def test_array_of_a_text_type_is_not_text():
    from django_sqlite_backup.stored_forms import Form, get_form

    assert get_form(RawField("varchar(10)[]"), connections["default"]) is Form.OPAQUE


def arrays(databases):
    alias = databases.use("postgresql")
    fill.execute(alias, "DELETE FROM zoo_postgresql_arrays")
    return alias


def array_rows(alias, sql):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_array_of_intervals_keeps_months_and_hours(databases, tmp_path):
    from zoo_postgresql.models import Arrays

    alias = arrays(databases)
    fill.execute(
        alias,
        "INSERT INTO zoo_postgresql_arrays (durations) VALUES"
        " ('{1 mon,24:00:00}'), ('{1 day,-00:00:01}'), ('{-1 days +01:00:00,NULL,02:03:04.5}')",
    )

    assert_comes_back(alias, Arrays, tmp_path / "backup.sqlite3")


@pytest.mark.parametrize("interval", ["1 mon", "24:00:00", "-00:00:01", "178000000 years"])
@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside a transaction"])
def test_interval_that_python_would_change_is_refused_portably(
    databases, tmp_path, interval, inside
):
    from zoo_postgresql.models import Arrays

    alias, path = arrays(databases), tmp_path / "backup.sqlite3"
    fill.execute(
        alias,
        "DELETE FROM zoo_duration",
        f"INSERT INTO zoo_duration (value) VALUES ('{interval}')",
        f"INSERT INTO zoo_postgresql_arrays (durations) VALUES ('{{{interval}}}')",
    )
    for model in (zoo.Duration, Arrays):
        label, around = model._meta.label, transaction.atomic(alias) if inside else nullcontext()
        with refused(alias, label, f'of "{interval}"'), around:
            back_up(alias, path, label, portable=True)
    fill.execute(alias, "UPDATE zoo_duration SET value = '1 mon'")
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT value FROM zoo_duration")
        assert cursor.fetchone() == (datetime.timedelta(days=30),)
    arrays(databases)
    fill.execute(alias, "DELETE FROM zoo_duration")


def test_array_that_the_driver_knows_no_type_of_is_the_engine_s_text(databases, tmp_path):
    from zoo_postgresql.models import Arrays

    alias = arrays(databases)
    texts = "ALTER TABLE zoo_postgresql_arrays ALTER texts TYPE {} USING NULL"
    make = "CREATE TYPE zoo_mood AS ENUM ('a', 'b')"
    fill.execute(alias, make, texts.format("zoo_mood[]"))
    field = Arrays._meta.get_field("texts").base_field
    field.db_type = lambda connection: "zoo_mood"
    try:
        fill.execute(alias, "INSERT INTO zoo_postgresql_arrays (texts) VALUES ('{a,b,NULL}')")
        assert_comes_back(alias, Arrays, tmp_path / "backup.sqlite3")
    finally:
        del field.db_type
        fill.execute(
            alias,
            "DELETE FROM zoo_postgresql_arrays",
            texts.format("text[]"),
            "DROP TYPE zoo_mood",
        )


@contextmanager
def time_zone(alias, name):
    """The alias has a time zone of its own for a while."""
    connection = connections[alias]
    old = connection.settings_dict["TIME_ZONE"]
    connection.close()
    for attribute in ("timezone", "timezone_name"):
        connection.__dict__.pop(attribute, None)
    connection.settings_dict["TIME_ZONE"] = name
    try:
        yield
    finally:
        connection.close()
        for attribute in ("timezone", "timezone_name"):
            connection.__dict__.pop(attribute, None)
        connection.settings_dict["TIME_ZONE"] = old


@WAYS
def test_alias_with_a_time_zone_of_its_own(databases, tmp_path, portable):
    from zoo_postgresql.models import Arrays

    alias = arrays(databases)
    fill.execute(alias, "DELETE FROM zoo_datetime")
    fill.execute(alias, "INSERT INTO zoo_datetime (value) VALUES ('2024-07-01 12:00+00')")
    fill.execute(
        alias, "INSERT INTO zoo_postgresql_arrays (moments) VALUES ('{2024-07-01 12:00+00}')"
    )

    with time_zone(alias, "Asia/Tokyo"):
        for model in (Arrays, zoo.DateTime):
            assert_comes_back(alias, model, tmp_path / "backup.sqlite3", portable=portable)

    rows = quoted_file_rows(tmp_path / "backup.sqlite3", "zoo_datetime")
    assert "2024-07-01 12:00:00" in rows[0]


def test_clock_set_back_inside_arrays_and_ranges(databases, tmp_path, settings):
    from zoo_postgresql.models import Arrays, Ranges

    alias = arrays(databases)
    fill.execute(
        alias,
        "DELETE FROM zoo_postgresql_ranges",
        "INSERT INTO zoo_postgresql_arrays (moments)"
        " VALUES ('{2023-10-29 00:30+00,2023-10-29 01:30+00}')",
        "INSERT INTO zoo_postgresql_ranges (moments)"
        " VALUES ('[2023-10-29 00:30+00,2023-10-29 01:30+00)')",
    )
    settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Amsterdam"

    with time_zone(alias, None):
        for model in (Arrays, Ranges):
            assert_comes_back(alias, model, tmp_path / f"{model.__name__}.sqlite3")


def test_caller_s_transaction_keeps_its_settings(databases, tmp_path):
    alias = databases.use("postgresql")
    names = ("TimeZone", "row_security", "statement_timeout", "lock_timeout", "DateStyle")

    def current():
        calls = ", ".join(f"current_setting('{name}')" for name in names)
        return array_rows(alias, f"SELECT {calls}")

    with transaction.atomic(using=alias):
        fill.execute(alias, "SET LOCAL TimeZone = 'Asia/Tokyo'", "SET LOCAL lock_timeout = '7s'")
        before = current()
        back_up(alias, tmp_path / "backup.sqlite3", "zoo.Price")
        assert current() == before


# MariaDB and MySQL

MYSQL = [
    ("Float", "float", "0", ["16777216", "1234567.9", "0.1"]),
    ("Price", "decimal(30,10)", "0", ["12345678901234567.1234567891", "1"]),
    ("Price", "double", "0", ["0.1234567890123456", "1e20"]),
    ("BigInteger", "bigint unsigned", "0", ["18446744073709551615", "9007199254740993", "1"]),
    ("Time", "time(6)", "'12:00'", ["'-01:02:03.5'", "'838:59:59'"]),
    ("Uuid", "char(40)", "'00000000-0000-4000-8000-000000000001'", ["'Not-a-uuid'"]),
]


@pytest.mark.parametrize(("name", "column_type", "value", "cells"), MYSQL)
def test_mysql_column_of_another_type_comes_back(
    databases, tmp_path, name, column_type, value, cells
):
    alias, model = databases.use("mysql"), getattr(zoo, name)

    with live_type(alias, model, column_type) as table:
        insert(alias, table, value, *cells)
        assert_comes_back(alias, model, tmp_path / "backup.sqlite3")


def test_portable_way_reads_every_digit_of_a_float(databases, tmp_path):
    alias = databases.use("mysql")

    with live_type(alias, zoo.Float, "float") as table:
        insert(alias, table, "0", "16777215")
        assert_comes_back(alias, zoo.Float, tmp_path / "backup.sqlite3", portable=True)


RAW = [
    ("national varchar(9)", "varchar(9) CHARACTER SET latin1", "'é'"),
    ("bigint unsigned", "bigint unsigned", "18446744073709551615"),
    ("double", "double", "0.1234567890123456"),
    ("varbinary(9)", "varbinary(9)", "x'ff00e9'"),
]


@pytest.mark.parametrize(("field_type", "column_type", "cell"), RAW)
def test_raw_column_keeps_its_bytes(databases, tmp_path, field_type, column_type, cell):
    alias, field = databases.use("mysql"), zoo.Words._meta.get_field("words")
    change = "ALTER TABLE zoo_words MODIFY words {} NULL"
    old = field.db_type(connections[alias])
    fill.execute(alias, "DELETE FROM zoo_words", change.format(column_type))
    field.db_type = lambda connection: field_type
    try:
        fill.execute(alias, f"INSERT INTO zoo_words (words) VALUES ({cell})")
        before = array_rows(alias, "SELECT hex(words), words + 0e0 FROM zoo_words")
        assert_comes_back(alias, zoo.Words, tmp_path / "backup.sqlite3")
        assert array_rows(alias, "SELECT hex(words), words + 0e0 FROM zoo_words") == before
    finally:
        del field.db_type
        fill.execute(alias, "DELETE FROM zoo_words", change.format(old))


def test_warnings_that_the_server_does_not_keep_are_seen(databases, tmp_path):
    alias = databases.use("mysql")
    fill.execute(alias, "DELETE FROM zoo_char", "INSERT INTO zoo_char (value) VALUES ('aaaaaaaa')")
    back_up(alias, tmp_path / "backup.sqlite3", "zoo.Char")
    options = connections[alias].settings_dict["OPTIONS"]
    old = dict(options)
    options["init_command"] = "SET max_error_count = 0"
    connections[alias].close()
    fill.execute(
        alias, "DELETE FROM zoo_char", "ALTER TABLE zoo_char MODIFY value varchar(5) NOT NULL"
    )
    try:
        with refused(alias, "zoo.Char"):
            restore(alias, tmp_path / "backup.sqlite3", "zoo.Char")
    finally:
        fill.execute(alias, "ALTER TABLE zoo_char MODIFY value varchar(200) NOT NULL")
        options.clear()
        options.update(old)
        connections[alias].close()


@WAYS
def test_boolean_that_is_two_stays_two(databases, tmp_path, portable):
    alias = databases.use("mysql")
    fill.execute(alias, "DELETE FROM zoo_boolean")
    fill.execute(alias, "INSERT INTO zoo_boolean (value, maybe) VALUES (1, 2), (0, 1)")

    assert_comes_back(alias, zoo.Boolean, tmp_path / "backup.sqlite3", portable=portable)


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4"])
@WAYS
def test_text_over_a_connection_of_another_character_set(databases, tmp_path, charset, portable):
    alias = databases.use("mysql")
    fill.execute(alias, "DELETE FROM zoo_text", "INSERT INTO zoo_text (value) VALUES ('é €')")
    options = connections[alias].settings_dict["OPTIONS"]
    old = dict(options)
    options["charset"] = charset
    connections[alias].close()
    try:
        assert_comes_back(alias, zoo.Text, tmp_path / "backup.sqlite3", portable=portable)
    finally:
        options.clear()
        options.update(old)
        connections[alias].close()


# What arithmetic leaves in SQLite


def sqlite_backup(databases, path, model, *cells):
    source = databases.use("default")
    table = model._meta.db_table
    fill.execute(source, f"DELETE FROM {table}")
    insert(source, table, "0", *cells)
    back_up(source, path, model._meta.label)
    fill.execute(source, f"DELETE FROM {table}")


@pytest.mark.parametrize("to_alias", ["postgresql", "mysql"])
@WAYS
def test_fraction_of_a_microsecond_is_rounded_as_django_reads_it(
    databases, tmp_path, to_alias, portable
):
    alias = databases.use(to_alias)
    cells = ["3333333.3333333335", "1.5", "2.5", "-0.5", "-86400000000.7"]
    sqlite_backup(databases, tmp_path / "backup.sqlite3", zoo.Duration, *cells)

    restore(alias, tmp_path / "backup.sqlite3", "zoo.Duration", verify=True, portable=portable)

    spelled = {
        "postgresql": "SELECT extract(epoch FROM maybe) * 1000000 FROM zoo_duration ORDER BY id",
        "mysql": "SELECT maybe FROM zoo_duration ORDER BY id",
    }[to_alias]
    found = [int(microseconds) for (microseconds,) in array_rows(alias, spelled)]
    assert found == [3333333, 2, 2, 0, -86400000001]


@pytest.mark.parametrize("to_alias", ["postgresql", "mysql"])
@pytest.mark.parametrize(
    ("model", "cell", "refuses"),
    [
        (zoo.Price, "1.125", True),
        (zoo.Price, "0.615", True),
        (zoo.Price, "99999999.99", False),
        (zoo.Price, "2.5e-5", True),
        (zoo.Rate, "1234567890.12345", False),
        (zoo.Integer, "1.5", True),
        (zoo.Boolean, "1.5", True),
    ],
)
@WAYS
def test_number_that_the_engine_would_round_is_refused(
    databases, tmp_path, to_alias, model, cell, refuses, portable
):
    alias = databases.use(to_alias)
    sqlite_backup(databases, tmp_path / "backup.sqlite3", model, cell)

    with refused(alias, model._meta.label) if refuses else nullcontext():
        restore(alias, tmp_path / "backup.sqlite3", model._meta.label, portable=portable)


def test_column_without_affinity_of_a_strict_table(databases, tmp_path):
    alias = databases.use("default")
    fill.execute(
        alias,
        "ALTER TABLE zoo_text RENAME TO zoo_text_aside",
        "CREATE TABLE zoo_text (id integer PRIMARY KEY AUTOINCREMENT, value ANY, maybe ANY) STRICT",
        "INSERT INTO zoo_text (value, maybe) VALUES ('00123', '1e3'), (5, x'41')",
    )
    try:
        assert_comes_back(alias, zoo.Text, tmp_path / "backup.sqlite3")
    finally:
        fill.execute(alias, "DROP TABLE zoo_text", "ALTER TABLE zoo_text_aside RENAME TO zoo_text")


# Verification


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1"),
        ("10", "1e1"),
        ('{"a": 1, "b": 2}', '{"b": 2.0, "a": 1}'),
        ("1e400000000", "10e399999999"),
    ],
)
def test_equal_json_is_equal_however_it_is_spelled(one, other):
    assert verification.canonical_json(one) == verification.canonical_json(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1234567890123456789012345678901", "1234567890123456789012345678902"),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('["number 1"]', "[1]"),
        ("1", "-1"),
        ("[" * 100_000, "[" * 100_001),
    ],
)
def test_different_json_is_different(one, other):
    assert verification.canonical_json(one) != verification.canonical_json(other)


# As far as counting goes

MOST = datetime.timedelta(microseconds=2**63 - 1)
LEAST = datetime.timedelta(microseconds=-(2**63))
BEYOND = [
    MOST + datetime.timedelta(microseconds=1),
    LEAST - datetime.timedelta(microseconds=1),
    datetime.timedelta(days=200_000_000),
    datetime.timedelta(days=-200_000_000, seconds=1, microseconds=500),
]
"""What SQLite cannot count, in microseconds."""


@WAYS
def test_longest_durations_come_back(alias, tmp_path, portable):
    durations = [MOST, LEAST, *(BEYOND if alias == "postgresql" else [])]
    fill.execute(alias, "DELETE FROM zoo_duration")
    manager = zoo.Duration.objects.using(alias)
    manager.bulk_create(zoo.Duration(value=d, maybe=d) for d in durations)
    path = tmp_path / "backup.sqlite3"

    assert_comes_back(alias, zoo.Duration, path, portable=portable)

    assert list(manager.order_by("pk").values_list("value", flat=True)) == durations
    stored = [cell for (cell,) in files.execute(path, "SELECT value FROM zoo_duration ORDER BY id")]
    assert stored[:2] == [2**63 - 1, -(2**63)]
    assert (
        stored[2:]
        == [
            "106751991 days 04:00:54.775808",
            "-106751992 days +19:59:05.224191",
            "200000000 days",
            "-200000000 days +00:00:01.0005",
        ][: len(durations) - 2]
    )


@pytest.mark.parametrize(
    ("to_alias", "live"), [("postgresql", "numeric(20, 0)"), ("mysql", "decimal(20, 0)")]
)
def test_smallest_integer_goes_into_a_column_of_decimals(databases, tmp_path, to_alias, live):
    alias = databases.use(to_alias)
    sqlite_backup(databases, tmp_path / "backup.sqlite3", zoo.Integer, str(-(2**63)))
    with live_type(alias, zoo.Integer, live):
        restore(alias, tmp_path / "backup.sqlite3", "zoo.Integer", verify=True)
        assert list(array_rows(alias, "SELECT maybe FROM zoo_integer")) == [(-(2**63),)]
