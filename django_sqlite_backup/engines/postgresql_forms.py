"""SQL that makes stored forms of PostgreSQL's values, and lines for COPY of stored forms.

The texts assume the settings of `PostgreSQLSession`: ISO dates, the project's time zone.
"""

from django_sqlite_backup.stored_forms import (
    DOUBLE_DIGITS,
    SQLITE_MAX_INTEGER,
    Form,
    more_digits_sql,
    rounded_duration_sql,
)

from .lines import (
    MICROSECONDS_A_DAY,
    LineField,
    begins_with_digit,
    float_field,
    hexadecimal_field,
    moment_field,
    number_field,
    refuse,
    text_field,
)

USUAL = "[0-9]???-??-?? ??:??:??.??????"
PADDED = "YYYY-MM-DD HH24:MI:SS.US"

TEXTS = {"text", "character varying", "character", "name"}
EXPECTED = {
    Form.INTEGER: {"smallint", "integer", "bigint", "oid"},
    Form.BOOLEAN: {"boolean"},
    Form.TEXT: TEXTS,
    Form.TIME: {"time without time zone"},
    Form.DATETIME: {"timestamp with time zone", "timestamp without time zone", "date"},
    Form.DURATION: {"interval"},
    Form.UUID: {"uuid"},
    Form.INET: {"inet", "cidr"},
    Form.BINARY: {"bytea"},
}
"""The types of the columns whose values a form's SQL can read; of all others the text is read."""


def without_zero_fraction(expression: str) -> str:
    """Python writes six digits of microseconds, or none."""
    return f"replace({expression}, '.000000', '')"


def datetime_sql(column: str, uses_time_zones: bool) -> str:
    """Return SQL for a naive moment in the session's time zone.

    The engine's own text, which names the offset, stands for what is no moment of Python's, and
    without time zones for the second of two moments that a clock set back shows alike.
    """
    kept = f"{column} BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 23:59:59.999999'"
    if not uses_time_zones:
        kept += f" AND {column}::timestamp::timestamptz = {column}"
    text = without_zero_fraction(f"to_char({column}, '{PADDED}')")
    return f"CASE WHEN {kept} THEN {text} ELSE {column}::text END"


def duration_sql(column: str) -> str:
    """Return SQL for microseconds, where SQLite counts so far and Python writes back the same.

    '1 day' and '24:00:00' are equal to PostgreSQL but not the same, so the texts are compared.
    """
    microseconds = (
        f"extract(day from {column})::numeric * {MICROSECONDS_A_DAY}"
        f" + extract(hour from {column})::numeric * 3600000000"
        f" + extract(minute from {column})::numeric * 60000000"
        f" + round(extract(microseconds from {column})::numeric)"
    )
    days = f"floor(({microseconds}) / {MICROSECONDS_A_DAY})"
    rest = f"(({microseconds}) - {days} * {MICROSECONDS_A_DAY})"
    back = f"({days}::float8 * interval '1 day' + {rest}::float8 * interval '1 microsecond')"
    return (
        f"CASE WHEN extract(year from {column}) <> 0 OR extract(month from {column}) <> 0"
        f" OR {microseconds} NOT BETWEEN {-SQLITE_MAX_INTEGER - 1} AND {SQLITE_MAX_INTEGER}"
        f" THEN {column}::text"
        f" WHEN {back}::text = {column}::text THEN ({microseconds})::bigint::text"
        f" ELSE {column}::text END"
    )


def inet_sql(column: str) -> str:
    """Return SQL for what PostgreSQL shows: the mask only where it is not that of one host."""
    whole = f"CASE family({column}) WHEN 4 THEN 32 ELSE 128 END"
    return f"CASE masklen({column}) WHEN {whole} THEN host({column}) ELSE {column}::text END"


def stored_sql(form: Form, column: str, live_type: str, uses_time_zones: bool) -> str:
    """Return SQL for the stored form of a column, of a type that psycopg loads without Python."""
    if live_type not in EXPECTED.get(form, {live_type}):
        return f"{column}::text"
    match form:
        case Form.INTEGER | Form.BINARY | Form.TEXT:
            return column
        case Form.BOOLEAN:
            return f"{column}::int"
        case Form.TIME:
            return without_zero_fraction(f"to_char({column}::interval, 'HH24:MI:SS.US')")
        case Form.DATETIME:
            return datetime_sql(column, uses_time_zones)
        case Form.DURATION:
            return duration_sql(column)
        case Form.UUID:
            return f"replace({column}::text, '-', '')"
        case Form.INET:
            return inet_sql(column)
        case _:
            return f"{column}::text"


def duration_field(column: str) -> LineField:
    """Return the field of an interval of whole days and a rest that is not negative."""
    rounded = f"({rounded_duration_sql(column)})"
    text = (
        f"CASE typeof({column}) WHEN 'integer' THEN {interval_text(column)}"
        f" WHEN 'real' THEN {interval_text(rounded)} ELSE {column} END"
    )
    return number_field(column, text)


def interval_text(microseconds: str) -> str:
    day = MICROSECONDS_A_DAY
    rest = f"(({microseconds} % {day}) + {day}) % {day}"
    # Not from less the rest: SQLite counts no further.
    days = f"({microseconds} / {day} - ({microseconds} % {day} < 0))"
    return f"{days} || ' days ' || ({rest}) || ' microseconds'"


def decimal_field(column: str, scale: int | None) -> LineField:
    """Return the field of a decimal; PostgreSQL would round one of more places, silently."""
    if scale is None:
        return number_field(column)
    rounded = f"round({column}, {scale})"
    # What comes of arithmetic may be off in digits that are not its own.
    fits = f"{rounded} = {column} OR CAST({rounded} AS TEXT) = CAST({column} AS TEXT)"
    if scale <= DOUBLE_DIGITS:
        # What a whole number and a division make again is exact, and that takes less time.
        fits = f"round({column} * 1e{scale}) / 1e{scale} = {column} OR {fits}"
    places = f"length(rtrim({column}, '0')) - instr({column}, '.')"
    refused = refuse(column, f"has more than {scale} decimal places")
    checked = (
        f"CASE typeof({column})"
        f" WHEN 'real' THEN CASE WHEN {fits} OR abs({column}) > 1e15 THEN {column}"
        f" ELSE {refused} END"
        f" WHEN 'text' THEN CASE WHEN instr({column}, '.') = 0 OR {places} <= {scale}"
        f" THEN {column} ELSE {refused} END"
        f" ELSE {column} END"
    )
    return number_field(column, checked)


def no_word(column: str) -> str:
    """Return SQLite's SQL for whether a moment is none that PostgreSQL sets, such as "now"."""
    return f"({begins_with_digit(column)} OR {column} IN ('infinity', '-infinity'))"


def moment_conditions(form: Form, column: str, live_type: str | None) -> list[str]:
    """Return what holds of a cell that PostgreSQL keeps as it is, and neither rounds nor cuts."""
    if form is Form.DATE:
        return [no_word(column), f"instr({column}, ':') = 0"]
    if live_type not in (None, *EXPECTED[form]):
        return [no_word(column)]
    exact = f"NOT {more_digits_sql(column)}"
    if form is Form.DATETIME:
        # First what is usual: it is quick to see that it has six digits.
        other = f"{no_word(column)} AND (instr({column}, '.') = 0 OR {exact})"
        return [f"({column} GLOB '{USUAL}' OR {other})"]
    # Of a date and a time it would take the time, of a time with an offset all but that.
    return [f"{column} GLOB '[0-9]*:*' AND {column} NOT GLOB '*[^0-9:.]*'", exact]


def get_line_field(form: Form, column: str, live_type: str | None = None) -> LineField:
    """Return the field of a COPY line that PostgreSQL reads as the same value.

    `live_type` is the live column's, unless that is the one that the form's models make.
    """
    match form:
        case Form.INTEGER | Form.BOOLEAN | Form.DECIMAL:
            return number_field(column)
        case Form.FLOAT:
            return float_field(column)
        case Form.DURATION:
            return duration_field(column)
        case Form.DATE | Form.TIME | Form.DATETIME:
            return moment_field(column, *moment_conditions(form, column, live_type))
        case Form.BINARY:
            return hexadecimal_field(column, before="\\x")
        case _:
            return text_field(column)
