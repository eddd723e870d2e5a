"""What MySQL's columns really are, and how each is read: a model may say otherwise."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from django_sqlite_backup.conversions import number_to_stored, whole_to_stored
from django_sqlite_backup.stored_forms import (
    DOUBLE_DIGITS,
    Form,
    exceeds_sqlite_integers,
    fits_a_double,
    get_form,
)
from django_sqlite_backup.tables import Column, Table

from .transport import Reader

if TYPE_CHECKING:
    from .mysql import MySQLEngine

LIVE_TYPES = (
    "SELECT table_name, column_name, data_type, column_type LIKE '%%unsigned%%',"
    " numeric_precision, character_set_name, character_octet_length, column_name"
    " FROM information_schema.columns"
    " WHERE table_schema = DATABASE()"
)
INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "year")
SMALL = (
    *INTEGERS,
    *("decimal", "float", "double", "bit", "date", "time", "datetime", "timestamp"),
    *("uuid", "inet4", "inet6"),
)
"""The types, beside texts and bytes of limited length, of which no value is large."""
MOMENTS = {Form.DATETIME: ("datetime", "timestamp", "date"), Form.TIME: ("time",)}


class LiveType(NamedTuple):
    """The type of a live column."""

    name: str = "unknown"
    is_unsigned: int = 0
    precision: int | None = None
    charset: str | None = None
    octets: int | None = None
    column: str = ""

    @property
    def is_large(self) -> bool:
        """Whether a value may be larger than the 64 KB of a VARCHAR."""
        return (self.octets or 0) >= 1 << 16 or (self.name not in SMALL and not self.octets)


def get_live_types(engine: "MySQLEngine") -> dict[tuple[str, str], LiveType]:
    """Return the types of all columns, in one query; names may differ in case."""
    rows = engine.fetchall(LIVE_TYPES.replace("%%", "%"))
    return {(table.casefold(), column.casefold()): LiveType(*rest) for table, column, *rest in rows}


def needs_no_affinity(engine: "MySQLEngine", table: Table, column: Column) -> bool:
    """Return whether the live column can hold numbers that an affinity would round."""
    form, live = get_form(column.field, engine.connection), engine.get_live_type(table, column)
    if form is Form.DECIMAL:
        fits = live.name == "decimal" and (live.precision or 0) <= DOUBLE_DIGITS
        return not (fits and fits_a_double(column.field))
    if form is not Form.INTEGER or column.field.get_internal_type().endswith("AutoField"):
        return False
    is_large = live.name == "bigint" and bool(live.is_unsigned)
    return (
        is_large
        or live.name == "decimal"
        or exceeds_sqlite_integers(column.field, engine.connection)
    )


def get_expression(engine: "MySQLEngine", table: Table, column: Column) -> str:
    """Return SQL for the column, with all digits of a FLOAT: its own text has six of them."""
    name = engine.quote(column.name)
    return f"({name} * 1e0)" if engine.get_live_type(table, column).name == "float" else name


def with_exact_floats(
    engine: "MySQLEngine", table: Table, readers: Sequence[Reader]
) -> list[Reader]:
    """Return readers of plain columns that read all digits, the portable engine's among them."""
    exact = {
        engine.quote(column.name): get_expression(engine, table, column) for column in table.columns
    }
    return [
        reader._replace(expressions=tuple(exact.get(sql, sql) for sql in reader.expressions))
        for reader in readers
    ]


def get_fast_reader(engine: "MySQLEngine", table: Table, column: Column) -> Reader | None:
    """Return how a column is read by SQL, or None where it takes Python."""
    name = get_expression(engine, table, column)
    form = get_form(column.field, engine.connection)
    live = engine.get_live_type(table, column)
    match form:
        case _ if needs_no_affinity(engine, table, column):
            convert = whole_to_stored if form is Form.INTEGER else number_to_stored
            return Reader((f"CAST({name} AS CHAR)",), convert=convert)
        case Form.DATETIME if engine.converts_time_zones:
            # The server may know no time zones: Django's converter does.
            return None
        case Form.DATETIME | Form.TIME if live.name in MOMENTS[form]:
            kind = "DATETIME" if form is Form.DATETIME else "TIME"
            # Six digits of microseconds, or none, as Python writes.
            return Reader((f"replace(CAST(CAST({name} AS {kind}(6)) AS CHAR), '.000000', '')",))
        case Form.UUID if live.name == "uuid":
            return Reader((f"replace({name}, '-', '')",))
        case Form.DECIMAL | Form.DATE | Form.DATETIME | Form.TIME:
            return Reader((f"CAST({name} AS CHAR)",))
        case Form.OPAQUE:
            return None
        case _:
            return Reader((name,))
