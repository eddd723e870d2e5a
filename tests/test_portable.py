"""The portable engine: the same file wherever Python has the values, and a refusal elsewhere."""

import pytest

from django_sqlite_backup.exceptions import CopyError
from tests import oracle
from tests.copying import back_up, quoted_file_rows, restore
from zoo import fill
from zoo import models as zoo

BEYOND_PYTHON = {
    "default": {"Price"},
    "mysql": {"Date", "DateTime", "Time"},
    "postgresql": {"Date", "DateTime", "Duration", "Time"},
}
"""The models of the zoo whose special rows have no value of Python's."""


@pytest.fixture
def special(alias):
    fill.clear(alias)
    fill.fill(alias)
    fill.fill_special(alias)
    yield alias
    # Others need not know how to empty what they cannot read.
    fill.clear(alias)


def special_models(alias):
    names = set(fill.VALUES) | {"AutoKey", "CharKey", "Money", "Word"}
    return [getattr(zoo, name) for name in sorted(names)]


def test_portable_file_is_the_fast_one_or_is_refused(special, tmp_path):
    fast, portable = tmp_path / "fast.sqlite3", tmp_path / "portable.sqlite3"
    back_up(special, fast, "zoo")
    refused = set()

    for model in special_models(special):
        label, table = model._meta.label, model._meta.db_table
        try:
            back_up(special, portable, label, portable=True)
        except CopyError as error:
            assert label in str(error)
            refused.add(model.__name__)
        else:
            assert quoted_file_rows(portable, table) == quoted_file_rows(fast, table)

    assert refused == BEYOND_PYTHON[special]


def test_portable_restore_gives_what_the_fast_one_gives_or_is_refused(special, tmp_path):
    path = tmp_path / "backup.sqlite3"
    back_up(special, path, "zoo")
    tables = [model._meta.db_table for model in special_models(special)]
    before = oracle.database_text(special, tables)

    for model in special_models(special):
        try:
            restore(special, path, model._meta.label, portable=True)
        except CopyError as error:
            assert model._meta.label in str(error)

    # Refused or restored, each table has its rows.
    assert oracle.database_text(special, tables) == before


def test_each_refusal_leaves_no_file(special, tmp_path):
    name = min(BEYOND_PYTHON[special])

    with pytest.raises(CopyError, match=f"zoo.{name}"):
        back_up(special, tmp_path / "backup.sqlite3", f"zoo.{name}", portable=True)

    assert list(tmp_path.iterdir()) == []
