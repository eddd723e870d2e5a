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

HEXADECIMAL = (Form.BINARY, Form.OPAQUE)
"""Bytes that a line cannot hold as they are."""


def get_line_field(form: Form, column: str, *, is_whole: bool) -> LineField:
    """Return the field of a line that LOAD DATA reads as the same value.

    `is_whole` says that the live column holds integers: the server would round what is none.
    """
    match form:
        case Form.OPAQUE:
            return hexadecimal_field(exact_float(column))
        case Form.BINARY:
            return hexadecimal_field(column)
        case Form.INTEGER | Form.BOOLEAN if is_whole:
            refused = refuse(column, "is no whole number")
            checked = f"CASE typeof({column}) WHEN 'real' THEN {refused} ELSE {column} END"
            return number_field(column, checked)
        case Form.DATE | Form.TIME | Form.DATETIME:
            return moment_field(column, is_text(column))
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
