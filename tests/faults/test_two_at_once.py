"""Two runs on one file or one database, and a restore while the application goes on."""

import os
import re
import socket
import stat
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.db import DatabaseError, connections, transaction

from django_sqlite_backup import BackupMechanism, Busy, ConfigurationError, InvalidBackup, locks
from django_sqlite_backup.engines import get_engine
from django_sqlite_backup.locks import FileLock, holding
from shop.models import Category
from tests import oracle, shops
from tests.copying import back_up, refused, restore, unchanged
from tests.faults.processes import another

WAIT = 20


@pytest.fixture
def shop(alias):
    """Each live alias in turn, with a small shop in it."""
    return shops.fill_shop(alias)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


@contextmanager
def busy(doing, pid):
    """The run is refused, and the message names the process that is in the way."""
    with pytest.raises(Busy) as raised:
        yield
    # MariaDB tells where a session comes from, and not what its host calls itself.
    host = f"({re.escape(socket.gethostname())}|localhost|127.0.0.1)"
    assert re.search(rf'being {doing} by process {pid} on "{host}", since 20', str(raised.value))
    assert "--wait SECONDS" in str(raised.value)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def locks_of(alias):
    """The lock files beside a live database."""
    if connections[alias].vendor != "sqlite":
        return []
    return list(Path(connections[alias].settings_dict["NAME"]).parent.glob(".*.lock"))


def test_restore_is_refused_during_a_backup_until_that_is_killed(shop, path):
    back_up(shop, path, "shop")

    with another("run", shop, "backup", path, "shop") as other:
        with unchanged(shop, "shop_order"), busy("backed up", other.pid):
            restore(shop, path, "shop")
        with busy("written", other.pid):
            back_up(shop, path, "shop")
        back_up(shop, path.with_name("another.sqlite3"), "shop")
        other.kill()
        assert ".backup.sqlite3.lock" in names(path.parent)
        restore(shop, path, "shop", wait=WAIT)
        back_up(shop, path, "shop")

    assert names(path.parent) == ["another.sqlite3", "backup.sqlite3"]
    assert locks_of(shop) == []


def test_all_are_refused_during_a_restore_or_wait_for_its_end(shop, path):
    back_up(shop, path, "shop")
    before = oracle.database_text(shop)

    with another("run", shop, "restore", path, "shop") as other:
        with busy("restored", other.pid):
            restore(shop, path, "shop")
        with busy("restored", other.pid):
            back_up(shop, path, "shop")
        other.tell()
        back_up(shop, path.with_name("another.sqlite3"), "shop", wait=WAIT)
        restore(shop, path, "shop", wait=WAIT)
        other.expect("done")

    assert oracle.database_text(shop) == before
    assert names(path.parent) == ["another.sqlite3", "backup.sqlite3"]
    assert locks_of(shop) == []


def test_killed_restore_leaves_no_lock_and_no_change(shop, path):
    back_up(shop, path, "shop")

    with unchanged(shop), another("run", shop, "restore", path, "shop") as other:
        other.kill()
        restore(shop, path, "shop", wait=WAIT)

    assert locks_of(shop) == []


def test_lock_is_free_as_soon_as_it_is_released(alias):
    engine = get_engine(connections[alias])
    for _ in range(200):
        with engine.claiming("restored", shared=False):
            pass


@pytest.mark.parametrize("kind", ["backup", "restore"])
def test_abandoned_run_gives_its_locks_back(shop, path, kind):
    back_up(shop, path, "shop")
    steps = getattr(BackupMechanism(path, database=shop, labels=["shop"], migrate=False), kind)()
    next(steps)

    with busy("backed up" if kind == "backup" else "restored", os.getpid()):
        restore(shop, path, "shop")
    steps.close()

    restore(shop, path, "shop")
    assert locks_of(shop) == []


def test_a_run_inside_a_transaction_keeps_others_off(shop, path):
    back_up(shop, path, "shop")

    with transaction.atomic(using=shop):
        steps = BackupMechanism(path, database=shop, labels=["shop"], migrate=False).restore()
        next(steps)
        with busy("restored", os.getpid()):
            back_up(shop, path, "shop")
        for _ in steps:
            pass

    restore(shop, path, "shop")


TABLE_LOCKS = {
    "postgresql": ["SELECT * FROM shop_order"],
    "mysql": ["UPDATE shop_order SET note = 'mine'"],
    "sqlite": ["UPDATE shop_order SET note = 'mine'"],
}


def test_restore_gives_up_where_others_hold_its_tables(shop, path):
    back_up(shop, path, "shop")
    vendor = connections[shop].vendor
    with closing(connections[shop].copy()) as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            for sql in TABLE_LOCKS[vendor]:
                cursor.execute(sql)
            session = {"postgresql": "pg_backend_pid()", "mysql": "connection_id()"}.get(vendor)
            named = "database is locked"
            if session:
                cursor.execute(f"SELECT {session}")
                named = f"session {cursor.fetchone()[0]} "
        begun = time.monotonic()
        with refused(
            shop, named, "Gave up after 1 seconds, and nothing", "--wait SECONDS"
        ) as raised:
            restore(shop, path, "shop", wait=1)
        assert isinstance(raised.value, Busy)
        assert 1 <= time.monotonic() - begun < 10
        other.rollback()

    restore(shop, path, "shop", wait=1)


TIMEOUTS = {
    "postgresql": "SELECT current_setting('lock_timeout')",
    "mysql": "SELECT @@lock_wait_timeout, @@innodb_lock_wait_timeout",
    "sqlite": "PRAGMA busy_timeout",
}


def test_schema_change_outside_a_transaction_gives_up_too_and_sets_the_session_back(shop):
    engine = get_engine(connections[shop])
    engine.lock_seconds = 1
    vendor = connections[shop].vendor
    before = engine.fetchall(TIMEOUTS[vendor])
    with closing(connections[shop].copy()) as other:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            for sql in TABLE_LOCKS[vendor]:
                cursor.execute(sql)
        begun = time.monotonic()
        with unchanged(shop), pytest.raises(DatabaseError) as raised, engine.waiting_briefly():
            engine.execute("ALTER TABLE shop_order ADD COLUMN more int")
        assert engine.gave_up_waiting(raised.value)
        assert 1 <= time.monotonic() - begun < 10
        other.rollback()
    assert engine.fetchall(TIMEOUTS[vendor]) == before
    with engine.waiting_briefly():
        assert engine.fetchall(TIMEOUTS[vendor]) != before
    assert engine.fetchall(TIMEOUTS[vendor]) == before


def test_restore_waits_for_a_writer_that_ends(shop, path):
    """On SQLite a lock that is asked for after a read would be refused at once."""
    back_up(shop, path, "shop")
    before = oracle.database_text(shop)
    other = connections[shop].copy()
    other.inc_thread_sharing()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("UPDATE shop_order SET note = 'mine'")
    timer = threading.Timer(0.5, other.commit)
    timer.start()

    restore(shop, path, "shop", wait=WAIT)

    timer.join()
    other.close()
    assert oracle.database_text(shop) == before


def test_after_a_restore_there_are_the_files_rows_and_those_written_since(shop, path):
    back_up(shop, path, "shop")
    restored = set(Category.objects.using(shop).values_list("slug", flat=True))

    with another("insert", shop) as other:
        for _ in range(3):
            time.sleep(0.2)
            restore(shop, path, "shop", wait=WAIT)
        time.sleep(0.2)
        committed = list(map(int, other.finish()))

    found = set(Category.objects.using(shop).values_list("slug", flat=True))
    since = sorted(int(slug.removeprefix("written-")) for slug in found - restored)
    assert found >= restored
    assert since
    assert since == committed[-len(since) :]
    assert len(since) < len(committed)
    Category.objects.using(shop).filter(slug__startswith="written-").delete()


def test_file_that_is_replaced_while_it_is_restored_is_not_mixed_with_the_new_one(shop, path):
    before = oracle.database_text(shop)
    back_up(shop, path, "shop")
    newer = path.with_name("newer.sqlite3")
    Category.objects.using(shop).update(name="newer")
    back_up(shop, newer, "shop")

    class Late(BackupMechanism):
        def restore_table_filter(self, from_table):
            if newer.exists():
                os.replace(newer, path)
            return super().restore_table_filter(from_table)

    steps = Late(path, database=shop, labels=["shop"], migrate=False).restore()
    if connections[shop].vendor == "sqlite":
        # It opens the file a second time, to attach it.
        with unchanged(shop), pytest.raises(InvalidBackup, match="replaced while"):
            list(steps)
        return
    list(steps)
    assert oracle.database_text(shop) == before


# The lock file


def test_lock_file_is_for_its_owner_only_and_goes_with_the_lock(tmp_path):
    old = os.umask(0)
    try:
        with holding(FileLock(tmp_path / "file", "written"), "It", 0):
            (lock,) = tmp_path.iterdir()
            assert (lock.name, stat.S_IMODE(lock.stat().st_mode)) == (".file.lock", 0o600)
    finally:
        os.umask(old)
    assert names(tmp_path) == []


@pytest.mark.parametrize("make", [lambda lock: lock.symlink_to("elsewhere"), os.mkfifo, os.mkdir])
def test_lock_file_is_no_link_and_nothing_else(tmp_path, make):
    make(tmp_path / ".file.lock")
    with (
        pytest.raises(ConfigurationError, match=r"\.file\.lock"),
        holding(FileLock(tmp_path / "file", "written"), "It", 0),
    ):
        pytest.fail("The lock was taken.")
    assert names(tmp_path) == [".file.lock"]


def test_only_one_holds_a_lock_though_each_removes_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PAUSE", 0.001)
    inside, most, turns = [], [], []

    def take_turns():
        for _ in range(100):
            with holding(FileLock(tmp_path / "file", "written"), "It", WAIT):
                inside.append(1)
                most.append(len(inside))
                inside.pop()
                turns.append(1)

    threads = [threading.Thread(target=take_turns) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (max(most), len(turns), names(tmp_path)) == (1, 400, [])


def test_shared_lock_stays_until_the_last_of_its_holders_ends(tmp_path):
    locks = [FileLock(tmp_path / "file", "backed up", shared=True) for _ in range(2)]
    writer = FileLock(tmp_path / "file", "restored")
    assert [lock.acquire() for lock in locks] == [True, True]
    assert not writer.acquire()
    locks[0].release()
    assert not writer.acquire()
    locks[1].release()
    assert writer.acquire()
    assert [owner.doing for owner in writer.find_owners()] == ["restored"]
    writer.release()
    assert names(tmp_path) == []


# The commands


@pytest.fixture
def project(tmp_path):
    return shops.Project(tmp_path)


def test_command_names_the_other_and_waits_as_long_as_it_is_told(project):
    with project.waiting("sqlitebackup") as other:
        named = f"by process {other.pid} on"
        at_once = project.run("sqlitebackup")
        later = project.run("sqliterestore", "--no-input", "--wait", "0.3")
    assert (at_once.code, later.code) == (1, 1)
    assert f'CommandError: "{project.backup}" is being written {named}' in at_once.err
    assert f'CommandError: The database "default" is being backed up {named}' in later.err
    assert "Gave up after 0.3 seconds." in later.err
    assert project.run("sqliterestore", "--no-input", "--wait", "5").code == 0


@pytest.mark.parametrize("wait", ["-1", "nan", "inf"])
def test_no_time_to_wait_is_an_error(project, wait):
    done = project.run("sqlitebackup", "--wait", wait)
    assert (done.code, "is no time to wait" in done.err) == (1, True)
