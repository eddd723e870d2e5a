"""The admin of backups that are in a storage, and of what retention keeps there and here."""

import gzip
import re
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.outputs import find_output
from shop.models import Order, Review
from tests import files
from tests.operations.test_admin import (
    ALL,
    count_rows,
    log_in,
    make_run,
    messages_of,
    shop,
    text_of,
    url,
)

__all__ = ["shop"]


@pytest.fixture
def store(shop, settings, tmp_path):
    """The folder of a storage, where backups go."""
    folder = tmp_path / "store"
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {
        **settings.STORAGES,
        "backups": {"BACKEND": backend, "OPTIONS": {"location": folder}},
    }
    settings.SQLITE_BACKUP = {
        "STORAGE": "backups",
        "COMPRESSION": "gzip",
        "ADMIN_RESTORE": True,
    }
    return folder


def get_stored(folder):
    """Return the one backup in the folder, beside its description."""
    (path,) = (path for path in folder.iterdir() if path.suffix != ".json")
    return path


def test_a_backup_goes_into_the_storage_and_comes_out(store, tmp_path):
    client = log_in(*ALL)
    assert 'name="storage" id="id_storage" checked' in re.sub(
        r' aria-describedby="\w+"', "", client.get(url("back_up")).content.decode()
    )
    page = text_of(client.post(url("back_up"), {"database": "default", "storage": "on"}))
    assert "storing in backups" in page
    path, run = get_stored(store), BackupRun.objects.get()
    assert (run.outcome, run.storage, run.file) == ("succeeded", "backups", path.name)

    response = client.get(url("download", run.pk))
    assert b"".join(response) == path.read_bytes()
    assert path.name in response.headers["Content-Disposition"]
    unpacked = tmp_path / "unpacked.sqlite3"
    unpacked.write_bytes(gzip.decompress(path.read_bytes()))
    assert count_rows(unpacked, "shop_order") == Order.objects.count()


def test_what_is_in_the_storage_is_inspected_and_verified(store):
    run = make_run(None, storage=True)
    client = log_in("view_backuprun")
    page = client.get(url("inspect", run.pk)).content.decode()
    assert re.search(rf"shop.Order</th>\s*<td[^>]*>{Order.objects.count()}</td>", page)
    (message,) = messages_of(client.post(url("verify", run.pk)))
    assert "whole" in message


def test_a_changed_byte_in_the_storage_is_found(store):
    run = make_run(None, storage=True)
    files.overwrite(get_stored(store), 100, b"!!!")
    response = log_in("view_backuprun").post(url("verify", run.pk))
    (message,) = messages_of(response)
    assert run.file in message
    assert "whole" not in message


def test_what_is_in_the_storage_is_removed_with_its_description(store):
    run = make_run(None, storage=True)
    log_in("delete_backup").post(url("remove", run.pk))
    assert list(store.iterdir()) == []


def test_what_is_in_the_storage_is_restored(store):
    client = log_in(superuser=True)
    run = make_run(None, storage=True)
    reviews = set(Review.objects.values_list())
    Review.objects.all().delete()
    assert "Restored" in text_of(client.post(url("restore", run.pk), {"alias": "default"}))
    assert set(Review.objects.values_list()) == reviews


def test_what_a_restore_leaves_beside_the_file_stays(store, shop):
    job = find_output(make_run(None, storage=True)).make_restore(database="default")
    with job.prepared():
        # A safety backup is put there.
        assert job.mechanism.filename.parent == shop.parent
        (shop.parent / "left").touch()
    assert (shop.parent / "left").exists()
    assert not job.mechanism.filename.exists()


@pytest.mark.parametrize("name", ["inspect", "verify", "restore", "download", "remove"])
def test_what_another_backup_has_replaced_is_not_what_the_run_made(store, name):
    run, client = make_run(None, storage=True), log_in(superuser=True)
    BackupRun.objects.filter(pk=run.pk).update(checksum="0" * 64)
    ask = client.post if name in ("verify", "remove") else client.get
    response = ask(url(name, run.pk))
    assert any("another backup has taken its place" in text for text in messages_of(response))
    assert get_stored(store).name == run.file


def test_what_only_others_can_read_is_not_inspected_but_downloaded(store, settings):
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    settings.SQLITE_BACKUP["ENCRYPTION"] = {"recipients": [str(identity.to_public())]}
    run = make_run(None, storage=True)
    client = log_in(superuser=True)
    for name in ("inspect", "restore"):
        (message,) = messages_of(client.get(url(name, run.pk)))
        assert "is encrypted" in message
        assert "sqliterestore --storage" in message
        client.get(url("changelist")).close()
    sealed = b"".join(client.get(url("download", run.pk)))
    opened = gzip.decompress(pyrage.decrypt(sealed, [identity]))
    assert opened.startswith(b"SQLite format 3")


def test_a_storage_that_is_no_longer_there_is_named(store, settings):
    run = make_run(None, storage=True)
    del settings.STORAGES["backups"]
    settings.STORAGES = dict(settings.STORAGES)
    (message,) = messages_of(log_in(*ALL).get(url("download", run.pk)))
    assert 'STORAGES has no alias "backups".' in message


def test_what_was_taken_out_of_the_storage_is_named(store):
    run = make_run(None, storage=True)
    shutil.rmtree(store)
    (message,) = messages_of(log_in(*ALL).get(url("download", run.pk)))
    assert run.file in message


# Prune


@pytest.fixture
def week(shop, settings):
    """A week of backups beside the file, one a day at noon, the oldest first."""
    settings.SQLITE_BACKUP = {"RETENTION": {"last": 2}}
    make_run(shop)
    paths = []
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for days in range(7, 0, -1):
        paths.append(shop.with_name(f"{days}-days-ago.sqlite3"))
        shutil.copy(shop, paths[-1])
        files.edit_manifest(paths[-1], created=(noon - timedelta(days=days)).isoformat())
    return paths


def decisions_of(page):
    """Return the decision on each backup that the page shows."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return {
        re.search(r'"backup-name">(.*?)<', row)[1]: "Remove" if "Remove" in row else "Keep"
        for row in rows
        if "backup-name" in row
    }


def test_pruning_shows_what_it_would_do_and_why(week, shop):
    page = log_in("delete_backup").get(url("prune")).content.decode()
    kept = {str(shop): "Keep", str(week[-1]): "Keep"}
    assert decisions_of(page) == {**{str(path): "Remove" for path in week[:-1]}, **kept}
    assert "Remove 6 backups" in page
    assert "no rule" in page
    assert all(path.exists() for path in week)


def test_pruning_removes_what_was_shown(week, shop, caplog):
    caplog.set_level("INFO", "django_sqlite_backup")
    client = log_in("delete_backup")
    # As a page says that was made when one backup was not yet to go.
    shown = [str(path) for path in week[1:-1]]
    (message,) = messages_of(client.post(url("prune"), {"remove": shown}))
    assert message == "5 backups were removed."
    assert [path.exists() for path in week] == [True, *[False] * 5, True]
    assert shop.exists()
    logged = [record for record in caplog.records if record.getMessage().startswith("Pruned")]
    assert [(record.file, record.user) for record in logged] == [(name, "ada") for name in shown]


def test_pruning_removes_nothing_that_is_kept(week, shop, tmp_path):
    other = tmp_path / "diary.sqlite3"
    sqlite3.connect(other).close()
    names = [str(path) for path in (shop, week[-1], other)]
    (message,) = messages_of(log_in("delete_backup").post(url("prune"), {"remove": names}))
    assert message == "0 backups were removed."
    assert all(path.exists() for path in (shop, *week, other))


def test_pruning_is_for_those_who_may_delete(week):
    client = log_in("view_backuprun", "run_backup", "download_backup")
    assert client.get(url("prune")).status_code == 403
    assert client.post(url("prune"), {"remove": [str(week[0])]}).status_code == 403
    assert url("prune") not in client.get(url("changelist")).content.decode()
    assert week[0].exists()


def test_without_rules_nothing_is_pruned(shop):
    (message,) = messages_of(log_in("delete_backup").get(url("prune")))
    assert 'SQLITE_BACKUP["RETENTION"] is not set' in message


def test_the_storage_is_pruned(store, settings):
    settings.SQLITE_BACKUP["RETENTION"] = {"last": 1}
    runs = {make_run(None, storage=True).file, make_run(None, storage=True).file}
    client = log_in("delete_backup")
    decisions = decisions_of(client.get(url("prune")).content.decode())
    # Which of them is the newer one cannot be told within a second.
    kept, removed = sorted(runs, key=lambda name: decisions[name])
    assert (decisions[kept], decisions[removed]) == ("Keep", "Remove")
    client.post(url("prune"), {"remove": [removed]})
    assert get_stored(store).name == kept


@pytest.mark.parametrize("page", ["download", "inspect"])
def test_a_storage_whose_entry_is_no_dict_is_a_message(store, settings, page):
    run = make_run(None, storage=True)
    settings.STORAGES = {**settings.STORAGES, "backups": str(store)}
    (message,) = messages_of(log_in(*ALL).get(url(page, run.pk)))
    assert 'STORAGES["backups"] is of the type str' in message
