"""What tests do to a backup file, and how they read it, without the package."""

import hashlib
import json
import sqlite3
from contextlib import closing

from tests import oracle

MANIFEST = "django_sqlite_backup_manifest"
KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 2")
connection.execute("BEGIN")
connection.execute("UPDATE shop_category SET name = 'half way'")
connection.execute("CREATE TABLE filler AS WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL "
                   "SELECT n + 1 FROM n LIMIT 5000) SELECT n, hex(randomblob(100)) FROM n")
os.kill(os.getpid(), 9)
"""
"""A program that dies in the middle of an update of a shop's backup, and leaves its journal."""


def execute(path, *statements):
    """Run SQL on a file and return the rows of the last statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rows = [connection.execute(statement).fetchall() for statement in statements]
        return rows[-1]


def find_digest(data):
    """Return the slice where a backup keeps its checksum: the end of the second page."""
    page_size = int.from_bytes(data[16:18], "big")
    return slice(2 * page_size - 64, 2 * page_size)


def hash_file(data):
    """Return the checksum as another program would compute it."""
    place = find_digest(data)
    return hashlib.sha256(data[: place.start] + b"0" * 64 + data[place.stop :]).hexdigest()


def reseal(path):
    """Write a checksum that holds, as somebody who means harm would."""
    data = bytearray(path.read_bytes())
    data[find_digest(data)] = hash_file(bytes(data)).encode()
    path.write_bytes(data)


def edit(path, *statements):
    """Change a backup by SQL and make its checksum hold again."""
    execute(path, *statements)
    reseal(path)


def read_manifest(path):
    return {key: json.loads(text) for key, text in execute(path, f"SELECT * FROM {MANIFEST}")}


def edit_manifest(path, **values):
    """Make the manifest say something else, and make the checksum hold."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for key, value in values.items():
            row = (value if isinstance(value, bytes) else json.dumps(value), key)
            connection.execute(f"UPDATE {MANIFEST} SET value = ? WHERE key = ?", row)
    reseal(path)


def overwrite(path, offset, data):
    """Overwrite bytes of a file, and leave the checksum as it is."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def dump(path):
    """Return the whole database as sorted lines of SQL, without the rows of the runs.

    A key not yet counted is no line.
    """
    with closing(sqlite3.connect(path)) as connection:
        uncounted = ('INSERT INTO "sqlite_sequence"', ",0);")
        lines = connection.iterdump()
        return sorted(
            line
            for line in lines
            if not (line.startswith(uncounted[0]) and line.endswith(uncounted[1]))
            and not (line.startswith("INSERT") and oracle.RUNS in line)
        )
