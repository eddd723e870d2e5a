"""The recipe of a backup and of a restore, made to be subclassed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper

from .backup_operation import BackupOperation
from .operation import Operation
from .plan import RestorePlan
from .report import Progress, Report
from .restore_operation import RestoreOperation
from .schema_changes import migrate_to_code, migrate_to_recorded
from .tables import Table, is_record, is_selected


class BackupMechanism:
    """Backs a database up into one SQLite file, and restores it.

    Args:
        filename: path of the file. Without it, the `NAME` of the alias `backup`.
        database: alias of the live database.
        backup: alias, in `DATABASES`, of a sqlite3 database whose `NAME` is the file.
        labels: app labels or model labels to copy; none means all.
        exclude: labels to leave out.
        indexes: make secondary indexes and unique constraints in the file, so that a project can
            run on it.
        verify: read back what was written and compare every value.
        migrate: let the schema hooks of a restore do their work. Without them, a restore takes the
            tables and columns that file and database both have.
        update: migrate on to what the code has, after a restore of older rows. Without it, the live
            database stays at the file's revision.
        rebuild: in a restore, drop the tables of all migrated apps and migrate them from zero.
        safety_backup: before a restore that cannot be undone, back the live database up.
        allow_modified: restore a file that somebody edited, whose checksum does not hold.
        portable: copy by Django's own means instead of the engine's fast path.
        record_host: write host, port and name of the live database into the file's manifest, which
            else has a fingerprint of them.
        wait: seconds to wait for another run that is in the way, and for locks on tables. Without
            it a run is not waited for, and tables as long as the engine usually does.
    """

    def __init__(
        self,
        filename: str | Path | None = None,
        *,
        database: str = DEFAULT_DB_ALIAS,
        backup: str = "backup",
        labels: Sequence[str] = (),
        exclude: Sequence[str] = (),
        indexes: bool = False,
        verify: bool = False,
        migrate: bool = True,
        update: bool = True,
        rebuild: bool = False,
        safety_backup: bool = True,
        allow_modified: bool = False,
        portable: bool = False,
        record_host: bool = False,
        wait: float | None = None,
    ) -> None:
        self.filename = filename
        self.database = database
        self.backup_alias = backup
        self.labels = labels
        self.exclude = exclude
        self.indexes = indexes
        self.verify = verify
        self.migrate = migrate
        self.update = update
        self.rebuild = rebuild
        self.safety_backup = safety_backup
        self.allow_modified = allow_modified
        self.portable = portable
        self.record_host = record_host
        self.wait = wait
        self.report: Report | None = None
        """What the last run did, once its last `Progress` is there; until then, None."""
        self.operation: Operation

    @property
    def all_labels(self) -> list[str]:
        return [*self.labels, *self.exclude]

    def is_selected(self, table: Table) -> bool:
        """Return whether the labels take in a table."""
        return is_selected(table, self.labels, self.exclude)

    # Made to be overridden

    def backup_table_filter(self, from_table: Table) -> bool:
        """Return whether a table of the live database goes into the backup. By default all do.

        Called once for each table that the labels take in, before anything is written.
        """
        return True

    def restore_table_filter(self, from_table: Table) -> bool:
        """Return whether a table of the file is restored.

        Called once for each table that is in the file and in the live database, before anything
        is touched. By default all are but `django_migrations`, as what is applied to the live
        database is for `migrate` to say, and the runs of this app, which are its history.
        """
        return not is_record(from_table)

    def prepare_schema_for_restore(
        self, from_connection: BaseDatabaseWrapper, to_connection: BaseDatabaseWrapper
    ) -> None:
        """Bring the live schema to the revision of the data.

        Called once, when the file has been found valid, with a read-only connection to the file
        and the one to the live database. By default it unapplies and applies migrations until the
        live database has exactly those that the file records. Where some are unapplied, the tables
        have been emptied before.
        """
        migrate_to_recorded(from_connection, to_connection, rebuild=self.rebuild)

    def update_schema_after_restore(
        self, from_connection: BaseDatabaseWrapper, to_connection: BaseDatabaseWrapper
    ) -> None:
        """Bring the live schema to the revision that the application expects.

        Called once, when all rows are in, with the same connections. By default it runs `migrate`,
        so that data migrations meet the restored rows and `post_migrate` receivers run.
        """
        migrate_to_code(to_connection)

    def delete_table_data(self, to_table: Table) -> None:
        """Empty a live table before its rows are restored.

        Called for each restored table, those first that refer to others, inside the transaction.
        `to_table.connection` is the live connection.
        """
        self.operation.engine.empty_table(to_table)

    def copy_table_data(self, from_table: Table, to_table: Table) -> Iterator[int]:
        """Copy the rows of one table, and yield the number of rows of each batch.

        Called in a backup and in a restore for each table, in dependency order. The tables'
        `connection` says which side is which: in a backup that of `to_table` is the file's, in a
        restore that of `from_table`.
        """
        return self.operation.copy_table(from_table, to_table)

    # The recipes

    def plan_restore(self, *, complete: bool = True) -> RestorePlan:
        """Return what a restore would do, without touching anything.

        With `complete`, all values of the file that the live columns cannot take are looked for,
        also where a restore takes on trust what an engine of the same kind has seen to.

        Raises a `BackupError` where the file or the database cannot be used at all; whether the
        plan can be carried out is for its `check()` to say.
        """
        operation = RestoreOperation(self)
        with operation.opened(complete=complete):
            return operation.plan

    def backup(self) -> Iterator[Progress]:
        """Back the live database up, and yield `Progress`.

        The file appears, or replaces the previous one, just before the last `Progress`. A
        generator that is closed earlier leaves no trace. Raises a `BackupError`; the previous
        backup is then as it was.

        Inside `atomic()`, exhaust or close the generator inside the same block: it holds a
        transaction of its own there, and what is left open goes down with the caller's rows.
        """
        self.report = None
        self.operation = BackupOperation(self)
        yield from self.operation.execute()

    def restore(self) -> Iterator[Progress]:
        """Empty the live tables and copy the file's rows into them, and yield `Progress`.

        All is committed just before the last `Progress`. A generator that is closed earlier leaves
        no trace. Raises a `BackupError`; the live data are then as they were.

        Begin and end the generator on the same side of an `atomic()`: it is inside a transaction
        of the live connection while it runs. One that is begun inside the block and left there
        takes the caller's own rows along when it is closed.
        """
        self.report = None
        self.operation = RestoreOperation(self)
        yield from self.operation.execute()
