"""Texts that some collation takes for the same."""

import sqlite3
import unicodedata
from typing import Any

from .column_types import ColumnType


def fold(text: Any) -> Any:
    """Return what is the same at least for texts that a collation without case or accents equates.

    Where it is too coarse, the server has the last word.
    """
    if not isinstance(text, str):
        return text
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    # One collation takes the German sharp s for one s, another for two.
    return bare.casefold().replace("ss", "s").rstrip(" ")


def register_fold(raw: sqlite3.Connection) -> None:
    """Register what the SQL of this module calls."""
    raw.create_function("fold", 1, fold, deterministic=True)


def fold_sql(column: str) -> str:
    """Return SQL for what `fold` makes of a cell; it is called for few of them."""
    ascii_only = f"rtrim(replace(lower({column}), 'ss', 's'), ' ')"
    return f"CASE WHEN {column} GLOB '*[^ -~]*' THEN fold({column}) ELSE {ascii_only} END"


def fold_texts_sql(column: str) -> str:
    """Return the same for a column that may hold others than texts."""
    return f"CASE typeof({column}) WHEN 'text' THEN {fold_sql(column)} ELSE {column} END"


def folded_sql(column: str, live: ColumnType) -> str:
    """Return SQL for what is equal where the live column's collation may find two texts equal."""
    if live.collation is None:
        return column
    if live.collation.endswith("_bin"):
        return f"rtrim({column}, ' ')"
    return fold_sql(column)
