"""The live databases: one engine for each kind that has a fast path, and one for all others."""

from importlib import import_module

from django.db.backends.base.base import BaseDatabaseWrapper

from .base import Engine

FAST = {
    "sqlite": ("sqlite", "SQLiteEngine"),
    "postgresql": ("postgresql", "PostgreSQLEngine"),
    "mysql": ("mysql", "MySQLEngine"),
}

TRANSPORT = ("dump_table", "fetch", "get_reader", "get_to_live", "load_table")
"""The methods of `Engine` that carry values."""


def get_engine(connection: BaseDatabaseWrapper, *, portable: bool = False) -> Engine:
    """Return the engine for a connection, by its vendor.

    With `portable` the values go the way of `Engine`, in Python, and all else stays. The module of
    an engine is imported only when it is used: it needs the engine's driver.
    """
    if connection.vendor not in FAST:
        return Engine(connection)
    module, name = FAST[connection.vendor]
    engine: type[Engine] = getattr(import_module(f".{module}", __name__), name)
    if portable:
        own = {"fetch"} if engine.buffers_results else set()
        methods = {method: getattr(Engine, method) for method in TRANSPORT if method not in own}
        engine = type(f"Portable{name}", (engine,), methods)
    return engine(connection)
