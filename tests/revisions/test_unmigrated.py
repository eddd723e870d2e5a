"""Apps without migrations, while others are not at their last one: relations and all."""

import pytest

TIED = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sites",
    "django_sqlite_backup",
    "members",
    "library",
    "plain.apps.PlainConfig",
    "archive",
    "tied",
]
FILL = """
from library.models import Author
from members.models import Member
from tied.models import *
first, second = [Tag.objects.create(name=name) for name in ("first", "second")]
author, member = Author.objects.first(), Member.objects.first()
one = LongRemark.objects.create(text="1", tag=second, author=author, member=member, more="m")
Remark.objects.create(text="2", before=one, author=author, member=member).tags.add(first, second)
"""
TABLES = ("tied_tag", "tied_remark", "tied_remark_tags", "tied_longremark")


@pytest.fixture
def tied(world):
    """The project with the app `tied`, whose last migration but one of `members` is applied."""
    world.begin(5)
    project = world.at(5, INSTALLED_APPS=TIED)
    project.run("migrate", "--run-syncdb", "-v0").check()
    project.execute(FILL).check()
    project.run("migrate", "members", "0001", "-v0").check()
    return project


def read(world):
    rows = world.read().rows
    assert [len(rows[table]) for table in TABLES] == [2, 2, 2, 1]
    return {table: rows[table] for table in TABLES}


def test_relations_of_an_app_without_migrations_come_back(world, tied, tmp_path):
    path, before = tmp_path / "backup.sqlite3", read(world)
    done = tied.run("sqlitebackup", "--file", path, "--verify").check()
    assert "Not in the backup" not in done.err
    # What is not in the backup would be gone now.
    tied.execute("from tied.models import *; Tag.objects.all().delete()").check()
    tied.run("sqliterestore", "--file", path, "--no-input", "--verify").check()
    assert read(world) == before


def test_a_model_that_refers_to_what_is_not_there_yet_is_named(world, tmp_path):
    world.begin(3)
    project = world.at(5, INSTALLED_APPS=TIED)
    project.run("migrate", "members", "-v0").check()
    done = project.run("sqlitebackup", "--file", tmp_path / "backup.sqlite3").check()
    assert "Models without a table here" in done.err
    assert "tied.Remark" in done.err
