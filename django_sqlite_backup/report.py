"""What a run yields while it works, and what it leaves to tell."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class Progress(NamedTuple):
    """How far a run has come.

    `completed` never falls, `total` never changes, and the last one has them equal. Both count
    rows: those that are copied and, where values are compared afterwards, those once more.
    """

    completed: int
    total: int
    description: str


@dataclass
class Report:
    """What a finished run did."""

    file: str
    database: str
    bytes: int = 0
    """The size of the file."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows copied, by label."""
    seconds: float = 0.0
    verified: bool = False
    """Whether every value was read back and compared."""
    partial: bool = False
    """Whether tables of the live database were left out of a backup."""
    checksum: str = ""
    warnings: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, with the number of tables."""
        return {**asdict(self), "tables": len(self.rows), "total_rows": sum(self.rows.values())}
