"""A job: its row, its signals, its end."""

import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connections, transaction
from django.test import override_settings
from django.utils import timezone

from django_sqlite_backup import BackupError, Busy, signals
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations import liveness, recording
from django_sqlite_backup.operations.jobs import BackupJob, RestoreJob, name_file
from django_sqlite_backup.operations.standing import get_standing
from shop.models import Category
from tests import oracle


@pytest.fixture
def default(databases):
    databases.use("default")
    BackupRun.objects.all().delete()
    yield
    BackupRun.objects.all().delete()


def test_a_backup_is_recorded(default, tmp_path):
    job = BackupJob(filename=tmp_path / "backup.sqlite3", user="ada")
    steps = list(job.execute())
    assert steps[-1].completed == steps[-1].total
    run = BackupRun.objects.get()
    assert (run.pk, run.kind, run.front, run.user) == (job.run.pk, "backup", "python", "ada")
    assert (run.database, run.file) == ("default", str(tmp_path / "backup.sqlite3"))
    assert run.outcome == "succeeded"
    assert run.bytes == (tmp_path / "backup.sqlite3").stat().st_size
    assert run.checksum == job.report.checksum
    assert run.rows == sum(job.report.rows.values())
    assert run.started <= run.finished
    assert not [warning for warning in job.report.warnings if "recorded" in warning]


def make_run(hours, outcome="succeeded", **values):
    run = BackupRun.objects.create(database="default", outcome=outcome, **values)
    run.created = timezone.now() - timedelta(hours=hours)
    run.save()
    return run


def test_a_database_stands_by_its_last_whole_backup(default):
    whole = make_run(3)
    make_run(2, "failed")
    make_run(1, partial=True)
    standing = get_standing("default")
    assert (standing.last, standing.failures, standing.level) == (whole, 1, "warning")
    whole.delete()
    assert get_standing("default").last.partial


def test_a_database_stands_by_what_is_in_the_storage(default):
    stored = make_run(3, storage="backups")
    make_run(2, "failed", storage="backups")
    make_run(1)
    with override_settings(SQLITE_BACKUP={"STORAGE": "backups"}):
        standing = get_standing("default")
    assert (standing.last, standing.failures) == (stored, 1)
    assert get_standing("default").failures == 0


def test_a_clock_that_was_ahead_hides_no_failure(default):
    ahead = make_run(-24)
    make_run(1, "failed")
    standing = get_standing("default")
    assert (standing.last, standing.failures) == (ahead, 1)


def test_each_alias_has_a_file_of_its_own(default, backup_path):
    names = ["other", "a/b", "a%2Fb", "..", "a b"]
    paths = [name_file(name) for name in names]
    assert paths[0] == backup_path.with_name("backup-other.sqlite3")
    assert {path.parent for path in paths} == {backup_path.parent}
    assert len(set(paths)) == len(names)


def test_a_partial_backup_is_recorded_as_such(default, tmp_path):
    BackupJob(filename=tmp_path / "part.sqlite3", labels=["shop"]).exhaust()
    BackupJob(filename=tmp_path / "whole.sqlite3").exhaust()
    assert [run.partial for run in BackupRun.objects.order_by("pk")] == [True, False]


def test_the_row_says_that_it_succeeded_before_the_last_progress_comes(default, tmp_path):
    outcomes = [
        BackupRun.objects.get().outcome
        for _ in BackupJob(filename=tmp_path / "backup.sqlite3").execute()
    ]
    assert outcomes[-1] == "succeeded"
    assert set(outcomes[:-1]) == {"running"}


def test_a_job_that_is_closed_is_recorded_as_failed(default, tmp_path):
    steps = BackupJob(filename=tmp_path / "backup.sqlite3").execute()
    next(steps)
    steps.close()
    run = BackupRun.objects.get()
    assert (run.outcome, run.error) == ("failed", "It was stopped before its end.")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_recorded_with_its_reason(default, tmp_path):
    job = RestoreJob(filename=tmp_path / "none.sqlite3")
    with pytest.raises(BackupError) as caught:
        job.exhaust()
    run = BackupRun.objects.get()
    assert (run.kind, run.outcome, run.error) == ("restore", "failed", str(caught.value))


def test_a_receiver_that_raises_forbids_the_backup(default, tmp_path):
    def forbid(**kwargs):
        raise ValueError("not during the sale")

    signals.backup_started.connect(forbid)
    try:
        with pytest.raises(BackupError, match="forbids it: not during the sale"):
            BackupJob(filename=tmp_path / "backup.sqlite3").exhaust()
    finally:
        signals.backup_started.disconnect(forbid)
    assert BackupRun.objects.get().outcome == "failed"
    assert list(tmp_path.iterdir()) == []


# What may be in the way of the row


@pytest.fixture
def runs(databases, alias):
    """Each live alias in turn, which has the rows too."""
    BackupRun.objects.using(alias).all().delete()
    router = Router(alias)
    with override_settings(DATABASE_ROUTERS=[router, *settings.DATABASE_ROUTERS]):
        yield alias
    BackupRun.objects.using(alias).all().delete()


class Router:
    def __init__(self, alias):
        self.alias = alias

    def db_for_write(self, model, **hints):
        return self.alias if model is BackupRun else None


def get_runs(alias):
    return list(BackupRun.objects.using(alias).order_by("pk"))


def get_run(alias):
    return BackupRun.objects.using(alias).get()


def back_up(alias, tmp_path, **options):
    job = BackupJob(
        filename=tmp_path / "backup.sqlite3", database=alias, labels=["shop"], **options
    )
    job.exhaust()
    return job


def test_the_row_may_be_in_any_engine(runs, tmp_path):
    job = back_up(runs, tmp_path, verify=True)
    run = get_run(runs)
    assert (run.outcome, run.verified, run.checksum) == ("succeeded", True, job.report.checksum)
    assert not [text for text in job.report.warnings if "recorded" in text]


def test_a_missing_table_is_a_warning(runs, tmp_path):
    with connections[runs].schema_editor() as editor:
        editor.delete_model(BackupRun)
    try:
        job = back_up(runs, tmp_path)
    finally:
        with connections[runs].schema_editor() as editor:
            editor.create_model(BackupRun)
    assert (tmp_path / "backup.sqlite3").exists()
    (warning,) = [text for text in job.report.warnings if "not recorded" in text]
    assert oracle.RUNS in warning


def test_a_name_that_is_no_text_is_recorded_all_the_same(runs, tmp_path):
    path = tmp_path / os.fsdecode(b"no-\xff-text.sqlite3")
    with pytest.raises(BackupError):
        RestoreJob(filename=path, database=runs).exhaust()
    assert get_run(runs).file == str(tmp_path / r"no-\udcff-text.sqlite3")
    job = BackupJob(filename=tmp_path / "x.sqlite3", database=runs)
    job.recorder.start()
    job.recorder.fail("a text with \0 in it")
    assert get_runs(runs)[-1].error == r"a text with \0 in it"


def test_what_is_not_recorded_leaves_the_callers_transaction_whole(runs, tmp_path):
    with connections[runs].schema_editor() as editor:
        editor.delete_model(BackupRun)
    try:
        with transaction.atomic(using=runs):
            Category.objects.using(runs).create(name="Pans", slug="of-the-caller")
            back_up(runs, tmp_path)
            assert Category.objects.using(runs).filter(slug="of-the-caller").delete()[0] == 1
    finally:
        with connections[runs].schema_editor() as editor:
            editor.create_model(BackupRun)


LOCKS = {
    "postgresql": f"LOCK TABLE {oracle.RUNS} IN ACCESS EXCLUSIVE MODE",
    "mysql": f"LOCK TABLES {oracle.RUNS} WRITE",
}
PATIENCE = {
    "postgresql": "SHOW lock_timeout",
    "mysql": "SHOW VARIABLES LIKE '%lock_wait_timeout'",
}


def test_a_locked_table_of_runs_is_a_warning(runs, monkeypatch):
    """As somebody's `migrate` may lock it, for as long as that takes."""
    if runs not in LOCKS:
        pytest.skip("There a writer is in the way of the whole database.")
    monkeypatch.setattr(recording, "PATIENCE", 1)
    recorder = recording.Recorder(BackupRun(database=runs), runs)
    before = ask(connections[runs], PATIENCE[runs])
    with closing(connections[runs].copy()) as other:
        other.set_autocommit(False)
        other.cursor().execute(LOCKS[runs])
        recorder.start()
    (warning,) = recorder.warnings
    assert re.search("lock", warning, re.IGNORECASE)
    assert ask(connections[runs], PATIENCE[runs]) == before


def ask(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_progress_is_shown_where_a_writer_is_let_in(runs, tmp_path, monkeypatch, mode):
    monkeypatch.setattr(recording, "SECONDS_BETWEEN", 0)
    if runs == "default":
        ask(connections[runs], f"PRAGMA journal_mode = {mode}")
    job = BackupJob(filename=tmp_path / "backup.sqlite3", database=runs, labels=["shop"])
    shown = [(step, get_run(runs)) for step in job.execute()]
    if runs == "default":
        ask(connections[runs], "PRAGMA journal_mode = DELETE")
    rows = [(run.completed, run.total, run.description) for _, run in shown]
    if runs == "default" and mode == "DELETE":
        assert set(rows[:-1]) == {(0, 0, "")}
    else:
        assert rows[:-1] == [step for step, _ in shown[:-1]]
    assert rows[-1][:2] == shown[-1][0][:2]
    assert not [text for text in job.report.warnings if "recorded" in text]


def test_a_lost_connection_is_made_anew_for_the_end(runs, tmp_path):
    """As one that was idle for longer than the server has patience."""
    if runs not in LOCKS:
        pytest.skip("SQLite has no server.")
    ends = {"postgresql": "pg_terminate_backend({})", "mysql": "KILL {}"}
    steps = BackupJob(filename=tmp_path / "backup.sqlite3", database=runs).execute()
    next(steps)
    own = "SELECT pg_backend_pid()" if runs == "postgresql" else "SELECT connection_id()"
    ((number,),) = ask(connections[runs], own)
    with closing(connections[runs].copy()) as other:
        end = ends[runs].format(number)
        ask(other, f"SELECT {end}" if runs == "postgresql" else end)
    # The backup itself asks the live connection for nothing any more.
    steps.close()
    run = get_run(runs)
    assert (run.outcome, run.error) == ("failed", "It was stopped before its end.")
    connections[runs].close()


def test_a_queued_run_is_taken_over_by_one_of_two(default, tmp_path):
    queued = BackupRun.objects.create(database="default", user="ada", front="admin")
    job = BackupJob(filename=tmp_path / "backup.sqlite3", run=queued)
    late = BackupJob(filename=tmp_path / "late.sqlite3", run=BackupRun.objects.get(pk=queued.pk))
    job.exhaust()
    with pytest.raises(Busy, match=f"The run {queued.pk} is not queued"):
        late.exhaust()
    run = BackupRun.objects.get()
    assert (run.pk, run.user, run.front, run.outcome) == (queued.pk, "ada", "admin", "succeeded")
    assert not (tmp_path / "late.sqlite3").exists()


def test_a_run_whose_process_died_is_lost(default):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        number, host = process.pid, liveness.describe_host()
        run = BackupRun(database="default", outcome="running", created=timezone.now())
        run.process = f"{number}/{liveness.read_start(number)} on {host}"
        assert not run.is_lost
        run.process = f"{number}/1 on {host}"
        assert run.is_lost
        run.process = f"{number} on {host}"
        assert not run.is_lost
    assert run.is_lost
    assert f"Process {number} on {host} died" in run.describe_loss()
    run.process = f"{number} on another.host"
    assert not run.is_lost
    run.heard = timezone.now() - timedelta(hours=25)
    assert run.is_lost
    run.outcome = "succeeded"
    assert not run.is_lost


def test_a_queued_run_without_a_task_is_lost_after_a_day(default):
    run = BackupRun(database="default", outcome="queued", created=timezone.now())
    assert not run.is_lost
    run.created -= timedelta(hours=25)
    assert run.is_lost
    assert run.describe_loss() == "No task came to be of it within a day. Begin a new one."


def test_the_next_run_ends_what_was_lost(runs, tmp_path, caplog):
    told = []

    def tell(**values):
        told.append(values)

    signals.backup_failed.connect(tell)
    gone = f"{2**22 + 1} on {liveness.describe_host()}"
    lost = BackupRun.objects.create(database="default", outcome="running", process=gone)
    waiting = BackupRun.objects.create(database="default", outcome="queued")
    try:
        BackupJob(filename=tmp_path / "backup.sqlite3", database=runs).exhaust()
    finally:
        signals.backup_failed.disconnect(tell)
    lost.refresh_from_db()
    assert (lost.outcome, lost.error) == ("failed", told[0]["error"])
    assert lost.error.startswith(f"Process {2**22 + 1} on ")
    assert f"Backup failed: {lost.error}" in caplog.text
    assert [values["run"] for values in told] == [lost.pk]
    waiting.refresh_from_db()
    assert waiting.outcome == "queued"


def test_the_log_takes_a_name_that_is_no_text(runs, tmp_path, caplog):
    path = tmp_path / os.fsdecode(b"no-\xff-text.sqlite3")
    with pytest.raises(BackupError):
        RestoreJob(filename=path, database=runs).exhaust()
    assert r"no-\udcff-text" in caplog.text
    caplog.text.encode()
