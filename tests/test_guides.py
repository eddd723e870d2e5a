"""The guides are followed to the letter; the move to another engine goes to real servers."""

import re
import sqlite3
import uuid
from collections import Counter
from contextlib import closing

import pytest

from testproject.settings import MYSQL, POSTGRESQL
from tests import engines
from tests.test_readme import README, ROOT, SET_UP, get_blocks, new_project  # noqa: F401

DOCS = ROOT / "docs"
SETTINGS = {"postgresql": POSTGRESQL, "mysql": MYSQL}
QUERY = "SELECT id, email, name FROM shop_customer ORDER BY id"


@pytest.fixture
def project(new_project, tmp_path):  # noqa: F811
    return new_project.copy(tmp_path / "project")


@pytest.fixture
def installed(project):
    """A project in which this package is set up as the README shows it."""
    project.follow_python(next(text for name, text in get_blocks(README) if name == "python"))
    project.run("manage.py", "migrate", "--verbosity=0")
    return project


def test_quick_start(project):
    project.follow(DOCS / "index.md")


@pytest.mark.parametrize("guide", ["laptop", "datasette", "drill"])
def test_guide(installed, guide):
    installed.run("manage.py", "sqlitebackup")
    installed.follow(DOCS / f"{guide}.md")


def connect(engine, name=None):
    settings = SETTINGS[engine]
    if engine == "postgresql":
        import psycopg

        login = {"user": settings["USER"], "password": settings["PASSWORD"] or None}
        place = {"host": settings["HOST"], "port": settings["PORT"] or None}
        return psycopg.connect(**login, **place, dbname=name or "postgres", autocommit=True)
    import MySQLdb

    login = {"user": settings["USER"], "password": settings["PASSWORD"]}
    place = {"host": settings["HOST"], "port": int(settings["PORT"] or 3306)}
    return MySQLdb.connect(**login, **place, **({"db": name} if name else {}))


def execute(engine, sql, name=None):
    with closing(connect(engine, name)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []


@pytest.fixture(params=["postgresql", "mysql"])
def server(request):
    """An engine that answers, and the name of an empty database on it."""
    if reason := engines.why_not(request.param):
        pytest.skip(reason)
    name = f"test_sqlite_backup_guide_{uuid.uuid4().hex[:12]}"
    execute(request.param, f"CREATE DATABASE {name}")
    yield request.param, name
    execute(request.param, f"DROP DATABASE {name}")


def test_move_to_another_engine(installed, server):
    """The guide's own settings are for a server that is nobody's here."""
    engine, name = server
    before = fetch(installed)
    document = installed.folder / "guide.md"
    text = (DOCS / "other-engines.md").read_text()
    there = {**SETTINGS[engine], "NAME": name}
    block = re.compile(r'(# settings.py\nDATABASES\["new"\] = )\{.*?^\}', re.DOTALL | re.MULTILINE)
    document.write_text(block.sub(lambda found: f"{found[1]}{there}", text))
    assert name in document.read_text()

    installed.follow(document)

    assert len(before) > 10
    assert execute(engine, QUERY, name) == before
    # The last block has made it the default.
    installed.run(
        "manage.py",
        "shell",
        "-c",
        f"""
from django.db import connection
assert connection.vendor == {engine!r}, connection.vendor
""",
    )


def fetch(project):
    with closing(sqlite3.connect(project.folder / "db.sqlite3")) as connection:
        return connection.execute(QUERY).fetchall()


DEPLOY = DOCS / "deploy.md"
CELERY = """
from celery import Celery, beat

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.loader.import_default_modules()
(entry,) = beat.Scheduler(app).get_schedule().values()
assert (entry.schedule.hour, entry.schedule.minute) == ({3}, {15})
app.tasks[entry.task].apply(throw=True)
"""
"""A Celery app as its guide has it; what the schedule names is run as a worker runs it."""
COMMAND = re.compile(r"python (manage\.py (?:[\w.=:/-]+ ?)+)")


def test_deployment(installed):
    """Each command of each recipe, in the order in which they stand there."""
    pytest.importorskip("celery")
    ran = []
    for language, text in get_blocks(DEPLOY):
        if language == "python":
            installed.follow_python(text)
        elif language == "console":
            installed.follow_console(text)
        else:
            for found in COMMAND.finditer(text):
                arguments = found[1].split()
                # Its errors are those of a project that is not deployed.
                installed.run(*arguments)
                ran.append(arguments[1])
    assert Counter(ran) == {"migrate": 2, "check": 1, "sqlitebackup": 3, "sqlitebackups": 2}
    backups = [path.name for path in (installed.folder / "backups").iterdir()]
    assert sum(name.endswith(".sqlite3.gz") for name in backups) >= 3


def test_celery_beat(installed):
    pytest.importorskip("celery")
    for language, text in get_blocks(DEPLOY):
        if language == "python":
            installed.follow_python(text)
    (installed.folder / "run_schedule.py").write_text(SET_UP + CELERY)
    installed.run("run_schedule.py")
    (backup,) = (installed.folder / "backups").glob("*.sqlite3.gz")
    query = "SELECT kind, outcome, file FROM django_sqlite_backup_backuprun"
    with closing(sqlite3.connect(installed.folder / "db.sqlite3")) as connection:
        assert connection.execute(query).fetchall() == [("backup", "succeeded", backup.name)]


TASKS_SETTINGS = """# settings.py
DATABASES["other"] = {**DATABASES["default"], "NAME": BASE_DIR / "other.sqlite3"}
SQLITE_BACKUP = {"RETENTION": {"last": 3}}
"""
"""What the page takes for granted: a second database, and rules for its task that prunes."""


def test_tasks(installed):
    """The worker ends when there is nothing more to do; else all is as the page has it."""
    pytest.importorskip("django_tasks_db")
    installed.follow_python(TASKS_SETTINGS)
    installed.run("manage.py", "migrate", "--database=other", "--verbosity=0")
    for language, text in get_blocks(DOCS / "tasks.md"):
        if language == "python":
            installed.follow_python(text)
        elif language == "console":
            installed.follow_console(text.replace("db_worker", "db_worker --batch"))
    installed.run("manage.py", "db_worker", "--batch", "--queue-name=*")
    with closing(sqlite3.connect(installed.folder / "db.sqlite3")) as connection:
        query = "SELECT front, database, verified, outcome, error FROM {}_backuprun ORDER BY id"
        runs = connection.execute(query.format("django_sqlite_backup")).fetchall()
        query = "SELECT queue_name, status FROM django_tasks_database_dbtaskresult"
        tasks = connection.execute(query).fetchall()
    assert Counter(runs) == {
        # By --enqueue, --all-databases, and enqueue_backup().
        ("command", "default", 0, "succeeded", ""): 2,
        ("command", "other", 0, "succeeded", ""): 1,
        ("python", "default", 0, "succeeded", ""): 1,
        ("task", "default", 0, "succeeded", ""): 1,
        ("task", "other", 1, "succeeded", ""): 1,
    }
    assert Counter(tasks) == {("default", "SUCCESSFUL"): 4, ("nightly", "SUCCESSFUL"): 1}
