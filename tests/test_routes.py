"""Every way from an engine into the file and out again, over the whole zoo."""

from contextlib import closing

import pytest
from django.db import connections

from tests import oracle
from tests.copying import back_up, file_tables, quoted_file_rows, restore
from tests.engines import ALIASES
from zoo import fill

# Engines format the same JSON differently; each column that holds it.
JSON = {"zoo_json": ("value", "maybe")}
WAYS = {
    "fast": (False, False),
    "from_portable": (True, False),
    "to_portable": (False, True),
}


class Backups:
    """Backups of the zoo, each made once: the same rows from each engine, by each way."""

    def __init__(self, databases, folder):
        self.databases = databases
        self.folder = folder
        self.texts = {}

    def path(self, alias, portable):
        way = "portable" if portable else "fast"
        path = self.folder / f"{alias}_{way}.sqlite3"
        if not path.exists():
            fill_zoo(self.databases.use(alias))
            back_up(alias, path, "zoo", portable=portable)
        return path

    def text(self, alias):
        """What the engine itself says of the zoo when it is filled there, and its next keys."""
        if alias not in self.texts:
            fill_zoo(self.databases.use(alias))
            self.texts[alias] = zoo_text(alias), oracle.next_keys(alias)
        return self.texts[alias]


def fill_zoo(alias):
    fill.clear(alias)
    fill.fill(alias)


def zoo_tables(alias):
    return [model._meta.db_table for model in fill.zoo_models(alias)]


def zoo_text(alias):
    return oracle.database_text(alias, zoo_tables(alias), JSON)


@pytest.fixture(scope="module")
def backups(databases, tmp_path_factory):
    return Backups(databases, tmp_path_factory.mktemp("backups"))


@pytest.mark.parametrize("way", WAYS)
def test_every_engine_gets_the_rows_of_every_other(backups, from_alias, to_alias, way):
    from_portable, to_portable = WAYS[way]
    path = backups.path(from_alias, from_portable)
    expected, next_keys = backups.text(to_alias)
    fill.clear(to_alias)

    restore(to_alias, path, "zoo", portable=to_portable)

    common = set(zoo_tables(to_alias)) & set(file_tables(path))
    text = zoo_text(to_alias)
    assert {name: text[name] for name in common} == {name: expected[name] for name in common}
    assert missing_tables(to_alias, common) <= ENGINE_TABLES
    assert fresh_keys(to_alias) == {}
    if from_alias == to_alias:
        assert oracle.next_keys(to_alias) == next_keys


# Not on every engine: what only one has, and what needs a newer PostgreSQL.
ENGINE_TABLES = {
    "zoo_mysqltypes",
    "zoo_virtuallygenerated",
    *(f"zoo_postgresql_{name}" for name in ("arrays", "hstore", "ranges", "owntypes")),
}


def missing_tables(alias, common):
    return set(zoo_tables(alias)) - common


def fresh_keys(alias):
    """Return the tables whose next key is one that a row already has."""
    stale = {}
    models = {model._meta.db_table: model for model in fill.zoo_models(alias)}
    with closing(oracle.open_engine(alias)) as engine:
        for table, key in engine.next_keys().items():
            largest = largest_key(alias, models[table]) if table in models else None
            if largest is not None and key <= largest:
                stale[table] = (key, largest)
    return stale


def largest_key(alias, model):
    connection = connections[alias]
    column = connection.ops.quote_name(model._meta.pk.column)
    name = connection.ops.quote_name(model._meta.db_table).replace("%", "%%")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max({column}) FROM {name}", [])
        return cursor.fetchone()[0]


def test_same_engine_gets_back_all_that_it_alone_holds(alias, tmp_path):
    fill_zoo(alias)
    fill.fill_special(alias)
    if alias == "postgresql":
        fill.fill_postgresql(alias)
    before = database_state(alias)
    back_up(alias, tmp_path / "backup.sqlite3", verify=True)
    fill.clear(alias)

    report = restore(alias, tmp_path / "backup.sqlite3", verify=True, migrate=True)

    assert database_state(alias) == before
    assert (report.verified, report.warnings) == (True, [])


def database_state(alias):
    """All that a restore of everything has to bring back."""
    return (
        oracle.database_text(alias),
        oracle.next_keys(alias),
        oracle.schema_text(alias),
    )


@pytest.mark.parametrize("alias", ALIASES)
def test_fast_file_is_the_portable_file(backups, alias):
    fast, portable = (backups.path(alias, way) for way in (False, True))

    assert file_tables(fast) == file_tables(portable)
    for table in file_tables(fast):
        assert quoted_file_rows(fast, table) == quoted_file_rows(portable, table)
