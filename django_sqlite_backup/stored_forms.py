"""The one way in which the file stores each kind of column.

It is what Django's own sqlite3 backend would store, so that the ORM can read the file; where that
would lose something the file stores more (`docs/file-format.md` lists where).
"""

import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time
from django.utils.duration import duration_microseconds

# A double keeps any decimal of up to 15 significant digits, and Django's sqlite3 backend reads
# numbers with exactly that precision.
DOUBLE_DIGITS = 15
DOUBLE_CONTEXT = decimal.Context(prec=DOUBLE_DIGITS)
SQLITE_MAX_INTEGER = 2**63 - 1


class Form(enum.Enum):
    """The kinds of stored form."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    DURATION = "duration"
    UUID = "uuid"
    JSON = "json"
    BINARY = "binary"
    INET = "inet"
    COMPOSITE = "composite"
    OPAQUE = "opaque"


FORM_BY_INTERNAL_TYPE = {
    **dict.fromkeys(
        [
            "AutoField",
            "BigAutoField",
            "SmallAutoField",
            "IntegerField",
            "BigIntegerField",
            "SmallIntegerField",
            "PositiveIntegerField",
            "PositiveBigIntegerField",
            "PositiveSmallIntegerField",
        ],
        Form.INTEGER,
    ),
    **dict.fromkeys(
        ["CharField", "TextField", "SlugField", "FileField", "FilePathField"], Form.TEXT
    ),
    "BooleanField": Form.BOOLEAN,
    "FloatField": Form.FLOAT,
    "DecimalField": Form.DECIMAL,
    "DateField": Form.DATE,
    "TimeField": Form.TIME,
    "DateTimeField": Form.DATETIME,
    "DurationField": Form.DURATION,
    "UUIDField": Form.UUID,
    "JSONField": Form.JSON,
    "BinaryField": Form.BINARY,
    "GenericIPAddressField": Form.INET,
    "IPAddressField": Form.INET,
}

# A field with a column type of its own is stored by what that type is, not by what the field says.
FORM_BY_COLUMN_TYPE = {
    **dict.fromkeys(["smallint", "integer", "int", "bigint", "tinyint", "mediumint"], Form.INTEGER),
    **dict.fromkeys(["bytea", "blob", "longblob", "mediumblob", "tinyblob"], Form.BINARY),
    **dict.fromkeys(["varbinary", "binary"], Form.BINARY),
    **dict.fromkeys(["text", "longtext", "mediumtext", "tinytext", "citext"], Form.TEXT),
    **dict.fromkeys(["varchar", "character varying", "char", "character"], Form.TEXT),
    "boolean": Form.BOOLEAN,
    "bool": Form.BOOLEAN,
    "double precision": Form.FLOAT,
    "jsonb": Form.JSON,
    "json": Form.JSON,
}

COMPOSITE_FIELDS = {"ArrayField", "HStoreField", "RangeField"}

DECLARED_TYPE = {Form.INTEGER: "bigint", Form.BOOLEAN: "bool", Form.BINARY: "BLOB"}


def get_form(field: "Field[Any, Any]", connection: BaseDatabaseWrapper) -> Form:
    """Return the form of a column: `field` is what gives it its type, on that connection."""
    if COMPOSITE_FIELDS & {cls.__name__ for cls in type(field).__mro__}:
        return Form.COMPOSITE
    column_type = field.db_type(connection)
    form = FORM_BY_INTERNAL_TYPE.get(field.get_internal_type())
    if form is not None and column_type == Field.db_type(field, connection):
        return form
    base_type = (column_type or "").partition("(")[0].strip().lower()
    return FORM_BY_COLUMN_TYPE.get(base_type, Form.OPAQUE)


def fits_a_double(field: "Field[Any, Any]") -> bool:
    """Return whether every value of a decimal field is read back exactly from SQLite's number."""
    digits = getattr(field, "max_digits", None)
    return digits is not None and digits <= DOUBLE_DIGITS


def exceeds_sqlite_integers(
    field: "Field[Any, Any]", connection: BaseDatabaseWrapper
) -> bool:
    """Return whether the live column can hold integers that SQLite cannot (MySQL's unsigned)."""
    if FORM_BY_INTERNAL_TYPE.get(field.get_internal_type()) is not Form.INTEGER:
        return False
    _, maximum = connection.ops.integer_field_range(field.get_internal_type())
    return maximum is not None and maximum > SQLITE_MAX_INTEGER


def get_declared_type(
    field: "Field[Any, Any]",
    form: Form,
    live_connection: BaseDatabaseWrapper,
    file_connection: BaseDatabaseWrapper,
) -> str:
    """Return the type that the file declares for a column: Django's for SQLite where it is safe.

    No type at all means no affinity: SQLite then keeps each cell as it was written. It is needed
    where an affinity would round a number (https://www.sqlite.org/datatype3.html) or, for REAL,
    lose the sign of -0.0.
    """
    if (
        form in (Form.OPAQUE, Form.FLOAT)
        or (form is Form.DECIMAL and not fits_a_double(field))
        or exceeds_sqlite_integers(field, live_connection)
    ):
        return ""
    column_type = field.db_type(file_connection)
    if column_type and column_type == Field.db_type(field, file_connection):
        return column_type
    return DECLARED_TYPE.get(form, "text")


def decimal_to_stored(value: decimal.Decimal) -> int | float | str:
    """Return the number that SQLite reads back as exactly this decimal, or else its text."""
    if not value.is_finite():
        return float(value) if value.is_infinite() else "NaN"
    if DOUBLE_CONTEXT.create_decimal(value) != value:
        return format(value, "f")
    if value == value.to_integral_value() and not (value.is_zero() and value.is_signed()):
        return int(value) if abs(value) < 10**DOUBLE_DIGITS else format(value, "f")
    number = float(value)
    same = DOUBLE_CONTEXT.create_decimal_from_float(number) == value
    return number if same else format(value, "f")


def _decimal_to_python(value: Any) -> decimal.Decimal:
    if isinstance(value, float):
        return DOUBLE_CONTEXT.create_decimal_from_float(value)
    return decimal.Decimal(value)


def _datetime_to_stored(value: Any) -> str:
    if isinstance(value, datetime.datetime) and timezone.is_aware(value):
        value = timezone.make_naive(value, datetime.UTC)
    return str(value)


def _float_to_stored(value: float) -> float | str:
    return "NaN" if value != value else value


def _json_to_stored(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _opaque_to_stored(value: Any) -> Any:
    if isinstance(value, (int, float, str, bytes)):
        return value
    return bytes(value) if isinstance(value, memoryview) else str(value)


# Keyed by form; a form that is missing keeps the value as the driver gives it.
TO_STORED: dict[Form, Callable[[Any], Any]] = {
    Form.INTEGER: lambda value: value if value <= SQLITE_MAX_INTEGER else str(value),
    Form.BOOLEAN: int,
    Form.FLOAT: _float_to_stored,
    Form.DECIMAL: decimal_to_stored,
    Form.DATE: str,
    Form.TIME: str,
    Form.DATETIME: _datetime_to_stored,
    Form.DURATION: duration_microseconds,
    Form.UUID: lambda value: uuid.UUID(str(value)).hex,
    Form.JSON: _json_to_stored,
    Form.BINARY: bytes,
    Form.INET: str,
    Form.OPAQUE: _opaque_to_stored,
}


class AttributeSetter:
    """An object with one attribute: what `Field.value_to_string` needs of a model instance."""

    def __init__(self, name: str, value: Any) -> None:
        setattr(self, name, value)


def composite_to_stored(field: "Field[Any, Any]") -> Callable[[Any], str]:
    """Return the function that writes an array, range or hstore as Django's serializers do."""

    def to_stored(value: Any) -> str:
        # Django gives the empty name to a field inside an array: any name serves.
        return field.value_to_string(AttributeSetter(field.attname, value))  # type: ignore[arg-type]

    return to_stored


def _parsed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def to_python(value: Any) -> Any:
        result = parse(value)
        if result is None:
            raise ValueError(f'"{value}" cannot be held outside the engine that it came from')
        return result

    return to_python


def _datetime_to_python(value: str) -> datetime.datetime:
    moment: datetime.datetime = _parsed(parse_datetime)(value)
    return moment


# The way back, to what Django's own backends adapt for their drivers.
TO_PYTHON: dict[Form, Callable[[Any], Any]] = {
    Form.INTEGER: int,
    Form.BOOLEAN: bool,
    Form.FLOAT: float,
    Form.DECIMAL: _decimal_to_python,
    Form.DATE: _parsed(parse_date),
    Form.TIME: _parsed(parse_time),
    Form.DATETIME: _datetime_to_python,
    Form.DURATION: lambda value: (
        datetime.timedelta(microseconds=value)
        if isinstance(value, int)
        else _parsed(parse_duration)(value)
    ),
    Form.UUID: lambda value: uuid.UUID(value),
}
