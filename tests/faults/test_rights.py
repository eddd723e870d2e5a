"""Backups and restores by users who may do little, on the servers that have users."""

import os
import re
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import connections

from django_sqlite_backup import BackupMechanism, CopyError, MissingRights
from django_sqlite_backup.engines import get_engine
from django_sqlite_backup.tables import describe_tables
from shop.models import Category, Order
from tests import files, oracle, shops
from tests.copying import back_up, exhaust, file_tables, quoted_file_rows, restore, unchanged
from zoo import fill

USER = f"sqlite_backup_{os.getpid()}"
SCHEMA = "public"


@pytest.fixture(params=["postgresql", "mysql"])
def owner(request, databases):
    """The alias of one who may do everything, with a shop in it."""
    return shops.fill_shop(databases.use(request.param))


@pytest.fixture
def postgresql(databases):
    return shops.fill_shop(databases.use("postgresql"))


@pytest.fixture
def mysql(databases):
    return shops.fill_shop(databases.use("mysql"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


def grantee(owner):
    return f"'{USER}'@'%'" if connections[owner].vendor == "mysql" else USER


def grant(owner, rights):
    """Give rights on all tables."""
    if connections[owner].vendor == "mysql":
        database = connections[owner].settings_dict["NAME"]
        fill.execute(owner, f"GRANT {rights} ON {database}.* TO {grantee(owner)}")
    else:
        fill.execute(owner, f"GRANT {rights} ON ALL TABLES IN SCHEMA {SCHEMA} TO {USER}")


@contextmanager
def user_of(owner):
    """The alias of a new user of the same database, who has no rights yet."""
    is_mysql = connections[owner].vendor == "mysql"
    fill.execute(owner, f"CREATE USER {grantee(owner)}")
    alias = f"{owner}_least"
    connections.databases[alias] = {**connections[owner].settings_dict, "USER": USER}
    try:
        if not is_mysql:
            fill.execute(owner, f"GRANT USAGE ON SCHEMA {SCHEMA} TO {USER}")
        yield alias
    finally:
        connections[alias].close()
        del connections[alias], connections.databases[alias]
        drop = [] if is_mysql else [f"DROP OWNED BY {USER}"]
        fill.execute(owner, *drop, f"DROP USER {grantee(owner)}")


@pytest.fixture
def user(owner):
    with user_of(owner) as alias:
        yield alias


def get_needs(error):
    """Return the statements that the message says would help."""
    return re.search(r"It needs: (.*)\.$", str(error))[1].split("; ")


def rows(path):
    """The rows of a file, without what it says of itself."""
    return {table: quoted_file_rows(path, table) for table in file_tables(path)}


def test_backup_takes_no_right_but_to_select(owner, user, path):
    grant(owner, "SELECT")
    if connections[owner].vendor == "postgresql":
        fill.execute(owner, f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {USER}")

    back_up(user, path, verify=True)

    by_owner = path.with_name("by_owner.sqlite3")
    back_up(owner, by_owner)
    assert rows(path) == rows(by_owner)


def test_backup_names_every_missing_right_and_how_to_give_it(owner, user, path):
    fill.execute(owner, f"GRANT SELECT ON django_migrations TO {grantee(owner)}")
    fill.execute(owner, f"GRANT SELECT ON shop_category TO {grantee(owner)}")
    if connections[owner].vendor == "mysql":
        # A table of which a user may do nothing is not shown to it.
        grant(owner, "INSERT")

    with pytest.raises(MissingRights) as raised:
        back_up(user, path, "shop")

    needs = get_needs(raised.value)
    assert all(f"shop_{name}" in str(needs) for name in ("order", "product", "review", "payment"))
    assert not list(path.parent.iterdir())
    fill.execute(owner, *needs)
    by_owner = path.with_name("by_owner.sqlite3")
    assert back_up(user, path, "shop").rows == back_up(owner, by_owner, "shop").rows


def test_restore_names_every_missing_right_and_how_to_give_it(owner, user, path):
    before = oracle.database_text(owner)
    back_up(owner, path, "shop")
    Order.objects.using(owner).update(note="changed")
    grant(owner, "SELECT")

    with unchanged(owner), pytest.raises(MissingRights) as raised:
        restore(user, path, "shop")

    needs = get_needs(raised.value)
    assert len(needs) >= 2
    with pytest.raises(MissingRights) as planned:
        BackupMechanism(path, database=user, labels=["shop"]).plan_restore()
    assert get_needs(planned.value) == needs
    fill.execute(owner, *needs)
    schema = oracle.schema_text(owner)
    restore(user, path, "shop", verify=True)
    assert oracle.database_text(owner) == before
    assert oracle.schema_text(owner) == schema


def test_restore_without_ownership_keeps_keys_fresh(owner, user, path):
    Category.objects.using(owner).create(name="last", slug="last")
    last = Category.objects.using(owner).get(slug="last").pk
    Category.objects.using(owner).get(slug="last").delete()
    back_up(owner, path, "shop")
    grant(owner, "SELECT, INSERT, DELETE")
    if connections[owner].vendor == "postgresql":
        fill.execute(owner, f"GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {USER}")
        fill.execute(owner, "ALTER SEQUENCE shop_category_id_seq RESTART WITH 1")

    restore(user, path, "shop")

    assert Category.objects.using(owner).create(name="new", slug="new").pk > last


def test_mysql_says_what_it_could_not_do_without_rights(mysql, path):
    Category.objects.using(mysql).create(pk=5000, name="last", slug="last")
    Category.objects.using(mysql).filter(pk=5000).delete()
    back_up(mysql, path, "shop")
    fill.execute(
        mysql,
        "SET foreign_key_checks = 0",
        "DELETE FROM shop_category",
        "ALTER TABLE shop_category AUTO_INCREMENT = 1",
        "SET foreign_key_checks = 1",
    )
    with user_of(mysql) as user:
        grant(mysql, "SELECT, INSERT, DELETE")
        warnings = " ".join(restore(user, path, "shop").warnings)
    assert "The next key of shop.Category could not be set to 5001" in warnings
    assert "takes the right TRIGGER" in warnings
    assert not [w for w in restore(mysql, path, "shop").warnings if "TRIGGER" in w]


@contextmanager
def least_to_restore(owner):
    """A user of PostgreSQL who may fill the tables, and owns none."""
    with user_of(owner) as user:
        grant(owner, "SELECT, INSERT, DELETE")
        fill.execute(owner, f"GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {USER}")
        yield user


def test_trigger_that_cannot_be_turned_off_is_named_and_nothing_touched(postgresql, path):
    back_up(postgresql, path, "shop")
    fill.execute(
        postgresql,
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.note = 'spoilt'; RETURN NEW; END $$",
        "CREATE TRIGGER audit BEFORE INSERT ON shop_order FOR EACH ROW EXECUTE FUNCTION spoil()",
    )
    try:
        with least_to_restore(postgresql) as user:
            message = "to own shop_order .its trigger audit would act on each row."
            with unchanged(postgresql), pytest.raises(MissingRights, match=message):
                restore(user, path, "shop")
            # With the owner's rights, and not those of a superuser.
            fill.execute(postgresql, f"GRANT {owner_of(postgresql)} TO {USER}")
            with unchanged(postgresql):
                restore(user, path, "shop", verify=True)
    finally:
        fill.execute(postgresql, "DROP TRIGGER audit ON shop_order", "DROP FUNCTION spoil")


def owner_of(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_user)")
        return cursor.fetchone()[0]


def test_key_that_would_delete_rows_that_are_kept_is_named(postgresql, path):
    back_up(postgresql, path, "shop")
    fill.execute(
        postgresql,
        "CREATE TABLE faults_note (id int REFERENCES shop_order ON DELETE CASCADE)",
        "INSERT INTO faults_note SELECT min(id) FROM shop_order",
    )
    try:
        with least_to_restore(postgresql) as user:
            message = "to own faults_note .its rows are kept, and its key faults_note_id_fkey"
            with unchanged(postgresql), pytest.raises(MissingRights, match=message):
                restore(user, path, "shop")
        with unchanged(postgresql):
            restore(postgresql, path, "shop")
    finally:
        fill.execute(postgresql, "DROP TABLE faults_note")


def test_policy_that_hides_rows_is_named(postgresql, path):
    fill.execute(postgresql, "ALTER TABLE shop_order ENABLE ROW LEVEL SECURITY")
    try:
        with least_to_restore(postgresql) as user:
            with pytest.raises(MissingRights) as raised:
                back_up(user, path, "shop")
            (need,) = get_needs(raised.value)
            assert (
                need == f"ALTER ROLE {USER} BYPASSRLS (row-level security hides rows of shop_order)"
            )
    finally:
        fill.execute(postgresql, "ALTER TABLE shop_order DISABLE ROW LEVEL SECURITY")


def test_restore_without_ownership_is_all_or_nothing(postgresql, path):
    back_up(postgresql, path, "shop")
    one = "SELECT min(id) FROM shop_orderline"
    files.edit(path, f"UPDATE shop_orderline SET product_id = 987654321 WHERE id IN ({one})")
    with (
        least_to_restore(postgresql) as user,
        unchanged(postgresql),
        pytest.raises(CopyError, match="987654321"),
    ):
        restore(user, path, "shop")


def test_rights_to_the_schema_are_asked_for_only_where_it_changes(owner, user, path):
    back_up(owner, path, "zoo.Word", "sites")
    grant(owner, "SELECT, INSERT, DELETE, UPDATE")
    if connections[owner].vendor == "postgresql":
        fill.execute(owner, f"GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {USER}")
    exhaust(BackupMechanism(path, database=user), "restore")

    fill.execute(owner, "DROP TABLE zoo_word")
    with unchanged(owner), pytest.raises(MissingRights) as raised:
        exhaust(BackupMechanism(path, database=user), "restore")
    restore(user, path, "sites")
    exhaust(BackupMechanism(path, database=owner), "restore")

    (need,) = get_needs(raised.value)
    assert need.startswith(
        f"GRANT CREATE ON SCHEMA {SCHEMA} TO {USER}"
        if connections[owner].vendor == "postgresql"
        else "GRANT ALTER, CREATE, DROP, INDEX, REFERENCES ON"
    )
    assert "zoo_word" in connections[owner].introspection.table_names()


def test_tables_that_migrations_change_must_be_owned(postgresql):
    (site,) = describe_sites(postgresql)
    with least_to_restore(postgresql) as user:
        engine = get_engine(connections[user])
        engine.check_rights([site], [site])
        with pytest.raises(MissingRights, match="to own django_site, which migrations change"):
            engine.check_rights([site], [site], alters=[site])


def describe_sites(alias):
    return [t for t in describe_tables(apps, connections[alias]) if t.label == "sites.Site"]
