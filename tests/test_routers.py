"""Nothing but a backup writes into the file."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections, router
from django.test import override_settings

from tests import files
from tests.shops import Project, fill_shop


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def backed_up(databases, backup_path):
    alias = fill_shop(databases.use("default"))
    call_command("sqlitebackup", "shop", stdout=StringIO())
    return alias


def test_no_model_is_migrated_into_the_backup():
    from shop.models import Order

    assert router.allow_migrate_model("backup", Order) is False
    assert router.allow_migrate_model("default", Order) is True


def test_the_router_goes_by_the_settings():
    from shop.models import Order

    with override_settings(SQLITE_BACKUP={"BACKUP": "other"}):
        assert router.allow_migrate_model("other", Order) is False
        assert router.allow_migrate_model("backup", Order) is True


def test_an_instance_from_the_backup_is_saved_to_the_live_database(backed_up, backup_path):
    from shop.models import Category

    before = backup_path.read_bytes()
    category = Category.objects.using("backup").first()
    category.name = "changed"
    category.save()
    assert Category.objects.using(backed_up).get(pk=category.pk).name == "changed"
    assert backup_path.read_bytes() == before


def test_an_instance_of_the_live_database_stays_there(backed_up):
    from shop.models import Category

    category = Category.objects.using(backed_up).first()
    assert router.db_for_write(Category, instance=category) == backed_up
    assert router.db_for_write(Category) == "default"


def test_migrate_leaves_a_backup_at_its_revision_alone(project):
    before = project.contents()
    assert project.run("migrate", "--database=backup").code == 0
    assert project.contents() == before


def test_migrate_refuses_a_backup_of_another_revision(project):
    files.edit(project.backup, "DELETE FROM django_migrations WHERE app = 'shop'")
    before = project.contents()
    done = project.run("migrate", "--database=backup")
    assert (done.code, done.err) == (
        1,
        'CommandError: "backup" is the alias of the backup, which migrate would change. '
        "Migrate the live database, or name another alias.\n",
    )
    assert project.contents() == before


@pytest.mark.parametrize("test_name", [None, "test_backup.sqlite3"])
def test_a_test_runner_builds_no_tables_of_models(project, test_name):
    project.configure(f"DATABASES['backup']['TEST'] = {{'NAME': {test_name!r}}}")
    before = project.contents()
    done = project.run(
        "shell",
        "-c",
        "from django.db import connections\n"
        "from django.test.utils import setup_databases, teardown_databases\n"
        "old = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])\n"
        "print(connections['backup'].introspection.table_names())\n"
        "teardown_databases(old, verbosity=0)",
    )
    assert (done.out.splitlines()[-1], done.code) == ("['django_migrations']", 0), done.err
    assert project.contents() == before


def test_queries_without_an_alias_go_to_the_live_database(backed_up):
    from shop.models import Category

    assert Category.objects.all().db == "default"
    assert Category.objects.using("backup").count() == 12
    assert connections["backup"].introspection.table_names()
