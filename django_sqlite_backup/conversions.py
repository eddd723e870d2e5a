"""Between stored forms and Python's values: what the portable engine does with each value."""

import datetime
import decimal
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time
from django.utils.duration import duration_microseconds

from .stored_forms import DOUBLE_CONTEXT, SQLITE_MAX_INTEGER, Form

SEVEN_DIGITS = re.compile(r"\.\d{7}")
OFFSET = re.compile(r"[-+Z]")


def decimal_to_stored(value: decimal.Decimal) -> int | float | str:
    """Return the number that SQLite reads back as exactly this decimal, or else its text."""
    if not value.is_finite():
        return float(value) if value.is_infinite() else "NaN"
    if DOUBLE_CONTEXT.create_decimal(value) != value:
        return format(value, "f")
    if value == value.to_integral_value() and abs(value) <= SQLITE_MAX_INTEGER:
        return int(value)
    number = float(value)
    same = DOUBLE_CONTEXT.create_decimal_from_float(number) == value
    return number if same else format(value, "f")


def number_to_stored(text: str) -> int | float | str:
    """Return what a column without affinity holds for the text that an engine has of a number."""
    try:
        return decimal_to_stored(decimal.Decimal(text))
    except decimal.InvalidOperation:
        return text


def whole_to_stored(text: str) -> int | float | str:
    """Return the same for a column of whole numbers: SQLite's integer is exact to 64 bits."""
    try:
        number = int(text)
    except ValueError:
        return number_to_stored(text)
    return number if abs(number) <= SQLITE_MAX_INTEGER else text


def _decimal_to_python(value: Any) -> decimal.Decimal:
    if isinstance(value, float):
        return DOUBLE_CONTEXT.create_decimal_from_float(value)
    return decimal.Decimal(value)


def _any_decimal_to_stored(value: Any) -> int | float | str:
    """Take what the driver makes of a column that is no decimal, where a field says it is."""
    return decimal_to_stored(
        value if isinstance(value, decimal.Decimal) else decimal.Decimal(str(value))
    )


def _integer_to_stored(value: Any) -> Any:
    return str(value) if isinstance(value, int) and value > SQLITE_MAX_INTEGER else value


def _datetime_to_stored(value: Any) -> str:
    if isinstance(value, datetime.datetime) and timezone.is_aware(value):
        value = timezone.make_naive(value, datetime.UTC)
    return str(value)


def _float_to_stored(value: float) -> float | str:
    return "NaN" if value != value else value


def _uuid_to_stored(value: Any) -> str:
    """Return the digits of what the engine knows as a UUID; a text stays as it is."""
    return value.hex if isinstance(value, uuid.UUID) else str(value)


def _duration_to_stored(value: datetime.timedelta | int) -> int | str:
    """Return whole microseconds; or, beyond SQLite's integers, the text that PostgreSQL has."""
    microseconds = value if isinstance(value, int) else duration_microseconds(value)
    if isinstance(value, int) or -SQLITE_MAX_INTEGER - 1 <= microseconds <= SQLITE_MAX_INTEGER:
        return microseconds
    rest = value - datetime.timedelta(days=value.days)
    clock = (datetime.datetime.min + rest).strftime("%H:%M:%S.%f").rstrip("0").rstrip(".")
    sign = "+" if value.days < 0 else ""
    return f"{value.days} days" + (f" {sign}{clock}" if rest else "")


def _json_to_stored(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _opaque_to_stored(value: Any) -> Any:
    if isinstance(value, int):
        return _integer_to_stored(value)
    if isinstance(value, (float, str, bytes)):
        return value
    return bytes(value) if isinstance(value, memoryview) else str(value)


# Keyed by form; a form that is missing keeps the value as the driver gives it.
TO_STORED: dict[Form, Callable[[Any], Any]] = {
    Form.INTEGER: _integer_to_stored,
    Form.BOOLEAN: int,
    Form.FLOAT: _float_to_stored,
    Form.DECIMAL: _any_decimal_to_stored,
    Form.DATE: str,
    Form.TIME: str,
    Form.DATETIME: _datetime_to_stored,
    # Where the engine has no such type the driver gives microseconds: the field converts them.
    Form.DURATION: _duration_to_stored,
    Form.UUID: _uuid_to_stored,
    Form.JSON: _json_to_stored,
    Form.BINARY: bytes,
    Form.INET: str,
    Form.OPAQUE: _opaque_to_stored,
}


def _parsed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def to_python(value: Any) -> Any:
        result = parse(value)
        if result is None:
            raise ValueError(f'"{value}" cannot be held outside the engine that it came from')
        return result

    return to_python


def _datetime_to_python(value: str) -> datetime.datetime:
    moment: datetime.datetime = _parsed(parse_datetime)(value)
    check_digits(value)
    return moment


def _time_to_python(value: str) -> datetime.time:
    time: datetime.time = _parsed(parse_time)(value)
    check_digits(value)
    if OFFSET.search(value):
        raise ValueError(f'"{value}" has an offset from UTC, which no time keeps')
    return time


def check_digits(value: str) -> None:
    """Raise `ValueError` where Django would cut off what is less than a microsecond."""
    if SEVEN_DIGITS.search(value):
        raise ValueError(f'"{value}" has more than six digits of microseconds')


def _integer_to_python(value: Any) -> int:
    number = int(value)
    if isinstance(value, float) and number != value:
        raise ValueError(f'"{value}" is no whole number')
    return number


def _boolean_to_python(value: Any) -> Any:
    """Leave a number that is neither 0 nor 1 to the engine, which keeps it or refuses it."""
    return bool(value) if value in (0, 1) else _integer_to_python(value)


# The way back, to what Django's own backends adapt for their drivers.
TO_PYTHON: dict[Form, Callable[[Any], Any]] = {
    Form.INTEGER: _integer_to_python,
    Form.BOOLEAN: _boolean_to_python,
    Form.FLOAT: float,
    Form.DECIMAL: _decimal_to_python,
    Form.DATE: _parsed(parse_date),
    Form.TIME: _time_to_python,
    Form.DATETIME: _datetime_to_python,
    Form.DURATION: lambda value: (
        datetime.timedelta(microseconds=value)
        if isinstance(value, (int, float))
        else _parsed(parse_duration)(value)
    ),
    Form.UUID: uuid.UUID,
}
