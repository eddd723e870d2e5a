"""What goes with the rows and tables that a restore replaces, and is in no backup."""

from collections.abc import Iterator, Sequence, Set

from .engines.base import Engine
from .engines.dependents import find_dependents
from .tables import Table


def find_lost(
    engine: Engine, present: Sequence[Table], replaced: Sequence[Table], dropped: Set[str]
) -> Iterator[str]:
    """Yield it, such as "column shop.Order.hidden" or "view v".

    Args:
        engine: that of the live database.
        present: the live tables, as the recorded migrations describe them.
        replaced: those that lose rows.
        dropped: the names of those that are dropped, also of some that no model is known of.
    """
    yield from (f"column {name}" for name in engine.find_unknown_columns(replaced))
    yield from find_dependents(engine.connection, dropped)
    # Of another project, or of a migration that failed half-way.
    for name in sorted(dropped - {table.name for table in present}):
        ((rows,),) = engine.fetchall(f"SELECT count(*) FROM {engine.quote(name)}")
        if rows:
            yield f"table {name} ({rows:,} rows), which no recorded migration made"
