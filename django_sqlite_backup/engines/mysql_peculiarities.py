"""What MySQL's tables do of their own accord, or cannot do."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from django_sqlite_backup.tables import Table

from .mysql_rights import describe_blindness

if TYPE_CHECKING:
    from .mysql import MySQLEngine

INSERTING = "Triggers that MySQL cannot turn off act on each restored row"
DELETING = "Triggers that MySQL cannot turn off act on each deleted row"
NO_TRANSACTIONS = "Without transactions, so not undone where the restore fails"

TRIGGERS = (
    "SELECT trigger_name, event_object_table FROM information_schema.triggers"
    " WHERE event_object_schema = DATABASE() AND event_manipulation = '{event}'"
    " AND event_object_table IN ({marks})"
)
WITHOUT_TRANSACTIONS = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    " AND engine NOT IN ('InnoDB', 'RocksDB') AND table_name IN ({marks})"
)


def find_of(
    engine: "MySQLEngine", sql: str, tables: Sequence[Table], event: str = ""
) -> list[tuple[str, ...]]:
    """Return what a query finds of some tables, sorted."""
    names = [table.name for table in tables]
    marks = ", ".join(["%s"] * len(names)) or "NULL"
    return sorted(engine.fetchall(sql.format(marks=marks, event=event), names))


def find_without_transactions(engine: "MySQLEngine", tables: Sequence[Table]) -> list[str]:
    """Return the names of the tables that no transaction covers, as those of MyISAM."""
    return [name for (name,) in find_of(engine, WITHOUT_TRANSACTIONS, tables)]


def describe_unsteady(engine: "MySQLEngine", tables: Sequence[Table]) -> Iterator[str]:
    """Yield a sentence on the tables that are no part of a snapshot."""
    if names := find_without_transactions(engine, tables):
        yield (
            "Without transactions, so no part of the snapshot: what is written meanwhile to "
            f"{', '.join(names)} may be in the file in part."
        )


def find_peculiarities(
    engine: "MySQLEngine", filled: Sequence[Table], emptied: Sequence[Table]
) -> Iterator[tuple[str, str]]:
    """Yield each promise of a restore that is broken, and by what."""
    for sentence, event, tables in ((INSERTING, "INSERT", filled), (DELETING, "DELETE", emptied)):
        for trigger, name in find_of(engine, TRIGGERS, tables, event):
            yield sentence, f"{trigger} of {name}"
    for name in find_without_transactions(engine, emptied):
        yield NO_TRANSACTIONS, name


def describe_peculiarities(
    engine: "MySQLEngine", filled: Sequence[Table], emptied: Sequence[Table]
) -> Iterator[str]:
    """Yield sentences on them, without those that this engine has told before."""
    found = [*find_peculiarities(engine, filled, emptied)]
    found += [(sentence, "") for sentence in describe_blindness(engine)]
    untold = [pair for pair in found if pair not in engine.told]
    engine.told.update(untold)
    for sentence, group in groupby(untold, lambda pair: pair[0]):
        names = ", ".join(name for _, name in group)
        yield f"{sentence}: {names}." if names else sentence
