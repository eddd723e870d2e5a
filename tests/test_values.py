"""Values: those that one engine alone holds, and generated ones of every type of field."""

import datetime as dt
import json
from decimal import Decimal

import pytest
from django.db import connections, models
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from django_sqlite_backup.exceptions import BackupError
from tests import oracle
from tests.copying import back_up, refused, restore, unchanged
from zoo import fill
from zoo import models as zoo
from zoo.values import VALUES

TYPES = [getattr(zoo, name) for name in VALUES]
SPECIAL = [
    *("AutoKey", "Boolean", "Char", "CharKey", "Date", "DateTime", "Duration", "Float"),
    *("IPAddress", "Json", "LargeDecimal", "Money", "PositiveBigInteger", "PositiveInteger"),
    *("PositiveSmallInteger", "Price", "Slug", "SmallInteger", "Text", "Time", "WholeDecimal"),
    "Word",
]
"""The models of the zoo that `fill_special` adds to, on one engine or another."""

UNDER_ONE_COLLATION = {"CharKey", "Word"}
BEYOND_SQLITE = {"LargeDecimal", "WholeDecimal"}
REFUSED = {
    ("default", "postgresql"): {"Char", "Json", "Price", "Slug", "SmallInteger", "Text"},
    ("default", "mysql"): UNDER_ONE_COLLATION | {"Char", "Float", "Price", "Slug", "SmallInteger"},
    ("postgresql", "mysql"): UNDER_ONE_COLLATION
    | {"Date", "DateTime", "Duration", "Float", "LargeDecimal", "Price"},
    ("mysql", "default"): BEYOND_SQLITE | {"PositiveBigInteger"},
    ("postgresql", "default"): BEYOND_SQLITE,
    ("mysql", "postgresql"): {
        *("Boolean", "Char", "Date", "DateTime", "PositiveBigInteger", "PositiveInteger"),
        *("PositiveSmallInteger", "Text", "Time"),
    },
}
"""The models whose special rows of the first engine the second one cannot hold."""


@pytest.mark.parametrize("pair", REFUSED, ids="-".join)
def test_what_the_target_cannot_hold_is_refused_and_the_rest_comes_back(databases, pair, tmp_path):
    from_alias, to_alias = map(databases.use, pair)
    for alias in pair:
        fill.clear(alias)
        fill.fill(alias)
    fill.fill_special(from_alias)
    before = special_text(from_alias)
    path, way_back = tmp_path / "backup.sqlite3", tmp_path / "way_back.sqlite3"
    back_up(from_alias, path, "zoo")

    assert restore_each(to_alias, path) == REFUSED[pair]

    held = [f"zoo.{name}" for name in SPECIAL if name not in REFUSED[pair]]
    back_up(to_alias, way_back, *held)
    restore(from_alias, way_back, *held)
    after = special_text(from_alias)
    # A column of SQLite's that is REAL keeps no sign of a zero.
    if pair == ("postgresql", "default"):
        before["zoo_float"] = [line.replace("=-0", "=0") for line in before["zoo_float"]]
    assert after == before


def restore_each(alias, path):
    """Restore the special tables one by one, and return the models that are refused."""
    names = set()
    before = special_text(alias)
    for name in SPECIAL:
        table = getattr(zoo, name)._meta.db_table
        try:
            restore(alias, path, f"zoo.{name}")
        except BackupError as error:
            assert f"zoo.{name}" in str(error)
            assert special_text(alias)[table] == before[table]
            assert not connections[alias].in_atomic_block
            names.add(name)
    return names


def special_text(alias):
    names = [getattr(zoo, name)._meta.db_table for name in SPECIAL]
    text = oracle.database_text(alias, names)
    # `jsonb` writes numbers in digits of its own, has no -0.0, and of two equal keys the last.
    text["zoo_json"] = sorted(map(canonical_line, json_lines(alias)))
    return text


def json_lines(alias):
    with oracle.closing(oracle.open_engine(alias)) as engine:
        for row in engine.rows("zoo_json"):
            yield row[0], *(text and engine.plain(text) for text in row[1:])


def canonical_line(row):
    numbers = {"parse_int": number_text, "parse_float": number_text}
    values = [text and json.loads(text, **numbers) for text in row[1:]]
    return json.dumps([row[0], *values], sort_keys=True)


def number_text(text):
    return f"number {(Decimal(text) + 0).normalize()}"


@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_dangling_key_is_refused(databases, alias, tmp_path, portable):
    source = databases.use("default")
    fill.clear(source)
    with connections[source].constraint_checks_disabled():
        fill.execute(source, "INSERT INTO zoo_car VALUES (1, 77)")
    back_up(source, tmp_path / "backup.sqlite3", "zoo")
    fill.clear(alias)
    fill.fill(alias)

    with refused(alias, "zoo.Car.driver_id", "primary key 1"):
        restore(alias, tmp_path / "backup.sqlite3", "zoo", portable=portable)

    fill.clear(source)


def test_row_that_others_need_must_be_in_the_file(alias, tmp_path):
    fill.clear(alias)
    back_up(alias, tmp_path / "backup.sqlite3", "zoo")
    fill.fill(alias)

    with refused(alias, "zoo.Membership.club_id"):
        restore(alias, tmp_path / "backup.sqlite3", "zoo.Club")


def test_one_table_may_be_restored_under_rows_that_refer_to_it(alias, tmp_path):
    fill.clear(alias)
    fill.fill(alias)
    back_up(alias, tmp_path / "backup.sqlite3", "zoo")

    with unchanged(alias):
        restore(alias, tmp_path / "backup.sqlite3", "zoo.Club", "zoo.CharKey", "zoo.Node")


# Generated values


def numbers(model, connection):
    return st.integers(*connection.ops.integer_field_range(model.get_internal_type()))


def decimals(field, connection):
    """Of each number of digits some: integers drawn from the whole range are mostly long."""
    most = min(field.max_digits, 15) if connection.vendor == "sqlite" else field.max_digits
    scaled = st.integers(1, most).flatmap(
        lambda digits: st.integers(1 - 10**digits, 10**digits - 1)
    )
    return scaled.map(lambda value: Decimal(value).scaleb(-field.decimal_places))


def characters(connection):
    """All of Unicode that UTF-8 holds, awkward ones often; NUL where the engine has it."""
    awkward = "\\\t\n\r'\"%Nx0{},é🦓 \x1a"
    if connection.vendor == "postgresql":
        return st.sampled_from(awkward) | st.characters(codec="utf-8", exclude_characters="\0")
    return st.sampled_from(awkward + "\0") | st.characters(codec="utf-8")


def texts(field, connection):
    return st.text(characters(connection), max_size=min(field.max_length or 60, 60))


def json_values(connection):
    text = st.text(characters(connection), max_size=20)
    finite = st.floats(allow_nan=False, allow_infinity=False)
    leaves = st.none() | st.booleans() | st.integers(-(10**40), 10**40) | finite | text
    lists_or_objects = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
        max_leaves=10,
    )
    return lists_or_objects.filter(lambda value: value is not None)


def uuids(connection):
    """MariaDB's own type refuses variants that no standard defines."""
    return st.uuids(version=4) if connection.vendor == "mysql" else st.uuids()


MICROSECONDS = 2**63 - 1
MOMENTS = st.datetimes(timezones=st.just(dt.UTC))
BY_FIELD = {
    "FloatField": lambda field, connection: st.floats(allow_nan=False, allow_infinity=False),
    "DecimalField": decimals,
    "BooleanField": lambda field, connection: st.booleans(),
    "GenericIPAddressField": lambda field, connection: st.ip_addresses().map(str),
    "DateField": lambda field, connection: st.dates(),
    "TimeField": lambda field, connection: st.times(),
    "DateTimeField": lambda field, connection: MOMENTS,
    "DurationField": lambda field, connection: st.integers(-MICROSECONDS, MICROSECONDS).map(
        lambda value: dt.timedelta(microseconds=value)
    ),
    "UUIDField": lambda field, connection: uuids(connection),
    "JSONField": lambda field, connection: json_values(connection),
    "BinaryField": lambda field, connection: st.binary(max_size=200),
}


def values_of(model, connection):
    field = model._meta.get_field("value")
    kind = field.get_internal_type()
    if kind in BY_FIELD:
        return BY_FIELD[kind](field, connection)
    if "Integer" in kind:
        return numbers(field, connection)
    return texts(field, connection)


def rows_of_every_type(connection):
    return st.fixed_dictionaries(
        {model: st.lists(values_of(model, connection), max_size=12) for model in TYPES}
    )


@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_generated_values_of_every_type_come_back(alias, tmp_path, portable):
    connection = connections[alias]
    path = tmp_path / "backup.sqlite3"
    tables = [model._meta.db_table for model in TYPES]
    labels = [model._meta.label for model in TYPES]
    fill.clear(alias)

    # One backup and one restore for the values of all types: that is what takes time. To shrink
    # an example would take minutes, and the differing lines tell enough.
    @settings(
        max_examples=6,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(rows_of_every_type(connection))
    def check(rows):
        empty_types(alias)
        for model, values in rows.items():
            fill.add(alias, model, *({"value": value, "maybe": value} for value in values))
        before = oracle.database_text(alias, tables)
        back_up(alias, path, *labels, portable=portable)
        empty_types(alias)
        restore(alias, path, *labels, portable=portable)
        assert oracle.database_text(alias, tables) == before

    check()


def empty_types(alias):
    for model in TYPES:
        models.QuerySet(model, using=alias)._raw_delete(alias)
