"""The checks of the storage: each alone, and none where all is well."""

import sys

import pytest
from django.core.checks import registry
from django.db import connections
from django.test import override_settings

from django_sqlite_backup.operations.checks import (
    check_deployed_file,
    check_deployed_storage,
    check_storage,
)

RECIPIENT = "age1z5rncpg5zcr99x8gcdjx2rdxx3q6a5nalt4wk4mhupgrfl4yr3gquqjz2s"
FILES = "django.core.files.storage.FileSystemStorage"
MEMORY = "django.core.files.storage.InMemoryStorage"
PRIVATE = {"location": "/srv/backups", "file_permissions_mode": 0o600}


def storages(backend=FILES, **options):
    return {
        "default": {"BACKEND": FILES, "OPTIONS": {"location": "/srv/media"}},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        "backups": {"BACKEND": backend, "OPTIONS": options or PRIVATE},
    }


def found(check, own, configured=None, **others):
    """Return id, message and hint of what a check finds in these settings."""
    configured = configured or storages()
    with override_settings(SQLITE_BACKUP=own, STORAGES=configured, **others):
        return [(m.id.removeprefix("sqlite_backup."), m.msg, m.hint) for m in check()]


def ids(*arguments, **others):
    return [code for code, *_ in found(*arguments, **others)]


@pytest.fixture
def recipient(tmp_path):
    from tests.keys import KeyPair

    return KeyPair(tmp_path / "key.txt").recipient


def test_the_checks_are_registered():
    assert check_storage in registry.registry.registered_checks
    assert check_deployed_storage in registry.registry.deployment_checks
    assert check_deployed_file in registry.registry.deployment_checks


@pytest.mark.parametrize("check", [check_storage, check_deployed_storage])
@pytest.mark.parametrize(
    "own",
    [
        {},
        {"STORAGE": "backups"},
        {"STORAGE": "backups", "COMPRESSION": "zstd", "RETENTION": {"last": 3}},
        {"STORAGE": None, "COMPRESSION": None, "ENCRYPTION": None},
    ],
)
def test_what_is_in_order(check, own):
    assert found(check, own) == []


def test_an_encrypted_remote_storage_is_in_order(recipient):
    own = {"STORAGE": "backups", "ENCRYPTION": {"recipients": [recipient]}}
    assert found(check_storage, own, storages(MEMORY, location="x")) == []
    assert found(check_deployed_storage, own, storages(MEMORY, location="x")) == []


@pytest.mark.parametrize(
    ("configured", "words"),
    [
        ({"default": {"BACKEND": FILES}}, 'STORAGES has no alias "backups"'),
        (storages("nowhere.Storage"), "nowhere"),
        (storages(FILES, loction="/srv"), "loction"),
    ],
)
def test_e010_a_storage_that_cannot_be_used(configured, words):
    ((code, message, _),) = found(check_storage, {"STORAGE": "backups"}, configured)
    assert code == "E010"
    assert message.startswith('SQLITE_BACKUP["STORAGE"]: ')
    assert words in message
    assert found(check_deployed_storage, {"STORAGE": "backups"}, configured) == []


@pytest.mark.parametrize("value", ["xz", "ZSTD", ["zstd"], True])
def test_e011_an_unknown_compression(value):
    own = {"STORAGE": "backups", "COMPRESSION": value}
    message = f'SQLITE_BACKUP["COMPRESSION"] is {value!r}, and should be "zstd", "gzip" or None.'
    assert found(check_storage, own) == [("E011", message, None)]


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "age1",
        [RECIPIENT],
        {"recipients": []},
        {"recipients": RECIPIENT},
        {"recipients": [1]},
        {"recipient": [RECIPIENT]},
        {"recipients": [RECIPIENT], "armor": True},
    ],
)
def test_e012_an_encryption_of_a_wrong_shape(value):
    own = {"STORAGE": "backups", "ENCRYPTION": value}
    assert ids(check_storage, own) == ["E012"]
    assert found(check_deployed_storage, own) == []


@pytest.mark.parametrize("text", ["age1", "somebody", "ssh-ed25519 AAAA", "AGE-SECRET-KEY-1QQ"])
def test_e012_a_recipient_that_is_none(recipient, text):
    own = {"STORAGE": "backups", "ENCRYPTION": {"recipients": [recipient, text]}}
    ((code, message, _),) = found(check_storage, own)
    assert code == "E012"
    assert "is no public key" in message
    assert "QQ" not in message


@pytest.mark.parametrize(
    ("missing", "own", "extra"),
    [
        ("pyrage", {"ENCRYPTION": {"recipients": [RECIPIENT]}}, "age"),
        ("backports.zstd", {"COMPRESSION": "zstd"}, "zstd"),
    ],
)
def test_e013_a_library_that_is_not_installed(monkeypatch, missing, own, extra):
    if extra == "zstd" and sys.version_info >= (3, 14):
        pytest.skip("Python has it")
    # What Python itself takes for a module that is not there.
    monkeypatch.setitem(sys.modules, missing, None)
    message = f'"{missing}" is not installed. Run: pip install "django-sqlite-backup[{extra}]"'
    assert found(check_storage, {"STORAGE": "backups", **own}) == [("E013", message, None)]


@pytest.mark.parametrize(
    "own", [{"COMPRESSION": "gzip"}, {"ENCRYPTION": {"recipients": ["somebody"]}}]
)
def test_w007_packing_without_a_storage(own):
    (key,) = own
    (code, message, _) = found(check_storage, own)[-1]
    assert (code, message) == ("W007", f'SQLITE_BACKUP["{key}"] is set, and "STORAGE" is not.')


def test_e014_the_storage_of_uploads():
    ((code, message, _),) = found(check_storage, {"STORAGE": "default"})
    assert (code, message[:38]) == ("E014", 'SQLITE_BACKUP["STORAGE"] is "default",')
    same = {**storages(), "backups": storages()["default"]}
    assert ids(check_storage, {"STORAGE": "backups"}, same) == ["E014"]
    assert found(check_deployed_storage, {"STORAGE": "backups"}, same) == []


def test_w003_a_remote_storage_in_the_clear():
    ((code, message, hint),) = found(
        check_deployed_storage, {"STORAGE": "backups"}, storages(MEMORY, location="x")
    )
    assert code == "W003"
    assert message == 'Backups go to the storage "backups", and are not encrypted.'
    assert 'SQLITE_BACKUP["ENCRYPTION"]' in hint


def test_w006_files_that_others_may_read(recipient):
    own = {"STORAGE": "backups"}
    assert found(check_deployed_storage, own, storages(location="/srv/backups")) == []
    configured = storages(location="/srv/backups", file_permissions_mode=0o640)
    assert ids(check_deployed_storage, {"STORAGE": "backups"}, configured) == ["W006"]
    own = {"STORAGE": "backups", "ENCRYPTION": {"recipients": [recipient]}}
    assert found(check_deployed_storage, own, configured) == []


@pytest.mark.parametrize("root", ["MEDIA_ROOT", "STATIC_ROOT"])
@pytest.mark.parametrize("public", ["", "link"])
def test_w008_the_file_is_where_it_is_served(backup_path, tmp_path, root, public):
    (tmp_path / "link").symlink_to(tmp_path)
    folder = tmp_path / public
    ((code, message, hint),) = found(check_deployed_file, {}, **{root: folder})
    assert code == "W008"
    assert message == (
        f'The file of the alias "backup", "{backup_path}", is in "{folder}", and what is there is '
        "served to anybody."
    )
    assert "a NAME outside of MEDIA_ROOT and STATIC_ROOT" in hint


def test_w008_a_link_from_or_to_where_it_is_served(backup_path, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    connection = connections["backup"]
    (one / "backup.sqlite3").symlink_to(other / "backup.sqlite3")
    connection.settings_dict["NAME"] = one / "backup.sqlite3"
    assert ids(check_deployed_file, {}, MEDIA_ROOT=one) == ["W008"]
    assert ids(check_deployed_file, {}, MEDIA_ROOT=other) == ["W008"]
    assert ids(check_deployed_file, {}, MEDIA_ROOT=tmp_path / "third") == []


def test_a_file_beside_what_is_served_is_in_order(backup_path, tmp_path):
    assert found(check_deployed_file, {}, MEDIA_ROOT="", STATIC_ROOT=None) == []
    assert found(check_deployed_file, {}, MEDIA_ROOT=tmp_path / "back") == []


@pytest.mark.parametrize("alias", ["nowhere", "in_memory"])
def test_no_file_is_nowhere(monkeypatch, alias):
    in_memory = {**connections.settings["default"], "NAME": ":memory:"}
    monkeypatch.setitem(connections.settings, "in_memory", in_memory)
    assert found(check_deployed_file, {"BACKUP": alias}, MEDIA_ROOT="/") == []
