"""Backups by a real worker process, of the backend that keeps its tasks in the database."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from tests import files, oracle
from tests.shops import TIMEOUT, WAITING, Project

TASKS = """
    import importlib.util
    INSTALLED_APPS += ["django_tasks_db"]
    if not importlib.util.find_spec("django.tasks"):
        INSTALLED_APPS += ["django_tasks"]
    TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    DATABASES["default"]["OPTIONS"] = {"timeout": 20, "transaction_mode": "IMMEDIATE"}
    DATABASES["second"] = {**DATABASES["default"], "NAME": BASE_DIR / "second.sqlite3"}
    DATABASES["second"]["NAME"] = DATABASES["default"]["NAME"].replace("live", "second")
"""
RETENTION = """
    SQLITE_BACKUP = {"RETENTION": {"last": 1}}
"""
MEETING = """
    import pathlib, time
    from django_sqlite_backup.signals import backup_started

    def meet(sender, alias, **values):
        pathlib.Path(f"begun-{alias}").touch()
        end = time.monotonic() + 30
        while len(list(pathlib.Path().glob("begun-*"))) < 2:
            assert time.monotonic() < end, "no other worker has begun the other backup"
            time.sleep(0.05)

    backup_started.connect(meet)
"""
"""Settings with which a backup goes on only when there is a second one that has begun."""
WORKER = ("db_worker", "--batch", "--no-startup-delay", "--interval=0.1", "--no-reload")


@pytest.fixture
def project(tmp_path):
    """A project whose tasks have a table."""
    try:
        import django_tasks_db  # noqa: F401
    except (ImportError, ValueError) as error:
        pytest.skip(str(error))
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project", TASKS)
    manage(project, "migrate", "-v0")
    return project


def manage(project, *arguments):
    done = project.run(*arguments)
    assert done.code == 0, done.err
    return done.out


def read_runs(project):
    columns = "id, kind, front, outcome, database, file, error, process, task"
    with closing(sqlite3.connect(project.live)) as connection:
        connection.row_factory = sqlite3.Row
        return [
            dict(row)
            for row in connection.execute(f"SELECT {columns} FROM {oracle.RUNS} WHERE id > 1")
        ]


def test_a_worker_does_what_was_enqueued(project):
    previous = project.backup.read_bytes()
    said = json.loads(manage(project, "sqlitebackup", "--enqueue", "--format=json", "--verify"))
    (run,) = read_runs(project)
    assert (run["id"], run["outcome"], run["front"]) == (said["run"], "queued", "command")
    assert run["task"] == said["task"] != ""
    assert project.backup.read_bytes() == previous

    manage(project, *WORKER)
    (run,) = read_runs(project)
    assert (run["outcome"], run["error"], run["file"]) == ("succeeded", "", str(project.backup))
    assert project.backup.read_bytes() != previous
    assert project.run("sqliteinspect", project.backup).code == 0


def test_each_database_is_a_task_of_its_own(project):
    manage(project, "migrate", "--database=second", "-v0")
    manage(project, "sqlitebackup", "--all-databases", "--enqueue")
    assert [run["database"] for run in read_runs(project)] == ["default", "second"]
    manage(project, *WORKER)
    runs = read_runs(project)
    second = project.folder / "backup-second.sqlite3"
    assert [(run["outcome"], run["file"]) for run in runs] == [
        ("succeeded", str(project.backup)),
        ("succeeded", str(second)),
    ]
    assert files.read_manifest(second)["database"] == "second"


def test_two_workers_share_the_databases(project):
    manage(project, "migrate", "--database=second", "-v0")
    manage(project, "sqlitebackup", "--all-databases", "--enqueue")
    project.configure(TASKS + MEETING)
    pipes = dict.fromkeys(["stdout", "stderr"], subprocess.PIPE)
    with project.start(*WORKER, **pipes) as one, project.start(*WORKER, **pipes) as other:
        try:
            said = [worker.communicate(timeout=TIMEOUT) for worker in (one, other)]
        finally:
            one.kill()
            other.kill()
    assert [one.returncode, other.returncode] == [0, 0], said
    runs = read_runs(project)
    assert [(run["database"], run["outcome"], run["error"]) for run in runs] == [
        ("default", "succeeded", ""),
        ("second", "succeeded", ""),
    ]
    pids = {int(run["process"].partition("/")[0]) for run in runs}
    assert pids == {one.pid, other.pid}
    for run in runs:
        assert files.read_manifest(run["file"])["database"] == run["database"]


def test_what_fails_in_a_worker_is_in_the_row(project):
    manage(project, "sqlitebackup", "--enqueue", "--file", project.folder / "none" / "x.sqlite3")
    project.run(*WORKER)
    (run,) = read_runs(project)
    assert run["outcome"] == "failed"
    assert f'"{project.folder}/none/x.sqlite3" cannot be written' in run["error"]


def test_a_worker_that_dies_leaves_a_run_that_has_failed(project):
    previous = project.backup.read_bytes()
    project.configure(TASKS + WAITING)
    manage(project, "sqlitebackup", "--enqueue")
    with project.start(*WORKER, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as worker:
        end = time.monotonic() + TIMEOUT
        while not (project.folder / "waiting").exists():
            assert time.monotonic() < end and worker.poll() is None, worker.stderr.read()
            time.sleep(0.05)
        (run,) = read_runs(project)
        assert run["outcome"] == "running"
        worker.send_signal(signal.SIGKILL)
    project.configure(TASKS)
    assert project.backup.read_bytes() == previous
    # It is in nobody's way, and the next run says what became of it.
    assert project.run("sqlitebackup").code == 0
    (lost,) = [row for row in read_runs(project) if row["id"] == run["id"]]
    assert lost["outcome"] == "failed"
    assert lost["error"].startswith(f"Process {worker.pid}/")


def test_a_queued_run_whose_task_is_gone_has_failed(project):
    project.configure(TASKS)
    manage(project, "sqlitebackup", "--enqueue")
    with closing(sqlite3.connect(project.live)) as connection:
        connection.execute("DELETE FROM django_tasks_database_dbtaskresult")
        connection.commit()
    assert project.run("sqlitebackup").code == 0
    outcomes = sorted((row["outcome"], row["error"][:5]) for row in read_runs(project))
    assert outcomes == [("failed", "Task "), ("succeeded", "")]


def test_a_worker_prunes(project):
    project.configure(TASKS + RETENTION)
    for _ in range(3):
        name = f"{time.monotonic_ns()}.sqlite3"
        manage(project, "sqlitebackup", "--file", project.folder / name)
    last = project.folder / name
    code = (
        "from django_sqlite_backup.tasks import prune_backups; "
        "print(prune_backups.enqueue('default', storage=False).id)"
    )
    manage(project, "shell", "--no-imports", "-c", code)
    manage(project, *WORKER)
    # The file that every backup replaces is not one of them.
    left = sorted(project.folder.glob("[0-9]*.sqlite3"))
    assert left == [last]


def test_an_alias_that_is_not_there_is_refused_at_once(project):
    enqueued = project.run("sqlitebackup", "--enqueue", "--database", "nosuch")
    assert read_runs(project) == []
    done = project.run("sqlitebackup", "--database", "nosuch")
    assert (enqueued.code, enqueued.out, enqueued.err) == (1, "", done.err)
    assert 'DATABASES has no alias "nosuch".' in done.err


def test_without_workers_nothing_is_enqueued(project):
    project.configure("")
    done = project.run("sqlitebackup", "--enqueue")
    assert done.code == 1
    assert "TASKS names no backend that has workers" in done.err
    assert read_runs(project) == []


def test_all_databases_are_backed_up_one_after_the_other(project):
    manage(project, "migrate", "--database=second", "-v0")
    lines = manage(project, "sqlitebackup", "--all-databases", "--format=json").splitlines()
    assert [json.loads(line)["database"] for line in lines] == ["default", "second"]
    assert sorted(path.name for path in project.folder.glob("backup*")) == [
        "backup-second.sqlite3",
        "backup.sqlite3",
    ]


def test_one_that_fails_leaves_the_others_their_backup(project):
    """The second one has no tables yet, and stands before the third in their order."""
    third = project.folder / "third.sqlite3"
    third.write_bytes(project.live.read_bytes())
    project.configure(
        TASKS + f"\n    DATABASES['third'] = {{**DATABASES['default'], 'NAME': {str(third)!r}}}\n"
    )
    done = project.run("sqlitebackup", "--all-databases")
    assert done.code == 1
    assert done.err.startswith('CommandError: "second": The database "second" has no tables')
    assert (project.folder / "backup-third.sqlite3").exists()
    assert [run["outcome"] for run in read_runs(project)] == ["succeeded", "failed", "succeeded"]


def test_a_driver_that_is_missing_leaves_the_others_their_backup(project):
    extra = "DATABASES['oracle'] = {'ENGINE': 'django.db.backends.oracle', 'NAME': 'x'}"
    project.configure(f"{TASKS}\n    {extra}\n    del DATABASES['second']\n")
    done = project.run("sqlitebackup", "--all-databases")
    assert done.code == 1
    assert done.err.startswith('CommandError: "oracle": The alias "oracle" cannot be used: ')
    assert project.backup.exists()


def test_an_empty_default_and_odd_names_leave_the_others_their_backup(project):
    project.configure(
        TASKS + "\n    DATABASES |= {'a/b': DATABASES.pop('default'), 'default': {}}\n"
        "    del DATABASES['second']\n    SQLITE_BACKUP = {'DATABASE': 'main'}\n"
        "    DATABASES['main'] = DATABASES['a/b']\n"
    )
    project.backup.unlink()
    done = project.run("sqlitebackup", "--all-databases")
    assert done.code == 0
    # Its rows are in "default".
    assert done.err.count("Warning: ") == done.err.count("Warning: The run was not recorded")
    assert project.backup.exists()
    assert (project.folder / "backup-a%2Fb.sqlite3").exists()


def test_all_databases_go_into_no_single_file(project):
    done = project.run("sqlitebackup", "--all-databases", "--file=x.sqlite3")
    assert "goes with neither --file nor --database" in done.err
    assert not os.path.exists(project.folder / "x.sqlite3")
