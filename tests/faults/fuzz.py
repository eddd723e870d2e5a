"""Spoilt backups without end: each is read, described and restored, or refused, and nothing else.

A few bytes decide what is spoilt, and the checksum is made to hold again, so that what is behind
it is reached. The test runs a few hundred; for a night of them, in a virtual environment with
`atheris` (https://pypi.org/project/atheris/) or without:

    python -m tests.faults.fuzz --seconds 600 --seed 1
    python -m tests.faults.fuzz --atheris -max_total_time=600
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from tests import files
from tests.faults.pages import PAGE

NUMBERS = [0, 1, -1, 2, 13, 127, 128, 255, 256, 4096, 2**15, 2**31 - 1, 2**32, 2**63 - 1, 2**64]
TEXTS = ["", "x", "\0", '"', "'; --", "\x1b[31m", "%s", "\ud800", "ü" * 300, "9" * 30, "NaN"]
VALUES = [*NUMBERS, 10**40, 0.5, None, True, [], {}, [[]], {"a": 1}, *TEXTS]
CELLS = ["NULL", "0", "-1", "1e999", "9223372036854775807", "''", "'abc'", "'5'", "'5.0'", "x''"]
CELLS += ["x'ff'", "x'00'", "zeroblob(9000)", "CAST(x'ff41' AS TEXT)", "char(0)", "-0.0", "1.5"]
TOKENS = ["integer", "text", "varchar(60)", "NOT NULL", "PRIMARY KEY", "AUTOINCREMENT", "bigint"]
TOKENS += ["REFERENCES", "DEFERRABLE INITIALLY DEFERRED", "CREATE TABLE", "datetime", "(", ")", ","]
NEW_TOKENS = ["", "blob", "AS (1)", "CHECK (1)", "DEFAULT (1)", "UNIQUE", "COLLATE NOCASE", "ANY"]
NEW_TOKENS += ["WITHOUT ROWID", "STRICT", "CREATE VIEW", "CREATE VIRTUAL TABLE", "real", "x"]


class Choices:
    """Decisions taken from bytes; when there are no more, the first of each."""

    def __init__(self, data):
        self.data = iter(data)

    def number(self, below):
        """Return a number from 0 on."""
        value = 0
        for _ in range((max(below - 1, 1).bit_length() + 7) // 8):
            value = value << 8 | next(self.data, 0)
        return value % max(below, 1)

    def of(self, options):
        return options[self.number(len(options))]


def flip(content, choices):
    place = choices.number(len(content))
    content[place] ^= 1 << choices.number(8)


def set_number(content, choices):
    """Overwrite a number in the header, or at the beginning of a page."""
    start = 0
    places = [*range(16, 100, 4), 100, 101, 103, 105, 107]
    if choices.number(4):
        start, places = choices.number(len(content) // PAGE) * PAGE, [0, 1, 3, 5, 7, *range(8, 40)]
    place = start + choices.of(places)
    size = choices.of([1, 2, 4])
    content[place : place + size] = choices.of(NUMBERS[:2] + NUMBERS[3:12]).to_bytes(8, "big")[
        -size:
    ]


def swap_pages(content, choices):
    count = len(content) // PAGE
    one, other = choices.number(count) * PAGE, choices.number(count) * PAGE
    content[one : one + PAGE] = content[other : other + PAGE]


def change_length(content, choices):
    if choices.number(2):
        del content[choices.number(len(content)) :]
    else:
        content += bytes(PAGE * choices.number(5))
        content[28:32] = (len(content) // PAGE).to_bytes(4, "big")


BYTES = [flip, set_number, swap_pages, change_length]


def set_cell(connection, choices):
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        )
    ]
    name = choices.of(names)
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')]
    sql = f'UPDATE "{name}" SET "{choices.of(columns)}" = {choices.of(CELLS)}'
    connection.execute(f"{sql} WHERE rowid = {choices.number(9)}")


def change_schema(connection, choices):
    connection.execute("PRAGMA writable_schema = ON")
    name = choices.of(
        [name for (name,) in connection.execute("SELECT name FROM sqlite_schema ORDER BY name")]
    )
    if choices.number(4):
        row = (choices.of(TOKENS), choices.of(NEW_TOKENS + TOKENS), name)
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = ?", row)
    else:
        column = choices.of(["type", "name", "tbl_name", "rootpage", "sql"])
        connection.execute(
            f"UPDATE sqlite_schema SET {column} = {choices.of(CELLS)} WHERE name = ?", (name,)
        )


def change_manifest(connection, choices):
    rows = connection.execute(f"SELECT key, value FROM {files.MANIFEST} ORDER BY key").fetchall()
    key, text = choices.of(rows)
    value = [json.loads(text)]
    place, index = value, 0
    while isinstance(place[index], (dict, list)) and place[index] and choices.number(4):
        place = place[index]
        index = choices.of(sorted(place) if isinstance(place, dict) else range(len(place)))
    place[index] = choices.of(VALUES)
    connection.execute(
        f"UPDATE {files.MANIFEST} SET value = ? WHERE key = ?", (json.dumps(value[0]), key)
    )


def execute(connection, choices):
    connection.execute(
        choices.of(
            [
                "INSERT INTO django_migrations VALUES (900, 'x', char(27), '2024-01-01')",
                "UPDATE django_migrations SET applied = 'soon' WHERE id = 1",
                "DELETE FROM shop_category WHERE id = 1",
                "CREATE INDEX i ON shop_category (lower(name)) WHERE id > 1",
                "CREATE UNIQUE INDEX u ON shop_category (slug)",
                "CREATE VIEW v AS SELECT 1",
                "ALTER TABLE shop_category ADD COLUMN surplus",
                "ALTER TABLE shop_category RENAME COLUMN name TO other",
                "CREATE TABLE t (x)",
                "DROP TABLE shop_review",
                "PRAGMA journal_mode = WAL",
                "PRAGMA auto_vacuum = 1; ",
                "VACUUM",
                "ANALYZE",
                "REINDEX",
            ]
        )
    )


ROWS = [set_cell, change_schema, change_manifest, execute]


def spoil(path, data):
    """Change a good backup as the bytes say, and make its checksum hold, as a rule."""
    choices = Choices(data)
    steps = [choices.of([ROWS, ROWS, BYTES]) for _ in range(1 + choices.number(3))]
    # What is done by SQL first: after bytes were changed SQLite may not take any.
    for kind in sorted(steps, key=BYTES.__eq__):
        if kind is ROWS:
            with (
                suppress(sqlite3.Error, UnicodeError, ValueError),
                closing(sqlite3.connect(path, isolation_level=None)) as connection,
            ):
                choices.of(ROWS)(connection, choices)
        else:
            content = bytearray(path.read_bytes())
            choices.of(BYTES)(content, choices)
            path.write_bytes(content)
    if choices.number(8) < 7:
        files.reseal(path)


class Examiner:
    """Holds a good backup, and the live SQLite database that spoilt copies are restored to."""

    def __init__(self, good, alias, folder):
        from django.db import connections

        self.good, self.alias, self.path = good, alias, folder / "spoilt.sqlite3"
        self.live = Path(connections[alias].settings_dict["NAME"])

    def examine(self, data):
        """Read, describe and restore what these bytes make of the file; return whether it went."""
        for leftover in self.path.parent.glob(f"{self.path.name}*"):
            leftover.unlink()
        shutil.copy(self.good, self.path)
        spoil(self.path, data)
        started = time.monotonic()
        self.describe()
        restored = [self.restore(allow_modified=allowed) for allowed in (False, True)]
        assert time.monotonic() - started < 20, "It took long."
        return any(restored)

    def describe(self):
        from django_sqlite_backup.inspection import Inspector
        from django_sqlite_backup.management.describe import describe_inspection

        found = Inspector(self.path).inspect()
        assert all(line.isprintable() for line in describe_inspection(found).split("\n"))
        json.loads(json.dumps(found.as_dict()))

    def restore(self, **options):
        from django_sqlite_backup import BackupError, BackupMechanism

        before = self.live.read_bytes()
        try:
            mechanism = BackupMechanism(
                self.path, database=self.alias, labels=["shop"], migrate=False, **options
            )
            plan = mechanism.plan_restore()
            json.dumps(plan.as_dict())
            list(mechanism.restore())
        except BackupError as error:
            assert str(error)
            assert self.live.read_bytes() == before
            return False
        self.compare(plan)
        return True

    def compare(self, plan):
        """What was restored is what is in the file, and the live database is sound."""
        with closing(sqlite3.connect(self.live)) as connection:
            connection.text_factory = bytes
            assert connection.execute("PRAGMA integrity_check").fetchall() == [(b"ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            connection.execute("ATTACH ? AS file", (str(self.path),))
            for table in plan.tables:
                names = ", ".join(f'"{column.name}"' for column in table.writable)
                select = f"SELECT {names} FROM {{}}.{table.name} ORDER BY 1"
                live, stored = (
                    connection.execute(select.format(schema)).fetchall()
                    for schema in ("main", "file")
                )
                assert live == stored, table.label


def set_up(folder):
    """Make a shop and its backup in a folder, and return their examiner."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    settings.DATABASES["default"]["NAME"] = folder / "live.sqlite3"
    from tests.copying import back_up
    from tests.shops import fill_shop

    call_command("migrate", database="default", verbosity=0)
    fill_shop("default", rows=30)
    back_up("default", folder / "good.sqlite3", "shop")
    return Examiner(folder / "good.sqlite3", "default", folder)


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="all other flags are libFuzzer's")
    options, others = parser.parse_known_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if options.atheris:
            import atheris

            with atheris.instrument_imports(include=["django_sqlite_backup"]):
                examiner = set_up(Path(folder))
            atheris.Setup([sys.argv[0], *others], lambda data: examiner.examine(data) and None)
            atheris.Fuzz()
        else:
            run(set_up(Path(folder)), options.seconds, options.seed)


def run(examiner, seconds, seed):
    """Examine random files for a while; what fails is printed as the bytes that made it."""
    end, count, restored, failures = time.monotonic() + seconds, 0, 0, {}
    while time.monotonic() < end:
        data = random.Random(f"{seed}-{count}").randbytes(40)
        try:
            restored += examiner.examine(data)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"[:200]
            if failures.setdefault(reason, data) == data:
                sys.stdout.write(f"{data.hex()} {reason}\n")
                sys.stdout.flush()
        count += 1
    sys.stdout.write(f"{count} files, {restored} restored, {len(failures)} kinds of failure\n")


if __name__ == "__main__":
    main(sys.argv[1:])
