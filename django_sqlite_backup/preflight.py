"""What of a file will not go into the live database, found before anything is touched.

All is read by SQLite: one scan of a table says whether there is anything at all, and only then is
it asked what. The engine remains the judge of what cannot be known beforehand.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from .column_types import ColumnType, get_field_type
from .dangling import KeptRows, find_dangling
from .duplicates import find_duplicates, find_refused
from .engines.base import Engine
from .engines.lines import register_functions
from .engines.live_columns import get_live_columns
from .fitness import Cell, Condition, has_lone_surrogate
from .live_constraints import LiveConstraints
from .misfits import SHOWN_ROWS, Misfit, make_rows
from .revisions import Revisions
from .rows import Rows
from .stored_forms import get_declared_type, get_form
from .tables import Column, Table
from .validation import OpenedBackup

if TYPE_CHECKING:
    from .mechanism import BackupMechanism

GROUP = 50


class Preflight:
    """Holds the rows of a file against the columns that they are to go into.

    Args:
        tables: those that are filled.
        kept: live tables that keep their rows, and have them as they are when others go in.
        is_at_revision: whether the live columns already are those that the rows go into. Where
            they are not, what the fields say of them must do.
    """

    def __init__(
        self,
        engine: Engine,
        file: OpenedBackup,
        tables: Sequence[Table],
        kept: Sequence[Table],
        *,
        is_at_revision: bool,
    ) -> None:
        self.engine, self.live = engine, engine.connection
        self.file = file
        self.tables, self.kept = tables, kept
        self.is_at_revision = is_at_revision
        self.is_trusted = False
        """Whether what the engine of origin has seen to is not looked at again."""
        self.constraints = LiveConstraints(self.live if is_at_revision else None)

    @cached_property
    def live_columns(self) -> dict[tuple[str, str], ColumnType]:
        return get_live_columns(self.live) if self.is_at_revision else {}

    def find(self, *, complete: bool) -> Iterator[Misfit]:
        """Yield everything that will not go in.

        Unless `complete`, what the engine of origin has seen to is taken on trust where this one
        is of the same kind: values of columns that are alike, keys among the tables of the file.
        """
        is_own = self.file.manifest.engine == self.live.vendor
        self.is_trusted = is_own and not complete and not self.file.differences
        register_functions(self.file.raw)
        self.file.raw.create_function("has_lone_surrogate", 1, has_lone_surrogate)
        for table in self.tables:
            if self.file.manifest.tables[table.name].rows:
                yield from self.find_values(table)
                if not self.is_trusted:
                    types = {column.name: self.get_type(table, column) for column in table.columns}
                    yield from find_duplicates(
                        self.engine, self.file, table, types, self.constraints
                    )
                    yield from find_dangling(
                        self.file, table, self.tables, self.get_type, self.constraints
                    )
        tables = (self.tables, self.kept)
        yield from KeptRows(self.engine, self.file, *tables, self.get_type, self.constraints).find()

    def find_refused(self, said: str) -> Iterator[Misfit]:
        """Yield the rows that are equal in a unique index, of no model maybe, which is named so."""
        for table in self.tables if self.is_at_revision else ():
            types = {column.name: self.get_type(table, column) for column in table.columns}
            yield from find_refused(self.engine, self.file, table, types, said)

    def find_values(self, table: Table) -> Iterator[Misfit]:
        """Yield the values of a table that their columns cannot take."""
        declared = self.file.get_columns(table.name)
        found = [
            (column, condition)
            for column in table.writable
            for condition in self.get_conditions(table, column, declared[column.name])
        ]
        rows = Rows(self.file, table)
        if not found or not rows.exist(join_conditions([condition.sql for _, condition in found])):
            return
        for column, condition in found:
            count = rows.count(condition.sql)
            if count and (not condition.is_check or self.constraints.has_check(table, column)):
                cells = rows.get([column], condition.sql, SHOWN_ROWS)
                shown = make_rows(cells, len(rows.keys))
                yield Misfit(table.label, column.name, condition.reason, count, shown)

    def get_conditions(self, table: Table, column: Column, declared: str) -> Iterator[Condition]:
        live = self.get_type(table, column)
        if self.is_trusted and self.is_alike(column, declared, live):
            return
        yield from Cell(
            sql=self.file.quote(column.name),
            type=live,
            form=get_form(column.field, self.live),
            vendor=self.live.vendor,
            refuses_nul=bool(self.live.features.prohibits_null_characters_in_text_exception),
            is_positive=column.field.get_internal_type().startswith("Positive"),
        ).find_conditions()

    def get_type(self, table: Table, column: Column) -> ColumnType:
        live = self.live_columns.get((table.name.casefold(), column.name.casefold()))
        return live or get_field_type(column.field, self.live, null=column.null)

    def is_alike(self, column: Column, declared: str, live: ColumnType) -> bool:
        """Return whether a column is as its model makes it, here and where the file was made."""
        form = get_form(column.field, self.live)
        usual = get_declared_type(column.field, form, self.live, self.file.connection)
        own = get_field_type(column.field, self.live, null=column.null)
        texts_aside = live._replace(collation=None, equates=own.equates)
        return declared.lower() == usual.lower() and texts_aside == own


def can_be_known(mechanism: "BackupMechanism", revisions: Revisions | None) -> bool:
    """Return whether there is a way to the file's revision, and it is the file's rows that go in.

    A project's own `copy_table_data` may change or leave out rows, and its `delete_table_data`
    keep some.
    """
    from .mechanism import BackupMechanism

    for name in ("copy_table_data", "delete_table_data"):
        if getattr(type(mechanism), name) is not getattr(BackupMechanism, name):
            return False
    if revisions is None:
        return True
    return not (revisions.newer or (revisions.irreversible and not mechanism.rebuild))


def join_conditions(conditions: Sequence[str]) -> str:
    """Return the conditions as one, in groups: SQLite limits the depth of an expression."""
    groups = [conditions[start : start + GROUP] for start in range(0, len(conditions), GROUP)]
    return " OR ".join("(" + " OR ".join(f"({sql})" for sql in group) + ")" for group in groups)
