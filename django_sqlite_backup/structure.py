"""What a file must be inside before a row of it is read: plain tables on sound pages.

Whoever means harm can make the checksum hold, so nothing here relies on it. To read a view, a
virtual table or a generated column would be to execute what the file says.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.dateparse import parse_datetime

from .backup_file import BackupFile
from .exceptions import InvalidBackup
from .manifest import CHECKSUM_TABLE, MANIFEST_TABLE, Manifest
from .tables import MIGRATIONS_TABLE, shorten_list

MOST_STEPS = 10_000_000
"""Of SQLite's machine, for a schema or a manifest; one of ten thousand tables takes a hundredth."""
LARGEST = 8 << 20
"""Bytes of a definition, of the manifest, of the name of a migration."""
MOST_MIGRATIONS = 100_000
DEFINITIONS = {"table": ("CREATE TABLE ",), "index": ("CREATE INDEX ", "CREATE UNIQUE INDEX ")}
"""How SQLite itself begins what it keeps of a definition, whatever somebody typed."""
TWICE = """
SELECT min(name) FROM sqlite_schema WHERE type = 'table'
GROUP BY name COLLATE NOCASE HAVING count(*) > 1
"""
EXPRESSIONS = """
SELECT 1 FROM sqlite_schema s, pragma_index_list(s.name) i, pragma_index_xinfo(i.name) c
WHERE s.type = 'table' AND (i.partial OR c.cid = -2) LIMIT 1
"""


@contextmanager
def limited(file: BackupFile) -> Iterator[None]:
    """Bound time and memory by what any file needs: pages may refer to each other in a circle."""
    length = file.raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    file.raw.set_progress_handler(lambda: 1, MOST_STEPS)
    try:
        yield
    finally:
        file.raw.set_progress_handler(None, 0)
        file.raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, length)


def check_plainness(file: BackupFile) -> set[str]:
    """Return the names of the tables; raise `InvalidBackup` unless all are plain ones."""
    names = set()
    for kind, name, sql in file.raw.execute("SELECT type, name, sql FROM sqlite_schema"):
        is_automatic = kind == "index" and sql is None
        if not is_automatic and not str(sql).startswith(DEFINITIONS.get(kind, "no such kind")):
            raise InvalidBackup(f'The file holds "{name}", which is no plain table ({kind}).')
        if kind == "table":
            names.add(str(name))
    for (name,) in file.raw.execute(TWICE):
        raise InvalidBackup(f'The file defines "{name}" twice.')
    for name in sorted(names):
        check_columns(file, name)
    return {name for name in names if not is_internal(name)}


def is_internal(name: str) -> bool:
    """Return whether a table is one that SQLite keeps for itself."""
    return name.startswith("sqlite_stat") or name == "sqlite_sequence"


def check_columns(file: BackupFile, name: str) -> None:
    """Raise `InvalidBackup` where a listed table is not defined, or computes a column."""
    columns = file.raw.execute(f"PRAGMA table_xinfo({file.quote(name)})").fetchall()
    if not columns:
        raise InvalidBackup(f'The file lists a table "{name}" and defines another one.')
    for row in columns:
        if row[6]:
            raise InvalidBackup(f'The file computes column "{row[1]}" of "{name}" by itself.')


def has_expressions(file: BackupFile) -> bool:
    """Return whether an index is partial or of an expression; `--indexes` makes such ones too."""
    return file.raw.execute(EXPRESSIONS).fetchone() is not None


def check_soundness(file: BackupFile) -> None:
    """Raise `InvalidBackup` where SQLite finds pages, cells or indexes that do not fit together.

    A page that is reached twice is what makes a small file take endless time, and what SQLite
    copies as whole records must be whole (https://www.sqlite.org/pragma.html#pragma_integrity_check).
    """
    # It would evaluate checks, and the expressions of indexes.
    file.raw.execute("PRAGMA ignore_check_constraints = ON")
    check = "quick_check" if has_expressions(file) else "integrity_check"
    ((verdict,),) = file.raw.execute(f"PRAGMA {check}(1)")
    if verdict != "ok":
        reason = " ".join(verdict.removeprefix("*** in database main ***").split())
        raise InvalidBackup(f"SQLite finds the file damaged: {reason}.")


def check_tables(manifest: Manifest, names: set[str]) -> None:
    """Raise `InvalidBackup` unless the file has the tables that its manifest lists, no others."""
    missing = sorted(set(manifest.tables) - names)
    extra = sorted(names - set(manifest.tables) - {MANIFEST_TABLE, CHECKSUM_TABLE})
    if missing or extra:
        listed = shorten_list([f'"{name}"' for name in (missing or extra)])
        what = "lacks tables that its manifest lists" if missing else "holds tables beside its own"
        raise InvalidBackup(f"The file {what}: {listed}.")


def find_other_counts(file: BackupFile, manifest: Manifest) -> dict[str, int]:
    """Return how many rows the tables have in which they are not as many as the manifest says."""
    counts = {name: file.count_rows(name) for name in manifest.tables}
    return {name: rows for name, rows in counts.items() if rows != manifest.tables[name].rows}


def describe_other_counts(manifest: Manifest, counts: dict[str, int]) -> list[str]:
    return [
        f'The file has {rows} rows in "{name}", and its manifest says {manifest.tables[name].rows}.'
        for name, rows in counts.items()
    ]


def check_migrations(file: BackupFile, manifest: Manifest) -> None:
    """Raise `InvalidBackup` where what is recorded as applied is no name of a migration."""
    if MIGRATIONS_TABLE not in manifest.tables:
        return
    rows = file.raw.execute(f"SELECT app, name, applied FROM {MIGRATIONS_TABLE}")
    for number, row in enumerate(rows):
        if number == MOST_MIGRATIONS:
            raise InvalidBackup(f"The file records more than {MOST_MIGRATIONS:,} migrations.")
        if not all(type(cell) is str for cell in row) or not is_moment(row[2]):
            raise InvalidBackup(f"The file records a migration that makes no sense: {row}.")


def is_moment(text: str) -> bool:
    try:
        return parse_datetime(text) is not None
    except ValueError:
        return False


def check_references(file: BackupFile, manifest: Manifest) -> None:
    """Raise `InvalidBackup` where a foreign key of the file leads nowhere."""
    dangling = [text for name in manifest.tables for text in find_dangling(file, name)]
    if dangling:
        raise InvalidBackup(f"Foreign keys of the file lead nowhere: {shorten_list(dangling)}.")


def find_dangling(file: BackupFile, name: str) -> Iterator[str]:
    """Yield, by table, column and value, what refers to no row.

    `PRAGMA foreign_key_check` wants an index on what is referred to, which the file need not have.
    """
    for row in file.raw.execute(f"PRAGMA foreign_key_list({file.quote(name)})").fetchall():
        parent, column, target = row[2:5]
        if target is None:
            raise InvalidBackup(f'"{column}" of "{name}" refers to no named column of "{parent}".')
        own, its = file.quote(column), file.quote(target)
        found = f"SELECT {its} FROM {file.quote(parent)} WHERE {its} IS NOT NULL"
        # The live collation may take no notice of case and blanks: then the engine is to judge.
        alike = f"SELECT rtrim({its}) FROM {file.quote(parent)} WHERE {its} IS NOT NULL"
        sql = (
            f"SELECT DISTINCT {own} FROM {file.quote(name)} WHERE {own} IS NOT NULL"
            f" AND {own} NOT IN ({found}) AND rtrim({own}) COLLATE NOCASE NOT IN ({alike})"
        )
        for (value,) in file.raw.execute(sql):
            yield f'"{value}" in "{column}" of "{name}" (no such "{target}" in "{parent}")'
