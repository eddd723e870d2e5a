"""`migrate` with `BACKUP_BEFORE_MIGRATE`, as a deployment runs it."""

import os
import shlex
import subprocess
import sys
from textwrap import dedent

import pytest

from tests import files
from tests.revisions.history import split_way_back
from tests.shops import ROOT

TABLES = "SELECT name FROM sqlite_schema"


@pytest.fixture
def settings(tmp_path):
    """Settings of a project with an alias for the file, by engine's database."""

    def make(world, **more):
        backup = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "backup.sqlite3")}
        return {
            "DATABASES": {"default": world.database, "backup": backup},
            "DATABASE_ROUTERS": ["django_sqlite_backup.routers.BackupRouter"],
            "SQLITE_BACKUP": {"BACKUP_BEFORE_MIGRATE": True, **more},
        }

    return make


def list_backups(tmp_path):
    return sorted(path for path in tmp_path.iterdir() if path.suffix == ".sqlite3")


def test_a_migration_is_backed_up_first_and_can_be_gone_back_on(world, settings, tmp_path):
    world.begin(3)
    before = world.read()
    done = world.at(5, **settings(world)).run("migrate", "--run-syncdb").check()
    (path,) = list_backups(tmp_path)
    assert f'Backed up "default" to "{path}". To go back' in done.out
    assert world.read() != before

    command = [*split_way_back(done.out), "--no-input"]
    assert shlex.join(command).startswith(f"sqliterestore --file {path} --database default")
    world.at(5, **settings(world)).run(*command).check()
    assert read_authors(world.read()) == read_authors(before)
    assert world.read().applied == before.applied
    # The restore's own `migrate` has made none; MariaDB gets one of what the restore replaces.
    assert [path for path in list_backups(tmp_path) if "before-restore" not in path.name] == [path]


def read_authors(content):
    """Return the rows of authors, whose address is a table of its own in later code."""
    return [sorted(line.split("\t")) for line in content.rows["library_author"]]


def test_nothing_to_migrate_is_nothing_to_back_up(world, settings, tmp_path):
    world.begin(5)
    done = world.at(5, **settings(world)).run("migrate", "--run-syncdb").check()
    assert "Backed up" not in done.out
    assert list_backups(tmp_path) == []


def test_an_empty_database_is_nothing_to_back_up(world, settings, tmp_path):
    world.begin(0)
    world.at(5, **settings(world)).run("migrate", "--run-syncdb").check()
    assert list_backups(tmp_path) == []


COUNT = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM library_author")
    print(*cursor.fetchone())
"""


def test_tables_that_no_migration_is_recorded_of_stop_it(world, settings, tmp_path):
    world.begin(3)
    rows = len(world.read().rows["library_author"])
    world.store.execute("DROP TABLE django_migrations")
    project = world.at(5, **settings(world))
    # As Django has it done for a database that is older than its migrations.
    done = project.run("migrate", "--run-syncdb", "--fake-initial")
    assert (done.code, list_backups(tmp_path)) == (1, [])
    assert "no migration is recorded there, so that a backup would lack" in done.err
    assert "auth_group" in done.err
    assert project.execute(COUNT).check().out.split() == [str(rows)]


def test_mail_in_memory_is_no_test_runner(sqlite_world, settings, tmp_path):
    world = sqlite_world
    world.begin(3)
    code = (
        "from django.core import mail\n"
        "from django.core.management import call_command\n"
        "mail.outbox = []\n"
        "call_command('migrate', run_syncdb=True, verbosity=0)\n"
    )
    world.at(5, **settings(world)).execute(code).check()
    assert len(list_backups(tmp_path)) == 1


def test_what_the_settings_leave_out_is_said(sqlite_world, settings, tmp_path):
    world = sqlite_world
    world.begin(3)
    partial = settings(world, EXCLUDE=["library.Author"])
    done = world.at(5, **partial).run("migrate", "--run-syncdb").check()
    assert ". It leaves out what the settings say. To go back" in done.out


def test_a_failed_backup_stops_the_migration(world, settings, tmp_path):
    world.begin(3)
    before = world.read()
    broken = settings(world)
    broken["DATABASES"]["backup"]["NAME"] = str(tmp_path / "none" / "backup.sqlite3")
    done = world.at(5, **broken).run("migrate", "--run-syncdb")
    assert done.code == 1
    assert 'Nothing was migrated, as the backup of "default" before it failed' in done.err
    assert 'SQLITE_BACKUP["BACKUP_BEFORE_MIGRATE"]' in done.err
    assert world.read() == before


def test_the_run_says_why_it_was_made(sqlite_world, settings, tmp_path):
    world = sqlite_world
    world.begin(3)
    world.at(5, **settings(world)).run("migrate", "--run-syncdb").check()
    code = (
        "from django_sqlite_backup.models import BackupRun as R; r = R.objects.first(); "
        "print(r.front, r.outcome, r.file)"
    )
    (path,) = list_backups(tmp_path)
    said = world.at(5, **settings(world)).execute(code).check().out
    assert said.split() == ["migrate", "succeeded", str(path)]
    assert files.read_manifest(path)["database"] == "default"


def test_a_name_that_tests_have_too_is_no_test_runner(sqlite_world, settings, tmp_path):
    world = sqlite_world
    world.begin(3)
    named = settings(world)
    database = named["DATABASES"]["default"]
    named["DATABASES"]["default"] = {**database, "TEST": {"NAME": database["NAME"]}}
    world.at(5, **named).run("migrate", "--run-syncdb").check()
    assert len(list_backups(tmp_path)) == 1


NOTES = {
    "own.py": """
        DATABASES = {
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "default.sqlite3"},
            "notes": {"ENGINE": "django.db.backends.sqlite3", "NAME": "notes.sqlite3"},
            "backup": {"ENGINE": "django.db.backends.sqlite3", "NAME": "backup.sqlite3"},
        }
        INSTALLED_APPS = ["django_sqlite_backup", "notes"]
        DATABASE_ROUTERS = ["django_sqlite_backup.routers.BackupRouter", "routers.Notes"]
        SQLITE_BACKUP = {"BACKUP_BEFORE_MIGRATE": True}
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    """,
    "routers.py": """
        class Notes:
            def allow_migrate(self, db, app_label, **hints):
                return (db == "notes") == (app_label == "notes")
    """,
    "notes/__init__.py": "",
    "notes/models.py": """
        from django.db import models

        class Note(models.Model):
            text = models.TextField()
    """,
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            initial = True
            operations = [
                migrations.CreateModel(
                    "Memo", [("id", models.BigAutoField(primary_key=True))]
                ),
            ]
    """,
    "notes/migrations/0002_note.py": """
        from django.db import migrations, models

        class Migration(migrations.Migration):
            dependencies = [("notes", "0001_initial")]
            operations = [
                migrations.DeleteModel("Memo"),
                migrations.CreateModel(
                    "Note",
                    [
                        ("id", models.BigAutoField(primary_key=True)),
                        ("text", models.TextField()),
                    ],
                ),
            ]
    """,
}


def test_a_database_of_models_that_the_code_has_forgotten_is_backed_up(tmp_path):
    for name, text in NOTES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(dedent(text))

    def migrate(*target):
        command = [sys.executable, "-m", "django", "migrate", "--database=notes", *target]
        path = os.pathsep.join([str(tmp_path), str(ROOT)])
        own = {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "own"}
        subprocess.run(command, cwd=tmp_path, env=own, check=True)

    migrate("notes", "0001")
    assert list(tmp_path.glob("*.before-migrate-*")) == []
    files.execute(tmp_path / "notes.sqlite3", "INSERT INTO notes_memo VALUES (17)")
    migrate()
    assert "notes_memo" not in str(files.execute(tmp_path / "notes.sqlite3", TABLES))
    (path,) = tmp_path.glob("*.before-migrate-*")
    assert files.execute(path, "SELECT id FROM notes_memo") == [(17,)]


def test_a_test_runner_needs_no_backup(sqlite_world, settings, tmp_path):
    world = sqlite_world
    world.begin(3)
    code = (
        "from django.test.utils import setup_test_environment as begin\n"
        "from django.test.utils import teardown_test_environment as end\n"
        "from django.core.management import call_command\n"
        "begin()\n"
        "call_command('migrate', run_syncdb=True, verbosity=0)\n"
        "end()\n"
    )
    world.at(5, **settings(world)).execute(code).check()
    assert list_backups(tmp_path) == []


def test_without_the_setting_nothing_is_backed_up(sqlite_world, settings, tmp_path):
    world = sqlite_world
    world.begin(3)
    quiet = settings(world, BACKUP_BEFORE_MIGRATE=False)
    world.at(5, **quiet).run("migrate", "--run-syncdb").check()
    assert list_backups(tmp_path) == []


def test_what_the_storage_has_stays_here_once(sqlite_world, settings, tmp_path):
    """For the way back without a key: the newest, and what the storage has not."""
    world = sqlite_world
    world.begin(3)
    world.at(5, **settings(world)).run("migrate", "--run-syncdb").check()
    (only_here,) = list_backups(tmp_path)
    stored = settings(world, STORAGE="backups")
    backend = "django.core.files.storage.FileSystemStorage"
    stored["STORAGES"] = {
        "default": {"BACKEND": backend},
        "staticfiles": {"BACKEND": backend},
        "backups": {"BACKEND": backend, "OPTIONS": {"location": str(tmp_path / "store")}},
    }
    for target in ("0001", "0002", "0001"):
        world.at(5, **stored).run("migrate", "members", target).check()
    assert len(list((tmp_path / "store").glob("*.json"))) == 3
    remaining = list_backups(tmp_path)
    assert len(remaining) == 2
    assert remaining[0] == only_here
