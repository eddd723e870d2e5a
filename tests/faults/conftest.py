"""Backups to spoil, and a live database that must not be touched by what is spoilt."""

import shutil

import pytest

from tests.copying import back_up
from tests.shops import fill_shop


@pytest.fixture(scope="module")
def backups(databases, tmp_path_factory):
    """The paths of two backups that no test changes: of one small app, and of a shop."""
    alias = fill_shop(databases.use("default"))
    folder = tmp_path_factory.mktemp("backups")
    for label in ("sites", "shop"):
        back_up(alias, folder / label, label)
    return folder


@pytest.fixture
def shop(backups, tmp_path):
    """A copy of the shop's backup, for a test to spoil."""
    return shutil.copy(backups / "shop", tmp_path / "shop.sqlite3")


@pytest.fixture
def live(databases):
    return databases.use("default")
