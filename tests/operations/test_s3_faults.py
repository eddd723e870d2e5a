"""Backups on S3: what a real server of moto's refuses, loses, and what breaks on the way."""

import os
import tracemalloc
from contextlib import closing

import pytest
from django.core.files import File
from django.test import override_settings

from django_sqlite_backup import StorageError, VerificationError
from django_sqlite_backup.operations.storing import get_store
from tests import files
from tests.copying import back_up
from tests.operations import s3_server as s3
from tests.shops import fill_shop

pytest.importorskip("moto.server")
pytest.importorskip("storages.backends.s3")


@pytest.fixture(scope="module")
def server():
    with s3.serving() as server:
        yield server


@pytest.fixture(autouse=True)
def bucket(server):
    server.make_bucket()


@pytest.fixture
def made(databases, tmp_path):
    """A backup and its report."""
    alias = fill_shop(databases.use("default"))
    path = tmp_path / "backup.sqlite3"
    return path, back_up(alias, path)


def configured(url, own=None, **options):
    backups = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": s3.get_options(url)}
    backups["OPTIONS"].update(options)
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    return override_settings(
        STORAGES={"default": default, "backups": backups},
        SQLITE_BACKUP={"STORAGE": "backups", **(own or {})},
    )


def refusal(made):
    with pytest.raises(StorageError) as caught:
        get_store().put(*made)
    return str(caught.value)


def test_keys_that_may_only_read(server, made):
    keys = server.make_user(["s3:ListBucket", "s3:GetObject"])
    server.check_keys(0)
    try:
        with configured(server.url, **keys):
            assert "AccessDenied" in refusal(made)
            assert get_store().list() == []
    finally:
        server.check_keys(10**9)
    assert server.get_names() == []


def test_keys_that_may_not_delete_leave_no_false_backup(server, made):
    keys = server.make_user(["s3:ListBucket", "s3:GetObject", "s3:PutObject"])
    with configured(server.url, **keys):
        stored = get_store().put(*made)
        server.check_keys(0)
        try:
            with pytest.raises(StorageError, match="AccessDenied"):
                get_store().delete(stored)
        finally:
            server.check_keys(10**9)
        assert get_store().list() == [stored]


@pytest.mark.parametrize("size", [100, 5_000, 100_000, 250_000])
def test_a_connection_that_breaks_while_it_is_stored(server, made, size):
    with configured(server.url, {"COMPRESSION": "gzip"}):
        earlier = get_store().put(*made)
    with s3.cutting(server.url, size) as url, configured(url):
        refusal(made)
    with configured(server.url):
        assert get_store().list() == [earlier]
        get_store().check(earlier)
        # Where it could not be removed either, for the connection is gone, it is no backup.
        assert all(name.startswith("default-") for name in get_store().strangers())


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_a_connection_that_breaks_while_it_is_fetched(server, made, tmp_path, size):
    with configured(server.url):
        stored = get_store().put(*made)
    target = tmp_path / "fetched.sqlite3"
    with (
        s3.cutting(server.url, size, "down") as url,
        configured(url),
        pytest.raises((StorageError, VerificationError)),
    ):
        get_store().fetch(stored, target)
    assert [name for name in os.listdir(tmp_path) if "fetched" in name] == []


def test_a_large_object_is_never_in_memory(server, databases, tmp_path):
    alias = fill_shop(databases.use("default"))
    path = tmp_path / "backup.sqlite3"
    back_up(alias, path)
    files.execute(path, "CREATE TABLE more (x)", "INSERT INTO more VALUES (zeroblob(1 << 27))")
    with configured(server.url):
        storage = get_store().storage
        with open(path, "rb") as file:
            name = storage.save("large", File(file))
        tracemalloc.start()
        with closing(storage.open(name)) as stored:
            while stored.read(1 << 20):
                pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # As a whole it would be 128 MB.
    assert peak < 64 << 20
