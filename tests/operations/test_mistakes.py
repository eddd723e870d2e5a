"""What cannot even begin is recorded all the same: a row, a line of the log, a signal."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models.signals import pre_migrate
from django.test import override_settings

from django_sqlite_backup import signals
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.jobs import BackupJob


@pytest.fixture
def told(databases):
    """The values of each signal of a failure, on a database without runs."""
    databases.use("default")
    BackupRun.objects.all().delete()
    told = []

    def tell(**values):
        told.append(values)

    both = (signals.backup_failed, signals.restore_failed)
    for signal in both:
        signal.connect(tell)
    yield told
    for signal in both:
        signal.disconnect(tell)
    BackupRun.objects.all().delete()


def assert_recorded(told, caplog, kind, reason, front="command"):
    run = BackupRun.objects.get()
    assert (run.kind, run.front, run.outcome, run.database) == (kind, front, "failed", "default")
    assert reason in run.error
    assert [values["run"] for values in told] == [run.pk]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        f"{kind.capitalize()} failed: {run.error}"
    ]


@pytest.mark.parametrize(
    ("mistakes", "reason"),
    [
        ({"RETENTION": {"lst": 1}}, "lst"),
        ({"NOPE": 1}, 'no key "NOPE"'),
        ({"MECHANISM": "no.such.Mechanism"}, "no.such.Mechanism"),
    ],
)
def test_a_backup_that_the_settings_forbid(told, caplog, mistakes, reason, tmp_path):
    with override_settings(SQLITE_BACKUP=mistakes), pytest.raises(CommandError, match=reason):
        call_command("sqlitebackup", file=tmp_path / "x.sqlite3", database="default")
    assert_recorded(told, caplog, "backup", reason)


def test_a_restore_that_the_settings_forbid(told, caplog, tmp_path):
    BackupJob(filename=tmp_path / "x.sqlite3", database="default").exhaust()
    BackupRun.objects.all().delete()
    with override_settings(SQLITE_BACKUP={"ALLOW_RESTORE": False}):
        with pytest.raises(CommandError, match="does not restore"):
            call_command("sqliterestore", file=tmp_path / "x.sqlite3", dry_run=True)
        assert not BackupRun.objects.exists()
        with pytest.raises(CommandError, match="does not restore"):
            call_command("sqliterestore", file=tmp_path / "x.sqlite3", interactive=False)
    assert_recorded(told, caplog, "restore", "does not restore")


def test_a_question_that_cannot_be_asked_as_there_is_no_file(told, caplog, tmp_path):
    with pytest.raises(CommandError, match="There is no file"):
        call_command("sqliterestore", file=tmp_path / "none.sqlite3")
    assert_recorded(told, caplog, "restore", "There is no file")


def test_a_migration_whose_backup_has_no_place(told, caplog, monkeypatch):
    from django_sqlite_backup.operations import before_migrate

    # The test runner that is at work here would be left alone.
    monkeypatch.setattr(before_migrate, "is_tested", lambda: False)
    with (
        override_settings(SQLITE_BACKUP={"BACKUP_BEFORE_MIGRATE": True, "BACKUP": "nowhere"}),
        pytest.raises(CommandError, match='has no alias "nowhere"'),
    ):
        own = apps.get_app_config("django_sqlite_backup")
        pre_migrate.send(own, using="default", plan=[("any", False)], verbosity=0)
    assert_recorded(told, caplog, "backup", "There is no place for it", front="migrate")
