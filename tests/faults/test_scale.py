"""A file past the lock-byte page, which no database smaller than 1 GiB has, in constant memory."""

import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests import files
from tests.shops import Project

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="this system does not tell the most memory"
)

LOCK_BYTE = 1 << 30
CELL = 4 << 20
MEMORY = 160 << 20
"""Bytes that a process may have at its most: forty of these cells."""


def needs(folder, size):
    if shutil.disk_usage(folder).free < size:
        pytest.skip(f"{folder} has less than {size >> 20} MiB free")


def run(project, *arguments):
    """Run `manage.py`; return its seconds, and its most memory in bytes."""
    started = time.monotonic()
    process = project.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    # Not what the system says at the end: before it became another program, it had all that this
    # process has.
    status, most = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        with suppress(FileNotFoundError, ProcessLookupError):
            most = max(most, *map(int, re.findall(r"VmHWM:\s*(\d+)", status.read_text())), 0)
        time.sleep(0.02)
    with process.stdout:
        said = process.stdout.read()
    assert process.returncode == 0, said
    return time.monotonic() - started, most * 1024


def fill(path, rows):
    """Add rows of blobs, each of its own bytes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        product = connection.execute("SELECT min(id) FROM shop_product").fetchone()[0]
        columns = "product_id, change, weight, handling, moved, label"
        for number in range(rows):
            row = (
                product,
                number,
                1.0,
                1,
                "2024-01-01 00:00:00",
                number.to_bytes(4, "big") * (CELL // 4),
            )
            connection.execute(
                f"INSERT INTO shop_stockmovement ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row
            )


def summarize(path):
    """Return what tells the blobs of one database from those of another."""
    select = "SELECT id, change, length(label), hex(substr(label, 1, 8)), hex(substr(label, -8))"
    return files.execute(path, f"{select} FROM shop_stockmovement ORDER BY id")


def check_memory(figures):
    for command, (seconds, memory) in figures.items():
        assert memory < MEMORY, f"{command}: {seconds:.1f} s, {memory >> 20} MiB"


@pytest.mark.slow
def test_a_file_past_the_lock_byte_page(tmp_path):
    needs(tmp_path, 5 * LOCK_BYTE)
    project = Project(tmp_path)
    fill(project.live, LOCK_BYTE // CELL + 8)
    before = summarize(project.live)
    figures = {"sqlitebackup": run(project, "sqlitebackup")}
    assert project.backup.stat().st_size > LOCK_BYTE
    assert summarize(project.backup) == before
    files.execute(project.live, "DELETE FROM shop_stockmovement WHERE change % 2")
    figures["sqliteinspect"] = run(project, "sqliteinspect", project.backup)
    figures["sqliterestore"] = run(project, "sqliterestore", "--no-input")
    assert summarize(project.live) == before
    check_memory(figures)


@pytest.mark.slow
def test_rows_of_megabytes_are_held_one_by_one(tmp_path):
    """They come behind small ones, from which nobody could tell how large they are."""
    project = Project(tmp_path)
    fill(project.live, 40)
    commands = [["sqlitebackup", "--verify"], ["sqliterestore", "--no-input", "--portable"]]
    check_memory({" ".join(command): run(project, *command) for command in commands})
