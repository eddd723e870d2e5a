"""One state of the database, whoever writes to it meanwhile, and however long it takes."""

import random
import sqlite3
import time
from contextlib import closing, contextmanager

import pytest
from django.db import connections

from django_sqlite_backup import BackupMechanism
from tests import shops
from tests.copying import back_up
from tests.faults.processes import another
from tests.test_snapshots import set_journal_mode
from zoo import fill
from zoo.models import Text

MODES = ["WAL", "DELETE", "postgresql", "mysql"]
SUMS = "SELECT (SELECT sum(amount) FROM shop_payment) + (SELECT sum(price) FROM shop_product)"


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def bank(mode, databases):
    """The alias of a shop in which all amounts are whole."""
    alias = databases.use(mode if mode in ("postgresql", "mysql") else "default")
    shops.fill_shop(alias, 300)
    fill.execute(
        alias, "UPDATE shop_payment SET amount = 1000", "UPDATE shop_product SET price = 1000"
    )
    with journal_mode(alias, mode):
        yield alias


@contextmanager
def journal_mode(alias, mode):
    if connections[alias].vendor != "sqlite":
        yield
        return
    connections[alias].close()
    set_journal_mode(alias, mode)
    yield
    connections[alias].close()
    set_journal_mode(alias, "DELETE")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


def live_total(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute(SUMS)
        return int(cursor.fetchone()[0])


def file_total(path):
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(SUMS).fetchone()[0])


def test_total_of_each_backup_is_that_of_the_beginning(bank, mode, path):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")  # noqa: T201
    total = live_total(bank)

    # A writer without pause may keep a reader of SQLite's rollback journal out for ever.
    with another("move_money", bank, seed, 0.02 if mode == "DELETE" else 0) as writer:
        for turn in range(6):
            labels = ["shop.Product", "shop.Review", "shop.OrderLine", "shop.Payment"]
            back_up(bank, path, *labels, portable=turn % 2 == 1, verify=turn % 3 == 2)
            assert file_total(path) == total
        moves, *_ = writer.finish()[-1].split()

    assert int(moves) > 5
    assert live_total(bank) == total


def test_backup_that_takes_long_blocks_no_writer_and_does_not_fail(bank, mode, path):
    """Where SQLite has a rollback journal nobody can commit while somebody reads."""
    total = live_total(bank)
    steps = BackupMechanism(path, database=bank, labels=["shop"]).backup()

    # The writer of a rollback journal shall not wait for long.
    options = {"timeout": 0.1} if mode == "DELETE" else connections[bank].settings_dict["OPTIONS"]
    with another("move_money", bank, 1, 0.001, OPTIONS=options) as writer:
        next(steps)
        time.sleep(1)
        moves, refused, slowest = map(float, writer.finish()[-1].split())
    for _ in steps:
        pass

    assert file_total(path) == total
    if mode == "DELETE":
        assert refused > 0
    else:
        assert (moves > 20, refused, slowest < 0.9) == (True, 0, True)


HURRIED = {
    "postgresql": {
        "options": "-c statement_timeout=500 -c idle_in_transaction_session_timeout=500"
    },
    "mysql": {"init_command": "SET SESSION net_write_timeout = 1, wait_timeout = 1"},
}


@pytest.fixture
def hurried(bank):
    """An alias of the same database whose server has little patience with a slow client."""
    settings = connections[bank].settings_dict
    options = {**settings["OPTIONS"], **HURRIED[connections[bank].vendor]}
    if connections[bank].vendor == "mysql" and connections[bank].mysql_is_mariadb:
        options["init_command"] += ", idle_transaction_timeout = 1, max_statement_time = 1"
    if connections[bank].vendor == "postgresql" and connections[bank].pg_version >= 170000:
        options["options"] += " -c transaction_timeout=2000"
    connections.databases["hurried"] = {**settings, "OPTIONS": options}
    yield "hurried"
    connections["hurried"].close()
    del connections["hurried"], connections.databases["hurried"]


@pytest.mark.parametrize("mode", ["postgresql", "mysql"], indirect=True)
def test_slow_consumer_is_waited_for_in_the_middle_of_a_table(bank, hurried, path):
    # More than the sockets hold.
    Text.objects.using(bank).bulk_create(Text(value="x" * 3000) for _ in range(5000))
    total = live_total(bank)
    try:
        steps = BackupMechanism(path, database=hurried, labels=["shop", "zoo.Text"]).backup()
        next(steps)
        with another("move_money", bank, 2, 0.001) as writer:
            time.sleep(1.2)
            for progress in steps:
                if progress.description == "copying zoo.Text":
                    time.sleep(2.5)
                    break
            for _ in steps:
                pass
            writer.finish()
    finally:
        Text.objects.using(bank).all().delete()
    assert file_total(path) == total
