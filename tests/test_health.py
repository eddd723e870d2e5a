"""`health`: django-health-check's own view, with our check in it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client, override_settings
from django.urls import path
from health_check.views import HealthCheckView

from tests import files
from tests.copying import back_up
from tests.shops import Project, fill_shop


def serve(**options):
    """Return what the view answers, as JSON, where it has our check with these options."""
    checks = [("django_sqlite_backup.health.Backups", options)]
    urls = {"urlpatterns": [path("health/", HealthCheckView.as_view(checks=checks))]}
    with override_settings(ROOT_URLCONF=type("urls", (), urls)):
        response = Client(raise_request_exception=False).get("/health/?format=json")
    (verdict,) = response.json().values()
    return response.status_code, verdict


@pytest.fixture
def backup(databases, backup_path):
    back_up(fill_shop(databases.use("default")), backup_path)
    return backup_path


def test_backup_of_today_is_healthy(backup):
    assert serve() == (200, "OK")


def test_old_backup_is_not(backup):
    moment = datetime.now(UTC) - timedelta(hours=30)
    files.edit_manifest(backup, created=moment.isoformat())
    assert serve(max_age="26h") == (
        500,
        'Unavailable: The newest backup of "default" is 30 hours old, and should not be older than '
        "26h.",
    )
    assert serve(max_age="2d") == (200, "OK")


def test_no_backup_is_not(databases, backup_path):
    databases.use("default")
    assert serve(min_count=3) == (
        500,
        'Unavailable: Backups of "default": 0, and there should be at least 3.',
    )


def test_backup_of_another_database_is_no_help(backup, databases):
    assert serve(database=databases.use("other"))[0] == 500


def test_places_without_a_storage_are_not_told_to_everybody(backup):
    assert serve(place="storage") == (
        500,
        "Unavailable: The backups cannot be listed; the log says why.",
    )


def test_library_that_is_missing_is_named_with_its_extra(tmp_path):
    (tmp_path / "health_check.py").write_text("raise ModuleNotFoundError(name=__name__)")
    done = Project(tmp_path).run(
        "shell", "--no-imports", "-c", "import django_sqlite_backup.health"
    )
    assert done.code == 1
    assert done.err.splitlines()[-1] == (
        "django_sqlite_backup.exceptions.ConfigurationError: django-health-check is not installed. "
        'Run: pip install "django-sqlite-backup[health]"'
    )
