"""`operations.pruning`: backups in a folder that no rule keeps are removed, and nothing else."""

import os
import time
from datetime import UTC, datetime

import pytest
from django.core.files.storage import FileSystemStorage
from django.test import override_settings

from django_sqlite_backup.exceptions import Busy, ConfigurationError, StorageError
from django_sqlite_backup.operations.local import LocalBackups
from django_sqlite_backup.operations.pruning import Pruner, find_own_files, get_policy
from django_sqlite_backup.operations.recording import get_system_user
from django_sqlite_backup.operations.retention import Policy
from django_sqlite_backup.operations.storing import BackupStore
from django_sqlite_backup.report import Report
from tests import files
from tests.copying import back_up
from tests.shops import fill_shop

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def live(databases):
    return databases.use("default")


@pytest.fixture(scope="module")
def original(databases, tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "original.sqlite3"
    back_up(fill_shop(databases.use("default")), path)
    return path


class Folder:
    """A folder of backups that are named by their days of May."""

    def __init__(self, path, original):
        self.path, self.original = path, original
        path.mkdir()

    def put(self, *days, **values):
        for day in days:
            path = self.path / f"{day:02}"
            path.write_bytes(self.original.read_bytes())
            files.edit_manifest(path, created=f"2026-05-{day:02}T10:00:00+00:00", **values)
        return self

    def damage(self, day):
        data = (self.path / f"{day:02}").read_bytes()
        files.overwrite(self.path / f"{day:02}", len(data) - 3000, bytes([data[-3000] ^ 1]))

    @property
    def names(self):
        return sorted(os.listdir(self.path))

    def pruner(self, live, protected=(), trusted=(), **rules):
        return Pruner(
            LocalBackups(self.path),
            Policy.from_dict(rules),
            live,
            now=NOW,
            protected=[str(self.path / name) for name in protected],
            trusted=[str(self.path / name) for name in trusted],
        )


@pytest.fixture
def folder(original, tmp_path):
    return Folder(tmp_path / "backups", original)


def lines(decisions):
    return [
        f"{'keep' if decision.keep else 'remove'} {os.path.basename(decision.backup.name)}: "
        f"{', '.join(decision.reasons)}"
        for decision in decisions
    ]


def test_no_rule_no_backup(live, folder):
    folder.put(1, 2, 3, 4)
    assert lines(folder.pruner(live, last=2).prune()) == [
        "keep 04: last",
        "keep 03: last",
        "remove 02: no rule",
        "remove 01: no rule",
    ]
    assert folder.names == ["03", "04"]


def test_each_backup_is_logged_as_it_is_removed(live, folder, caplog, monkeypatch):
    folder.put(1, 2, 3, 4)
    caplog.set_level("INFO", "django_sqlite_backup")
    pruner = folder.pruner(live, last=1)
    delete = pruner.place.delete

    def refuse_the_last(backup):
        if backup.name.endswith("03"):
            raise StorageError("no")
        delete(backup)

    monkeypatch.setattr(pruner.place, "delete", refuse_the_last)
    with pytest.raises(StorageError):
        pruner.remove(pruner.plan(), "ada")
    assert folder.names == ["03", "04"]
    removed = [str(folder.path / name) for name in ("01", "02")]
    assert caplog.messages == [f"Pruned {name}, by ada: no rule" for name in removed]
    assert [
        (r.levelname, r.name, r.alias, r.file, r.storage, r.user, r.reasons) for r in caplog.records
    ] == [("INFO", "django_sqlite_backup", live, name, "", "ada", ("no rule",)) for name in removed]


def test_the_log_names_the_storage_and_who_runs_the_process(live, folder, tmp_path, caplog):
    folder.put(1, 2)
    store = BackupStore(FileSystemStorage(location=tmp_path / "storage"), alias="backups")
    for day in folder.names:
        path = folder.path / day
        store.put(path, Report(str(path), live, checksum=files.hash_file(path.read_bytes())))
    caplog.set_level("INFO", "django_sqlite_backup")
    _, removed = Pruner(store, Policy.from_dict({"last": 1}), live).prune()
    (record,) = [record for record in caplog.records if hasattr(record, "reasons")]
    assert (record.storage, record.file) == ("backups", removed.backup.name)
    assert record.user == get_system_user()


def test_plan_removes_nothing(live, folder):
    folder.put(1, 2)
    assert lines(folder.pruner(live, last=1).plan())[1] == "remove 01: no rule"
    assert folder.names == ["01", "02"]


def test_what_is_not_ours_stays(live, folder):
    folder.put(1, 2)
    (folder.path / "default-20200101T000000Z-0123abcd.sqlite3").write_bytes(b"text")
    files.execute(folder.path / "db.sqlite3", "CREATE TABLE t (a)")
    files.execute(folder.put(3).path / "03", "PRAGMA user_version = 99")
    folder.pruner(live, last=1).prune()
    assert folder.names == ["02", "03", "db.sqlite3", "default-20200101T000000Z-0123abcd.sqlite3"]


def test_backups_of_other_databases_stay(live, folder):
    folder.put(1, 4).put(2, origin="f" * 16).put(3, database="other")
    assert lines(folder.pruner(live, last=1).prune()) == ["keep 04: last", "remove 01: no rule"]
    assert folder.names == ["02", "03", "04"]


def test_partial_backup_does_not_push_a_whole_one_out(live, folder):
    folder.put(1).put(2, 3, partial=True)
    assert lines(folder.pruner(live, last=1).prune()) == [
        "keep 03: last",
        "remove 02: no rule",
        "keep 01: last",
    ]


def test_newest_good_one_stays_where_newer_ones_are_damaged(live, folder):
    folder.put(1, 2, 3, 4)
    folder.damage(3)
    folder.damage(4)
    found = folder.pruner(live, last=1).prune()
    assert [line.partition(":")[0] for line in lines(found)] == [
        "keep 04",
        "keep 03",
        "keep 02",
        "remove 01",
    ]
    assert "its checksum does not hold" in found[0].reasons[0]
    assert folder.names == ["02", "03", "04"]


def test_nothing_is_removed_where_none_is_good(live, folder):
    folder.put(1, 2)
    folder.damage(1)
    folder.damage(2)
    folder.pruner(live, last=1).prune()
    assert folder.names == ["01", "02"]


def test_one_that_was_just_read_back_is_not_read_again(live, folder):
    folder.put(1, 2)
    folder.damage(2)
    assert lines(folder.pruner(live, last=1, trusted=["02"]).plan()) == [
        "keep 02: last",
        "remove 01: no rule",
    ]


def test_future_one_does_not_stand_for_the_newest_good_one(live, folder):
    folder.put(1, 2).put(3)
    files.edit_manifest(folder.path / "03", created="2030-01-01T00:00:00+00:00")
    assert lines(folder.pruner(live, last=1).prune()) == [
        "keep 03: dated in the future",
        "keep 02: last",
        "remove 01: no rule",
    ]


def test_one_that_was_made_since_is_not_of_the_future(live, folder):
    folder.put(1)
    pruner = Pruner(LocalBackups(folder.path), Policy.from_dict({"last": 1}), live)
    # Manifests know seconds: at least one must begin.
    time.sleep(1.1)
    back_up(live, folder.path / "today")
    assert lines(pruner.plan()) == ["keep today: last", "remove 01: no rule"]


def test_protected_file_stays(live, folder):
    folder.put(1, 2, 3)
    assert lines(folder.pruner(live, last=1, protected=["01"]).prune()) == [
        "keep 03: last",
        "remove 02: no rule",
        "keep 01: the file of the alias",
    ]
    assert folder.names == ["01", "03"]


def test_oldest_go_first_so_that_a_failure_leaves_the_newest(live, folder):
    folder.put(1, 2, 3, 4)
    pruner = folder.pruner(live, last=1)
    decisions = pruner.plan()
    # Somebody writes to the middle one.
    (folder.path / ".02.lock").mkdir()
    with pytest.raises((Busy, ConfigurationError)):
        pruner.remove(decisions)
    assert [name for name in folder.names if name.isdecimal()] == ["02", "03", "04"]


class Stubborn(FileSystemStorage):
    """A storage that removes nothing of the second of May."""

    def delete(self, name):
        if "20260502" in name:
            raise PermissionError("Access denied")
        super().delete(name)


def test_storage_that_fails_half_way_keeps_all_that_are_newer(live, folder, tmp_path):
    store = BackupStore(Stubborn(location=tmp_path / "storage"), alias="backups")
    for day in (1, 2, 3, 4):
        path = folder.put(day).path / f"{day:02}"
        digest = files.hash_file(path.read_bytes())
        store.put(path, Report(str(path), live, checksum=digest))
    pruner = Pruner(store, Policy.from_dict({"last": 1}), live, now=NOW)
    with pytest.raises(StorageError, match="Access denied"):
        pruner.prune()
    days = [backup.created.day for backup in store.list()]
    assert days == [4, 3, 2]
    store.check(store.find("latest"))


def test_empty_folder_has_nothing_to_prune(live, folder):
    assert folder.pruner(live, last=1).prune() == []


def test_policy_is_that_of_the_settings():
    with override_settings(SQLITE_BACKUP={"RETENTION": {"last": 3, "within": "48h"}}):
        assert get_policy() == Policy.from_dict({"last": 3, "within": "48h"})


def test_no_policy_is_refused():
    with (
        override_settings(SQLITE_BACKUP={}),
        pytest.raises(ConfigurationError, match="is not set, so nothing says"),
    ):
        get_policy()


def test_wrong_policy_names_the_setting():
    with (
        override_settings(SQLITE_BACKUP={"RETENTION": {"last": 0}}),
        pytest.raises(ConfigurationError, match=r'^SQLITE_BACKUP\["RETENTION"\]: No rule keeps'),
    ):
        get_policy()


def test_backup_that_was_just_made_stays_beside_one_of_the_same_second(live, folder):
    folder.put(1, 2)
    for name in ("a", "z"):
        path = folder.path / name
        path.write_bytes((folder.path / "02").read_bytes())
        # Else it were a copy of the other.
        files.edit_manifest(path, engine_version=name)
    (folder.path / "02").unlink()

    for made in ("a", "z"):
        decisions = folder.pruner(live, trusted=[made], last=1).plan()
        kept = {os.path.basename(d.backup.name): d.reasons for d in decisions if d.keep}
        assert kept[made] in (("just made",), ("last",))


def test_stored_backup_that_was_cut_short_takes_nobodys_place(live, folder, tmp_path):
    folder.put(1, 2, 3, 4)
    storage = FileSystemStorage(tmp_path / "store")
    store = BackupStore(storage)
    stored = {}
    for day in (1, 2, 3, 4):
        path = folder.path / f"{day:02}"
        data = path.read_bytes()
        checksum = data[files.find_digest(data)].decode()
        stored[day] = store.put(path, Report(str(path), live, checksum=checksum)).name
    os.truncate(storage.path(stored[3]), 100)

    pruner = Pruner(store, Policy.from_dict({"last": 2}), live, now=NOW, trusted=[stored[4]])
    decisions = {decision.backup.name: decision for decision in pruner.prune()}

    assert [decisions[stored[day]].keep for day in (1, 2, 3, 4)] == [False, True, True, True]
    assert "has 100 bytes, and should have" in " ".join(decisions[stored[3]].reasons)
    assert not storage.exists(stored[1])


def test_file_of_the_alias_of_the_settings_stays_whatever_alias_is_named(live):
    names = find_own_files(live, "backup")
    with override_settings(SQLITE_BACKUP={"BACKUP": "backup"}):
        assert set(names) <= set(find_own_files(live, "no such alias"))
