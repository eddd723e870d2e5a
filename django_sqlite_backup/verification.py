"""Reading back: the live rows go into a scratch database, and SQL compares them with the file's."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

from .backup_file import BackupFile, connect
from .engines.base import Engine
from .exceptions import VerificationError
from .misfits import shorten
from .stored_forms import Form, get_form, rounded_duration_sql
from .tables import Column, Table

FILE = "backup_file"
SHOWN_ROWS = 3


def get_affinity(declared: str) -> str:
    """Return a type of the same affinity (https://www.sqlite.org/datatype3.html, section 3.1)."""
    upper = declared.upper()
    for words, affinity in (
        (("INT",), "INTEGER"),
        (("CHAR", "CLOB", "TEXT"), "TEXT"),
        (("BLOB",), ""),
        (("REAL", "FLOA", "DOUB"), "REAL"),
    ):
        if any(word in upper for word in words):
            return affinity
    return "NUMERIC" if declared else ""


def canonical_json(text: Any) -> Any:
    """Return a text that is the same for the same JSON value, however an engine spells it."""
    if not isinstance(text, str):
        return text
    try:
        # No object of the file's own remains: what is one in the result stands for something.
        value = json.loads(
            text, parse_int=tag_number, parse_float=tag_number, object_pairs_hook=tag_object
        )
        return json.dumps(value)
    except (ValueError, RecursionError):
        return text


def tag_number(text: str) -> dict[str, str]:
    """Return a number of any size and precision, with nothing rounded and no digit written out."""
    mantissa, _, exponent = text.lower().removeprefix("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    sign = "-" * text.startswith("-")
    if not significant:
        return {"number": f"{sign}0"}
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    return {"number": f"{sign}{significant}e{power}"}


def tag_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys are in order, with a key that is there twice kept twice."""
    return {"object": sorted(pairs, key=itemgetter(0))}


class Verifier:
    """Compares live tables with those of a finished file, value by value."""

    def __init__(self, engine: Engine, scratch: BackupFile) -> None:
        self.engine = engine
        self.scratch = scratch

    def verify_table(self, table: Table) -> Iterator[int]:
        """Read the live table again; raise `VerificationError` where it differs from the file.

        Yields the number of rows of each batch that was read.
        """
        types = {
            row[1]: get_affinity(row[2])
            for row in self.scratch.raw.execute(
                f"PRAGMA {FILE}.table_info({self.scratch.quote(table.name)})"
            )
        }
        self.scratch.create_table(table, types, set())
        yield from self.engine.dump_table(table, self.scratch)
        keys = [self.find_key(*pair, table) for pair in (("main", FILE), (FILE, "main"))]
        different = sorted({key for found in keys for key in found}, key=str)
        if different:
            self.report(table, different)
        self.scratch.raw.execute(f"DROP TABLE {self.scratch.quote(table.name)}")

    def find_key(self, left: str, right: str, table: Table) -> list[tuple[Any, ...]]:
        """Return the keys of some rows that one side has and the other has not, or not so."""
        columns = ", ".join(self.comparable(column) for column in table.columns)
        name = self.scratch.quote(table.name)
        sql = f"SELECT {columns} FROM {left}.{name} EXCEPT SELECT {columns} FROM {right}.{name}"
        keys = [n for n, column in enumerate(table.columns) if column.primary_key]
        rows = self.scratch.raw.execute(f"{sql} LIMIT {SHOWN_ROWS}").fetchall()
        return [tuple(row[n] for n in keys) for row in rows]

    def comparable(self, column: Column) -> str:
        """Return SQL that is equal for equal values, and for nothing else."""
        name = self.scratch.quote(column.name)
        form = get_form(column.field, self.engine.connection)
        if form is Form.JSON:
            return f"canonical_json({name})"
        if form is Form.FLOAT:
            return f"float_text({name})"
        if form is Form.DURATION:
            # A restore rounds the fraction of a microsecond, as all reading by Django does.
            rounded = rounded_duration_sql(name)
            return f"CASE typeof({name}) WHEN 'real' THEN {rounded} ELSE {name} END"
        return name

    def report(self, table: Table, keys: list[tuple[Any, ...]]) -> None:
        """Raise `VerificationError`, naming rows and columns."""
        shown = "; ".join(self.describe(table, key) for key in keys[:SHOWN_ROWS])
        raise VerificationError(
            f"What was read back from {table.label} is not what the file holds: {shown}."
        )

    def describe(self, table: Table, key: tuple[Any, ...]) -> str:
        """Return a sentence on how one row differs."""
        live, stored = (self.get_row(schema, table, key) for schema in ("main", FILE))
        named = f"primary key {', '.join(map(str, key))}"
        if live is None or stored is None:
            return f"{named} is only in the {'file' if live is None else 'database'}"
        differences = [
            f'{column.name} is "{shorten(mine)}" in the database and "{shorten(its)}" in the file'
            for column, mine, its in zip(table.columns, live, stored, strict=True)
            # Not by `==`, to which 0.0 is -0.0.
            if (type(mine), repr(mine)) != (type(its), repr(its))
        ]
        return f"{named}: {', '.join(differences)}"

    def get_row(self, schema: str, table: Table, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
        names = ", ".join(self.scratch.quote(column.name) for column in table.columns)
        where = " AND ".join(f"{self.scratch.quote(name)} = ?" for name in table.primary_key)
        row: tuple[Any, ...] | None = self.scratch.raw.execute(
            f"SELECT {names} FROM {schema}.{self.scratch.quote(table.name)} WHERE {where}", key
        ).fetchone()
        return row


def float_text(value: Any) -> Any:
    return repr(value) if isinstance(value, float) else value


@contextmanager
def verifying(engine: Engine, path: Path) -> Iterator[Verifier]:
    """Give a verifier of a finished file, with a scratch database that goes when it goes."""
    scratch = BackupFile(Path(), connect(None, "rwc"))
    with closing(scratch.connection):
        scratch.raw.execute(f"ATTACH ? AS {FILE}", [f"{path.absolute().as_uri()}?mode=ro"])
        for function in (canonical_json, float_text):
            scratch.raw.create_function(function.__name__, 1, function, deterministic=True)
        yield Verifier(engine, scratch)


def check_integrity(path: Path) -> None:
    """Raise `VerificationError` unless SQLite finds the finished file sound."""
    connection = connect(path, "ro")
    with closing(connection):
        connection.ensure_connection()
        raw: sqlite3.Connection = connection.connection
        for (finding,) in raw.execute("PRAGMA integrity_check"):
            if finding != "ok":
                raise VerificationError(f"SQLite finds fault with the file: {finding}.")
