"""The store on S3, by django-storages, against a real server in a process of its own."""

import gzip
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from django.utils.module_loading import import_string

from django_sqlite_backup import BackupMechanism, StorageError, VerificationError
from django_sqlite_backup.operations.storing import BackupStore
from tests import files
from tests.keys import KeyPair, run_tool
from tests.s3 import BACKEND, OPTIONS, serving
from tests.shops import ROOT, Project, fill_shop


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(server):
    """The server, with nothing in its bucket."""
    server.empty()
    return server


@pytest.fixture
def mortal(tmp_path):
    """A server that may die."""
    with serving(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def made(databases, tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "made.sqlite3"
    mechanism = BackupMechanism(path, database=fill_shop(databases.use("default")))
    for _ in mechanism.backup():
        pass
    return SimpleNamespace(path=path, report=mechanism.report)


@pytest.fixture
def key(tmp_path):
    return KeyPair(tmp_path / "key.txt")


def open_store(server, options=None, **own):
    storage = import_string(BACKEND)(**{**server.options, **(options or {})})
    return BackupStore(storage, alias="s3", **own)


@pytest.mark.parametrize("compression", ["", "zstd", "gzip"])
def test_what_is_stored_comes_back(made, key, bucket, tmp_path, compression):
    store = open_store(bucket, compression=compression, recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    assert bucket.names() == [stored.name, f"{stored.name}.json"]
    assert json.loads(bucket.read(f"{stored.name}.json"))["stored_bytes"] == stored.stored_bytes
    assert open_store(bucket).list() == [stored]
    store.check(stored)
    target = tmp_path / "fetched.sqlite3"
    store.fetch(stored, target, [key.path])
    assert target.read_bytes() == made.path.read_bytes()
    store.delete(stored)
    assert bucket.names() == []


def test_gzip_is_stored_as_it_is(made, bucket):
    stored = open_store(bucket, compression="gzip").put(made.path, made.report)
    assert gzip.decompress(bucket.read(stored.name)) == made.path.read_bytes()


def test_stock_tools_open_what_is_in_the_bucket(made, key, bucket):
    store = open_store(bucket, compression="zstd", recipients=[key.recipient])
    stored = store.put(made.path, made.report)
    packed = run_tool("age", "--decrypt", "--identity", key.path, input=bucket.read(stored.name))
    assert run_tool("zstd", "--decompress", "--stdout", input=packed) == made.path.read_bytes()


def test_a_folder_of_the_bucket_is_apart(made, bucket):
    store = open_store(bucket, {"location": "shop"})
    stored = store.put(made.path, made.report)
    bucket.write("other.txt", b"not ours")
    assert bucket.names() == ["other.txt", f"shop/{stored.name}", f"shop/{stored.name}.json"]
    assert (store.list(), store.strangers()) == ([stored], [])
    assert open_store(bucket).strangers() == ["other.txt"]


def test_what_was_changed_in_the_bucket_is_found(made, bucket, tmp_path):
    store = open_store(bucket)
    stored = store.put(made.path, made.report)
    bucket.write(stored.name, bucket.read(stored.name)[:-1])
    with pytest.raises(VerificationError, match="was damaged or changed"):
        store.fetch(stored, tmp_path / "fetched.sqlite3")
    assert not (tmp_path / "fetched.sqlite3").exists()


# Failures


def test_wrong_keys_are_an_error(made, tmp_path):
    with serving(tmp_path, strict=True) as server:
        store = open_store(server, {"access_key": "wrong"})
        with pytest.raises(StorageError, match=r'The storage "s3", looking for .*40[13]'):
            store.put(made.path, made.report)
        with pytest.raises(StorageError, match=r'The storage "s3", listing its names: .*Access'):
            store.list()


def test_a_wrong_bucket_is_an_error(made, bucket):
    store = open_store(bucket, {"bucket_name": "nobodys"})
    with pytest.raises(StorageError, match=r"listing its names: .*NoSuchBucket"):
        store.list()
    with pytest.raises(StorageError, match=r"writing .*bucket does not exist"):
        store.put(made.path, made.report)
    assert bucket.names() == []


def test_a_server_that_is_not_there_is_an_error(made, mortal):
    store = open_store(mortal)
    stored = store.put(made.path, made.report)
    mortal.process.kill()
    mortal.process.wait()
    for ask in (store.list, lambda: store.check(stored), lambda: store.delete(stored)):
        with pytest.raises(StorageError, match='The storage "s3"'):
            ask()


def test_a_server_that_dies_in_an_upload_leaves_no_success(made, mortal):
    mortal.die_at("PUT")
    with pytest.raises(StorageError, match="may remain there, and is no backup") as raised:
        open_store(mortal).put(made.path, made.report)
    assert "writing" in str(raised.value)
    assert mortal.process.wait() == 1


def test_a_server_that_dies_in_a_download_leaves_nothing(made, mortal, tmp_path):
    store = open_store(mortal, compression="gzip")
    stored = store.put(made.path, made.report)
    mortal.die_at("GET")
    (tmp_path / "target").mkdir()
    with pytest.raises(StorageError, match=f'reading "{stored.name}"'):
        store.fetch(stored, tmp_path / "target" / "fetched.sqlite3")
    assert list((tmp_path / "target").iterdir()) == []
    assert mortal.process.wait() == 1


# The commands


SETTINGS = """
    STORAGES["backups"] = {{"BACKEND": "{backend}", "OPTIONS": {options}}}
    SQLITE_BACKUP = {{
        "STORAGE": "backups",
        "COMPRESSION": "zstd",
        "ENCRYPTION": {{"recipients": ["{recipient}"]}},
    }}
"""
STORAGES = """
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
"""


@pytest.fixture
def project(tmp_path, bucket, key):
    options = {**OPTIONS, "endpoint_url": bucket.url}
    own = SETTINGS.format(backend=BACKEND, options=options, recipient=key.recipient)
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project", STORAGES + own)


def test_the_commands_use_the_bucket(project, bucket, key):
    done = project.run("sqlitebackup", "--storage", "--format=json")
    assert done.code == 0, done.err
    name = json.loads(done.out)["stored"]["name"]
    assert bucket.names() == [name, f"{name}.json"]
    before = files.dump(project.live)
    files.execute(project.live, "DELETE FROM shop_review")
    done = project.run("sqliterestore", "--storage=latest", "--no-input", f"--identity={key.path}")
    assert done.code == 0, done.err
    assert files.dump(project.live) == before


def test_the_commands_need_the_key_for_the_way_back(project, bucket):
    assert project.run("sqlitebackup", "--storage").code == 0
    before = files.dump(project.live)
    done = project.run("sqliterestore", "--storage=latest", "--no-input")
    assert done.code == 1
    assert "It is encrypted: give the identity file" in done.err
    assert [line for line in files.dump(project.live) if "backup_backuprun" not in line] == [
        line for line in before if "backup_backuprun" not in line
    ]


# Size


MEASURE = """
import json, resource, sys
from pathlib import Path
from types import SimpleNamespace
import django
from django.conf import settings
settings.configure(INSTALLED_APPS=["django_sqlite_backup"])
django.setup()
from boto3.s3.transfer import TransferConfig
from storages.backends.s3 import S3Storage
from django_sqlite_backup.operations.storing import BackupStore

path, checksum, options, recipient, identity = sys.argv[1:]
storage = S3Storage(**json.loads(options), transfer_config=TransferConfig(use_threads=False))
store = BackupStore(storage, compression="gzip", recipients=[recipient])
store.list()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
stored = store.put(Path(path), SimpleNamespace(checksum=checksum, verified=False))
store.fetch(stored, Path(path + ".back"), [identity])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(made, key, bucket, tmp_path):
    path = tmp_path / "large.sqlite3"
    path.write_bytes(made.path.read_bytes())
    large = "UPDATE shop_category SET name = randomblob(24000000) WHERE id <= 4"
    files.edit(path, large)
    checksum = files.hash_file(path.read_bytes())
    options = json.dumps({**OPTIONS, "endpoint_url": bucket.url})
    arguments = [path, checksum, options, key.recipient, key.path]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "large.sqlite3.back").read_bytes() == path.read_bytes()
    assert path.stat().st_size > 90_000_000
    # In kilobytes: a few parts of the upload, of 8 MB each.
    assert int(done.stdout) < 60_000
