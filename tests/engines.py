"""Which engines the tests ask for, and which of them answer."""

import functools
import importlib.util
import os

ENGINES = ("sqlite", "postgresql", "mysql")
ALIASES = {"default": "sqlite", "postgresql": "postgresql", "mysql": "mysql"}
DRIVERS = {"sqlite": "sqlite3", "postgresql": "psycopg", "mysql": "MySQLdb"}


def driver_is_installed(engine):
    return importlib.util.find_spec(DRIVERS[engine]) is not None


def wanted():
    """Every engine, unless `TEST_ENGINES=sqlite,mysql` names those that are wanted."""
    named = os.environ.get("TEST_ENGINES")
    return ENGINES if named is None else tuple(filter(None, named.split(",")))


@functools.cache
def why_not(engine):
    """Return "" for an engine that answers, or the reason why it cannot be tested."""
    if engine not in wanted():
        return "not named in TEST_ENGINES"
    if not driver_is_installed(engine):
        return f"the driver {DRIVERS[engine]} is not installed"
    return {"postgresql": refusal_of_postgresql, "mysql": refusal_of_mysql}.get(engine, str)()


def refusal_of_postgresql():
    import psycopg

    from testproject.settings import POSTGRESQL as settings

    try:
        psycopg.connect(
            host=settings["HOST"],
            port=settings["PORT"] or None,
            user=settings["USER"],
            password=settings["PASSWORD"] or None,
            dbname="postgres",
            connect_timeout=5,
        ).close()
    except psycopg.OperationalError as error:
        return str(error).splitlines()[0]
    return ""


def refusal_of_mysql():
    import MySQLdb

    from testproject.settings import MYSQL as settings

    try:
        MySQLdb.connect(
            host=settings["HOST"],
            port=int(settings["PORT"] or 3306),
            user=settings["USER"],
            password=settings["PASSWORD"],
            connect_timeout=5,
        ).close()
    except MySQLdb.OperationalError as error:
        return str(error)
    return ""
