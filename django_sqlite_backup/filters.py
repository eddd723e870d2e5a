"""The filters that a project overrides, asked for an answer that is one."""

from typing import TYPE_CHECKING

from .exceptions import ConfigurationError, explaining
from .tables import Table

if TYPE_CHECKING:
    from .mechanism import BackupMechanism


def ask_filter(mechanism: "BackupMechanism", name: str, table: Table) -> bool:
    """Return what a filter says of a table; raise `ConfigurationError` unless it says so."""
    with explaining(f"asking {name} for {table.label}"):
        answer = getattr(mechanism, name)(table)
    if not isinstance(answer, bool):
        raise ConfigurationError(
            f'{name} returned "{answer}" for {table.label}. Return True or False.'
        )
    return answer
