"""A restore: the live schema brought to the file's revision, its tables emptied and filled."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path

from .aliases import registered
from .backup_operation import SafetyBackupOperation
from .caches import clear_caches, clearing_caches
from .engines.refused_rows import is_of_a_value
from .engines.transport import Replacement
from .exceptions import (
    BackupError,
    Busy,
    CopyError,
    MigrationError,
    RevisionMismatch,
    explaining,
    explaining_migration,
)
from .historical import get_apps
from .misfits import LIST_ITEM, Misfit
from .operation import Operation
from .plan import RestorePlan
from .planner import Planner
from .report import Progress
from .tables import Table, take_inventory
from .validation import OpenedBackup, reading


class RestoreOperation(Operation):
    """One restore."""

    file: OpenedBackup
    plan: RestorePlan
    planner: Planner
    is_committing = False
    """Whether all is done but the commit."""

    @contextmanager
    def opened(self, *, complete: bool) -> Iterator[None]:
        """Open the file and make the plan; `complete` says whether nothing is taken on trust."""
        with (
            reading(self.path, allow_modified=self.mechanism.allow_modified) as self.file,
            registered(self.file.connection),
        ):
            with explaining("planning the restore"):
                self.planner = Planner(self.mechanism, self.engine, self.file, complete=complete)
                self.plan = self.planner.make()
            yield

    def execute(self) -> Iterator[Progress]:
        claim = self.engine.claiming("restored", shared=False)
        with claim, clearing_caches(), self.opened(complete=False), ExitStack() as stack:
            self.plan.check()
            self.report.warnings += self.plan.get_warnings()
            self.tables = self.plan.tables
            self.is_undone = self.plan.one_transaction
            self.total = self.plan.rows * (2 if self.mechanism.verify else 1)
            if self.plan.safety_backup is not None:
                self.take_safety_backup(self.plan.safety_backup)
                stack.enter_context(self.naming_the_way_back(self.plan.safety_backup))
            elif not self.plan.one_transaction:
                stack.enter_context(self.saying_that_it_stays())
            stack.enter_context(self.saying_what_remains())
            stack.enter_context(self.naming_blockers())
            yield from self.run()
        yield self.finish()

    def run(self) -> Iterator[Progress]:
        """Change the schema and replace the rows: in one transaction, where that is possible."""
        transaction = self.engine.transaction(self.file, migrates=self.plan.changes_schema)
        if self.plan.one_transaction:
            with self.explaining(), transaction:
                yield self.show("begun")
                self.prepare_schema()
                yield from self.replace()
                self.update_schema()
                self.is_committing = True
        else:
            yield self.show("begun")
            with self.explaining():
                self.prepare_schema()
            with self.explaining(), transaction:
                yield from self.replace()
                self.is_committing = True
            self.is_committing = False
            with self.explaining():
                self.update_schema()

    def explaining(self) -> AbstractContextManager[None]:
        return explaining(f'restoring "{self.live.alias}"')

    def prepare_schema(self) -> None:
        """Call the hook; what it unapplies must meet no rows."""
        if self.plan.revisions is None:
            return
        if self.plan.revisions.unapply or self.plan.rebuild:
            self.empty_before_unapplying()
        with self.migrating("preparing the schema"):
            self.mechanism.prepare_schema_for_restore(self.file.connection, self.live)
        present = {table.name for table in take_inventory(get_apps(self.live), self.live).tables}
        missing = [table.label for table in self.tables if table.name not in present]
        if missing:
            raise RevisionMismatch(
                f"The live database has no table for {', '.join(missing)}, which the file has. "
                "Run migrate (with --run-syncdb, if the app has no migrations) first."
            )

    def empty_before_unapplying(self) -> None:
        """Empty the tables in a step of their own: reverse data migrations must meet no rows."""
        with ExitStack() as stack:
            if not self.plan.one_transaction:
                stack.enter_context(self.engine.transaction(self.file, migrates=True))
            replacement = Replacement(self.plan.emptied, (), self.file)
            stack.enter_context(self.engine.replacing(replacement))
            self.empty_tables(self.plan.emptied)

    def replace(self) -> Iterator[Progress]:
        """Empty and fill the tables, and check that everything holds."""
        checked = [*self.tables, *self.plan.referring]
        with self.engine.replacing(Replacement(self.tables, checked, self.file)):
            self.empty_tables(self.tables)
            pairs = [
                (table.bind(self.file.connection), table.bind(self.live)) for table in self.tables
            ]
            yield from self.copy_tables(pairs)
            for table in self.tables:
                with explaining(f"setting the next keys of {table.label}"):
                    entry = self.file.manifest.tables[table.name]
                    self.engine.set_next_keys(table, entry.next_keys)
            if self.mechanism.verify:
                written = [
                    table.with_columns(column.name for column in table.writable)
                    for table in self.tables
                ]
                yield from self.verify(written, self.file.path)
                self.file.check_identity()
            self.file.check_untouched()

    def empty_tables(self, tables: Sequence[Table]) -> None:
        for table in reversed(tables):
            with explaining(f"emptying {table.label}"):
                self.mechanism.delete_table_data(table.bind(self.live))

    def copy_table(self, from_table: Table, to_table: Table) -> Iterator[int]:
        return self.engine.load_table(self.file, to_table)

    def update_schema(self) -> None:
        """Call the hook, with nothing remembered of the rows that were there before."""
        clear_caches()
        if self.plan.revisions is not None and self.mechanism.update:
            with self.migrating("updating the schema"):
                self.mechanism.update_schema_after_restore(self.file.connection, self.live)

    @contextmanager
    def migrating(self, doing: str) -> Iterator[None]:
        """Call a hook in here; it waits for locks no longer than the rest of the run."""
        with explaining_migration(doing), self.engine.waiting_briefly(), migrating():
            yield

    def get_touched(self) -> list[Table]:
        return [*self.tables, *self.plan.emptied]

    def take_safety_backup(self, path: Path) -> None:
        """Back the whole live database up, whatever the project's own mechanism leaves out."""
        # Imported here: a mechanism makes runs, and only this one run makes a mechanism.
        from .mechanism import BackupMechanism

        mechanism = BackupMechanism(path, database=self.live.alias, wait=self.mechanism.wait)
        mechanism.operation = SafetyBackupOperation(mechanism)
        for _ in mechanism.operation.execute():
            pass
        self.report.warnings.append(f'Before the restore the database was backed up to "{path}".')

    @contextmanager
    def saying_what_remains(self) -> Iterator[None]:
        """Say, where the restore fails, in what state the live data are, and all that is unfit."""
        try:
            yield
        except CopyError as error:
            lines = [str(error).rstrip(".") + "."]
            of_a_value = error.__cause__ is None or is_of_a_value(error.__cause__)
            if self.is_committing and not of_a_value:
                lines[0] += (
                    " That was while committing: see which rows there are, or restore again."
                )
            elif self.plan.one_transaction and self.engine.rolls_back_rows:
                lines[0] += " Nothing was changed."
            if of_a_value:
                lines += map(str, self.find_misfits(lines[0]))
            raise CopyError(LIST_ITEM.join(lines)) from error.__cause__ or error

    def find_misfits(self, said: str) -> list[Misfit]:
        """Return what the preflight finds of that which it took on trust, or did not know of."""
        preflight = self.planner.preflight
        # Where a caller's transaction is broken nothing can be asked.
        if preflight is None or self.live.needs_rollback:
            return []
        with explaining("looking for what does not fit"):
            found = list(preflight.find(complete=True)) if preflight.is_trusted else []
            return list(dict.fromkeys([*found, *preflight.find_refused(said)]))

    @contextmanager
    def naming_the_way_back(self, path: Path) -> Iterator[None]:
        """Say, where the restore fails, how to get the live database back."""
        try:
            yield
        except BackupError as error:
            raise MigrationError(
                f"{error} What was done before could not be undone. To go back: manage.py "
                f"sqliterestore --file {shlex.quote(str(path))} --database {self.live.alias} "
                "--rebuild --no-update --no-safety-backup --no-input"
            ) from error

    @contextmanager
    def saying_that_it_stays(self) -> Iterator[None]:
        """Say, where the restore fails, that its schema changes were not undone."""
        try:
            yield
        except (MigrationError, CopyError, RevisionMismatch, Busy) as error:
            raise MigrationError(
                f"{str(error).rstrip('.')}. What was done before could not be undone, and no "
                "safety backup was taken. To go on, drop the tables that are half made, or restore "
                "with --rebuild."
            ) from error


is_migrating: ContextVar[bool] = ContextVar("is_migrating", default=False)
"""Whether a schema hook of a restore is at work."""


@contextmanager
def migrating() -> Iterator[None]:
    """Let others know that a `migrate` inside the block is part of a restore."""
    token = is_migrating.set(True)
    try:
        yield
    finally:
        is_migrating.reset(token)
