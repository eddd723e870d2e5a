"""A backup: the live tables into a new file, which then takes the place of the old one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from .backup_file import NewBackupFile, writing
from .exceptions import ConfigurationError, explaining
from .filters import ask_filter
from .indexes import create_indexes
from .locks import WRITTEN, FileLock, holding
from .manifest import TableEntry
from .operation import Operation
from .origin import describe_origin
from .recorded import take_notes
from .report import Progress
from .stored_forms import get_declared_type, get_form
from .tables import Inventory, Table, shorten_list
from .targets import check_target
from .validation import read_manifest
from .verification import check_integrity


class BackupOperation(Operation):
    """One backup."""

    file: NewBackupFile

    def execute(self) -> Iterator[Progress]:
        with self.claiming(), self.naming_blockers():
            yield from self.run()

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """Keep restores off the database, and other backups off the target."""
        with self.engine.claiming("backed up", shared=True), self.claiming_target():
            yield

    @contextmanager
    def claiming_target(self) -> Iterator[None]:
        target = Path(os.path.realpath(self.path))
        with explaining(f'writing "{target}"'):
            check_target(target)
            self.refuse_other_alias(target)
        wait = self.mechanism.wait or 0
        with holding(FileLock(target, WRITTEN), f'"{self.path}"', wait):
            yield

    def refuse_other_alias(self, target: Path) -> None:
        """Raise `ConfigurationError` where the backup of another database would be replaced."""
        previous = read_manifest(target) if target.exists() else None
        if previous is not None and previous.database != self.live.alias:
            raise ConfigurationError(
                f'"{target}" is a backup of "{previous.database}", and is not replaced by one of '
                f'"{self.live.alias}". Name another file (--file), or remove this one first.'
            )

    def run(self) -> Iterator[Progress]:
        self.take_inventory()
        self.report.warnings += describe_gaps(self.inventory)
        self.select_tables()
        verify = self.mechanism.verify
        # What is compared afterwards must outlive the transaction that writes the file.
        with (
            explaining(f'backing up "{self.live.alias}"'),
            writing(self.path) as self.file,
            self.engine.snapshot(None if verify else self.file, self.tables) as self.engine,
        ):
            self.begin()
            yield self.show("begun")
            pairs = [
                (table.bind(self.engine.connection), table.bind(self.file.connection))
                for table in self.tables
            ]
            yield from self.copy_tables(pairs)
            self.seal()
            if verify:
                check_integrity(self.file.path)
                yield from self.verify(self.tables, self.file.path)
            self.warn_of_replacement()
            with explaining(f'moving the backup to "{self.path}"'):
                self.file.publish()
        yield self.finish()

    def select_tables(self) -> None:
        self.tables = [
            table
            for table in self.inventory.tables
            if self.mechanism.is_selected(table)
            and ask_filter(self.mechanism, "backup_table_filter", table.bind(self.live))
        ]
        if not self.tables:
            raise ConfigurationError(
                "Labels and backup_table_filter leave no table to back up. Let them take one in."
            )
        self.report.partial = self.is_partial
        with explaining(f'looking at the rights on "{self.live.alias}"'):
            self.engine.check_rights(self.tables)

    @property
    def is_partial(self) -> bool:
        """Whether tables of the live database are left out."""
        return len(self.tables) < len(self.inventory.tables)

    def begin(self) -> None:
        """Count the rows that the snapshot shows, and create the tables."""
        if not self.engine.shows_one_state():
            self.report.warnings.append(
                f"On {self.live.display_name} the tables are read one after the other: what is "
                "written meanwhile may be in the file in part."
            )
        self.report.warnings += self.engine.describe_unsteady(self.tables)
        # Not later: of two backups the newer one is that with the newer rows.
        self.created = datetime.now(UTC)
        # Nor this: by the end a server may have closed the live connection, idle all the time.
        self.notes = take_notes(self.live)
        self.total = 0
        unknown = self.engine.find_unknown_columns(self.tables)
        if unknown:
            self.report.warnings.append(
                f"Not in the backup, as no field knows these columns: {', '.join(unknown)}."
            )
        for table in self.tables:
            with explaining(f"reading {table.label}"):
                self.total += self.engine.count_rows(table)
        if self.mechanism.verify:
            self.total *= 2
        names = {table.name for table in self.tables if table.model._meta.managed}
        for table in self.tables:
            self.create_table(table, names)

    def create_table(self, table: Table, names: set[str]) -> None:
        types = {
            column.name: get_declared_type(
                column.field,
                get_form(column.field, self.live),
                self.live,
                self.file.connection,
            )
            for column in table.columns
        }
        types.update(self.engine.get_declared_types(table))
        with explaining(f"creating {table.label} in the file"):
            self.file.create_table(table, types, names)

    def copy_table(self, from_table: Table, to_table: Table) -> Iterator[int]:
        return self.engine.dump_table(from_table, self.file)

    def seal(self) -> None:
        """Add what the file says of itself, and close it."""
        entries, next_keys = {}, {}
        found = self.engine.get_next_keys(self.tables)
        for table in self.tables:
            keys = found.get(table.name, {})
            entries[table.name] = TableEntry(table.label, self.file.count_rows(table.name), keys)
            for column in table.columns:
                if column.automatic and keys.get(column.name, 1) > 1:
                    next_keys[table.name] = keys[column.name]
        with explaining(f'finishing "{self.path}"'):
            if self.mechanism.indexes:
                self.report.warnings += create_indexes(self.file, self.tables)
            self.file.write_next_keys(next_keys)
            manifest = describe_origin(
                self.live,
                entries,
                self.notes,
                created=self.created,
                partial=self.is_partial,
                record_host=self.mechanism.record_host,
            )
            self.report.checksum = self.file.finish(manifest)

    def warn_of_replacement(self) -> None:
        """Add a warning where a part of the database takes the place of the whole."""
        if not self.is_partial or not self.file.target.exists():
            return
        previous = read_manifest(self.file.target)
        if previous is not None and not previous.partial:
            self.report.warnings.append(
                f'"{self.path}" was a backup of every table, and is now one of '
                f"{len(self.tables)} tables of {len(self.inventory.tables)}."
            )


class SafetyBackupOperation(BackupOperation):
    """The backup that a restore takes, which itself has the database to itself."""

    @contextmanager
    def claiming(self) -> Iterator[None]:
        with self.claiming_target():
            yield


def describe_gaps(inventory: Inventory) -> list[str]:
    """Return a warning for what the registry does not know, and for what the database lacks."""
    warnings = []
    if inventory.unknown:
        # All of them: a table that nobody names is a table that is lost silently.
        names = ", ".join(inventory.unknown)
        warnings.append(
            f"Not in the backup, as no model of this database has these tables: {names}."
        )
    if inventory.absent:
        names = shorten_list(inventory.absent)
        warnings.append(f"Models without a table here, so without rows in the backup: {names}.")
    return warnings
