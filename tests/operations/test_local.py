"""`operations.local`: the backups of a folder."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from django_sqlite_backup import BackupMechanism, __version__
from django_sqlite_backup.exceptions import Busy, InvalidBackup
from django_sqlite_backup.operations.local import LocalBackups, describe_file
from tests import files
from tests.copying import back_up
from tests.shops import fill_shop


@pytest.fixture(scope="module")
def original(databases, tmp_path_factory):
    """One backup of the shop, for the tests to copy."""
    path = tmp_path_factory.mktemp("original") / "original.sqlite3"
    back_up(fill_shop(databases.use("default")), path)
    return path


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def put(original, folder):
    """A function that puts a copy of the backup under a name, with another date if one is given."""
    folder.mkdir()

    def put(name, created=None):
        path = folder / name
        path.write_bytes(original.read_bytes())
        if created:
            files.edit_manifest(path, created=created)
        return path

    return put


def names(folder):
    return [os.path.basename(backup.name) for backup in LocalBackups(folder).list()]


def test_newest_comes_first_by_what_the_files_say(put, folder):
    put("c.sqlite3", "2026-03-01T00:00:00+00:00")
    put("a", "2026-03-03T00:00:00+00:00")
    put("backup-20990101.sqlite3", "2026-02-01T00:00:00+00:00")
    assert names(folder) == ["a", "c.sqlite3", "backup-20990101.sqlite3"]


def test_file_is_described_by_what_it_says_of_itself(put):
    path = put("a.sqlite3", "2026-03-01T01:00:00+01:00")
    manifest = files.read_manifest(path)
    data = path.read_bytes()
    backup = describe_file(path)
    assert backup.name == str(path)
    assert backup.created == datetime(2026, 3, 1, tzinfo=UTC)
    assert (backup.database, backup.origin) == ("default", manifest["origin"])
    assert (backup.engine, backup.engine_version) == ("sqlite", sqlite3.sqlite_version)
    entries = manifest["tables"].values()
    assert (backup.tables, backup.rows) == (len(entries), sum(e["rows"] for e in entries))
    assert (backup.file_bytes, backup.stored_bytes) == (len(data), len(data))
    assert backup.checksum == files.hash_file(data)
    assert backup.migrations["shop"] == ["0001_initial"]
    assert len(backup.migrations["contenttypes"]) == 1
    assert (backup.package, backup.partial) == (__version__, False)


def test_partial_backup_is_told_apart(databases, tmp_path):
    mechanism = BackupMechanism(
        str(tmp_path / "part.sqlite3"),
        database=fill_shop(databases.use("default")),
        labels=["shop"],
    )
    for _ in mechanism.backup():
        pass
    (backup,) = LocalBackups(tmp_path).list()
    assert backup.partial


def test_folder_that_is_not_there_has_no_backups(tmp_path):
    assert LocalBackups(tmp_path / "none").list() == []
    assert LocalBackups(tmp_path / "none").strangers() == []


def test_what_is_not_ours_is_passed_over(put, folder, tmp_path):
    path = put("a.sqlite3")
    files.execute(folder / "default-20260301T000000Z-0123abcd.sqlite3", "CREATE TABLE t (a)")
    (folder / "backup.sqlite3").write_bytes(b"text")
    (folder / "empty.sqlite3").touch()
    (folder / "folder.sqlite3").mkdir()
    (folder / "link.sqlite3").symlink_to(path)
    (folder / "dangling.sqlite3").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.sqlite3")
    # What a run writes, before it gets its name.
    path.with_name(".a.sqlite3.0123456789abcdef.partial").write_bytes(path.read_bytes())
    assert names(folder) == ["a.sqlite3"]
    assert LocalBackups(folder).strangers() == []


def cut_short(path):
    os.truncate(path, 8192)


def spoil_manifest(path):
    files.edit_manifest(path, tables=b"[")


def leave_journal(path):
    path.with_name(path.name + "-wal").write_bytes(b"x")


def make_later_format(path):
    files.execute(path, "PRAGMA user_version = 99")


def spoil_checksum(path):
    data = bytearray(path.read_bytes())
    data[files.find_digest(data)] = b"g" * 64
    path.write_bytes(data)


def record_bytes(path):
    files.edit(path, "UPDATE django_migrations SET name = x'00ff' WHERE id = 1")


def drop_names(path):
    files.edit(path, "ALTER TABLE django_migrations DROP COLUMN name")


def date_before_all_calendars(path):
    files.edit_manifest(path, created="0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize(
    "spoil",
    [record_bytes, drop_names, date_before_all_calendars],
)
def test_backup_that_says_what_cannot_be_is_named_and_not_listed(put, folder, spoil):
    put("whole.sqlite3")
    path = put("other.sqlite3")
    spoil(path)
    assert names(folder) == ["whole.sqlite3"]
    assert LocalBackups(folder).strangers() == [str(path)]


@pytest.mark.parametrize(
    "spoil", [cut_short, spoil_manifest, leave_journal, make_later_format, spoil_checksum]
)
def test_backup_that_cannot_be_read_is_named_and_not_listed(put, folder, spoil):
    put("whole.sqlite3")
    path = put("other.sqlite3")
    spoil(path)
    assert names(folder) == ["whole.sqlite3"]
    assert LocalBackups(folder).strangers() == [str(path)]


def test_whole_backup_passes_the_check(put, folder):
    put("a.sqlite3")
    (backup,) = LocalBackups(folder).list()
    LocalBackups(folder).check(backup)


def test_changed_byte_is_found_by_the_check(put, folder):
    path = put("a.sqlite3")
    data = path.read_bytes()
    files.overwrite(path, len(data) - 3000, bytes([data[-3000] ^ 1]))
    (backup,) = LocalBackups(folder).list()
    with pytest.raises(InvalidBackup, match="its checksum does not hold"):
        LocalBackups(folder).check(backup)


def test_backup_is_removed_and_nothing_else(put, folder):
    path, other = put("a.sqlite3", "2026-03-01T00:00:00+00:00"), put("b.sqlite3")
    (folder / "notes.txt").touch()
    LocalBackups(folder).delete(describe_file(path))
    assert sorted(os.listdir(folder)) == ["b.sqlite3", "notes.txt"]
    assert names(folder) == [other.name]


def test_file_that_came_in_its_place_is_not_removed(put, folder):
    path = put("a.sqlite3", "2026-03-01T00:00:00+00:00")
    listed = describe_file(path)
    files.edit_manifest(path, created="2026-03-02T00:00:00+00:00")
    with pytest.raises(InvalidBackup, match="is not the file any more that was listed"):
        LocalBackups(folder).delete(listed)
    assert names(folder) == ["a.sqlite3"]


def test_database_that_came_in_its_place_is_not_removed(put, folder):
    path = put("a.sqlite3")
    listed = describe_file(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    with pytest.raises(InvalidBackup, match="is not the file any more that was listed"):
        LocalBackups(folder).delete(listed)
    assert path.exists()


def test_file_that_is_being_replaced_is_not_removed(put, folder, databases):
    path = put("a.sqlite3")
    listed = describe_file(path)
    steps = BackupMechanism(str(path), database=fill_shop(databases.use("default"))).backup()
    next(steps)
    try:
        with pytest.raises(Busy, match="is being written by process"):
            LocalBackups(folder).delete(listed)
    finally:
        steps.close()
    assert names(folder) == ["a.sqlite3"]


def test_what_a_storage_keeps_in_the_same_folder_is_not_local(put, folder):
    own = put("own.sqlite3")
    put("stored.sqlite3").with_name("stored.sqlite3.json").write_text("{}")
    assert [backup.name for backup in LocalBackups(folder).list()] == [str(own)]
    assert LocalBackups(folder).strangers() == []
