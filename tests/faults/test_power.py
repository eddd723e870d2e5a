"""Power lost at any moment of a run: the disk holds the old or the new, whole."""

import os
import random
import shutil
import sqlite3

import pytest

from tests import files
from tests.faults.killing import SEED
from tests.faults.power import Disk, trace
from tests.faults.test_space import STRACE, needs_strace
from tests.shops import Project

pytestmark = [needs_strace, pytest.mark.slow]
CHANCES = 5
POINTS = 150


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def record(project, path, *arguments):
    """Run `manage.py` and return the disk as it was before, and the calls."""
    with project.start(*arguments, stdout=-1, stderr=-1) as process:
        process.kill()
    disk = Disk(project.folder)
    options = {"env": project.environment, "cwd": project.folder, "capture_output": True}
    return disk, trace(STRACE, path, list(map(str, process.args)), text=True, **options)


def crash(disk, calls, points):
    """Yield the number of calls that were made and what may be on the disk then."""
    by_chance = random.Random(SEED)
    for number, call in enumerate(calls, 1):
        disk.do(*call)
        if number in points:
            yield number, disk.after_crash(None)
            for _ in range(CHANCES):
                yield number, disk.after_crash(by_chance)


def check_replayed(disk, project):
    """The replay has understood every call: it ends with what is really there."""
    there = {str(path): path.read_bytes() for path in project.folder.iterdir() if path.is_file()}
    assert {name: bytes(file.content) for name, file in disk.names.items()} == there


def test_a_backup_is_the_previous_or_the_new_one_whole(project, tmp_path):
    target, journal = str(project.backup), f"{project.backup}-journal"
    old = project.backup.read_bytes()
    # Of somebody who died: rolled back, it would make half of the new file old again.
    (project.folder / "backup.sqlite3-journal").write_bytes(b"stale")
    files.execute(project.live, "UPDATE shop_order SET note = 'changed'")
    disk, calls = record(project, tmp_path / "trace", "sqlitebackup")
    new = project.backup.read_bytes()
    found = set()
    for number, names in crash(disk, calls, set(range(len(calls) + 1))):
        about = f"seed {SEED}, call {number}: {calls[number - 1][0]}"
        assert names.get(target) in (old, new), about
        assert names[target] == old or journal not in names, about
        found.add((names[target] == new, journal in names))
    check_replayed(disk, project)
    assert found == {(False, True), (False, False), (True, False)}
    # Once it is done, it is done.
    assert disk.after_crash(None)[target] == new


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_restore_to_sqlite_leaves_the_old_or_the_new_database(project, tmp_path, mode):
    files.execute(project.live, "UPDATE shop_order SET note = 'old'", f"PRAGMA journal_mode={mode}")
    old = files.dump(project.live)
    disk, calls = record(project, tmp_path / "trace", "sqliterestore", "--no-input")
    new = files.dump(project.live)
    own = [number for number, (call, *_) in enumerate(calls, 1) if call in ("pwrite64", "unlink")]
    points = {number for number, (call, *_) in enumerate(calls, 1) if "sync" in call}
    points |= set(random.Random(SEED).sample(own, min(POINTS, len(own)))) | {len(calls)}
    lines, found = {}, []
    for number, names in crash(disk, calls, points):
        state = frozenset((name, data) for name, data in names.items() if "/live.sqlite3" in name)
        if state not in lines:
            lines[state] = open_again(tmp_path / "crashed", state)
        assert lines[state] in (old, new), f"seed {SEED}, call {number}: {calls[number - 1][0]}"
        found.append(lines[state] == new)
    # Once it is done, it is done: whatever chance says after the last call.
    assert (found[0], found[-CHANCES - 1 :]) == (False, [True] * (CHANCES + 1))


def open_again(folder, state):
    """Return what SQLite makes of the files of a crashed machine."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in state:
        # What is in memory only is not there any more.
        if not name.endswith("-shm"):
            (folder / os.path.basename(name)).write_bytes(data)
    try:
        return files.dump(folder / "live.sqlite3")
    except sqlite3.DatabaseError as error:
        return [str(error)]
