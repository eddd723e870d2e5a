"""Rows of a file's table, by what is the matter with them."""

from collections.abc import Sequence
from typing import Any

from .backup_file import BackupFile
from .tables import Column, Table

LONG = 1000


class Rows:
    """The rows of one table, in the order in which they are copied."""

    def __init__(self, file: BackupFile, table: Table, schema: str = "main") -> None:
        self.file = file
        self.source = f"{schema}.{file.quote(table.name)}"
        # A table without a key has its place in the file.
        self.keys = [file.quote(name) for name in table.primary_key] or ["rowid"]

    def exist(self, where: str) -> bool:
        ((found,),) = self.file.raw.execute(
            f"SELECT EXISTS (SELECT 1 FROM {self.source} c WHERE {where})"
        )
        return bool(found)

    def count(self, where: str) -> int:
        ((count,),) = self.file.raw.execute(f"SELECT count(*) FROM {self.source} c WHERE {where}")
        return int(count)

    def get(
        self, columns: Sequence[Column], where: str, limit: int, offset: int = 0
    ) -> list[tuple[Any, ...]]:
        """Return the keys and the beginnings of the cells of some rows."""
        cells = [*self.keys, *(shortened(self.file.quote(column.name)) for column in columns)]
        # An index would give another order than that of the copy.
        return self.file.raw.execute(
            f"SELECT {', '.join(cells)} FROM {self.source} c NOT INDEXED"
            f" WHERE {where} LIMIT {limit} OFFSET {offset}"
        ).fetchall()


def shortened(cell: str) -> str:
    """Return SQL for a cell, or for the beginning of a long text."""
    return (
        f"CASE WHEN typeof({cell}) = 'text' AND length(CAST({cell} AS BLOB)) > {LONG}"
        f" THEN substr({cell}, 1, {LONG}) ELSE {cell} END"
    )
