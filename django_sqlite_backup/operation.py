"""What a backup and a restore have in common: the checks before, the counting, the report."""

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import apps

from .aliases import check_not_live, get_connection, get_path
from .backup_file import BackupFile
from .engines import get_engine
from .engines.base import Engine
from .exceptions import Busy, ConfigurationError, CopyError, MigrationError, explaining
from .historical import get_apps
from .report import Progress, Report
from .tables import Table, check_labels, take_inventory
from .verification import verifying

if TYPE_CHECKING:
    from .mechanism import BackupMechanism


LONGEST_WAIT = 1_000_000
"""Seconds. PostgreSQL's `lock_timeout` holds little more, in milliseconds."""


class Operation(ABC):
    """One run of a mechanism: a backup or a restore."""

    engine: Engine
    file: BackupFile
    tables: Sequence[Table] = ()
    total: int
    is_undone = True
    """Whether a failure leaves everything as it was."""

    def __init__(self, mechanism: "BackupMechanism") -> None:
        self.started = time.monotonic()
        self.mechanism = mechanism
        self.live = get_connection(mechanism.database)
        self.path: Path = get_path(mechanism.filename, mechanism.backup_alias)
        if not self.live.in_atomic_block and not self.live.get_autocommit():
            raise ConfigurationError(
                f'The alias "{mechanism.database}" has AUTOCOMMIT off: nothing that is restored '
                "would be committed. Turn it on, at least for the backup and the restore."
            )
        check_not_live(self.path, self.live)
        if mechanism.wait is not None and not 0 <= mechanism.wait <= LONGEST_WAIT:
            raise ConfigurationError(
                f'"{mechanism.wait}" is no time to wait. Name seconds, up to {LONGEST_WAIT:,}.'
            )
        self.engine = get_engine(self.live, portable=mechanism.portable)
        self.engine.lock_seconds = mechanism.wait
        self.report = Report(str(self.path), mechanism.database)
        self.completed = 0

    @abstractmethod
    def execute(self) -> Iterator[Progress]:
        """Do all of it; each run says how."""

    @abstractmethod
    def copy_table(self, from_table: Table, to_table: Table) -> Iterator[int]:
        """Copy the rows of one table, yielding the number of rows of each batch."""

    @contextmanager
    def naming_blockers(self) -> Iterator[None]:
        """Say who is in the way, where the run gave up waiting for somebody's lock."""
        patience = self.engine.patience
        try:
            yield
        except (CopyError, MigrationError) as error:
            if not self.engine.gave_up_waiting(error.__cause__):
                raise
            found = "; ".join(self.engine.find_blockers(self.get_touched()))
            raise Busy(
                f"{str(error).rstrip('.')}. Gave up after {patience:g} seconds"
                f"{', and nothing was changed' * self.is_undone}. "
                f"{f'In the way now: {found}. ' if found else ''}Wait longer (--wait SECONDS)."
            ) from error

    def get_touched(self) -> Sequence[Table]:
        """Return the live tables that the run may have to wait for."""
        return self.tables

    def take_inventory(self) -> None:
        """Hold the live database, the models at its revision and the labels together."""
        with explaining(f'listing the tables of "{self.live.alias}"'):
            self.inventory = take_inventory(get_apps(self.live), self.live)
        if not self.inventory.tables:
            raise ConfigurationError(
                f'The database "{self.live.alias}" has no tables of this project. '
                f"Run migrate --database {self.live.alias} first."
            )
        check_labels(self.mechanism.all_labels, self.inventory.tables, apps)

    def show(self, description: str) -> Progress:
        # An override may copy more rows than there were: the bar ends all the same.
        return Progress(min(self.completed, self.total), self.total, description)

    def follow(self, table: Table, batches: Iterator[int], doing: str) -> Iterator[Progress]:
        """Yield a progress for each batch of rows."""
        with explaining(f"{doing} {table.label}"), ExitStack() as stack:
            # An override may return any iterator; a generator is closed before its connection is.
            if isinstance(batches, Generator):
                stack.callback(batches.close)
            for rows in batches:
                self.completed += rows
                yield self.show(f"{doing} {table.label}")

    def copy_tables(self, tables: Sequence[tuple[Table, Table]]) -> Iterator[Progress]:
        """Copy from table to table, each pair in its turn."""
        for from_table, to_table in tables:
            before = self.completed
            with explaining(f"copying {to_table.label}"):
                batches = self.mechanism.copy_table_data(from_table, to_table)
            yield from self.follow(to_table, batches, "copying")
            self.report.rows[to_table.label] = self.completed - before

    def verify(self, tables: Sequence[Table], path: Path) -> Iterator[Progress]:
        """Read the live tables back and compare every value with the file's."""
        with verifying(self.engine, path) as verifier:
            for table in tables:
                yield from self.follow(table, verifier.verify_table(table), "verifying")
        self.report.verified = True

    def finish(self) -> Progress:
        """Complete the report and return the last progress."""
        self.report.bytes = self.path.stat().st_size
        self.report.warnings += self.engine.warnings
        self.report.seconds = round(time.monotonic() - self.started, 3)
        self.mechanism.report = self.report
        self.completed = self.total
        return self.show("done")
