"""What PostgreSQL's columns really are: a model may say otherwise, and Python may know less."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg.abc import Buffer
from psycopg.pq import Format
from psycopg.types.datetime import IntervalLoader, TimestamptzLoader

from django_sqlite_backup.composites import ARRAY, composite_to_stored, get_composite
from django_sqlite_backup.stored_forms import DOUBLE_DIGITS
from django_sqlite_backup.tables import Column

if TYPE_CHECKING:
    from .postgresql import PostgreSQLEngine

# Of a domain, its base type. What `numeric` says of itself is in the modifier, see
# https://github.com/postgres/postgres/blob/REL_18_0/src/backend/utils/adt/numeric.c
LIVE_TYPES = """
SELECT relname, attname, format_type(coalesce(nullif(typbasetype, 0), pg_type.oid), NULL),
    CASE typtype WHEN 'd' THEN typtypmod ELSE atttypmod END
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f')
    AND pg_table_is_visible(pg_class.oid) AND relnamespace <> 'pg_catalog'::regnamespace
"""
# As PostgreSQL writes an interval that Python's `timedelta` writes back as the same one.
INTERVAL = re.compile(rb"(-?\d+ days?)?(^| |$)(\+?([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?)?")


class LiveType(NamedTuple):
    """The type of a live column, without its modifier, and what the modifier says of decimals."""

    name: str = "unknown"
    precision: int | None = None
    scale: int | None = None

    @property
    def fits_a_double(self) -> bool:
        return self.precision is not None and self.precision <= DOUBLE_DIGITS


def get_live_types(engine: "PostgreSQLEngine") -> dict[tuple[str, str], LiveType]:
    """Return the types of all columns that can be named without a schema, in one query."""
    return {
        (table, column): LiveType(name, *get_digits(modifier if name == "numeric" else -1))
        for table, column, name, modifier in engine.fetchall(LIVE_TYPES)
    }


def get_digits(modifier: int) -> tuple[int | None, int | None]:
    """Return precision and scale, or nothing where a `numeric` is of any."""
    if modifier < 4:
        return None, None
    return ((modifier - 4) >> 16) & 0xFFFF, (((modifier - 4) & 0x7FF) ^ 1024) - 1024


def get_composite_reader(engine: "PostgreSQLEngine", column: Column) -> Callable[[str], str]:
    """Return the function from PostgreSQL's text to JSON, or to itself where Python fails."""
    cursor = psycopg.Cursor(engine.raw)
    register_exact_loaders(engine, cursor)
    transformer = psycopg.adapt.Transformer(cursor)
    column_type = column.field.db_type(engine.connection)
    ((oid,),) = engine.fetchall("SELECT %s::regtype::oid", [column_type])
    to_json = composite_to_stored(column.field)

    def to_stored(text: str) -> str:
        if text.startswith("[") and get_composite(column.field) == ARRAY:
            # An array that does not begin at 1 says where: a list cannot.
            return text
        try:
            return to_json(transformer.get_loader(int(oid), Format.TEXT).load(text.encode()))
        except (psycopg.DataError, ValueError):
            return text

    return to_stored


def register_exact_loaders(engine: "PostgreSQLEngine", cursor: "psycopg.Cursor[Any]") -> None:
    """Register loaders that fail where Python's value would not be written back as the same.

    Django's own puts the alias's time zone on moments, whatever the session's zone is.
    """
    moment = TimestamptzLoader if engine.uses_time_zones else LocalLoader
    cursor.adapters.register_loader("timestamptz", moment)
    cursor.adapters.register_loader("interval", ExactIntervalLoader)


@contextmanager
def refusing_inexact_intervals(raw: "psycopg.Connection[Any]") -> Iterator[None]:
    """Let the connection's cursors fail where Python would make another interval of one.

    psycopg makes 30 days of a month.
    """
    adapters = raw.adapters
    before = adapters.get_loader(adapters.types["interval"].oid, Format.TEXT)
    assert before is not None  # psycopg's own
    adapters.register_loader("interval", ExactIntervalLoader)
    try:
        yield
    finally:
        adapters.register_loader("interval", before)


class LocalLoader(TimestamptzLoader):
    """Loads a moment as the session's clock shows it, where it shows it once."""

    def load(self, data: Buffer) -> datetime:
        value = super().load(data)
        # PostgreSQL reads the second of two moments that a clock set back shows alike.
        if value.utcoffset() != value.replace(fold=1).utcoffset():
            raise psycopg.DataError("The clock shows this moment twice.")
        return value.replace(tzinfo=None)


class ExactIntervalLoader(IntervalLoader):
    """Loads an interval that a `timedelta` does not change."""

    def load(self, data: Buffer) -> timedelta:
        text = bytes(data)
        if not INTERVAL.fullmatch(text):
            raise psycopg.DataError(
                f'Python would make another interval of "{text.decode()}". It goes by the '
                "fast path only: copy without --portable."
            )
        return super().load(data)
