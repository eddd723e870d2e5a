"""`operations.storing`: what goes into a storage comes back, or is refused, and nothing is left."""

import errno
import gzip
import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.test import override_settings

from django_sqlite_backup import (
    BackupMechanism,
    ConfigurationError,
    CopyError,
    InvalidBackup,
    StorageError,
    VerificationError,
)
from django_sqlite_backup.operations import unfinished
from django_sqlite_backup.operations.liveness import describe_host, describe_process
from django_sqlite_backup.operations.storing import BackupStore, get_store
from django_sqlite_backup.report import Report
from tests import files
from tests.faults.test_space import disk
from tests.keys import KeyPair, make_ssh_key, run_tool
from tests.shops import ROOT, Project, fill_shop

__all__ = ["disk"]
COMPRESSIONS = ["", "zstd", "gzip"]
DEAD_PROCESS = f"{2**22 + 1} on {describe_host()}"
"""Of this host, with a number that no process has."""


@pytest.fixture(scope="module")
def made(databases, tmp_path_factory):
    """A finished backup: its path, and the report."""
    path = tmp_path_factory.mktemp("made") / "made.sqlite3"
    return make_backup(fill_shop(databases.use("default")), path)


def make_backup(alias, path):
    mechanism = BackupMechanism(path, database=alias)
    for _ in mechanism.backup():
        pass
    return SimpleNamespace(path=path, report=mechanism.report)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return KeyPair(tmp_path_factory.mktemp("key") / "key.txt")


@pytest.fixture(scope="module")
def other_key(tmp_path_factory):
    return KeyPair(tmp_path_factory.mktemp("other_key") / "key.txt")


@pytest.fixture
def folder(tmp_path):
    """The folder of the storage."""
    return tmp_path / "storage"


@pytest.fixture
def target(tmp_path):
    """A path in a folder of its own, to fetch to."""
    (tmp_path / "target").mkdir()
    return tmp_path / "target" / "fetched.sqlite3"


def open_store(folder, kind=FileSystemStorage, **options):
    return BackupStore(kind(location=folder), alias="backups", **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def edit_sidecar(folder, stored, **values):
    path = folder / f"{stored.name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def restore_sidecar(folder, stored, data):
    """Put data in place of what is stored, and make the sidecar say so."""
    (folder / stored.name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    edit_sidecar(folder, stored, stored_bytes=len(data), stored_sha256=digest)


# There and back


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_what_is_stored_comes_back(made, key, folder, target, compression, encrypted):
    recipients = [key.recipient] if encrypted else []
    store = open_store(folder, compression=compression, recipients=recipients)
    store.put(made.path, made.report)
    (stored,) = store.list()
    store.check(stored)
    store.fetch(stored, target, [key.path] if encrypted else [])
    assert target.read_bytes() == made.path.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert names(target.parent) == [target.name]
    assert names(made.path.parent) == [made.path.name]


@pytest.mark.parametrize(
    ("compression", "encrypted", "suffix"),
    [("", False, ""), ("zstd", False, ".zst"), ("gzip", True, ".gz.age"), ("", True, ".age")],
)
def test_a_name_says_when_and_what(made, key, folder, compression, encrypted, suffix):
    recipients = [key.recipient] if encrypted else []
    store = open_store(folder, compression=compression, recipients=recipients)
    stored = store.put(made.path, made.report)
    manifest = files.read_manifest(made.path)
    moment = manifest["created"][:19].replace("-", "").replace(":", "") + "Z"
    digest = files.hash_file(made.path.read_bytes())[:8]
    assert stored.name == f"default-{moment}-{digest}.sqlite3{suffix}"
    assert names(folder) == [stored.name, f"{stored.name}.json"]


def test_sidecar_tells_what_is_stored(made, key, folder):
    store = open_store(folder, compression="zstd", recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    told = json.loads((folder / f"{stored.name}.json").read_text())
    data = (folder / stored.name).read_bytes()
    manifest = files.read_manifest(made.path)
    expected = {
        "name": stored.name,
        "created": manifest["created"],
        "database": "default",
        "origin": manifest["origin"],
        "engine": "sqlite",
        "rows": sum(made.report.rows.values()),
        "tables": len(made.report.rows),
        "file_bytes": made.path.stat().st_size,
        "checksum": files.hash_file(made.path.read_bytes()),
        "stored_bytes": len(data),
        "stored_sha256": hashlib.sha256(data).hexdigest(),
        "compression": "zstd",
        "encrypted": True,
        "verified": False,
        "partial": False,
    }
    assert {name: told[name] for name in expected} == expected
    assert told["migrations"]["shop"]


def test_a_backup_that_is_there_is_not_stored_again(made, folder):
    store = open_store(folder, compression="gzip")
    first = store.put(made.path, made.report)
    before = (folder / first.name).stat()
    assert store.put(made.path, made.report) == first
    assert (folder / first.name).stat() == before


def test_a_backup_that_is_there_and_damaged_is_not_taken_for_it(made, folder):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    files.overwrite(folder / stored.name, 5000, b"damage")
    with pytest.raises(VerificationError, match="was damaged or changed"):
        store.put(made.path, made.report)


def test_another_backup_of_the_same_name_is_not_replaced(made, folder):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    edit_sidecar(folder, stored, checksum="0" * 64)
    with pytest.raises(VerificationError, match="has another backup of the name"):
        store.put(made.path, made.report)
    assert (folder / stored.name).read_bytes() == made.path.read_bytes()


def test_a_file_that_was_replaced_since_is_not_stored(made, folder):
    report = replace(made.report, checksum="0" * 64)
    with pytest.raises(InvalidBackup, match="another backup has taken its place"):
        open_store(folder).put(made.path, report)
    assert names(folder) == []


# The stock tools


def test_stock_zstd_opens_it(made, folder):
    stored = open_store(folder, compression="zstd").put(made.path, made.report)
    run_tool("zstd", "--test", folder / stored.name)
    data = run_tool("zstd", "--decompress", "--stdout", folder / stored.name)
    assert data == made.path.read_bytes()


def test_stock_gunzip_opens_it(made, folder):
    stored = open_store(folder, compression="gzip").put(made.path, made.report)
    data = run_tool("gunzip", "--stdout", folder / stored.name)
    assert data == made.path.read_bytes()


def test_stock_age_opens_it(made, key, folder):
    store = open_store(folder, compression="zstd", recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    packed = run_tool("age", "--decrypt", "--identity", key.path, folder / stored.name)
    assert run_tool("zstd", "--decompress", "--stdout", input=packed) == made.path.read_bytes()


def test_what_stock_tools_packed_is_fetched(made, key, folder, target):
    store = open_store(folder, compression="zstd", recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    packed = run_tool("zstd", "--stdout", made.path)
    data = run_tool("age", "--encrypt", "--recipient", key.recipient, input=packed)
    restore_sidecar(folder, stored, data)
    store.fetch(store.find(stored.name), target, [key.path])
    assert target.read_bytes() == made.path.read_bytes()


def test_each_recipient_opens_it_with_a_key_of_ssh_too(made, key, folder, target, tmp_path):
    public = make_ssh_key(tmp_path / "id")
    store = open_store(folder, recipients=[key.recipient, public])
    stored = store.put(made.path, made.report)
    for identity in (key.path, tmp_path / "id"):
        target.unlink(missing_ok=True)
        store.fetch(stored, target, [identity])
        assert target.read_bytes() == made.path.read_bytes()


# Looking


def put_several(made, folder, *changes):
    """Store one backup, and as many more that only sidecars tell apart."""
    store = open_store(folder)
    first = store.put(made.path, made.report)
    for number, values in enumerate(changes):
        name = f"more-{number}.sqlite3"
        (folder / name).write_bytes(b"x")
        values = {**first.as_dict(), **values, "name": name}
        (folder / f"{name}.json").write_text(json.dumps(values))
    return store, first


def test_the_newest_comes_first_by_the_time_of_the_sidecar(made, folder):
    later, earlier = {"created": "2099-01-01T00:00:00Z"}, {"created": "2001-01-01T00:00:00Z"}
    store, first = put_several(made, folder, earlier, later)
    found = [stored.name for stored in store.list()]
    assert found == ["more-1.sqlite3", first.name, "more-0.sqlite3"]
    # A clock was wrong: what is dated in the future is not what was made last.
    assert store.find("latest") == first


def test_the_latest_is_that_of_the_database(made, folder):
    other = {"created": "2020-01-01T00:00:00Z", "database": "other"}
    store, first = put_several(made, folder, other)
    assert store.find("latest", "default") == first
    assert store.find("latest", "other").name == "more-0.sqlite3"
    assert store.find("more-0.sqlite3", "default").database == "other"


def test_the_latest_is_that_of_the_live_database_behind_the_alias(made, folder):
    test = {"created": "2020-01-01T00:00:00Z", "origin": "f" * 16}
    store, first = put_several(made, folder, test)
    assert store.find("latest", "default", first.origin) == first
    assert store.find("latest", "default", "f" * 16).name == "more-0.sqlite3"
    with pytest.raises(ConfigurationError, match="several databases") as raised:
        store.find("latest", "default", "e" * 16)
    assert first.name in str(raised.value)
    # A new host has one of the old one's to restore.
    store.delete(first)
    assert store.find("latest", "default", "e" * 16).name == "more-0.sqlite3"


def test_a_sidecar_that_cannot_be_read_bars_no_other_backup(made, folder):
    store, first = put_several(made, folder)
    for name in ("gone", "gone.json"):
        (folder / name).symlink_to("nowhere")
    assert store.list() == [first]
    assert {"gone", "gone.json"} <= set(store.strangers())


def break_sidecar(folder, stored):
    path = folder / f"{stored.name}.json"
    path.write_text(path.read_text()[:100])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (break_sidecar, "is no JSON"),
        (lambda folder, stored: (folder / stored.name).unlink(), "There is a sidecar, and no"),
    ],
)
def test_an_older_one_is_not_the_latest_where_one_cannot_be_read(made, folder, damage, reason):
    store, first = put_several(made, folder, {"created": "2020-01-01T00:00:00Z"})
    assert store.find("latest") == first
    damage(folder, first)
    with pytest.raises(ConfigurationError, match="is the newest cannot be told") as raised:
        store.find("latest")
    assert first.name in str(raised.value)
    assert reason in str(raised.value)
    assert store.find("more-0.sqlite3").name == "more-0.sqlite3"
    # What is not named as ours are is not asked about.
    for suffix in ("", ".json"):
        (folder / f"{first.name}{suffix}").unlink(missing_ok=True)
        (folder / f"report.pdf{suffix}").write_text("none of ours")
    assert store.find("latest").name == "more-0.sqlite3"


def test_an_older_one_is_not_the_latest_where_the_storage_breaks_off(made, folder):
    _, first = put_several(made, folder, {"created": "2020-01-01T00:00:00Z"})

    class Flaky(FileSystemStorage):
        def open(self, name, mode="rb"):
            if name == f"{first.name}.json":
                raise TimeoutError("no answer")
            return super().open(name, mode)

    with pytest.raises(ConfigurationError, match=r"cannot be told.*no answer"):
        open_store(folder, Flaky).find("latest")


def test_a_name_that_is_not_there_is_told_with_those_that_are(made, folder):
    store = open_store(folder)
    with pytest.raises(ConfigurationError, match=r"has no backup\. The newest that it has: none"):
        store.find("latest")
    stored = store.put(made.path, made.report)
    with pytest.raises(ConfigurationError) as raised:
        store.find("nothing")
    assert str(raised.value) == (
        f'The storage "backups" has no backup "nothing". The newest that it has: "{stored.name}".'
    )


def test_strangers_are_named_and_left_alone(made, folder):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    (folder / "sub").mkdir()
    (folder / "sub" / "deep").write_text("not looked at")
    strange = {
        "notes.txt": "hello",
        "config.json": "{}",
        "unfinished.sqlite3.zst": "half",
        "odd": "data",
        "odd.json": "[]",
        "huge": "data",
        "huge.json": " " * (1 << 21),
        "copied": "data",
        "copied.json": (folder / f"{stored.name}.json").read_text(),
        "latin": "data",
    }
    for name, text in strange.items():
        (folder / name).write_text(text)
    (folder / "latin.json").write_bytes(b"\xff\xfe")
    assert store.strangers() == sorted([*strange, "latin.json"])
    assert store.list() == [stored]
    assert {name: (folder / name).read_text() for name in strange} == strange


def test_a_removed_backup_is_gone_with_its_sidecar(made, folder):
    store, first = put_several(made, folder, {})
    store.delete(first)
    assert names(folder) == ["more-0.sqlite3", "more-0.sqlite3.json"]


def test_a_removal_that_stops_half_way_leaves_no_backup(made, folder):
    class Stubborn(FileSystemStorage):
        def delete(self, name):
            if not name.endswith((".json", ".unfinished")):
                raise PermissionError(errno.EACCES, "It may not be removed")
            super().delete(name)

    store = open_store(folder, Stubborn)
    stored = store.put(made.path, made.report)
    with pytest.raises(StorageError, match=r"removing .* It may not be removed"):
        store.delete(stored)
    assert store.list() == []
    assert store.strangers() == [stored.name]


def test_a_removal_that_removes_nothing_is_an_error(made, folder):
    class Silent(FileSystemStorage):
        def delete(self, name):
            if name.endswith(".unfinished"):
                super().delete(name)

    store = open_store(folder, Silent)
    stored = store.put(made.path, made.report)
    with pytest.raises(StorageError, match=f'did not remove "{stored.name}.json"'):
        store.delete(stored)
    assert store.list() == [stored]


def test_a_storage_that_lists_other_names_takes_nothing(made, folder):
    class Prefixed(FileSystemStorage):
        def listdir(self, path):
            folders, found = super().listdir(path)
            return folders, [f"prefix/{name}" for name in found]

    with pytest.raises(StorageError, match="does not list") as raised:
        open_store(folder, Prefixed).put(made.path, made.report)
    assert "which was just written there" in str(raised.value)
    assert names(folder) == []


def test_a_storage_that_has_nothing_yet_is_empty(folder):
    store = open_store(folder)
    assert (list(store.list()), list(store.strangers())) == ([], [])


def test_a_storage_that_cannot_list_is_an_error(folder):
    class Mute(FileSystemStorage):
        def listdir(self, path):
            raise NotImplementedError("subclasses of Storage must provide a listdir() method")

    with pytest.raises(StorageError, match=r'storage "backups", listing .* must provide a listdir'):
        open_store(folder, Mute).list()


# Failures of the storage


class Breaking(FileSystemStorage):
    """A storage that takes a part of what ends with `part`, and breaks."""

    part = ".sqlite3"
    error = OSError(errno.ENOSPC, "No space left on device")

    def _save(self, name, content):
        if not name.endswith(self.part):
            return super()._save(name, content)
        super()._save(name, ContentFile(content.read(1000)))
        raise self.error


@pytest.mark.parametrize("part", [".sqlite3", ".json"])
@pytest.mark.parametrize("error", [Breaking.error, KeyboardInterrupt()])
def test_an_upload_that_fails_leaves_nothing(made, folder, tmp_path, part, error):
    kind = type("Kind", (Breaking,), {"part": part, "error": error})
    _, previous = put_several(make_earlier(made, tmp_path / "earlier.sqlite3"), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    expected = StorageError if isinstance(error, Exception) else type(error)
    with pytest.raises(expected, match="No space left" if expected is StorageError else None):
        open_store(folder, kind).put(made.path, made.report)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert open_store(folder).list() == [previous]


def make_earlier(made, path):
    """Make a backup that says of itself that it is older."""
    path.write_bytes(made.path.read_bytes())
    files.edit_manifest(path, created="2026-01-01T00:00:00.000000+00:00")
    digest = files.hash_file(path.read_bytes())
    return SimpleNamespace(path=path, report=replace(made.report, checksum=digest))


def test_what_cannot_be_withdrawn_is_said(made, folder):
    class Dying(Breaking):
        def delete(self, name):
            raise ConnectionError("The server is gone")

    with pytest.raises(StorageError) as raised:
        open_store(folder, Dying).put(made.path, made.report)
    assert "No space left on device" in str(raised.value)
    assert "may remain there, and is no backup" in str(raised.value)
    assert "The server is gone" in str(raised.value)
    assert open_store(folder).list() == []


def test_a_storage_that_changes_data_is_found_out(made, folder):
    class Forgetful(FileSystemStorage):
        def _save(self, name, content):
            data = content.read()
            return super()._save(name, ContentFile(data[:-1] + b"?"))

    with pytest.raises(VerificationError, match="was damaged or changed"):
        open_store(folder, Forgetful).put(made.path, made.report)
    assert names(folder) == []


def test_a_storage_that_renames_is_refused(made, folder):
    class Hashing(FileSystemStorage):
        def get_available_name(self, name, max_length=None):
            return f"renamed-{name}"

    with pytest.raises(StorageError, match="Use one that keeps names"):
        open_store(folder, Hashing).put(made.path, made.report)
    assert names(folder) == []


SLOW = """
    import pathlib, time
    from django.core.files.base import ContentFile
    from django.core.files.storage import FileSystemStorage

    class Slow(FileSystemStorage):
        def _save(self, name, content):
            saved = super()._save(name, ContentFile(content.read(1000)))
            if name.endswith(".unfinished"):
                return saved
            pathlib.Path("waiting").mkdir()
            time.sleep(60)

    STORAGES = {{
        "default": {{"BACKEND": "django.core.files.storage.FileSystemStorage"}},
        "backups": {{"BACKEND": "own_settings.Slow", "OPTIONS": {{"location": "{folder}"}}}},
    }}
    SQLITE_BACKUP = {{"STORAGE": "backups", "COMPRESSION": "gzip"}}
"""


def test_what_a_killed_upload_left_is_no_backup_and_is_replaced(tmp_path, folder, databases):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    slow = SLOW.format(folder=folder)
    with project.waiting("sqlitebackup", "--storage", settings=slow) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    half, mark = names(folder)
    assert mark == f"{half}.unfinished"
    store = open_store(folder, compression="gzip")
    assert (store.list(), store.strangers()) == ([], [half, mark])
    # No working file either, but the backup itself.
    assert not [path for path in project.folder.iterdir() if path.name.startswith((".", "tmp"))]
    report = Report(str(project.backup), "default")
    report.checksum = files.hash_file(project.backup.read_bytes())
    stored = store.put(project.backup, report)
    assert stored.name == half
    assert names(folder) == [half, f"{half}.json"]
    assert gzip.decompress((folder / half).read_bytes()) == project.backup.read_bytes()


def leave_unfinished(folder, data, **values):
    """Make what a killed upload leaves: data, cut short, and the mark of who began them when."""
    folder.mkdir(exist_ok=True)
    begun = datetime.now(UTC).isoformat()
    mark = {"name": data, "begun": begun, "by": DEAD_PROCESS, **values}
    (folder / data).write_text("half")
    (folder / f"{data}.unfinished").write_text(json.dumps(mark))


def test_next_backup_removes_what_killed_uploads_left(made, folder):
    leave_unfinished(folder, "killed.sqlite3")
    yesterday = (datetime.now(UTC) - timedelta(days=1, minutes=1)).isoformat()
    leave_unfinished(folder, "elsewhere.sqlite3", by="7/7 on elsewhere", begun=yesterday)
    report = replace(made.report, warnings=[])
    stored = open_store(folder).put(made.path, report)
    assert names(folder) == [stored.name, f"{stored.name}.json"]
    (warning,) = report.warnings
    assert "its upload was never finished: elsewhere.sqlite3, killed.sqlite3" in warning


def test_next_backup_removes_an_upload_that_was_killed_in_its_sidecar(made, folder):
    leave_unfinished(folder, "killed.sqlite3")
    (folder / "killed.sqlite3.json").write_text('{"name": "killed')
    stored = open_store(folder).put(made.path, made.report)
    assert names(folder) == [stored.name, f"{stored.name}.json"]


@pytest.mark.parametrize(
    "values",
    [
        {"by": describe_process()},
        # Of a container of this host's name.
        {"by": f"{2**22 + 1} on {socket.gethostname()} 1"},
        {"by": "7/7 on elsewhere"},
        {"name": "other.sqlite3"},
        {"begun": "yesterday"},
        {"begun": "2026-01-01T00:00:00"},
        {"by": None},
    ],
)
def test_uploads_that_go_on_and_files_of_others_stay(made, folder, values):
    leave_unfinished(folder, "there.sqlite3", **values)
    before = names(folder)
    report = replace(made.report, warnings=[])
    stored = open_store(folder).put(made.path, report)
    assert names(folder) == sorted([*before, stored.name, f"{stored.name}.json"])
    assert report.warnings == []


def test_upload_that_ends_meanwhile_is_none_that_was_killed(made, folder):
    class Late(FileSystemStorage):
        def open(self, name, mode="rb"):
            if name == "there.sqlite3.unfinished":
                self.delete(name)
            return super().open(name, mode)

    leave_unfinished(folder, "there.sqlite3")
    report = replace(made.report, warnings=[])
    open_store(folder, Late).put(made.path, report)
    assert (folder / "there.sqlite3").exists()
    assert report.warnings == []


def test_finished_backup_loses_only_the_mark(made, folder):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    data = (folder / stored.name).read_bytes()
    leave_unfinished(folder, stored.name)
    (folder / stored.name).write_bytes(data)
    assert unfinished.remove_unfinished(store.files) == []
    assert names(folder) == [stored.name, f"{stored.name}.json"]
    store.check(stored)


def test_storage_that_lets_nothing_be_removed_takes_backups(made, folder):
    class Keeping(FileSystemStorage):
        def delete(self, name):
            raise PermissionError("Nothing is removed here")

    report = replace(made.report, warnings=[])
    stored = open_store(folder, Keeping).put(made.path, report)
    assert open_store(folder).list() == [stored]
    beside = [f"{stored.name}.json", f"{stored.name}.unfinished"]
    assert names(folder) == [stored.name, *beside]
    (warning,) = report.warnings
    assert "stays, and does no harm" in warning
    assert "Nothing is removed here" in warning


# What is stored is not what it was


def refuse(store, stored, target, error, match, identities=()):
    """Check that nothing is fetched, and that what was at the target is there as it was."""
    target.write_bytes(b"")
    with pytest.raises(error, match=match) as raised:
        store.fetch(stored, target, identities)
    assert names(target.parent) == [target.name]
    assert target.read_bytes() == b""
    return str(raised.value)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("change", ["truncated", "lengthened", "flipped", "empty", "gone"])
def test_damage_is_found(made, folder, target, compression, change):
    store = open_store(folder, compression=compression)
    stored = store.put(made.path, made.report)
    path = folder / stored.name
    data = path.read_bytes()
    flipped = data[:2000] + bytes([data[2000] ^ 1]) + data[2001:]
    changed = {"truncated": data[:-1], "lengthened": data + b"x", "flipped": flipped, "empty": b""}
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(changed[change])
    error = StorageError if change == "gone" else VerificationError
    match = "No such file" if change == "gone" else "was damaged or changed"
    with pytest.raises(error, match=match):
        store.check(stored)
    refuse(store, stored, target, error, match)


@pytest.mark.parametrize("compression", ["zstd", "gzip"])
@pytest.mark.parametrize("change", ["truncated", "flipped", "none of it"])
def test_damage_that_the_sidecar_agrees_with_is_found(made, folder, target, compression, change):
    store = open_store(folder, compression=compression)
    stored = store.put(made.path, made.report)
    data = (folder / stored.name).read_bytes()
    flipped = data[:2000] + bytes([data[2000] ^ 0xFF]) + data[2001:]
    changed = {"truncated": data[:-10], "flipped": flipped, "none of it": b"no such format"}
    restore_sidecar(folder, stored, changed[change])
    refuse(store, store.find(stored.name), target, InvalidBackup, "cannot be decompressed")


@pytest.mark.parametrize("change", ["truncated", "flipped", "lengthened", "none of it"])
def test_a_tampered_ciphertext_is_found(made, key, folder, target, change):
    store = open_store(folder, recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    data = (folder / stored.name).read_bytes()
    flipped = data[:-5000] + bytes([data[-5000] ^ 1]) + data[-4999:]
    changed = {
        "truncated": data[: -(1 << 16)],
        "flipped": flipped,
        "lengthened": data + b"x",
        "none of it": b"no such format",
    }
    restore_sidecar(folder, stored, changed[change])
    match = "cannot be decrypted"
    refuse(store, store.find(stored.name), target, InvalidBackup, match, [key.path])


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_more_than_the_sidecar_says_does_not_fill_the_disk(made, folder, target, compression):
    store = open_store(folder, compression=compression)
    stored = store.put(made.path, made.report)
    bomb = bytes(64 << 20)
    packed = {
        "": lambda: bomb,
        "gzip": lambda: gzip.compress(bomb),
        "zstd": lambda: run_tool("zstd", "--stdout", input=bomb),
    }
    restore_sidecar(folder, stored, packed[compression]())
    message = refuse(store, store.find(stored.name), target, InvalidBackup, "unpacks more")
    assert f"{stored.file_bytes:,} bytes" in message


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"compression": "gzip"}, "cannot be decompressed"),
        ({"compression": ""}, "It should unpack to"),
        ({"encrypted": True}, "cannot be decrypted"),
    ],
)
def test_a_sidecar_that_lies_about_the_packing(made, key, folder, target, values, match):
    store = open_store(folder, compression="zstd")
    stored = store.put(made.path, made.report)
    edit_sidecar(folder, stored, **values)
    refuse(store, store.find(stored.name), target, InvalidBackup, match, [key.path])


def test_a_smaller_file_than_the_sidecar_says_is_refused(made, folder, target):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    edit_sidecar(folder, stored, file_bytes=stored.file_bytes + 1)
    refuse(store, store.find(stored.name), target, InvalidBackup, "It should unpack to")


def test_another_backup_than_the_sidecar_says_is_refused(made, folder, target, tmp_path):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    other = make_earlier(made, tmp_path / "earlier.sqlite3").path.read_bytes()
    restore_sidecar(folder, stored, other)
    edit_sidecar(folder, stored, file_bytes=len(other))
    refuse(store, store.find(stored.name), target, InvalidBackup, "holds another backup")


def test_what_is_no_backup_at_all_is_refused(made, folder, target):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    restore_sidecar(folder, stored, b"text")
    edit_sidecar(folder, stored, file_bytes=4)
    refuse(store, store.find(stored.name), target, InvalidBackup, "is not|too short|no backup")


def test_what_is_no_backup_is_not_replaced(made, folder, target):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    target.write_text("A letter")
    with pytest.raises(ConfigurationError, match="is not replaced"):
        store.fetch(stored, target)
    assert target.read_text() == "A letter"


def test_a_folder_that_is_not_there_is_told(made, folder, tmp_path):
    store = open_store(folder)
    stored = store.put(made.path, made.report)
    with pytest.raises(ConfigurationError, match="in a folder that exists"):
        store.fetch(stored, tmp_path / "nowhere" / "file.sqlite3")


# Keys


@pytest.fixture
def sealed(made, key, folder):
    """A store and an encrypted backup in it."""
    store = open_store(folder, compression="zstd", recipients=[key.recipient])
    return store, store.put(made.path, made.report)


def test_without_an_identity_it_stays_closed(sealed, target):
    refuse(*sealed, target, ConfigurationError, r"give the identity file .*--identity")


def test_a_wrong_identity_does_not_open_it(sealed, other_key, target):
    match = "None of the identities opens it"
    refuse(*sealed, target, ConfigurationError, match, [other_key.path])


def test_one_of_several_identities_opens_it(made, sealed, key, other_key, target):
    store, stored = sealed
    store.fetch(stored, target, [other_key.path, key.path])
    assert target.read_bytes() == made.path.read_bytes()


def test_a_store_that_encrypts_to_others_reads_what_there_is(made, sealed, key, other_key, folder):
    _, stored = sealed
    store = open_store(folder, recipients=[other_key.recipient])
    assert store.list() == [stored]
    store.check(stored)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, 'identity file "{path}" cannot be read: No such file'),
        (b"", "is no identity file"),
        (b"# only a comment\n", "is no identity file"),
        (b"AGE-SECRET-KEY-1QQQQ", "is no identity file"),
        (b"\xff\xfe\x00", "is no identity file"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "is no identity file"),
        (b"age-encryption.org/v1\n-> scrypt", "is itself encrypted"),
    ],
)
def test_an_identity_file_that_is_none(sealed, target, tmp_path, content, match):
    path = tmp_path / "identity"
    if content is not None:
        path.write_bytes(content)
    message = refuse(*sealed, target, ConfigurationError, None, [path])
    assert match.format(path=path) in message
    assert "QQQQ" not in message


def test_a_key_of_ssh_with_a_passphrase_is_no_identity(made, folder, target, tmp_path):
    public = make_ssh_key(tmp_path / "id", passphrase="secret")
    store = open_store(folder, recipients=[public])
    stored = store.put(made.path, made.report)
    refuse(store, stored, target, ConfigurationError, None, [tmp_path / "id"])


@pytest.mark.parametrize(
    "recipient", ["", "age1", "age1qqqq", "somebody", "ssh-rsa AAAA", "AGE-SECRET-KEY-1QQQQ"]
)
def test_an_unknown_recipient_is_refused_before_anything_is_read(folder, recipient):
    with pytest.raises(ConfigurationError, match="is no public key") as raised:
        open_store(folder, recipients=[recipient])
    assert "QQQQ" not in str(raised.value)


# The settings


STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "backups": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "missing": {"BACKEND": "nowhere.Storage"},
    "wrong": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"loction": "/tmp"},
    },
}


@pytest.mark.parametrize(
    ("own", "match"),
    [
        ({}, "is not set: name an alias of STORAGES"),
        ({"STORAGE": ""}, "is not set"),
        ({"STORAGE": "bakups"}, 'no alias "bakups"'),
        ({"STORAGE": "missing"}, "nowhere"),
        ({"STORAGE": "wrong"}, "loction"),
        ({"STORAGE": "backups", "COMPRESSION": "xz"}, "'xz', and should be"),
        ({"STORAGE": "backups", "COMPRESSION": ["zstd"]}, "and should be"),
        ({"STORAGE": "backups", "ENCRYPTION": {}}, "with one or more public keys"),
        ({"STORAGE": "backups", "ENCRYPTION": {"recipients": []}}, "with one or more"),
        ({"STORAGE": "backups", "ENCRYPTION": {"recipients": "age1"}}, "with one or more"),
        ({"STORAGE": "backups", "ENCRYPTION": {"recipient": ["age1"]}}, "with one or more"),
        ({"STORAGE": "backups", "ENCRYPTION": ["age1"]}, "with one or more"),
        ({"STORAGE": "backups", "ENCRYPTION": 7}, "with one or more"),
        ({"STORAGE": "backups", "ENCRYPTION": {"recipients": ["x"]}}, "is no public key"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(own, match):
    with (
        override_settings(STORAGES=STORAGES, SQLITE_BACKUP=own),
        pytest.raises(ConfigurationError, match=match),
    ):
        get_store()


def test_the_store_of_the_settings(made, key, target):
    own = {"STORAGE": "backups", "COMPRESSION": "zstd"}
    own["ENCRYPTION"] = {"recipients": [key.recipient]}
    with override_settings(STORAGES=STORAGES, SQLITE_BACKUP=own):
        store = get_store()
        stored = store.put(made.path, made.report)
        assert stored.name.endswith(".sqlite3.zst.age")
        store.fetch(stored, target, [key.path])
    assert target.read_bytes() == made.path.read_bytes()


WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.operations.packing import Packing
Packing("gzip")
try:
    Packing({compression!r}, {recipients!r})
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("missing", "compression", "recipients", "extra"),
    [("pyrage", "", ["age1"], "age"), ("backports.zstd", "zstd", [], "zstd")],
)
def test_a_library_that_is_not_installed_is_named(missing, compression, recipients, extra):
    if extra == "zstd" and sys.version_info >= (3, 14):
        pytest.skip("Python has it")
    code = WITHOUT.format(missing=missing, compression=compression, recipients=recipients)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert f'"{missing}" is not installed' in done.stdout
    assert f'pip install "django-sqlite-backup[{extra}]"' in done.stdout


# Size


MEASURE = """
import resource, sys
from pathlib import Path
from types import SimpleNamespace
from django_sqlite_backup.operations.packing import Packing, unpack, working_file
path, compression, recipient, identity = sys.argv[1:]
from django_sqlite_backup.operations.encryption import read_identities
packing = Packing(compression, [recipient])
identities = read_identities([identity])
stored = SimpleNamespace(
    compression=compression, encrypted=True, file_bytes=Path(path).stat().st_size
)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with (
    open(path, "rb") as source,
    open(path + ".back", "wb+") as target,
    working_file(Path(path).parent) as work,
):
    unpack(stored, packing.pack(source, work), target, identities)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_memory_does_not_grow_with_the_file(key, tmp_path, compression):
    path = tmp_path / "large"
    with open(path, "wb") as file:
        for _ in range(96):
            file.write(os.urandom(1 << 19) + bytes(1 << 19))
    arguments = [path, compression, key.recipient, key.path]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert Path(f"{path}.back").read_bytes() == path.read_bytes()
    # In kilobytes: of the 96 MB, a few buffers at a time.
    assert int(done.stdout) < 40_000


# Room


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("compression", ["zstd", "gzip"])
def test_no_room_to_pack(made, key, folder, disk, compression, encrypted):
    path = disk.folder / "made.sqlite3"
    path.write_bytes(made.path.read_bytes())
    store = open_store(
        folder, compression=compression, recipients=[key.recipient] if encrypted else []
    )
    for room in (0, 4096, 12288):
        disk.leave_room(room)
        with pytest.raises(CopyError, match=r"While packing .*No space left.* bytes free"):
            store.put(path, made.report)
    assert names(folder) == []
    assert names(disk.folder) == ["made.sqlite3"]
    assert path.read_bytes() == made.path.read_bytes()


def test_no_room_in_the_storage(made, disk, tmp_path):
    store = open_store(disk.folder)
    earlier = make_earlier(made, tmp_path / "earlier.sqlite3")
    previous = store.put(earlier.path, earlier.report)
    disk.leave_room(made.path.stat().st_size // 2)
    with pytest.raises(StorageError, match=r'storage "backups", writing .*No space left'):
        store.put(made.path, made.report)
    assert names(disk.folder) == [previous.name, f"{previous.name}.json"]
    store.check(previous)


@pytest.mark.parametrize("compression", ["", "zstd"])
def test_no_room_to_fetch(made, key, folder, disk, compression):
    store = open_store(folder, compression=compression, recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    target = disk.folder / "fetched.sqlite3"
    for room in (0, 8192, stored.stored_bytes + 8192, made.path.stat().st_size - 4096):
        disk.leave_room(room)
        with pytest.raises(CopyError, match=r"While fetching .*No space left.* bytes free"):
            store.fetch(stored, target, [key.path])
    assert names(disk.folder) == []
