"""Foreign keys that are equal to what they refer to under the live collation alone."""

import pytest
from django.db import connections

from django_sqlite_backup import BackupMechanism
from django_sqlite_backup.exceptions import InvalidBackup, UnfitValues
from tests import files
from tests.copying import back_up, restore
from zoo import fill
from zoo import models as zoo

LABELS = ("zoo.Country", "zoo.City")
COLLATIONS = {
    "default": ("TEXT COLLATE NOCASE", []),
    "postgresql": (
        "varchar(2) COLLATE ci_by_icu",
        [
            "CREATE COLLATION IF NOT EXISTS ci_by_icu"
            " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        ],
    ),
    "mysql": ("varchar(2) COLLATE utf8mb4_general_ci", []),
}


@pytest.fixture
def live(alias):
    """Each live alias in turn, with tables whose keys take no notice of case."""
    column_type, first = COLLATIONS[alias]
    connection = connections[alias]
    with connection.schema_editor() as editor:
        editor.delete_model(zoo.City)
        editor.delete_model(zoo.Country)
    fill.execute(
        alias,
        *first,
        f"CREATE TABLE zoo_country (id integer PRIMARY KEY, code {column_type} UNIQUE NOT NULL,"
        " name varchar(60) NOT NULL)",
        f"CREATE TABLE zoo_city (id integer PRIMARY KEY, country {column_type} NOT NULL,"
        " uuid_key_id char(32) NULL, name varchar(60) NOT NULL,"
        " FOREIGN KEY (country) REFERENCES zoo_country (code))",
    )
    yield alias
    fill.execute(alias, "DROP TABLE zoo_city", "DROP TABLE zoo_country")
    with connection.schema_editor() as editor:
        editor.create_model(zoo.Country)
        editor.create_model(zoo.City)


@pytest.fixture
def path(live, tmp_path):
    fill.execute(
        live,
        "INSERT INTO zoo_country VALUES (1, 'de', 'Germany')",
        "INSERT INTO zoo_city VALUES (1, 'DE', NULL, 'Bonn')",
    )
    back_up(live, tmp_path / "backup.sqlite3", *LABELS)
    return tmp_path / "backup.sqlite3"


def find_misfits(alias, path, *labels):
    mechanism = BackupMechanism(path, database=alias, labels=labels, migrate=False)
    return [misfit.reason for misfit in mechanism.plan_restore().misfits]


def test_key_of_another_case_is_no_misfit_and_goes_in(live, path):
    assert find_misfits(live, path, *LABELS) == []
    restore(live, path, *LABELS)


def test_key_of_another_case_to_a_row_that_stays(live, path):
    assert find_misfits(live, path, "zoo.City") == []
    restore(live, path, "zoo.City")


def test_key_of_another_case_in_an_edited_file(live, path):
    files.execute(path, "UPDATE zoo_city SET id = 2")

    restore(live, path, *LABELS, allow_modified=True)


def test_key_that_no_row_has_is_still_found(live, path):
    files.edit(path, "UPDATE zoo_city SET country = 'fr'")

    assert find_misfits(live, path, *LABELS) == ["is in no row of zoo.Country"]
    with pytest.raises(UnfitValues):
        restore(live, path, "zoo.City")
    files.execute(path, "UPDATE zoo_city SET id = 2")
    with pytest.raises(InvalidBackup, match='"fr" in "country"'):
        restore(live, path, *LABELS, allow_modified=True)


def test_keys_under_exact_collations_are_compared_exactly(databases, tmp_path):
    source, alias = databases.use("default"), databases.use("postgresql")
    path = tmp_path / "backup.sqlite3"
    fill.execute(source, "DELETE FROM zoo_city", "DELETE FROM zoo_country")
    fill.execute(
        source,
        "INSERT INTO zoo_country (id, code, name) VALUES (1, 'de', 'Germany')",
        "INSERT INTO zoo_city (id, country, name) VALUES (1, 'de', 'Bonn')",
    )
    back_up(source, path, *LABELS)
    fill.execute(source, "DELETE FROM zoo_city", "DELETE FROM zoo_country")
    files.edit(path, "UPDATE zoo_city SET country = 'DE'")

    assert find_misfits(alias, path, *LABELS) == ["is in no row of zoo.Country"]
