"""Which stored values a live column cannot take, as SQL of SQLite's over the file's cells.

A condition is one that the engine surely refuses, or would keep as another value; what cannot be
said so is left for the engine to judge.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .column_types import ColumnType
from .moments import find_no_moments
from .stored_forms import Form

TEXTS = {Form.TEXT, Form.UUID, Form.INET, Form.JSON, Form.DATE, Form.TIME, Form.DATETIME}
MYSQL_BYTES = {
    **dict.fromkeys(["tinytext", "tinyblob"], 2**8 - 1),
    **dict.fromkeys(["text", "blob"], 2**16 - 1),
    **dict.fromkeys(["mediumtext", "mediumblob"], 2**24 - 1),
}
MYSQL_FLOATS = {"float": "3.402823466e38", "real": "1.7976931348623157e308"}
CHARACTERS = {
    "ascii_": f"char({0x80})",
    "utf8_": f"char({0x10000})",
    "utf8mb3_": f"char({0x10000})",
}
"""The first character that a character set lacks, by how the names of its collations begin."""
WORDS = "'t', 'true', 'f', 'false', 'y', 'yes', 'n', 'no', 'on', 'off', '1', '0'"


INFINITIES = [sign + word for sign in ("", "+", "-") for word in ("inf", "infinity")]
SURROGATE = re.compile(r"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(\\u[dD][89a-fA-F])")
"""In JSON: a backslash that is escaped, a pair of surrogates, or, as a group, half of one."""


def has_lone_surrogate(text: str) -> bool:
    """Return whether a JSON text escapes half of a pair: no character, and no text has it."""
    return any(found[1] for found in SURROGATE.finditer(text))


def no_number_sql(words: Sequence[str]) -> str:
    """Return SQL for a text that spells no number, and is none of the words for what is none."""
    bare = "trim({x}, ' ' || char(9, 10, 11, 12, 13))"
    known = ", ".join(f"'{word}'" for word in words) or "'no word'"
    # No sign may follow a digit: it does in a date.
    return (
        f"typeof({{x}}) = 'text' AND lower({bare}) NOT IN ({known}) AND ({bare} GLOB"
        f" '*[^0-9.eE+-]*' OR {bare} NOT GLOB '*[0-9]*' OR {bare} GLOB '*[0-9.][+-]*')"
    )


class Condition(NamedTuple):
    """What makes a cell unfit."""

    reason: str
    """It completes a sentence that begins with the value."""
    sql: str
    is_check: bool = False
    """Whether it is a CHECK that a model declares, and the live column may not have."""


@dataclass(frozen=True)
class Cell:
    """One column of the file, and where it is to go."""

    sql: str
    type: ColumnType
    form: Form
    vendor: str
    refuses_nul: bool
    is_positive: bool
    """Whether the model admits no negative number."""

    def find_conditions(self) -> Iterator[Condition]:
        """Yield each reason why a value would not go in."""
        if not self.type.null:
            yield Condition("is NULL, which the column does not admit", f"{self.sql} IS NULL")
        if self.form is Form.JSON:
            yield from self.find_no_json()
        if self.is_positive and (self.vendor == "sqlite" or not self.type.unsigned):
            sql = f"typeof({self.sql}) = 'integer' AND {self.sql} < 0"
            yield Condition("is less than 0", sql, is_check=True)
        if self.vendor == "sqlite":
            yield from self.find_rounded()
            return
        yield from FINDERS.get(self.type.kind, lambda _: iter(()))(self)
        for reason, sql in find_no_moments(self.form, self.type, self.vendor):
            yield Condition(reason, self.cell(sql))

    def cell(self, sql: str) -> str:
        """Return SQL with the column's name in the place of `{x}`."""
        return sql.replace("{x}", self.sql)

    def find_rounded(self) -> Iterator[Condition]:
        """SQLite makes a number of a text in most columns, and rounds it where there is need."""
        if self.form in (Form.DECIMAL, Form.INTEGER) and self.type.kind in ("numeric", "integer"):
            yield Condition(
                "has more digits than the column keeps",
                self.cell(
                    "typeof({x}) = 'text' AND {x} GLOB '*[0-9]*' AND {x} NOT GLOB '*[^-+0-9.eE]*'"
                    " AND float_text(CAST({x} AS NUMERIC)) <> {x}"
                ),
            )

    def find_no_json(self) -> Iterator[Condition]:
        is_type = self.type.kind == "json"
        if is_type or self.type.kind == "text":
            sql = self.cell("typeof({x}) = 'text' AND NOT json_valid({x})")
            yield Condition("is no JSON", sql, is_check=not is_type)
        is_checked = self.vendor == "mysql" and self.type.kind in ("json", "text")
        # SQLite, and the `json` of PostgreSQL, take any.
        if is_checked or self.type.name == "jsonb":
            sql = self.cell(r"{x} GLOB '*\u[dD][89a-fA-F]*' AND has_lone_surrogate({x})")
            yield Condition("has half a surrogate pair", sql, is_check=not is_type)
        if self.type.name == "jsonb":
            # A backslash that is itself escaped escapes nothing.
            sql = self.cell(r"instr({x}, '\u0000') AND instr(replace({x}, '\\', ''), '\u0000')")
            yield Condition("holds a NUL character", sql)

    def find_long_text(self) -> Iterator[Condition]:
        if self.form not in TEXTS:
            return
        size = self.type.size
        if size is not None:
            # CHAR is filled up with blanks, however many there were.
            text = "rtrim({x}, ' ')" if self.type.name == "char" else "{x}"
            sql = self.cell(f"length({text}) > {size}")
            yield Condition(f"is longer than {size} characters", sql)
        if self.refuses_nul:
            yield Condition(
                "holds a NUL character",
                self.cell("instr({x}, char(0)) AND typeof({x}) = 'text'"),
            )
        yield from self.find_many_bytes()
        for name, first in CHARACTERS.items():
            if (self.type.collation or "").startswith(name):
                sql = self.cell(f"{{x}} GLOB '*[' || {first} || '-' || char(1114111) || ']*'")
                yield Condition(f"has characters that {name.strip('_')} has not", sql)

    def find_many_bytes(self) -> Iterator[Condition]:
        size = self.type.size if self.type.name in ("binary", "varbinary") else None
        if self.vendor == "mysql":
            size = size or MYSQL_BYTES.get(self.type.name)
        if size is not None and (self.form is Form.BINARY or self.type.kind == "text"):
            # A character is of four bytes at most.
            sql = f"length({{x}}) > {size // 4} AND length(CAST({{x}} AS BLOB)) > {size}"
            yield Condition(f"is longer than {size} bytes", self.cell(sql))

    def find_large_integers(self) -> Iterator[Condition]:
        if self.form not in (Form.INTEGER, Form.BOOLEAN, Form.DURATION):
            return
        least, greatest = self.type.range
        reason = f"is not between {least} and {greatest}"
        if greatest < 2**63 - 1:
            sql = f"{{x}} NOT BETWEEN {least} AND {greatest} AND typeof({{x}}) = 'integer'"
            yield Condition(reason, self.cell(sql))
        elif least == 0:
            yield Condition(reason, self.cell("{x} < 0 AND typeof({x}) = 'integer'"))
        digits = str(max(greatest, 2**63))
        bare = "ltrim({x}, ' +-0')"
        is_large = (
            f"(length({bare}) > {len(digits)} OR length({bare}) = {len(digits)}"
            f" AND {bare} > '{digits}')"
        )
        no_digits = "({x} = '' OR ltrim({x}, ' +-') GLOB '*[^0-9]*')"
        text = "typeof({x}) = 'text' AND "
        yield Condition(reason, self.cell(f"{text} NOT {no_digits} AND {is_large}"))
        whole = "" if self.form is Form.DURATION else " OR typeof({x}) = 'real'"
        yield Condition("is no whole number", self.cell(f"({text}{no_digits}{whole})"))

    def find_large_decimals(self) -> Iterator[Condition]:
        if self.form not in (Form.DECIMAL, Form.INTEGER):
            return
        words = ["nan"] if self.vendor == "postgresql" else []
        if words and self.type.size is None:
            words += INFINITIES
        yield Condition("is no number here", self.cell(no_number_sql(words)))
        if self.type.size is None or self.type.scale is None:
            return
        whole, scale = self.type.size - self.type.scale, self.type.scale
        yield Condition(
            f"has more than {whole} digits before the point",
            self.cell(
                "CASE typeof({x}) WHEN 'text' THEN ltrim({x}, '-') NOT GLOB '*[^0-9.]*'"
                f" AND instr(ltrim({{x}}, '-0') || '.', '.') > {whole + 1}"
                # Not `abs`, which fails for the smallest integer.
                f" WHEN 'blob' THEN 0 ELSE {{x}} >= 1e{whole} OR {{x}} <= -1e{whole} END"
            ),
        )
        yield Condition(
            f"has more than {scale} decimal places",
            self.cell(
                "CASE typeof({x}) WHEN 'real' THEN"
                # This is quick, and the round number that is meant is seldom farther away.
                f" abs(abs({{x}}) * 1e{scale} - CAST(abs({{x}}) * 1e{scale} + 0.5 AS INTEGER))"
                f" > 1e-14 * abs({{x}}) * 1e{scale}"
                f" AND CAST(round({{x}}, {scale}) AS TEXT) <> CAST({{x}} AS TEXT)"
                " AND abs({x}) <= 1e15"
                " WHEN 'text' THEN ltrim({x}, '-') NOT GLOB '*[^0-9.]*' AND instr({x}, '.')"
                f" AND length(rtrim({{x}}, '0')) - instr({{x}}, '.') > {scale} END"
            ),
        )

    def find_no_floats(self) -> Iterator[Condition]:
        if self.form is not Form.FLOAT:
            return
        if self.vendor == "postgresql":
            words = ["nan", "+nan", "-nan", *INFINITIES]
            yield Condition("is no number here", self.cell(no_number_sql(words)))
            return
        largest = MYSQL_FLOATS.get(self.type.name, MYSQL_FLOATS["real"])
        is_large = f"typeof({{x}}) = 'real' AND abs({{x}}) > {largest}"
        sql = self.cell(f"(typeof({{x}}) = 'text' OR {is_large})")
        yield Condition("is no number here", sql)

    def find_no_booleans(self) -> Iterator[Condition]:
        sql = f"CASE typeof({{x}}) WHEN 'text' THEN lower({{x}}) NOT IN ({WORDS})"
        yield Condition(
            "is neither true nor false", self.cell(f"{sql} ELSE {{x}} NOT IN (0, 1) END")
        )

    def find_no_uuids(self) -> Iterator[Condition]:
        if self.form in (Form.UUID, Form.TEXT):
            sql = (
                f"CASE WHEN {{x}} GLOB '{'[0-9a-f]' * 32}' THEN 0"
                " ELSE length(replace(trim({x}, '{}'), '-', '')) <> 32"
                " OR trim({x}, '{}') GLOB '*[^-0-9a-fA-F]*' END"
            )
            yield Condition("is no UUID", self.cell(sql))


FINDERS = {
    "text": Cell.find_long_text,
    "binary": Cell.find_many_bytes,
    "integer": Cell.find_large_integers,
    "numeric": Cell.find_large_decimals,
    "float": Cell.find_no_floats,
    "boolean": Cell.find_no_booleans,
    "uuid": Cell.find_no_uuids,
}
"""The conditions of a live column, by its kind."""
