"""What receivers and the log are told, and what a receiver that raises does."""

import json
import logging
from contextlib import contextmanager

import pytest

from django_sqlite_backup import BackupError, BackupMechanism, Vetoed, signals
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.jobs import BackupJob, RestoreJob
from tests import oracle

NAMES = [
    f"{kind}_{moment}"
    for kind in ("backup", "restore")
    for moment in ("started", "finished", "failed")
]
ALWAYS = {"run", "alias", "file", "storage", "front", "user"}
FINISHED = {"bytes", "rows", "tables", "seconds", "checksum", "verified", "warnings"}


@contextmanager
def connected(name, receiver):
    signal = getattr(signals, name)
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@pytest.fixture
def heard():
    """The name and the values of each signal that is sent."""
    found, receivers = [], []
    for name in NAMES:

        def receive(sender, signal, name=name, **values):
            found.append((name, sender, values))

        receivers.append(receive)
        getattr(signals, name).connect(receive)
    yield found
    for name, receive in zip(NAMES, receivers, strict=True):
        getattr(signals, name).disconnect(receive)


def test_a_backup_is_announced_with_plain_values(shop, heard, tmp_path):
    job = BackupJob(filename=tmp_path / "x.sqlite3", labels=["shop"], user="ada")
    report = job.exhaust()
    (started, sender, first), (finished, _, last) = heard
    assert (started, finished, sender) == ("backup_started", "backup_finished", BackupMechanism)
    assert first == {
        "run": BackupRun.objects.get().pk,
        "alias": "default",
        "file": str(tmp_path / "x.sqlite3"),
        "storage": "",
        "front": "python",
        "user": "ada",
    }
    assert last.keys() == ALWAYS | FINISHED
    assert last["rows"] == sum(report.rows.values())
    assert (last["checksum"], last["bytes"]) == (report.checksum, report.bytes)
    # Plain: a receiver may send them anywhere.
    assert json.loads(json.dumps(last)) == {**last, "warnings": list(last["warnings"])}


def test_a_restore_is_announced_likewise(shop, heard, tmp_path):
    BackupJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
    del heard[:]
    RestoreJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
    assert [name for name, *_ in heard] == ["restore_started", "restore_finished"]
    assert heard[1][2].keys() == ALWAYS | FINISHED


def test_a_failure_is_announced_with_its_text(shop, heard, tmp_path):
    with pytest.raises(BackupError) as caught:
        RestoreJob(filename=tmp_path / "none.sqlite3").exhaust()
    assert [name for name, *_ in heard] == ["restore_started", "restore_failed"]
    assert heard[1][2].keys() == ALWAYS | {"error"}
    assert heard[1][2]["error"] == str(caught.value)


def test_a_veto_stops_a_restore_before_anything_is_touched(shop, tmp_path):
    BackupJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
    before = oracle.database_text(shop)

    def forbid(**values):
        raise RuntimeError("not on a Friday")

    with connected("restore_started", forbid), pytest.raises(Vetoed, match="not on a Friday"):
        RestoreJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
    assert oracle.database_text(shop) == before
    run = BackupRun.objects.filter(kind="restore").get()
    assert (run.outcome, run.error) == (
        "failed",
        "A receiver of the signal restore_started forbids it: not on a Friday",
    )


@pytest.mark.parametrize("name", ["backup_finished", "backup_failed"])
def test_a_receiver_that_raises_afterwards_changes_nothing(shop, tmp_path, name, caplog):
    def raise_(**values):
        raise RuntimeError("the webhook is down")

    path = tmp_path / "x.sqlite3" if name == "backup_finished" else tmp_path / "no" / "x.sqlite3"
    job = BackupJob(filename=path, labels=["shop"])
    with connected(name, raise_):
        if name == "backup_finished":
            job.exhaust()
        else:
            with pytest.raises(BackupError, match="cannot be written"):
                job.exhaust()
    assert BackupRun.objects.get().outcome == job.run.outcome != "running"
    assert "the webhook is down" in caplog.text


def test_the_log_has_the_values_too(shop, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "django_sqlite_backup"):
        report = BackupJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
        with pytest.raises(BackupError):
            RestoreJob(filename=tmp_path / "none.sqlite3").exhaust()
    records = [record for record in caplog.records if record.name == "django_sqlite_backup"]
    assert [(record.levelname, record.getMessage().partition(":")[0]) for record in records] == [
        ("INFO", "Backup begun"),
        ("INFO", "Backup succeeded"),
        ("INFO", "Restore begun"),
        ("ERROR", "Restore failed"),
    ]
    assert (records[1].checksum, records[1].alias) == (report.checksum, "default")
    assert "none.sqlite3" in records[3].error
