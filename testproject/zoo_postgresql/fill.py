"""Rows for `zoo_postgresql`, called by `zoo.fill.fill_postgresql`."""

import datetime as dt
import uuid
from decimal import Decimal

from django.db.backends.postgresql.psycopg_any import (
    DateRange,
    DateTimeTZRange,
    NumericRange,
)

from zoo.fill import add, execute
from zoo.values import INT64, TEXTS, UTC

from . import models

MOMENT = dt.datetime(2024, 10, 27, 0, 30, 0, 1, tzinfo=UTC)


def fill_arrays(alias):
    add(
        alias,
        models.Arrays,
        {
            "id": 1,
            "integers": [1, None, -(2**31)],
            "texts": [*TEXTS, None],
            "moments": [MOMENT, dt.datetime.max.replace(tzinfo=UTC)],
            "nested": [["a", "b"], ["{", '"\\,']],
            "sized": [True, False, True],
            "decimals": [Decimal("12345678901234567.8900000001"), Decimal("0")],
            "floats": [0.1, -0.0, 1e308, 5e-324],
            "uuids": [uuid.UUID(int=1)],
            "binaries": [b"", b"\x00\xff\\"],
            "jsons": [{"a": [1, 12345678901234567890]}, "text", []],
            "durations": [dt.timedelta(days=-40_000, microseconds=1)],
        },
        {"id": 2, "integers": [], "texts": [], "nested": [], "sized": []},
        {"id": 3},
    )
    execute(
        alias,
        "INSERT INTO zoo_postgresql_arrays (id, integers, texts, moments, floats) VALUES "
        "(4, '[0:1]={1,2}', '{{a,b},{c,d}}', '{infinity}', '{NaN,Infinity}')",
    )
    add(
        alias,
        models.HStore,
        (1, {"a": "1", "b": None, "": "", 'q"\\': "=>,\n"}, [{"x": "é🦓"}, {}]),
        (2, {}, []),
        (3, None, None),
    )


def fill_ranges(alias):
    day = dt.date(2024, 2, 29)
    add(
        alias,
        models.Ranges,
        (
            1,
            NumericRange(1, 5),
            NumericRange(0, INT64, "[)"),
            NumericRange(Decimal("0.10"), Decimal("12345678901234567.89"), "(]"),
            DateRange(day, dt.date(2024, 3, 1)),
            DateTimeTZRange(MOMENT, MOMENT + dt.timedelta(hours=1), "[]"),
            [NumericRange(1, 2), NumericRange(empty=True)],
        ),
        (2, *[kind(None, None) for kind in (NumericRange,) * 3], DateRange(None, day), None, []),
        (3, *[NumericRange(empty=True)] * 3, DateRange(empty=True), DateTimeTZRange(empty=True)),
        (4, NumericRange(None, 1), NumericRange(1, None), NumericRange(None, Decimal("1.0"))),
    )
    execute(
        alias,
        "INSERT INTO zoo_postgresql_ranges (id, dates, moments) VALUES "
        "(5, '[2024-01-01,infinity)', '[2025-01-01 00:00:00+00,infinity]')",
    )


OWN_TYPES = {
    "citext": "'MiXed'",
    "inet": "'10.1.2.3/8'",
    "cidr": "'10.0.0.0/8'",
    "macaddr": "'08:00:2b:01:02:03'",
    "interval": "'1 year 2 months -3 days 24:00:00.000001'",
    "point": "'(0.1,-1e300)'",
    "polygon": "'((0,0),(1,0),(1,1.5))'",
    "tsvector": "to_tsvector('english', 'The quick brown foxes') || '''it''''s'':3A'::tsvector",
    "range_array": "'{\"[1,3)\",empty}'",
    "multirange": "'{[1,3),[5,8)}'",
    "money": "'-1234.56'",
    "bits": "'0101'",
    "numeric": "'1.10000000000000000000000000000000000000000000000000001e60'",
    "single": "'0.1'",
    "json": """'{"b" : 1.10,  "a": null, "a": "\\u00e9"}'""",
    "lsn": "'16/B374D848'",
    "naive": "'0044-03-15 12:00:00.000001 BC'",
    "zoned_time": "'12:30:00.5+05:45'",
    "quoted_char": "'x'",
    "name": "'a name'",
    "padded": "'ab'",
    "matrix": "'{{1,2},{3,NULL}}'",
}


def fill_own_types(alias):
    columns = ", ".join(OWN_TYPES)
    execute(
        alias,
        f"INSERT INTO zoo_postgresql_owntypes (id, {columns}) "
        f"VALUES (1, {', '.join(OWN_TYPES.values())})",
        "INSERT INTO zoo_postgresql_owntypes (id) VALUES (2)",
        "INSERT INTO zoo_postgresql_owntypes (id, citext, numeric, single, naive, interval, bits) "
        "VALUES (3, '', 'NaN', '-Infinity', 'infinity', '-1 month +1 day', '')",
    )
