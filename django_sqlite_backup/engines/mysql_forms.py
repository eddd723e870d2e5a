"""Lines for LOAD DATA of stored forms."""

from django_sqlite_backup.stored_forms import Form, rounded_duration_sql

from .lines import float_text, hexadecimal, plain, quoted

HEXADECIMAL = (Form.BINARY, Form.OPAQUE)
"""Bytes that a line cannot hold as they are."""


def line_sql(form: Form, column: str, *, is_whole: bool) -> str:
    """Return SQLite's SQL for the field of a line that LOAD DATA reads as the same value.

    `is_whole` says that the live column holds integers: the server would round what is none.
    """
    match form:
        case Form.OPAQUE:
            return (
                f"CASE typeof({column}) WHEN 'real' THEN hex(float_text({column}))"
                f" ELSE {hexadecimal(column)} END"
            )
        case Form.BINARY:
            return hexadecimal(column)
        case Form.INTEGER | Form.BOOLEAN if is_whole:
            refused = quoted(f"{column} || ' is no whole number'")
            return f"CASE typeof({column}) WHEN 'real' THEN {refused} ELSE {plain(column)} END"
        case Form.DURATION:
            rounded = rounded_duration_sql(column)
            return f"CASE typeof({column}) WHEN 'real' THEN {rounded} ELSE {plain(column)} END"
        case Form.INTEGER | Form.BOOLEAN | Form.DECIMAL:
            return plain(column)
        case Form.FLOAT:
            return float_text(column)
        case _:
            return quoted(column)
