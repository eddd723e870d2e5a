"""Commands that are killed, at moments of every kind and at any time, and what they leave."""

import os
import random
import re
import time
from contextlib import closing

from tests import files

KILLS = int(os.environ.get("FAULTS_KILLS", 40))
SEED = int(os.environ.get("FAULTS_SEED", 1))
PATIENCE = 60
ALONE = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()",
    "mysql": "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()",
}


def kill_often(world, code, number, prepare, *, seed=SEED):
    """Run a command again and again, kill it each time, and yield a text on when that was.

    `prepare()` is called before each run, and returns the arguments. Every kind of moment has its
    turn as far as the number goes, and every second run is killed by the clock.
    """
    by_chance = random.Random(seed)
    process = world.at(code)
    names = process.list_moments(world.folder / "moments.json", *prepare())
    whole = process.kill(*prepare())["seconds"]
    moments = choose_moments(names, by_chance, number // 2)
    for moment in moments:
        process.kill(*prepare(), kill_at=moment)
        wait_until_alone(world)
        yield f"seed {seed}, killed at moment {moment}, {names[moment]}"
    for _ in range(number - len(moments)):
        seconds = by_chance.uniform(0, whole * 1.05)
        process.kill(*prepare(), after=seconds)
        wait_until_alone(world)
        yield f"seed {seed}, killed after {seconds:.4f} s of {whole:.4f}"


def choose_moments(names, by_chance, number):
    """Return as many moments as asked for, in random order: the last of each name, then others."""
    last = {name: moment for moment, name in enumerate(names)}
    others = sorted(set(range(len(names))) - set(last.values()))
    by_chance.shuffle(others)
    kinds = sorted(last.values(), reverse=True)
    chosen = [*kinds, *others][:number]
    by_chance.shuffle(chosen)
    return chosen


def wait_until_alone(world):
    """Wait until the server has noticed that a client is gone, and undone what it was doing."""
    if world.engine == "sqlite":
        return
    end = time.monotonic() + PATIENCE
    while count_clients(world) > 1:
        assert time.monotonic() < end, "The server has not noticed that its client is gone."
        time.sleep(0.005)


def count_clients(world):
    """Return how many clients the database has, this one included."""
    with (
        closing(world.store.opener(world.database)) as engine,
        closing(engine.connection.cursor()) as cursor,
    ):
        cursor.execute(ALONE[world.engine])
        return int(cursor.fetchone()[0])


def is_whole(path):
    """Return whether a backup is, byte for byte, as it was sealed, and SQLite finds it sound."""
    data = path.read_bytes()
    return data[files.find_digest(data)].decode() == files.hash_file(data) and files.execute(
        path, "PRAGMA integrity_check"
    ) == [("ok",)]


def dump(path):
    """Return a backup's lines of SQL, but for the moment at which it was made."""
    own = re.compile(r"INSERT INTO .django_sqlite_backup_(checksum.|manifest. VALUES\('created')")
    return [line for line in files.dump(path) if not own.match(line)]


def list_partial(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(".partial"))
