"""The key of the next row: fresh, and not one that a deleted row had."""

import pytest
from django.db import connections

from django_sqlite_backup import BackupMechanism, CopyError
from tests import oracle
from tests.copying import back_up, restore
from zoo import fill
from zoo import models as zoo

COUNTED = ["zoo.AutoKey", "zoo.Emptied", "zoo.Empty", "zoo.SmallAutoKey", "zoo.BigAutoKey"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


def fill_counted(alias):
    """Seven keys and a deleted one; two deleted ones; none ever."""
    fill.clear(alias)
    fill.add(alias, zoo.AutoKey, (-5, "negative"), (7, "seven"), (9, "deleted"))
    fill.add(alias, zoo.Emptied, (1, "deleted"), (2, "deleted"))
    fill.add(alias, zoo.SmallAutoKey, (32_000, "large"))
    fill.add(alias, zoo.BigAutoKey, (2**60, "large"))
    fill.reset_sequences(alias)
    fill.delete_newest(alias)


NEXT_KEYS = [10, 3, 1, 32_001, 2**60 + 1]


def new_keys(alias):
    models = [zoo.AutoKey, zoo.Emptied, zoo.Empty, zoo.SmallAutoKey, zoo.BigAutoKey]
    return [model.objects.using(alias).create(name="new").pk for model in models]


def test_next_keys_are_those_that_the_origin_would_have_given(from_alias, to_alias, path):
    fill_counted(from_alias)
    back_up(from_alias, path, *COUNTED)
    fill.clear(to_alias)

    restore(to_alias, path, *COUNTED)

    assert new_keys(to_alias) == NEXT_KEYS


@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_keys_that_were_given_since_the_backup_are_given_again(alias, path, portable):
    fill_counted(alias)
    before = oracle.next_keys(alias)
    back_up(alias, path, *COUNTED, portable=portable)
    new_keys(alias)

    restore(alias, path, *COUNTED, portable=portable)

    assert oracle.next_keys(alias) == before


def test_tables_that_are_not_restored_keep_their_counts(alias, path):
    fill_counted(alias)
    back_up(alias, path, *COUNTED)
    new_keys(alias)
    before = oracle.next_keys(alias)

    restore(alias, path, "zoo.Emptied")

    restored = {"zoo_emptied": 3}
    assert oracle.next_keys(alias) == {**before, **restored}


def test_key_of_a_generated_row_is_fresh_where_the_file_has_no_count(databases, path):
    """An `IntegerField` key of the origin says nothing of the next one."""
    source = databases.use("default")
    fill.clear(source)
    fill.add(source, zoo.CharKey, ("a",))
    fill.add(source, zoo.UuidKey, (fill.UUIDS[0], None))
    fill.add(source, zoo.IntegerKey, (2**31 - 1, "largest"))
    back_up(source, path, "zoo.CharKey", "zoo.UuidKey", "zoo.IntegerKey")

    restore(source, path, "zoo.CharKey", "zoo.UuidKey", "zoo.IntegerKey")

    names = ["zoo_charkey", "zoo_integerkey", "zoo_uuidkey"]
    assert oracle.next_keys(source).keys().isdisjoint(names)
    assert [len(oracle.table_text(source, name)) for name in names] == [1, 1, 1]


class Own(BackupMechanism):
    def copy_table_data(self, from_table, to_table):
        return super().copy_table_data(from_table, to_table)


def test_failed_restore_leaves_the_counts(alias, databases, path):
    source = databases.use("default")
    fill.clear(source)
    with connections[source].constraint_checks_disabled():
        fill.execute(source, "INSERT INTO zoo_car VALUES (50, 77)")
    back_up(source, path, "zoo")
    fill_counted(alias)
    before = oracle.next_keys(alias)

    # Its own way of copying is not held against the live columns beforehand.
    mechanism = Own(path, database=alias, labels=["zoo"], migrate=False)
    with pytest.raises(CopyError, match="zoo_car"):
        for _ in mechanism.restore():
            pass

    if connections[alias].vendor == "mysql":
        # InnoDB counts on, whatever is rolled back.
        before["zoo_car"] = 51
    assert oracle.next_keys(alias) == before
    fill.clear(source)
