"""Which texts a server takes for no date or time, or for another one, as SQL of SQLite's.

`{x}` stands for the cell.
"""

from collections.abc import Iterator

from .column_types import ColumnType
from .stored_forms import MICROSECOND_DIGITS, Form, more_digits_sql

# First what is usual, which is quick to see: no engine is in doubt about it.
# Without a modifier SQLite gives back the 30th of February.
NO_MOMENTS = {
    Form.DATE: "CASE WHEN date({x}, '+0 days') = {x} THEN {x} < '0001'"
    " ELSE date(substr({x}, 1, 10), '+0 days') IS NOT substr({x}, 1, 10)"
    " OR length(rtrim({x})) > 10 END",
    # SQLite takes numbers for days, and of a date and a time the time.
    Form.TIME: "CASE WHEN time({x}, '+0 days') = {x} THEN 0 ELSE time({x}) IS NULL"
    " OR {x} NOT GLOB '[0-9][0-9]:*' OR {x} GLOB '*[^0-9:.]*' END",
    Form.DATETIME: "CASE WHEN datetime(substr({x}, 1, 19), '+0 days') = substr({x}, 1, 19)"
    " THEN {x} < '0001' ELSE datetime({x}) IS NULL OR substr({x}, 12, 2) = '24'"
    " OR date(substr({x}, 1, 10), '+0 days') IS NOT substr({x}, 1, 10) END",
}
ZONED = " OR substr({x}, 17) GLOB '*[^0-9:. ]*'"
"""An offset from UTC, which MariaDB cuts off, and MySQL counts from the session's time zone."""
POSTGRESQL_DAYS = ("infinity", "-infinity", "*BC", "[1-9][0-9][0-9][0-9][0-9]*-*")
MYSQL_DAYS = ("0000-*", "????-00-*", "????-??-00*")
OWN_MOMENTS = {
    ("postgresql", Form.DATE): POSTGRESQL_DAYS,
    ("postgresql", Form.DATETIME): POSTGRESQL_DAYS,
    ("postgresql", Form.TIME): ("24:00:00",),
    ("mysql", Form.DATE): MYSQL_DAYS,
    ("mysql", Form.DATETIME): MYSQL_DAYS,
    ("mysql", Form.TIME): (
        *("-[0-9]*:[0-5][0-9]:*", "[2-9][0-9]:[0-5][0-9]:*", "[0-8][0-9][0-9]:[0-5][0-9]:*"),
    ),
}
"""What only one engine takes for a date or a time, as GLOB patterns."""


def find_no_moments(form: Form, live: ColumnType, vendor: str) -> Iterator[tuple[str, str]]:
    """Yield why, and where, a live column of dates or times would not keep a cell as it is."""
    if form not in NO_MOMENTS or live.kind != form.value:
        return
    unfit = NO_MOMENTS[form]
    if vendor == "mysql" and form is Form.DATETIME:
        unfit += ZONED
    own = OWN_MOMENTS.get((vendor, form), ())
    known = "".join(f" AND {{x}} NOT GLOB '{pattern}'" for pattern in own)
    yield f"is no {form.value} here", f"{{x}} IS NOT NULL AND ({unfit}){known}"
    if form is Form.DATE:
        return
    yield "has more than six digits of microseconds", more_digits_sql("{x}")
    digits = (0 if vendor == "mysql" else MICROSECOND_DIGITS) if live.size is None else live.size
    if digits < MICROSECOND_DIGITS:
        more = f"{more_digits_sql('{x}', digits)} AND NOT ({more_digits_sql('{x}')})"
        # Zeros at the end take no room.
        rounded = more_digits_sql("rtrim({x}, '0')", digits)
        yield f"has more than {digits} digits after the second", f"{more} AND {rounded}"
