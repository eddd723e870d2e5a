"""The session of PostgreSQL in which values are copied: their texts depend on its settings."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg

from .base import Engine
from .postgresql_types import refusing_inexact_intervals

SESSION = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    # As pg_dump does: a long copy is no runaway statement, and rows that a policy hides from
    # this role are an error, not rows that are missing.
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
    "row_security": "off",
    "synchronize_seqscans": "off",
}
"""What a session is set to, beside the time zone, until its transaction ends.

Servers before 17 have no `transaction_timeout`.
"""
CONFIGURE = """
SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL
"""


class PostgreSQLSession(Engine):
    """Sets the session, and gives a caller's its own settings back."""

    @property
    def raw(self) -> "psycopg.Connection[Any]":
        self.connection.ensure_connection()
        connection: psycopg.Connection[Any] = self.connection.connection
        return connection

    @property
    def is_portable(self) -> bool:
        """Whether values go through Python."""
        return type(self).get_reader is Engine.get_reader

    def set_session(self) -> None:
        """Fix, until the transaction ends, what the text of a value depends on."""
        # Django's converters, by which a portable engine reads, expect the alias's own zone.
        utc = self.uses_time_zones and not self.is_portable
        zone = "UTC" if utc else self.connection.timezone_name
        self.configure({**SESSION, "TimeZone": zone})

    def configure(self, settings: dict[str, str]) -> None:
        """Set, until the transaction ends, those that this server has."""
        self.fetchall(CONFIGURE, [list(settings), list(settings.values())])

    @contextmanager
    def own_session(self) -> Iterator[None]:
        """What follows in the same transaction, migrations say, has the caller's settings again."""
        names = [*SESSION, "TimeZone", "lock_timeout"]
        calls = ", ".join(["current_setting(%s, true)"] * len(names))
        (values,) = self.fetchall(f"SELECT {calls}", names)
        self.set_session()
        with self.reading_exactly():
            yield
        self.configure(dict(zip(names, values, strict=True)))

    @property
    def uses_time_zones(self) -> bool:
        return self.connection.timezone is not None

    @contextmanager
    def reading_exactly(self) -> Iterator[None]:
        """Let a portable engine fail where the driver's value would not be the same."""
        with refusing_inexact_intervals(self.raw) if self.is_portable else nullcontext():
            yield
