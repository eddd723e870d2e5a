"""Test databases that are really committed to, one per engine, and the engines' roll call.

pytest-django's own `db` fixtures are not used: they wrap a test into a transaction, and the
package opens connections of its own, which would see nothing of it.
"""

import inspect
import os
import signal

import pytest
from django.conf import settings
from django.db import connections

from tests import engines

# Where the tests were started in the background ^C is ignored, and processes would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RUN = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"


class Databases:
    """Makes the test database of an alias at its first use, and removes all of them at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.old_names = {}
        self.ready = set()

    def use(self, alias):
        """Return `alias` with its test database ready, or skip the test (with `CI` set: fail)."""
        engine = engines.ALIASES.get(alias, "sqlite")
        reason = engines.why_not(engine)
        if reason:
            is_failure = os.environ.get("CI") and engine in engines.wanted()
            refuse = pytest.fail if is_failure else pytest.skip
            refuse(f"{alias} is not tested: {reason}")
        if alias not in self.old_names:
            self.create(alias)
        if alias not in self.ready:
            # Without this check, a second test would run on a database that is not a test's.
            pytest.fail(f"The test database of {alias} could not be made: see the first failure.")
        return alias

    def create(self, alias):
        connection = connections[alias]
        self.old_names[alias] = connection.settings_dict["NAME"]
        name = f"test_sqlite_backup_{alias}_{RUN}"
        if connection.vendor == "sqlite":
            # In memory, which is Django's default, no second connection could open it.
            name = str(self.folder / f"{name}.sqlite3")
        connection.settings_dict["TEST"]["NAME"] = name
        options = {"verbosity": 0, "autoclobber": True}
        # Django up to 6.0 copies the new database into memory unless told not to.
        signature = inspect.signature(connection.creation.create_test_db)
        if signature.parameters["serialize"].default is True:
            options["serialize"] = False
        connection.creation.create_test_db(**options)
        self.ready.add(alias)

    def destroy(self):
        for alias, old_name in self.old_names.items():
            connection = connections[alias]
            # The name is another one only once there is a test database to remove.
            if connection.settings_dict["NAME"] != old_name:
                connection.creation.destroy_test_db(old_name, verbosity=0)
            connection.close()


@pytest.fixture(scope="session")
def databases(tmp_path_factory, django_db_blocker):
    """The `Databases` of this process; `databases.use(alias)` readies one of them."""
    databases = Databases(tmp_path_factory.mktemp("databases"))
    with django_db_blocker.unblock():
        yield databases
        databases.destroy()


@pytest.fixture(params=engines.ALIASES)
def alias(request, databases):
    """Each live alias in turn. What is in its tables is whatever the test before left there."""
    return databases.use(request.param)


@pytest.fixture(params=engines.ALIASES)
def from_alias(request, databases):
    """The alias that is backed up, where another one is restored to."""
    return databases.use(request.param)


@pytest.fixture(params=engines.ALIASES)
def to_alias(request, databases):
    """The alias that is restored to, where another one was backed up."""
    return databases.use(request.param)


@pytest.fixture
def filled(alias):
    """Each live alias in turn, with the zoo's rows in it."""
    fill_zoo(alias)
    return alias


def fill_zoo(alias):
    from zoo import fill

    fill.clear(alias)
    fill.fill(alias)


@pytest.fixture
def backup_path(tmp_path, databases):
    """The path of the alias `backup`, where no file is yet."""
    path = tmp_path / "backup.sqlite3"
    database = settings.DATABASES["backup"]
    old_name, database["NAME"] = database["NAME"], path
    connections["backup"].close()
    yield path
    connections["backup"].close()
    database["NAME"] = old_name


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("engines")
    for engine in engines.ENGINES:
        reason = engines.why_not(engine)
        verdict = f"NOT tested: {reason}" if reason else "tested"
        terminalreporter.write_line(f"{engine}: {verdict}")
