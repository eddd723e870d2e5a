"""What a restore would do: decided, and shown, before anything is touched."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exceptions import RevisionMismatch, UnfitValues
from .manifest import Manifest
from .misfits import LIST_ITEM, Misfit
from .recorded import get_key, join_key
from .revisions import Revisions
from .tables import Table


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do."""

    file: Path
    manifest: Manifest
    differences: tuple[str, ...]
    """How a file that was edited is not as it was when it was made, in sentences."""
    revisions: Revisions | None
    """None where the schema stays as it is."""
    rebuild: bool
    tables: tuple[Table, ...]
    """The tables that are filled, as they are at the file's revision, in dependency order."""
    referring: tuple[Table, ...]
    """The tables that refer to those, and are not filled themselves."""
    created: tuple[Table, ...]
    """The tables of apps without migrations that the live database lacks."""
    emptied: tuple[Table, ...]
    """The live tables that lose their rows, as they are now."""
    delete: dict[str, int]
    """Live rows that are deleted, by label."""
    insert: dict[str, int]
    """Rows that are restored, by label."""
    left_out: tuple[str, ...]
    """What the file has and the restore does not take: labels, and labels with a column."""
    defaults: tuple[str, ...]
    """Columns that the file does not have, and that get their default."""
    kept: tuple[str, ...]
    """Labels of live tables that are left as they are."""
    lost: tuple[str, ...]
    """What goes with the rows and tables that are replaced, and is in no backup of this kind."""
    peculiarities: tuple[str, ...]
    """What the live tables do to restored or deleted rows, or cannot undo, in sentences."""
    obstacles: tuple[str, ...]
    """What forbids the restore, in sentences."""
    misfits: tuple[Misfit, ...]
    """Values of the file that the live columns cannot take."""
    one_transaction: bool
    """Whether all of it is undone if any of it fails."""
    safety_backup: Path | None
    """Where the live database is backed up first, because it is not."""

    @property
    def rows(self) -> int:
        return sum(self.insert.values())

    @property
    def changes_schema(self) -> bool:
        if self.revisions is None:
            return False
        return bool(self.revisions.migrations or self.rebuild or self.created)

    def check(self) -> None:
        """Raise where the plan cannot be carried out: `RevisionMismatch`, or `UnfitValues`."""
        if self.revisions is not None:
            self.revisions.check(rebuild=self.rebuild)
        if self.obstacles:
            raise RevisionMismatch(" ".join(self.obstacles))
        check_misfits(self.misfits)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        revisions = self.revisions
        irreversible = {key for key, _ in revisions.irreversible} if revisions else set()

        def describe(name: str) -> list[dict[str, Any]]:
            return [
                {
                    "migration": join_key(get_key(migration)),
                    "atomic": bool(migration.atomic),
                    "reversible": get_key(migration) not in irreversible,
                }
                for migration in (getattr(revisions, name) if revisions else ())
            ]

        def names(attribute: str) -> list[str]:
            return [join_key(key) for key in (getattr(revisions, attribute) if revisions else ())]

        return {
            "file": str(self.file),
            "created": self.manifest.created,
            "differences": list(self.differences),
            "file_revision": revisions.get_last(revisions.stored) if revisions else {},
            "live_revision": revisions.get_last(revisions.live) if revisions else {},
            "unapply": describe("unapply"),
            "apply": describe("apply"),
            "update": describe("update"),
            "create": [table.label for table in self.created],
            "newer": names("newer"),
            "ahead": names("ahead"),
            "removed": names("removed"),
            "rebuild": self.rebuild,
            "delete": self.delete,
            "insert": self.insert,
            "left_out": list(self.left_out),
            "defaults": list(self.defaults),
            "kept": list(self.kept),
            "lost": list(self.lost),
            "peculiarities": list(self.peculiarities),
            "obstacles": list(self.obstacles),
            "misfits": [misfit.as_dict() for misfit in self.misfits],
            "one_transaction": self.one_transaction,
            "safety_backup": str(self.safety_backup) if self.safety_backup else None,
        }

    def get_warnings(self) -> list[str]:
        """Return a sentence for each thing that a restore does, or not, against expectation."""
        warnings = list(self.differences)
        if self.left_out:
            warnings.append(f"In the file and not restored: {', '.join(self.left_out)}.")
        if self.defaults:
            warnings.append(f"Not in the file, left to defaults: {', '.join(self.defaults)}.")
        if self.lost:
            warnings.append(f"Lost by this restore, and in no backup: {', '.join(self.lost)}.")
        return [*warnings, *self.peculiarities]


def check_misfits(misfits: Sequence[Misfit]) -> None:
    """Raise `UnfitValues`, with all that was found, unless that is nothing."""
    if misfits:
        lines = [
            "The live database cannot take some of the file's values. Nothing was changed. Correct "
            "them where they come from and back up again, or leave their models out:",
            *map(str, misfits),
        ]
        raise UnfitValues(LIST_ITEM.join(lines))
