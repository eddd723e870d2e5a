"""Lines for LOAD DATA of stored forms."""

from django_sqlite_backup.stored_forms import Form, rounded_duration_sql

from .lines import (
    LineField,
    exact_float,
    float_field,
    hexadecimal_field,
    is_text,
    moment_field,
    number_field,
    refuse,
    text_field,
)
from .mysql_types import INTEGERS, MOMENTS

HEXADECIMAL = (Form.BINARY, Form.OPAQUE)
"""Bytes that a line cannot hold as they are."""


def day_conditions(column: str, live_type: str) -> list[str]:
    """Return what holds of a cell with a day: of '25:00:00' the server makes one in 2025."""
    if live_type not in MOMENTS[Form.DATETIME]:
        return []
    return [f"instr({column}, '-') > 1"]


def get_line_field(form: Form, column: str, live_type: str) -> LineField:
    """Return the field of a line that LOAD DATA reads as the same value.

    `live_type` is the name of the live column's.
    """
    match form:
        case Form.OPAQUE:
            return hexadecimal_field(exact_float(column))
        case Form.BINARY:
            return hexadecimal_field(column)
        case Form.INTEGER | Form.BOOLEAN if live_type in INTEGERS:
            # The server would round what is none.
            refused = refuse(column, "is no whole number")
            checked = f"CASE typeof({column}) WHEN 'real' THEN {refused} ELSE {column} END"
            return number_field(column, checked)
        case Form.DATE | Form.TIME | Form.DATETIME:
            return moment_field(column, is_text(column), *day_conditions(column, live_type))
        case Form.DURATION:
            rounded = rounded_duration_sql(column)
            whole = f"CASE typeof({column}) WHEN 'real' THEN {rounded} ELSE {column} END"
            return number_field(column, whole)
        case Form.INTEGER | Form.BOOLEAN | Form.DECIMAL:
            return number_field(column)
        case Form.FLOAT:
            return float_field(column)
        case _:
            return text_field(column)
