"""Rows that a unique constraint of the live database takes for the same."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from .column_types import ColumnType
from .engines.base import Engine
from .folding import folded_sql, register_fold
from .live_constraints import LiveConstraints, get_named_columns, get_unique_columns
from .misfits import SHOWN_ROWS, Misfit, make_rows
from .rows import shortened
from .tables import Table
from .validation import OpenedBackup

REASON = "is there more than once, and must be unique"
BATCH_ROWS = 200
"""Their numbers stay below `group_concat_max_len`."""


def find_duplicates(
    engine: Engine,
    file: OpenedBackup,
    table: Table,
    types: Mapping[str, ColumnType],
    constraints: LiveConstraints,
) -> Iterator[Misfit]:
    """Yield the rows of a table that are equal where the live database wants them to differ."""
    register_fold(file.raw)
    for names in get_unique_columns(table):
        collated = [types[name] for name in names if types[name].collation is not None]
        if not collated and is_unique_in_file(file, table, names):
            continue
        found = Duplicates(engine, file, table, names, types).find()
        first = list(islice(found, SHOWN_ROWS))
        if first and constraints.is_unique(table, names):
            yield make_misfit(table, names, first, found)


def find_refused(
    engine: Engine,
    file: OpenedBackup,
    table: Table,
    types: Mapping[str, ColumnType],
    said: str,
) -> Iterator[Misfit]:
    """Yield the rows that are equal in the columns of the live index which a refusal names."""
    register_fold(file.raw)
    for names in get_named_columns(engine.connection, table, said):
        found = Duplicates(engine, file, table, names, types).find()
        if first := list(islice(found, SHOWN_ROWS)):
            yield make_misfit(table, names, first, found)


def make_misfit(
    table: Table, names: Sequence[str], first: list[tuple[Any, ...]], rest: Iterator[Any]
) -> Misfit:
    """Return what names the first of the rows that are equal, and counts the rest."""
    shown = make_rows(first, len(table.primary_key) or 1)
    count = len(first) + sum(1 for _ in rest)
    return Misfit(table.label, ", ".join(names), REASON, count, shown)


def is_unique_in_file(file: OpenedBackup, table: Table, names: tuple[str, ...]) -> bool:
    """Return whether the file itself cannot hold a duplicate."""
    name = file.quote(table.name)
    keys = {row[1] for row in file.raw.execute(f"PRAGMA table_info({name})") if row[5]}
    indexes = [
        {row[2] for row in file.raw.execute(f"PRAGMA index_info({file.quote(index[1])})")}
        for index in file.raw.execute(f"PRAGMA index_list({name})").fetchall()
        if index[2] and not index[4]
    ]
    return set(names) in [keys, *indexes]


class Duplicates:
    """Rows of one table that are equal in some columns."""

    def __init__(
        self,
        engine: Engine,
        file: OpenedBackup,
        table: Table,
        names: tuple[str, ...],
        types: Mapping[str, ColumnType],
    ) -> None:
        self.engine, self.file, self.table = engine, file, table
        self.types = [types[name] for name in names]
        self.quoted = [file.quote(name) for name in names]
        self.folded = [
            folded_sql(name, live) for name, live in zip(self.quoted, self.types, strict=True)
        ]

    def find(self) -> Iterator[tuple[Any, ...]]:
        """Yield key and values of each row that has an equal, equal ones in succession."""
        groups = groupby(self.select(), lambda row: row[: len(self.folded)])
        for _, members in groups:
            rows = [row[len(self.folded) :] for row in members]
            yield from self.confirm(rows) if any(t.collation for t in self.types) else rows

    def select(self) -> Iterator[tuple[Any, ...]]:
        """Yield folded values, key and values of each row that may have an equal."""
        source = self.file.quote(self.table.name)
        folded = ", ".join(self.folded)
        given = " AND ".join(f"{name} IS NOT NULL" for name in self.quoted)
        keys = [self.file.quote(name) for name in self.table.primary_key] or ["rowid"]
        cells = ", ".join([folded, *keys, *map(shortened, self.quoted)])
        return iter(
            self.file.raw.execute(
                f"SELECT {cells} FROM {source} WHERE ({folded}) IN (SELECT {folded} FROM {source}"
                f" WHERE {given} GROUP BY {folded} HAVING count(*) > 1) ORDER BY {folded}, rowid"
            )
        )

    def confirm(self, rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Yield those of the rows that the server finds equal to another of them."""
        for start in range(0, len(rows), BATCH_ROWS):
            batch = rows[start : start + BATCH_ROWS]
            cells = ", ".join(
                f"CONVERT(%s USING {live.collation.partition('_')[0]}) COLLATE {live.collation}"
                f" AS c{number}"
                if live.collation
                else f"%s AS c{number}"
                for number, live in enumerate(self.types)
            )
            union = " UNION ALL ".join(f"SELECT {n} AS n, {cells}" for n in range(len(batch)))
            names = ", ".join(f"c{number}" for number in range(len(self.types)))
            params = [cell for row in batch for cell in row[-len(self.types) :]]
            for (numbers,) in self.engine.fetchall(
                f"SELECT GROUP_CONCAT(n ORDER BY n) FROM ({union}) t GROUP BY {names}"
                " HAVING count(*) > 1",
                params,
            ):
                yield from (batch[int(number)] for number in str(numbers).split(","))
