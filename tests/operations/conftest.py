"""Worlds as those of `tests.revisions`, in databases of their own, for what runs with `migrate`."""

import pytest

from django_sqlite_backup.models import BackupRun
from tests.revisions.conftest import Worlds, sqlite_world, world
from tests.shops import fill_shop

__all__ = ["sqlite_world", "world", "worlds"]


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    worlds = Worlds(tmp_path_factory.mktemp("operations"), "operations")
    yield worlds
    worlds.destroy()


@pytest.fixture
def shop(databases):
    """A filled shop in `default`, and no run yet: other modules leave theirs."""
    databases.use("default")
    BackupRun.objects.all().delete()
    yield fill_shop("default")
    BackupRun.objects.all().delete()
