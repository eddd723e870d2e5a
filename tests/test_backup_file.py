"""The file itself: where it is written, who may read it, and what a dead run leaves."""

import fcntl
import os
import signal
import stat
from io import StringIO

import pytest
from django.core.management import call_command

from django_sqlite_backup import BackupMechanism, Busy
from django_sqlite_backup.targets import remove_leftovers
from tests import files, oracle
from tests.shops import Project, fill_shop


@pytest.fixture
def live(databases):
    return fill_shop(databases.use("default"))


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def back_up(path, **options):
    return list(BackupMechanism(path, labels=["sites"], **options).backup())


def mode(path):
    return oct(stat.S_IMODE(path.stat().st_mode))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Who may read it


@pytest.mark.parametrize("umask", [0, 0o777])
def test_only_the_owner_can_read_it(live, tmp_path, umask):
    before = os.umask(umask)
    try:
        modes = [mode(path) for _ in back_up_step(tmp_path / "file") for path in tmp_path.iterdir()]
    finally:
        os.umask(before)
    assert set(modes) == {"0o600"}
    assert mode(tmp_path / "file") == "0o600"


def back_up_step(path):
    return BackupMechanism(path, labels=["sites"]).backup()


def test_a_readable_previous_backup_becomes_private(live, tmp_path):
    back_up(tmp_path / "file")
    (tmp_path / "file").chmod(0o644)
    back_up(tmp_path / "file")
    assert mode(tmp_path / "file") == "0o600"


# Where it is


@pytest.mark.parametrize(
    "name",
    [
        "with spaces.sqlite3",
        'it\'s "quoted"',
        "what?mode=memory",
        "a#fragment",
        "100%",
        "%41%00",
        "größe 名前 🦓",
        "-dash",
        "back\\slash",
        "new\nline",
        ".hidden",
        "n" * 220,
        ":memory:",
        "file:x",
    ],
)
def test_any_name_will_do(live, tmp_path, name):
    path = tmp_path / name
    before = oracle.database_text(live)
    for _ in range(2):
        call_command("sqlitebackup", "shop", file=str(path), verify=True, stdout=StringIO())
    assert names(tmp_path) == [name]
    call_command("sqliterestore", file=str(path), interactive=False, stdout=StringIO())
    assert names(tmp_path) == [name]
    assert oracle.database_text(live) == before


def test_a_relative_path_is_in_the_current_folder(live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    call_command("sqlitebackup", "sites", file="folder/../file", stdout=StringIO())
    assert names(tmp_path) == ["file", "folder"]


def test_a_folder_with_an_odd_name_will_do(live, tmp_path):
    folder = tmp_path / "a ?#%41 'folder'"
    folder.mkdir()
    back_up(folder / "file")
    assert names(folder) == ["file"]


def test_a_link_stays_a_link(live, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target" / "file")
    back_up(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "target") == ["file"]


def test_an_alias_with_a_path_of_its_own_kind(project):
    project.configure("DATABASES['backup']['NAME'] = 'relative %41.sqlite3'")
    assert project.run("sqlitebackup", "sites").code == 0
    assert (project.folder / "relative %41.sqlite3").exists()


# What it is


def test_the_file_says_what_it_is(live, tmp_path):
    back_up(tmp_path / "file")
    header = (tmp_path / "file").read_bytes()[:100]
    assert (header[68:72], header[60:64]) == (b"DSB1", (1).to_bytes(4, "big"))
    assert files.execute(tmp_path / "file", "PRAGMA application_id") == [(0x44534231,)]
    assert files.execute(tmp_path / "file", "PRAGMA user_version") == [(1,)]


def test_sqlite_finds_the_file_sound(live, tmp_path):
    list(BackupMechanism(tmp_path / "file", indexes=True).backup())
    assert files.execute(tmp_path / "file", "PRAGMA integrity_check") == [("ok",)]
    assert files.execute(tmp_path / "file", "PRAGMA foreign_key_check") == []


# The previous one


def test_the_previous_backup_is_there_until_the_last_step(live, tmp_path):
    back_up(tmp_path / "file")
    before = (tmp_path / "file").stat().st_ino
    seen = [(tmp_path / "file").stat().st_ino == before for _ in back_up_step(tmp_path / "file")]
    assert seen == [True] * (len(seen) - 1) + [False]


def test_a_reader_of_the_previous_backup_keeps_it(live, tmp_path):
    back_up(tmp_path / "file")
    with open(tmp_path / "file", "rb") as reader:
        before = reader.read()
        back_up(tmp_path / "file")
        reader.seek(0)
        assert reader.read() == before


def test_an_empty_file_is_replaced(live, tmp_path):
    (tmp_path / "file").touch()
    back_up(tmp_path / "file")
    assert (tmp_path / "file").stat().st_size > 0


# Leftovers


def test_what_a_dead_run_left_is_removed(live, tmp_path):
    (tmp_path / ".file.0123456789abcdef.partial").write_text("dead")
    (tmp_path / ".file.0123.partial").write_text("not named as ours are")
    back_up(tmp_path / "file")
    assert names(tmp_path) == [".file.0123.partial", "file"]


def test_what_a_living_run_is_writing_stays(live, tmp_path):
    living, other = back_up_step(tmp_path / "file"), tmp_path / ".other.0123.partial"
    other.write_text("of another target")
    next(living)
    before = names(tmp_path)
    with pytest.raises(Busy, match=f"being written by process {os.getpid()} "):
        back_up(tmp_path / "file")
    assert names(tmp_path) == before
    list(living)
    assert names(tmp_path) == sorted(["file", other.name])


def test_leftovers_are_told_by_their_lock(tmp_path):
    living, dead = ".file.0000000000000000.partial", ".file.1111111111111111.partial"
    others = [".file.note", dead.removeprefix("."), dead.replace("file", "other")]
    for name in (living, dead, *others):
        (tmp_path / name).touch()
    with open(tmp_path / living) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_leftovers(tmp_path / "file")
    assert names(tmp_path) == sorted([living, *others])


@pytest.mark.parametrize("command", [["sqlitebackup"], ["sqliterestore", "--no-input"]])
def test_a_killed_run_leaves_all_that_was_there(project, command):
    before = project.contents()
    lines = files.dump(project.live)
    with project.waiting(*command) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert project.backup.read_bytes() == before["backup.sqlite3"]
    assert files.dump(project.live) == lines
    leftovers = [name for name in names(project.folder) if name.endswith(".partial")]
    assert len(leftovers) == (command == ["sqlitebackup"])

    assert project.run("sqlitebackup").code == 0
    assert project.run("sqliterestore", "--no-input", "--verify").code == 0
    assert project.contents().keys() == before.keys()
    assert files.dump(project.live) == lines
