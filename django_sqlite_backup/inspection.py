"""What can be said of a backup file without any live database, even of one that is damaged."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from django.apps import apps

from . import checksum
from .aliases import registered
from .backup_file import connect
from .exceptions import BackupError
from .historical import order_migrations
from .manifest import Manifest
from .recorded import express, find_unknown_of_file, get_key, get_recorded, join_key, load
from .structure import (
    check_migrations,
    check_references,
    check_soundness,
    check_tables,
    describe_other_counts,
    find_other_counts,
    limited,
)
from .tables import MIGRATIONS_TABLE
from .validation import (
    UNREADABLE,
    OpenedBackup,
    begin,
    check_header,
    check_path,
    open_at_once,
)


@dataclass
class Inspection:
    """What a file is found to be."""

    file: str
    size: int | None = None
    """In bytes."""
    checksum: str | None = None
    """SHA-256, where it holds."""
    manifest: Manifest | None = None
    migrations: dict[str, str] = field(default_factory=dict)
    """The recorded ones, each with "known", "ahead" of the code, or "removed" with its app."""
    behind: list[str] = field(default_factory=list)
    """The migrations that the code has and the file does not record."""
    problems: list[str] = field(default_factory=list)
    """Why the file cannot be restored from, in sentences."""
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        manifest = asdict(self.manifest) if self.manifest else {}
        rows = self.manifest.rows if self.manifest else None
        intact = self.checksum is not None and not self.problems
        return {**asdict(self), "manifest": manifest, "rows": rows, "intact": intact}


class Inspector:
    """Looks at one file, and goes on where something is wrong with it.

    With `allow_modified`, it is no problem that somebody edited it, but a note.
    """

    def __init__(self, path: Path, *, allow_modified: bool = False) -> None:
        self.found = Inspection(str(path))
        self.allow_modified = allow_modified
        self.path = Path(os.path.realpath(path))

    def inspect(self) -> Inspection:
        """Return what can be said of the file; only its problems tell whether that is all."""
        if self.attempt(lambda: check_path(self.path)) or os.path.isfile(self.path):
            self.attempt(self.inspect_bytes)
            self.inspect_tables()
        return self.found

    def attempt(self, check: Callable[[], Any]) -> bool:
        """Make a check; note why it fails, and return whether it does not."""
        try:
            check()
        except (BackupError, OSError, *UNREADABLE) as error:
            self.found.problems.append(str(error))
            return False
        return True

    def complain(self, complaint: str) -> None:
        """Note what is not as it was when the file was made, where its checksum tells the same."""
        is_allowed = self.allow_modified and self.found.checksum is None
        (self.found.notes if is_allowed else self.found.problems).append(complaint)

    def inspect_bytes(self) -> None:
        self.found.size = self.path.stat().st_size
        with open(self.path, "rb", opener=open_at_once) as file:
            check_header(file, self.path)
            if checksum.is_intact(file):
                self.found.checksum = checksum.read_digest(file).decode()
            else:
                self.complain(
                    "The checksum does not hold: the file was damaged, cut short or edited."
                )

    def inspect_tables(self) -> None:
        # Immutable: a journal beside a file is not rolled back into it.
        backup = OpenedBackup(self.path, connect(self.path, "ro&immutable=1"))
        with closing(backup.connection):
            self.attempt(lambda: self.read(backup))

    def read(self, backup: OpenedBackup) -> None:
        names = begin(backup)
        is_sound = self.attempt(lambda: check_soundness(backup))
        with limited(backup):
            self.found.manifest = backup.manifest = Manifest.read(backup.raw)
        self.attempt(lambda: check_tables(backup.manifest, names))
        # Pages that refer to each other in a circle have no last row.
        if is_sound:
            self.attempt(lambda: self.read_rows(backup))

    def read_rows(self, backup: OpenedBackup) -> None:
        counts = find_other_counts(backup, backup.manifest)
        for difference in describe_other_counts(backup.manifest, counts):
            self.complain(difference)
        if self.found.checksum is None:
            self.attempt(lambda: check_references(backup, backup.manifest))
        if MIGRATIONS_TABLE not in backup.manifest.tables:
            self.found.notes.append(f"The file has no {MIGRATIONS_TABLE}: nobody knows its state.")
        elif self.attempt(lambda: check_migrations(backup, backup.manifest)):
            with registered(backup.connection):
                self.compare(backup)

    def compare(self, backup: OpenedBackup) -> None:
        """Hold the recorded migrations against those of the code."""
        recorded = get_recorded(backup.connection)
        self.found.migrations = dict.fromkeys(map(join_key, sorted(recorded)), "known")
        try:
            loader = load(backup.connection)
        except BackupError as error:
            self.found.notes.append(str(error))
            return
        unknown = find_unknown_of_file(recorded, loader.disk_migrations, backup.manifest)
        installed = {config.label for config in apps.get_app_configs()}
        for key in unknown:
            state = "ahead" if key[0] in installed else "removed"
            self.found.migrations[join_key(key)] = state
        applied = express(recorded, loader.graph, loader.disk_migrations)
        keys = map(get_key, order_migrations(loader.graph))
        self.found.behind = [join_key(key) for key in keys if key not in applied]
