"""Values that a live column cannot take, as they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SHOWN_ROWS = 5
"""So many rows are named of each column and reason; of the others, how many there are."""
LONGEST = 60
LIST_ITEM = "\n- "
"""What begins each of them in a message."""


@dataclass(frozen=True)
class Misfit:
    """The rows whose values in one column have one and the same fault."""

    model: str
    """The label: `shop.Order`."""
    column: str
    """Several, where they are a key together, with commas between."""
    reason: str
    """It completes a sentence that begins with the value."""
    count: int
    rows: tuple[tuple[tuple[Any, ...], str], ...]
    """Of the first rows, the primary key and the value."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "model": self.model,
            "column": self.column,
            "reason": self.reason,
            "count": self.count,
            "rows": [
                {"primary_key": [to_plain(part) for part in key], "value": value}
                for key, value in self.rows
            ],
        }

    def __str__(self) -> str:
        shown = ", ".join(
            f'"{value}" (primary key {", ".join(shorten(to_plain(part)) for part in key)})'
            for key, value in self.rows
        )
        others = self.count - len(self.rows)
        more = f" and {others:,} more" if others else ""
        return f"{self.model}.{self.column}: {shown}{more} {self.reason}."


def to_plain(part: Any) -> Any:
    return part.hex() if isinstance(part, bytes) else part


def shorten(value: Any) -> str:
    """Return the beginning of a value, with nothing in it that a terminal would act on."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = str(value)
    text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def make_rows(
    cells: Sequence[tuple[Any, ...]], keys: int
) -> tuple[tuple[tuple[Any, ...], str], ...]:
    """Return rows as a `Misfit` has them: the first cells are the key, the others the value."""
    return tuple((row[:keys], ", ".join(map(shorten, row[keys:]))) for row in cells[:SHOWN_ROWS])
