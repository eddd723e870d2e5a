"""One world per engine: a database, its past at every state, and processes to change it."""

import os
from pathlib import Path

import pytest
from django.conf import settings

from tests import engines
from tests.revisions.history import Process, write_code
from tests.revisions.stores import STORES

RUN = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
ALIASES = {engine: alias for alias, engine in engines.ALIASES.items()}


class Codes:
    """The project's code at each state, written at its first use."""

    def __init__(self, folder):
        self.folder = folder
        self.written = {}

    def get(self, state, squash="parts", removed=()):
        key = (state, squash, tuple(removed))
        if key not in self.written:
            name = "_".join(map(str, [state, squash, len(self.written)]))
            self.written[key] = write_code(self.folder / name, state, squash, removed)
        return self.written[key]


class World:
    """One engine's database and everything that ever happened to it."""

    def __init__(self, engine, folder, codes, name="revisions"):
        self.engine = engine
        self.folder = folder
        self.codes = codes
        self.processes = {}
        self.pasts = {}
        self.files = {}
        database = dict(settings.DATABASES[ALIASES[engine]])
        database.pop("TEST", None)
        database["NAME"] = f"test_sqlite_backup_{name}_{RUN}"
        if engine == "sqlite":
            database["NAME"] = str(folder / "live.sqlite3")
        self.database = database
        self.store = STORES[engine](database, folder)
        self.store.create()

    def at(self, state, squash="parts", **settings):
        """Return a process that runs the code of a state."""
        key = (state, squash, repr(settings))
        if key not in self.processes:
            log = self.folder / f"process{len(self.processes)}.log"
            code = self.codes.get(state, squash)
            self.processes[key] = Process(code, self.database, log, **settings)
        return self.processes[key]

    def live_through(self, state):
        """Return the saved database that has come to a state by `migrate` and use alone."""
        if state not in self.pasts:
            if state == 1:
                self.store.clear()
            else:
                self.store.load(self.live_through(state - 1))
            self.migrate(state)
            self.at(state).execute("import fill; fill.fill()").check()
            self.pasts[state] = self.store.save()
        return self.pasts[state]

    def begin(self, state):
        """Let the database be as it was at a state; 0 is a database without tables."""
        if state:
            self.store.load(self.live_through(state))
        else:
            self.store.clear()

    def migrate(self, state, squash="parts"):
        return self.at(state, squash).run("migrate", "--run-syncdb", "-v0").check()

    def get_file(self, state, code=None):
        """Return the backup of the database as it was at a state, by the code of some state."""
        code = code or state
        if (state, code) not in self.files:
            self.begin(state)
            path = self.folder / f"file_{state}_by_{code}.sqlite3"
            self.at(code).run("sqlitebackup", "--file", path).check()
            self.files[state, code] = path
        return self.files[state, code]

    def read(self):
        return self.store.read()

    def destroy(self):
        for process in self.processes.values():
            process.close()
        self.store.destroy()


class Worlds:
    """The worlds of this test run, by engine, each made at its first use."""

    def __init__(self, folder, name="revisions"):
        self.folder = folder
        self.name = name
        (folder / "code").mkdir()
        self.codes = Codes(folder / "code")
        self.made = {}

    def get(self, engine):
        reason = engines.why_not(engine)
        if reason:
            is_failure = os.environ.get("CI") and engine in engines.wanted()
            refuse = pytest.fail if is_failure else pytest.skip
            refuse(f"{engine} is not tested: {reason}")
        if engine not in self.made:
            folder = self.folder / engine
            folder.mkdir()
            self.made[engine] = World(engine, folder, self.codes, self.name)
        return self.made[engine]

    def destroy(self):
        for world in self.made.values():
            world.destroy()


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    worlds = Worlds(Path(tmp_path_factory.mktemp("revisions")))
    yield worlds
    worlds.destroy()


@pytest.fixture(scope="session")
def codes(worlds):
    """The project's code at each state."""
    return worlds.codes


@pytest.fixture(params=engines.ENGINES)
def world(request, worlds):
    """The world of each engine in turn."""
    return worlds.get(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def undoing_world(request, worlds):
    """The world of each engine that undoes schema changes with their transaction."""
    return worlds.get(request.param)


@pytest.fixture
def sqlite_world(worlds):
    return worlds.get("sqlite")


@pytest.fixture
def postgresql_world(worlds):
    return worlds.get("postgresql")


@pytest.fixture
def mysql_world(worlds):
    return worlds.get("mysql")
