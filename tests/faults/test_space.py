"""A disk that is full, or refuses for another reason, at every point of a run."""

import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_sqlite_backup import BackupMechanism, ConfigurationError, CopyError
from django_sqlite_backup.backup_file import writing
from tests import files, oracle
from tests.copying import unchanged
from tests.shops import Project, fill_shop


class Disk:
    """A disk of its own, whose size can be changed."""

    def __init__(self, folder):
        self.folder = folder

    def mount(self, options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def leave_room(self, size):
        """Let the disk have so many bytes more than are used."""
        status = os.statvfs(self.folder)
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        # None at all would be no limit at all.
        done = self.mount(f"remount,size={max(used + size, 4096)}")
        assert done.returncode == 0, done.stderr


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = Disk(folder)
    done = disk.mount("size=64m")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def back_up(alias, path, *labels):
    options = {"indexes": True, "verify": True, "stdout": StringIO()}
    call_command("sqlitebackup", *labels, database=alias, file=path, **options)


def refusal(alias, path, *labels):
    """Return the paragraph with which a backup fails, or None where it does not."""
    try:
        back_up(alias, path, *labels)
    except CommandError as error:
        assert error.returncode == 1
        return str(error)
    return None


# No room


@pytest.mark.slow
def test_a_backup_on_a_full_disk_leaves_the_previous_one(alias, disk):
    # On SQLite, more than it keeps in memory before it writes.
    is_large = alias == "default"
    fill_shop(alias, rows=50_000 if is_large else 5_000)
    path, phases = disk.folder / "file.sqlite3", set()
    back_up(alias, path, "shop")
    previous = path.read_bytes()
    for room in range(0, 2 * len(previous), len(previous) // 10):
        disk.leave_room(room)
        paragraph = refusal(alias, path, "shop")
        if paragraph is None:
            break
        phases.add(paragraph.split()[1])
        assert "disk is full" in paragraph or "No space left" in paragraph, paragraph
        assert f'"{path}" is as it was. "{disk.folder}" has' in paragraph
        assert (names(disk.folder), path.read_bytes()) == ([path.name], previous)
    assert paragraph is None
    assert phases >= {"finishing", *(["copying"] if is_large else [])}
    assert names(disk.folder) == [path.name]
    call_command("sqliterestore", database=alias, file=path, interactive=False, stdout=StringIO())
    fill_shop(alias)


@pytest.mark.slow
def test_a_full_disk_for_what_sqlite_sorts_and_compares_is_named(project, disk):
    files.execute(project.live, "UPDATE shop_product SET description = hex(randomblob(100000))")
    disk.leave_room(0)
    previous, entries = project.backup.read_bytes(), names(project.folder)
    environment = {**project.environment, "SQLITE_TMPDIR": str(disk.folder)}
    done = project.run("sqlitebackup", "--verify", env=environment)
    assert (done.code, done.out) == (1, ""), done.err
    assert f'"{disk.folder}" has 4,096 bytes free, where SQLite sorts and compares.' in done.err
    assert (names(project.folder), project.backup.read_bytes()) == (entries, previous)


@pytest.mark.slow
def test_a_restore_to_a_full_disk_leaves_the_live_database(disk, tmp_path):
    project = Project(disk.folder)
    backup = tmp_path / "backup.sqlite3"
    shutil.move(project.backup, backup)
    files.execute(project.live, "DELETE FROM shop_orderline", "VACUUM")
    lines, refused = files.dump(project.live), []
    options = ("--no-input", "--no-migrate", "--file", backup)
    for room in (8192, 65_536, 131_072, 8 << 20):
        disk.leave_room(room)
        done = project.run("sqliterestore", *options)
        if done.code == 0:
            break
        refused.append(done.err)
        assert (done.code, done.out) == (1, "")
        assert f'"{project.live}" is as it was. "{disk.folder}" has' in done.err
        assert files.dump(project.live) == lines
        assert "live.sqlite3-journal" not in names(disk.folder)
    assert (done.code, len(refused) >= 2) == (0, True)
    assert files.dump(project.live) != lines


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1000, 30_000, 100_000])
def test_a_limit_of_file_size_is_named(project, limit):
    """As a quota: SQLite itself speaks of an error of input or output, and of no reason."""

    def restrict():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    # A row in a live database of more bytes than that would already fail.
    files.execute(project.live, f"DROP TABLE {oracle.RUNS}")
    previous, entries = project.backup.read_bytes(), names(project.folder)
    done = project.run("sqlitebackup", preexec_fn=restrict)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1), done.err
    assert f'(File too large). "{project.backup}" is as it was.' in done.err
    assert (names(project.folder), project.backup.read_bytes()) == (entries, previous)


def test_an_index_that_cannot_be_made_leaves_the_file_sound(tmp_path):
    path = tmp_path / "file.sqlite3"
    with writing(path) as file:
        file.raw.execute("CREATE TABLE t (text)")
        file.raw.executemany("INSERT INTO t VALUES (?)", [["{}"]] * 5000 + [["{"]])
        with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
            file.raw.execute("CREATE INDEX i ON t (json_extract(text, '$.key'))")
        file.raw.execute("COMMIT")
        assert files.execute(file.path, "PRAGMA integrity_check") == [("ok",)]


# A system that refuses


STRACE = shutil.which("strace")


def can_trace():
    command = [STRACE, "-o", os.devnull, "true"]
    return STRACE and subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_strace = pytest.mark.skipif(not can_trace(), reason="strace is not installed or not allowed")
CALLS = [
    ("fsync:error=EDQUOT:when=1", "Disk quota exceeded", "old"),
    ("fsync:error=EIO:when=1", "Input/output error", "old"),
    ("pwrite64:error=EDQUOT:when=1+", "disk I/O error", "old"),
    ("pwrite64:error=ENOSPC:when=3+", "database or disk is full", "old"),
    ("rename:error=EROFS:when=1", "Read-only file system", "old"),
    ("rename:error=EDQUOT:when=1", "Disk quota exceeded", "old"),
    # The name is there, and whether it is on the disk is not known: the new file is whole.
    ("fsync:error=EIO:when=2", "Input/output error", "new"),
]


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize(("call", "reason", "left"), CALLS)
def test_a_call_that_the_system_refuses(project, call, reason, left):
    previous, entries = project.backup.read_bytes(), names(project.folder)
    done = run_refusing(project, call)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert str(project.backup) in done.stderr
    assert names(project.folder) == entries
    assert (project.backup.read_bytes() == previous) == (left == "old")
    if left == "new":
        assert files.execute(project.backup, "PRAGMA integrity_check") == [("ok",)]


def run_refusing(project, *calls):
    """Run a backup whose system calls are answered with an error."""
    inject = [argument for call in calls for argument in ("-e", f"inject={call}")]
    with project.start("sqlitebackup", stdout=-1, stderr=-1) as process:
        process.kill()
    return subprocess.run(
        [STRACE, "-f", "-qq", "-o", os.devnull, *inject, *map(str, process.args)],
        env=project.environment,
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )


@needs_strace
@pytest.mark.slow
def test_a_leftover_that_cannot_be_removed_hides_no_reason(project):
    previous = project.backup.read_bytes()
    files.execute(project.live, f"DROP TABLE {oracle.RUNS}")
    # The first is of the file itself; SQLite removes none.
    done = run_refusing(project, "fsync:error=EIO:when=1", "unlink:error=EROFS:when=1+")
    assert done.returncode == 1
    assert "Input/output error" in done.stderr
    assert re.search(r"\.partial\" could not be removed: Read-only file system", done.stderr)
    assert len([name for name in names(project.folder) if name.endswith(".partial")]) == 1
    assert project.backup.read_bytes() == previous
    assert project.run("sqlitebackup").code == 0
    assert not [name for name in names(project.folder) if name.endswith(".partial")]


# No permission


def unprivileged(project, *arguments):
    """Run `manage.py` without the right of root to pass by all permissions."""
    lacking = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    with project.start(*arguments, stdout=-1, stderr=-1) as process:
        process.kill()
    return subprocess.run(
        [*(lacking if os.getuid() == 0 else []), *map(str, process.args)],
        env=project.environment,
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )


needs_setpriv = pytest.mark.skipif(
    os.getuid() == 0 and not shutil.which("setpriv"), reason="root may do everything"
)


@contextmanager
def permissions(path, mode):
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@needs_setpriv
@pytest.mark.parametrize("mode", [0o500, 0o300, 0o000])
def test_a_folder_without_permission(project, tmp_path, mode):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file.sqlite3"
    shutil.copy(project.backup, path)
    previous = path.read_bytes()
    with permissions(folder, mode):
        done = unprivileged(project, "sqlitebackup", "--file", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(path) in done.stderr
    assert "Permission denied" in done.stderr
    assert (names(folder), path.read_bytes()) == ([path.name], previous)


@needs_setpriv
def test_a_read_only_previous_backup_is_replaced_as_its_folder_allows(project):
    """A file is replaced by the right to its folder; its own mode says who may write into it."""
    with permissions(project.backup, 0o400):
        done = unprivileged(project, "sqlitebackup")
    assert done.returncode == 0, done.stderr
    assert project.backup.stat().st_mode & 0o777 == 0o600


@needs_setpriv
def test_a_backup_that_may_not_be_read(project):
    lines = files.dump(project.live)
    with permissions(project.backup, 0o000):
        done = unprivileged(project, "sqliterestore", "--no-input")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f'CommandError: "{project.backup}" cannot be read: Permission denied.\n'
    assert files.dump(project.live) == lines


@needs_setpriv
def test_a_live_database_that_may_not_be_written(project):
    lines = files.dump(project.live)
    with permissions(project.live, 0o400), permissions(project.folder, 0o500):
        done = unprivileged(project, "sqliterestore", "--no-input")
    assert (done.returncode, done.stdout) == (1, "")
    assert f'"{project.live}" cannot be locked: Permission denied.' in done.stderr
    assert files.dump(project.live) == lines


# A place that changes meanwhile


def test_a_folder_that_vanishes(databases, tmp_path):
    alias = fill_shop(databases.use("default"))
    path = tmp_path / "folder" / "file.sqlite3"
    path.parent.mkdir()
    steps = BackupMechanism(path, database=alias, labels=["shop"]).backup()
    next(steps)
    shutil.rmtree(path.parent)
    with unchanged(alias), pytest.raises(CopyError) as raised:
        list(steps)
    assert "No such file or directory" in str(raised.value)
    assert str(path) in str(raised.value)
    assert names(tmp_path) == []


def test_a_target_that_becomes_a_folder(databases, tmp_path):
    alias = fill_shop(databases.use("default"))
    path = tmp_path / "file.sqlite3"
    steps = BackupMechanism(path, database=alias, labels=["shop"]).backup()
    next(steps)
    path.mkdir()
    with pytest.raises(ConfigurationError, match="is a folder"):
        list(steps)
    assert names(tmp_path) == [path.name]
    assert names(path) == []


def test_a_temporary_file_that_somebody_removes(databases, tmp_path):
    alias = fill_shop(databases.use("default"))
    path = tmp_path / "file.sqlite3"
    list(BackupMechanism(path, database=alias, labels=["shop"]).backup())
    previous = path.read_bytes()
    steps = BackupMechanism(path, database=alias, labels=["shop"]).backup()
    next(steps)
    (partial,) = tmp_path.glob(".*.partial")
    partial.unlink()
    with pytest.raises(CopyError, match="is as it was"):
        list(steps)
    assert (names(tmp_path), path.read_bytes()) == ([path.name], previous)
    assert oracle.table_text(alias, "shop_order") != []
