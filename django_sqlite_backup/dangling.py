"""Foreign keys that would refer to nothing: in the file, or between it and the rows that stay."""

from collections.abc import Callable, Iterator, Sequence

from .backup_file import BackupFile
from .column_types import ColumnType
from .engines.base import Engine
from .folding import fold_texts_sql, folded_sql, register_fold
from .live_constraints import LiveConstraints, is_enforced
from .misfits import SHOWN_ROWS, Misfit, make_rows
from .rows import Rows
from .tables import Column, Table
from .validation import OpenedBackup
from .verification import FILE, Verifier, verifying


def get_reference(table: Table, column: Column, among: Sequence[Table]) -> Table | None:
    """Return which of the tables an enforced foreign key refers to, if it has its column."""
    if column.references is None or not is_enforced(table, column):
        return None
    name, target = column.references
    return next(
        (
            other
            for other in among
            if other.name == name and any(own.name == target for own in other.columns)
        ),
        None,
    )


def get_references(
    tables: Sequence[Table], among: Sequence[Table]
) -> Iterator[tuple[Table, Column, Table]]:
    """Yield the foreign keys of some tables that refer to some others."""
    for table in tables:
        for column in table.writable:
            target = get_reference(table, column, among)
            if target is not None:
                yield table, column, target


def dangle_sql(
    file: BackupFile, column: Column, types: Sequence[ColumnType], target: Table, schema: str
) -> str:
    """Return SQL for a key that its target does not have.

    One that a live collation may find equal is had: in doubt the engine is to judge. `types` are
    those of the live columns, of the key and of what it refers to.
    """
    assert column.references is not None
    equates = any(live.equates for live in types)
    own, its = (
        fold_texts_sql(name) if equates else folded_sql(name, types[0])
        for name in map(file.quote, (column.name, column.references[1]))
    )
    source = f"{schema}.{file.quote(target.name)}"
    return (
        f"{own} IS NOT NULL AND {own} NOT IN (SELECT {its} FROM {source} WHERE {its} IS NOT NULL)"
    )


def get_types(
    get_type: Callable[[Table, Column], ColumnType], table: Table, column: Column, target: Table
) -> list[ColumnType]:
    """Return the types of a key and of the column that it refers to."""
    assert column.references is not None
    (its,) = (own for own in target.columns if own.name == column.references[1])
    return [get_type(table, column), get_type(target, its)]


def find_dangling(
    file: OpenedBackup,
    table: Table,
    tables: Sequence[Table],
    get_type: Callable[[Table, Column], ColumnType],
    constraints: LiveConstraints,
) -> Iterator[Misfit]:
    """Yield the keys of a table that no row of the file has."""
    register_fold(file.raw)
    for _, column, target in get_references([table], tables):
        where = dangle_sql(file, column, get_types(get_type, table, column, target), target, "main")
        reason = f"is in no row of {target.label}"
        yield from tell(Rows(file, table), table, column, where, reason, constraints)


def tell(
    rows: Rows,
    table: Table,
    column: Column,
    where: str,
    reason: str,
    constraints: LiveConstraints,
) -> Iterator[Misfit]:
    if rows.exist(where) and constraints.has_foreign_key(table, column):
        shown = make_rows(rows.get([column], where, SHOWN_ROWS), len(rows.keys))
        yield Misfit(table.label, column.name, reason, rows.count(where), shown)


class KeptRows:
    """The keys between what is restored and the live rows that stay, read into a scratch database.

    No engine has seen to these together: they are always looked at.
    """

    def __init__(
        self,
        engine: Engine,
        file: OpenedBackup,
        restored: Sequence[Table],
        kept: Sequence[Table],
        get_type: Callable[[Table, Column], ColumnType],
        constraints: LiveConstraints,
    ) -> None:
        self.engine, self.file = engine, file
        self.restored, self.kept = restored, kept
        self.get_type = get_type
        self.constraints = constraints

    def find(self) -> Iterator[Misfit]:
        """Yield what refers to a row that is not there on the other side."""
        outgoing = list(get_references(self.restored, self.kept))
        incoming = list(get_references(self.kept, self.restored))
        needed: dict[str, set[str]] = {}
        for table, column, _ in incoming:
            needed.setdefault(table.name, set()).update([*table.primary_key, column.name])
        for _, column, target in outgoing:
            assert column.references is not None
            needed.setdefault(target.name, set()).update(
                [*target.primary_key, column.references[1]]
            )
        if not needed:
            return
        read = [
            table.with_columns(sorted(needed[table.name]))
            for table in self.kept
            if table.name in needed
        ]
        with (
            self.engine.snapshot(None, read) as snapshot,
            verifying(snapshot, self.file.path) as verifier,
        ):
            register_fold(verifier.scratch.raw)
            for table in read:
                self.load(verifier, table)
            for reference in outgoing:
                yield from self.compare(verifier, *reference, FILE, "main")
            for reference in incoming:
                yield from self.compare(verifier, *reference, "main", FILE)

    def load(self, verifier: Verifier, table: Table) -> None:
        """Copy some columns of a live table into the scratch database."""
        types = {column.name: "" for column in table.columns}
        verifier.scratch.create_table(table, types, set())
        for _ in verifier.engine.dump_table(table, verifier.scratch):
            pass

    def compare(
        self, verifier: Verifier, table: Table, column: Column, target: Table, own: str, its: str
    ) -> Iterator[Misfit]:
        """Yield the keys in one database that the other has not."""
        types = get_types(self.get_type, table, column, target)
        where = dangle_sql(verifier.scratch, column, types, target, its)
        reason = "is in no row that stays of" if own == FILE else "stays, and would be in no row of"
        rows = Rows(verifier.scratch, table, own)
        # A table that stays is there, whatever is to be migrated.
        known = LiveConstraints(self.engine.connection) if own == "main" else self.constraints
        yield from tell(rows, table, column, where, f"{reason} {target.label}", known)
