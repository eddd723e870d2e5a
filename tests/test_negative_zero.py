"""-0.0 is kept by PostgreSQL alone; elsewhere `--verify` says what became of it."""

import pytest

from django_sqlite_backup.exceptions import VerificationError
from tests import oracle
from tests.copying import back_up, restore
from zoo import fill

WAYS = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])


@pytest.fixture
def path(databases, tmp_path):
    alias, path = databases.use("postgresql"), tmp_path / "zero.sqlite3"
    fill.execute(
        alias, "DELETE FROM zoo_float", "INSERT INTO zoo_float VALUES (1, '-0.0'::float8, 0)"
    )
    back_up(alias, path, "zoo.Float")
    yield path
    fill.execute(alias, "DELETE FROM zoo_float")


@WAYS
def test_postgresql_keeps_it(databases, path, portable):
    alias = databases.use("postgresql")
    before = oracle.table_text(alias, "zoo_float")

    restore(alias, path, "zoo.Float", portable=portable, verify=True)

    assert oracle.table_text(alias, "zoo_float") == before
    assert "-0" in before[0]


@WAYS
@pytest.mark.parametrize("loser", ["default", "mysql"])
def test_verification_names_the_column_and_the_sign(databases, path, loser, portable):
    alias = databases.use(loser)

    with pytest.raises(VerificationError) as raised:
        restore(alias, path, "zoo.Float", portable=portable, verify=True)

    named = 'primary key 1: value is "0.0" in the database and "-0.0" in the file'
    assert named in str(raised.value)
