"""The one way in which the file stores each kind of column.

It is what Django's own sqlite3 backend would store, so that the ORM can read the file; where that
would lose something the file stores more (`docs/file-format.md` lists where).
"""

import decimal
import enum
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

from .composites import get_composite

# A double keeps any decimal of up to 15 significant digits, and Django's sqlite3 backend reads
# numbers with exactly that precision.
DOUBLE_DIGITS = 15
DOUBLE_CONTEXT = decimal.Context(prec=DOUBLE_DIGITS)
SQLITE_MAX_INTEGER = 2**63 - 1
MICROSECOND_DIGITS = 6


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
    **dict.fromkeys(["double precision", "double", "float"], Form.FLOAT),
    "jsonb": Form.JSON,
    "json": Form.JSON,
}

DECLARED_TYPE = {Form.INTEGER: "bigint", Form.BOOLEAN: "bool", Form.BINARY: "BLOB"}


def get_form(field: "Field[Any, Any]", connection: BaseDatabaseWrapper) -> Form:
    """Return the form of a column: `field` is what gives it its type, on that connection."""
    if get_composite(field):
        return Form.COMPOSITE
    column_type = field.db_type(connection)
    form = FORM_BY_INTERNAL_TYPE.get(field.get_internal_type())
    if form is not None and column_type == Field.db_type(field, connection):
        return form
    if column_type is None or "[" in column_type:
        return Form.OPAQUE
    base_type = column_type.partition("(")[0].strip().lower()
    return FORM_BY_COLUMN_TYPE.get(base_type, Form.OPAQUE)


def fits_a_double(field: "Field[Any, Any]") -> bool:
    """Return whether every value of a decimal field is read back exactly from SQLite's number."""
    digits = getattr(field, "max_digits", None)
    return digits is not None and digits <= DOUBLE_DIGITS


def exceeds_sqlite_integers(field: "Field[Any, Any]", connection: BaseDatabaseWrapper) -> bool:
    """Return whether the live column can hold integers that SQLite cannot (MySQL's unsigned)."""
    if FORM_BY_INTERNAL_TYPE.get(field.get_internal_type()) is not Form.INTEGER:
        return False
    _, maximum = connection.ops.integer_field_range(field.get_internal_type())
    return maximum is not None and maximum > SQLITE_MAX_INTEGER


def rounded_duration_sql(column: str) -> str:
    """Return SQLite's SQL for whole microseconds: arithmetic in the ORM leaves fractions of them.

    They are rounded as Python's `timedelta` rounds what Django reads: a half to the even number.
    """
    half = f"abs({column} - CAST({column} AS INTEGER)) = 0.5"
    even = f"2 * CAST(round({column} / 2) AS INTEGER)"
    return f"CASE WHEN {half} THEN {even} ELSE CAST(round({column}) AS INTEGER) END"


def more_digits_sql(moment: str, digits: int = MICROSECOND_DIGITS) -> str:
    """Return SQLite's SQL for whether a moment has more digits of a second than that."""
    return f"{moment} GLOB '*.{'[0-9]' * (digits + 1)}*'"


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
