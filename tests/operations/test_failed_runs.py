"""Commands that fail at the storage: the row and the log say why, and what is stored stays."""

import hashlib
import json
import logging
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_sqlite_backup.models import BackupRun
from tests import oracle
from tests.faults.test_space import disk
from tests.keys import KeyPair
from tests.operations import s3_server as s3

__all__ = ["disk"]
FILES = "django.core.files.storage.FileSystemStorage"


@pytest.fixture
def key(tmp_path):
    return KeyPair(tmp_path / "key.txt")


@pytest.fixture
def shelf(tmp_path):
    """The folder of the storage."""
    return tmp_path / "shelf"


def configured(options, backend=FILES, recipients=()):
    own = {"ENCRYPTION": {"recipients": list(recipients)}} if recipients else {}
    return override_settings(
        STORAGES={
            "default": {"BACKEND": FILES},
            "backups": {"BACKEND": backend, "OPTIONS": options},
        },
        SQLITE_BACKUP={"STORAGE": "backups", **own},
    )


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(*arguments):
    call_command(*arguments, stdout=StringIO())


def fail(caplog, *arguments):
    """Run a command that fails; return its row, when the log has said the same of it."""
    caplog.clear()
    earlier = list(BackupRun.objects.values_list("pk", flat=True))
    with caplog.at_level(logging.INFO, "django_sqlite_backup"), pytest.raises(CommandError) as said:
        run(*arguments)
    assert said.value.returncode == 1
    row = BackupRun.objects.exclude(pk__in=earlier).get()
    (record,) = [
        record
        for record in caplog.records
        if record.name == "django_sqlite_backup" and record.levelno >= logging.WARNING
    ]
    assert (row.outcome, row.front, row.error) == ("failed", "command", str(said.value))
    assert row.finished is not None
    assert (record.levelname, record.run, record.error) == ("ERROR", row.pk, row.error)
    assert record.getMessage() == f"{row.get_kind_display()} failed: {row.error}"
    assert (record.alias, record.storage, record.file) == (row.database, row.storage, row.file)
    return row


# Backups


def test_wrong_keys_of_s3(shop, backup_path, caplog):
    pytest.importorskip("moto.server")
    backend = "storages.backends.s3.S3Storage"
    with s3.serving() as server:
        server.make_bucket()
        with configured(s3.get_options(server.url), backend):
            run("sqlitebackup", "--storage")
        before = read_bucket(server)
        wrong = s3.get_options(server.url, access_key="nobody", secret_key="nothing")
        server.check_keys(0)
        try:
            with configured(wrong, backend):
                row = fail(caplog, "sqlitebackup", "--storage")
        finally:
            server.check_keys(10**9)
        assert read_bucket(server) == before
    assert len(before) == 2
    assert (row.kind, row.storage) == ("backup", "backups")
    assert row.error.startswith('The storage "backups", ')
    assert "403" in row.error


def read_bucket(server):
    client = server.client()
    return {
        name: client.get_object(Bucket="backups", Key=name)["Body"].read()
        for name in server.get_names()
    }


def test_no_space_to_pack(shop, disk, shelf, key, caplog):
    path = disk.folder / "next.sqlite3"
    with configured({"location": shelf}, recipients=[key.recipient]):
        run("sqlitebackup", "--storage", f"--file={shelf.parent / 'first.sqlite3'}")
        before = read(shelf)
        # For the file, and not for its encrypted copy, which is as large.
        disk.leave_room((shelf.parent / "first.sqlite3").stat().st_size * 3 // 2)
        row = fail(caplog, "sqlitebackup", "--storage", f"--file={path}")
    assert read(shelf) == before
    assert (row.kind, row.storage, row.file) == ("backup", "backups", str(path))
    assert row.error.startswith(f'While packing "{path}": No space left on device. ')
    assert f'"{disk.folder}" has ' in row.error
    # The file itself is good, and nothing lies beside it.
    assert [entry.name for entry in disk.folder.iterdir()] == [path.name]
    run("sqliteinspect", str(path))


def test_recipient_that_is_none(shop, backup_path, shelf, key, caplog):
    with configured({"location": shelf}, recipients=[key.recipient]):
        run("sqlitebackup", "--storage")
    before, file = read(shelf), backup_path.read_bytes()
    with configured({"location": shelf}, recipients=["age1somebody"]):
        row = fail(caplog, "sqlitebackup", "--storage")
    assert (read(shelf), backup_path.read_bytes()) == (before, file)
    assert row.kind == "backup"
    assert '["recipients"] has a text of 12 characters that is no public key' in row.error


# Restores


def fail_to_restore(caplog, shelf, identity, storage="latest"):
    """Run a restore that fails and touches nothing; return its row."""
    before, live = read(shelf), oracle.database_text("default")
    arguments = (f"--storage={storage}", "--no-input", f"--identity={identity}")
    row = fail(caplog, "sqliterestore", *arguments)
    assert (read(shelf), oracle.database_text("default")) == (before, live)
    assert (row.kind, row.storage) == ("restore", "backups")
    return row


def find_stored(shelf):
    return {sidecar.with_suffix("") for sidecar in shelf.glob("*.json")}


def test_wrong_identity(shop, backup_path, shelf, key, tmp_path, caplog):
    other = KeyPair(tmp_path / "other.txt")
    with configured({"location": shelf}, recipients=[key.recipient]):
        run("sqlitebackup", "--storage")
        folder = sorted(backup_path.parent.iterdir())
        row = fail_to_restore(caplog, shelf, other.path)
        (stored,) = find_stored(shelf)
        assert row.file == stored.name
        assert "None of the identities opens it" in row.error
        assert sorted(backup_path.parent.iterdir()) == folder
        run("sqliterestore", "--storage", "--no-input", f"--identity={key.path}")


@pytest.mark.parametrize(
    ("seals", "words"),
    [(False, "it was damaged or changed"), (True, "cannot be decrypted")],
    ids=["left to its sidecar", "with a sidecar that agrees"],
)
def test_tampered_ciphertext(shop, backup_path, shelf, key, caplog, seals, words):
    with configured({"location": shelf}, recipients=[key.recipient]):
        run("sqlitebackup", "--storage")
        (earlier,) = find_stored(shelf)
        run("sqlitebackup", "--storage")
        (tampered,) = find_stored(shelf) - {earlier}
        tamper(tampered, seals)
        folder = sorted(backup_path.parent.iterdir())
        row = fail_to_restore(caplog, shelf, key.path, tampered.name)
        assert row.file == tampered.name
        assert words in row.error
        assert sorted(backup_path.parent.iterdir()) == folder
        # The one before it is whole.
        run("sqliterestore", f"--storage={earlier.name}", "--no-input", f"--identity={key.path}")


def tamper(path, seals):
    """Change one bit near the end and, as who can write there can, the sidecar too."""
    data = bytearray(path.read_bytes())
    data[-5000] ^= 1
    path.write_bytes(data)
    if seals:
        sidecar = path.with_name(f"{path.name}.json")
        told = {
            **json.loads(sidecar.read_text()),
            "stored_sha256": hashlib.sha256(data).hexdigest(),
        }
        sidecar.write_text(json.dumps(told))
