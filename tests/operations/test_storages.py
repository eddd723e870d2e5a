import os
import stat
import sys

import pytest
from django.test import override_settings

from django_sqlite_backup import ConfigurationError
from django_sqlite_backup.operations.checks import check_storage
from django_sqlite_backup.operations.storages import get_storage
from django_sqlite_backup.operations.storing import get_store

FILES = "django.core.files.storage.FileSystemStorage"
S3 = "storages.backends.s3.S3Storage"


def found():
    return [(message.id.removeprefix("sqlite_backup."), message.msg) for message in check_storage()]


@pytest.fixture
def with_settings(tmp_path):
    """A function that overrides the settings: a storage named `backups`, and what it is given."""

    def make(own=None, storages=None, **django_settings):
        backups = {"BACKEND": FILES, "OPTIONS": {"location": str(tmp_path / "backups")}}
        return override_settings(
            STORAGES={"default": {"BACKEND": FILES}, "backups": backups, **(storages or {})},
            SQLITE_BACKUP={"STORAGE": "backups", **(own or {})},
            **django_settings,
        )

    return make


def test_a_storage_of_its_own_is_in_order(with_settings):
    with with_settings():
        assert found() == []
        assert get_store().alias == "backups"


@pytest.mark.parametrize("storage", [None, ""])
def test_there_is_no_fallback_to_the_default_storage(with_settings, storage):
    with with_settings({"STORAGE": storage}):
        with pytest.raises(ConfigurationError, match=r'SQLITE_BACKUP\["STORAGE"\] is not set'):
            get_store()
        assert found() == []


def refusal():
    with pytest.raises(ConfigurationError) as caught:
        get_store()
    return str(caught.value)


def test_e010_an_alias_that_is_not_there(with_settings):
    with with_settings({"STORAGE": "backup"}):
        assert refusal() == 'STORAGES has no alias "backup". Did you mean "backups"?'
        assert found() == [("E010", f'SQLITE_BACKUP["STORAGE"]: {refusal()}')]


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ({"BACKEND": "no.such.Storage"}, "No module named 'no'"),
        ({"BACKEND": "storages.backends.none.Storage"}, 'pip install "django-sqlite-backup[s3]"'),
        ({"BACKEND": FILES, "OPTIONS": {"locatoin": "x"}}, "locatoin"),
        ({}, "BACKEND"),
    ],
)
def test_e010_a_backend_that_cannot_be_made(with_settings, storage, reason):
    with with_settings(storages={"backups": storage}):
        assert reason in refusal()
        assert 'The storage "backups" cannot be used: ' in refusal()
        assert [check for check, _ in found()] == ["E010"]


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ({"BACKEND": S3, "OPTIONS": {"nope": 1}}, "Invalid setting 'nope' for S3Storage"),
        ({"BACKEND": S3.replace("S3S", "S")}, 'does not define a "Storage" attribute/class'),
    ],
)
def test_what_is_installed_is_not_asked_to_be(with_settings, storage, reason):
    pytest.importorskip("storages.backends.s3")
    with with_settings(storages={"backups": storage}):
        assert reason in refusal()
        assert "pip install" not in refusal()


def test_the_library_of_a_backend_is_missing(with_settings, monkeypatch):
    pytest.importorskip("storages.backends.s3")
    monkeypatch.delitem(sys.modules, "storages.backends.s3")
    # What Python itself takes for a module that is not there.
    monkeypatch.setitem(sys.modules, "boto3", None)
    with with_settings(storages={"backups": {"BACKEND": S3}}):
        assert "Could not load Boto3's S3 bindings" in refusal()
        assert refusal().endswith('For S3: pip install "django-sqlite-backup[s3]".')


@pytest.mark.parametrize("storage", ["s3://ada:secret@backups", None, ["BACKEND"], 3])
def test_e010_an_entry_that_is_no_dict(with_settings, storage):
    with with_settings(storages={"backups": storage}):
        assert refusal() == (
            f'STORAGES["backups"] is of the type {type(storage).__name__}, and should be a dict '
            'with "BACKEND" and, where they are needed, "OPTIONS".'
        )
        assert found() == [("E010", f'SQLITE_BACKUP["STORAGE"]: {refusal()}')]


@pytest.mark.parametrize("root", ["MEDIA_ROOT", "STATIC_ROOT"])
@pytest.mark.parametrize("public", ["", "backups", "link"])
def test_e014_a_folder_whose_files_are_served(with_settings, tmp_path, root, public):
    (tmp_path / "link").symlink_to(tmp_path)
    with with_settings(**{root: str(tmp_path / public)}):
        assert "served to anybody" in refusal()
        assert found() == [("E014", refusal())]


def test_a_folder_beside_that_of_the_media_is_in_order(with_settings, tmp_path):
    with with_settings(MEDIA_ROOT=str(tmp_path / "back"), STATIC_ROOT=str(tmp_path / "static")):
        assert found() == []
        get_store()


@pytest.mark.parametrize("alias", ["default", "staticfiles"])
def test_e014_the_storages_of_the_project_itself(with_settings, alias):
    with with_settings({"STORAGE": alias}, {"staticfiles": {"BACKEND": FILES}}):
        assert "an alias of their own" in refusal()
        assert found() == [("E014", refusal())]


@pytest.mark.parametrize("acl", ["public-read", "authenticated-read"])
@pytest.mark.parametrize("name", ["default_acl", "object_parameters"])
def test_e014_a_bucket_whose_objects_are_public(with_settings, name, acl):
    pytest.importorskip("storages.backends.s3")
    value = acl if name == "default_acl" else {"ACL": acl}
    options = {"bucket_name": "backups", name: value}
    with with_settings(storages={"backups": {"BACKEND": S3, "OPTIONS": options}}):
        assert f'whose ACL is "{acl}"' in refusal()
        assert found() == [("E014", refusal())]


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def save(storage, name="a/backup.sqlite3"):
    from django.core.files.base import ContentFile

    return storage.path(storage.save(name, ContentFile(b"rows")))


def test_files_and_folders_are_for_their_owner_only(with_settings, tmp_path):
    with with_settings():
        path = save(get_storage("backups"))
    assert [mode_of(path), mode_of(os.path.dirname(path))] == [0o600, 0o700]


def test_modes_that_a_project_asks_for_stay(with_settings, tmp_path):
    own = {"location": str(tmp_path), "file_permissions_mode": 0o640}
    with with_settings(storages={"backups": {"BACKEND": FILES, "OPTIONS": own}}):
        path = save(get_storage("backups"))
    assert mode_of(path) == 0o640


def test_the_projects_own_storage_is_not_changed(with_settings):
    from django.core.files.storage import storages

    with with_settings():
        get_storage("backups")
        assert storages["backups"].file_permissions_mode == 0o644


def test_a_limit_of_memory_that_a_project_asks_for_stays():
    pytest.importorskip("storages.backends.s3")
    options = {"bucket_name": "backups", "max_memory_size": 1000}
    with override_settings(STORAGES={"backups": {"BACKEND": S3, "OPTIONS": options}}):
        assert get_storage("backups").max_memory_size == 1000
