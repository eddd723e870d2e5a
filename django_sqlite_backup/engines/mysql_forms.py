"""Lines for LOAD DATA of stored forms."""

from django_sqlite_backup.stored_forms import Form

from .lines import float_text, hexadecimal, plain, quoted

HEXADECIMAL = (Form.BINARY, Form.OPAQUE)
"""Bytes that a line cannot hold as they are."""


def line_sql(form: Form, column: str) -> str:
    """Return SQLite's SQL for the field of a line that LOAD DATA reads as the same value."""
    match form:
        case _ if form in HEXADECIMAL:
            return hexadecimal(column)
        case Form.INTEGER | Form.BOOLEAN | Form.DECIMAL | Form.DURATION:
            return plain(column)
        case Form.FLOAT:
            return float_text(column)
        case _:
            return quoted(column)
