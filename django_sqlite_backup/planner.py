"""How a plan is made: the file's tables held against the live database at both revisions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

from .endangered import MADE_BY_MIGRATE, find_endangered, find_orphans, find_steady
from .engines.base import Engine
from .filters import ask_filter
from .historical import get_apps
from .lost import find_lost
from .misfits import Misfit
from .plan import RestorePlan
from .preflight import Preflight, can_be_known
from .revisions import Revisions, compare
from .schema_changes import find_dropped_tables, refuses_schema_changes
from .strays import find_strays
from .tables import (
    MIGRATIONS_TABLE,
    OWN_APP,
    Table,
    check_labels,
    describe_tables,
    is_record,
    take_inventory,
)
from .targets import name_safety_backup
from .validation import OpenedBackup

if TYPE_CHECKING:
    from .mechanism import BackupMechanism

BOOKKEEPING = {*MADE_BY_MIGRATE, "migrations.Migration", f"{OWN_APP}.BackupRun"}
"""What `migrate` and this app fill: a database with no other rows has nothing to lose."""


class Planner:
    """Makes the plan of one restore; changes nothing."""

    def __init__(
        self,
        mechanism: "BackupMechanism",
        engine: Engine,
        file: OpenedBackup,
        *,
        complete: bool,
    ) -> None:
        self.mechanism = mechanism
        self.complete = complete
        self.preflight: Preflight | None = None
        self.engine = engine
        self.live: BaseDatabaseWrapper = engine.connection
        self.file = file
        self.revisions = self.compare() if mechanism.migrate else None
        live_apps = get_apps(self.live)
        self.inventory = take_inventory(live_apps, self.live)
        self.present = self.inventory.tables
        registry = self.revisions.get_apps() if self.revisions else live_apps
        self.described = describe_tables(registry, self.live)
        check_labels(mechanism.all_labels, [*self.described, *self.present], apps)
        self.left_out: list[str] = []
        self.defaults: list[str] = []
        self.obstacles: list[str] = []

    def compare(self) -> Revisions:
        revisions = compare(self.file.connection, self.live)
        return revisions if self.mechanism.update else replace(revisions, update=())

    def make(self) -> RestorePlan:
        tables = tuple(self.select_tables())
        created = tuple(self.find_created())
        names = {table.name for table in tables}
        entries = self.file.manifest.tables
        known = {table.name for table in self.described}
        self.left_out += [
            entry.label
            for name, entry in entries.items()
            if name not in known and not entry.label.startswith(f"{OWN_APP}.")
        ]
        emptied = tuple(table for table in self.present if table.name in names or self.goes(table))
        self.engine.check_rights(self.present, emptied, self.find_altered(created))
        rows = {table.label: self.engine.count_rows(table) for table in self.present}
        kept = [table for table in self.present if table not in emptied]
        replaced = [table for table in emptied if rows[table.label]]
        filled = [table for table in kept if rows[table.label]]
        one_transaction = self.is_one_transaction(created)
        self.obstacles += [
            *find_strays(self.revisions, self.inventory, self.live),
            *self.find_other_time(),
            *find_endangered(self.revisions, filled, rebuild=self.mechanism.rebuild),
            *self.find_orphans(filled, {table.name for table in emptied}),
        ]
        self.obstacles += self.find_forbidden(created, one_transaction)
        dropped = self.find_dropped()
        lasting = [table for table in tables if table.name not in dropped]
        has_rows = any(rows[label] for label in rows if label not in BOOKKEEPING)
        wants_safety = self.mechanism.safety_backup and has_rows and not one_transaction
        return RestorePlan(
            file=self.file.path,
            manifest=self.file.manifest,
            differences=self.file.differences,
            revisions=self.revisions,
            rebuild=self.mechanism.rebuild,
            tables=tables,
            referring=tuple(
                table
                for table in self.described
                if table.name not in names and table.references & names
            ),
            created=created,
            emptied=emptied,
            delete={table.label: rows[table.label] for table in emptied},
            insert={table.label: entries[table.name].rows for table in tables},
            left_out=tuple(self.left_out),
            defaults=tuple(self.defaults),
            kept=tuple(table.label for table in kept if not is_record(table)),
            lost=tuple(find_lost(self.engine, self.present, replaced, dropped)),
            peculiarities=tuple(self.engine.describe_peculiarities(lasting, emptied)),
            obstacles=tuple(self.obstacles),
            misfits=tuple(self.find_misfits(tables, kept)),
            one_transaction=one_transaction,
            safety_backup=name_safety_backup(self.file.path) if wants_safety else None,
        )

    def select_tables(self) -> Iterator[Table]:
        """Yield the tables that are filled, with the columns that are."""
        present = {table.name for table in self.present}
        for table in self.described:
            if (
                table.name in self.file.manifest.tables
                and self.mechanism.is_selected(table)
                and ask_filter(
                    self.mechanism, "restore_table_filter", table.bind(self.file.connection)
                )
                # A filter that takes all takes none of these from a database that is migrated.
                and not (self.revisions is not None and is_record(table))
            ):
                # A table that migrate will not make here, of an unmanaged model or of one that is
                # not for this engine, is either there or not.
                is_made = self.revisions is not None and table.model._meta.can_migrate(self.live)
                if table.name in present or is_made:
                    yield self.match_columns(table)
                else:
                    self.left_out.append(table.label)

    def match_columns(self, table: Table) -> Table:
        """Return the table with the columns that file and model have; note the others."""
        stored = self.file.get_columns(table.name)
        live = {column.name: column for column in table.columns}
        extra = [f"{table.label}.{name}" for name in stored if name not in live]
        missing = [column for name, column in live.items() if name not in stored]
        if self.revisions is not None and (extra or missing):
            names = [*extra, *(f"{table.label}.{column.name}" for column in missing)]
            self.obstacles.append(
                f"File and code record the same migrations and differ all the same in "
                f"{', '.join(names)}: a migration is missing. Make it, or use --no-migrate."
            )
        self.left_out += extra
        for column in missing:
            if column.generated:
                continue
            name = f"{table.label}.{column.name}"
            if column.null or column.has_default:
                self.defaults.append(name)
            elif self.revisions is None:
                self.obstacles.append(
                    f"{name} may not be NULL, has no default in the database, and is not in the "
                    "file. Restore with the migrations, or give the column a default first."
                )
        return table.with_columns(name for name in live if name in stored)

    def find_other_time(self) -> Iterator[str]:
        """Yield why moments would not come back as they were: with `USE_TZ` they are UTC."""
        if self.file.manifest.use_tz != (self.live.timezone is not None):
            yield (
                f"The file was made with USE_TZ = {self.file.manifest.use_tz}, and here it is "
                f"{not self.file.manifest.use_tz}: every moment would be shifted. Restore with "
                "the setting of the file."
            )

    def goes(self, table: Table) -> bool:
        """Return whether a live table goes: the file's revision does not have it."""
        if self.revisions is None or not self.revisions.differ or table.name == MIGRATIONS_TABLE:
            return False
        goes = table.name not in {described.name for described in self.described}
        return goes and self.mechanism.is_selected(table)

    def find_orphans(self, kept: list[Table], emptied: set[str]) -> Iterator[str]:
        """Yield which rows that stay would refer to nothing while migrations are unapplied."""
        if self.revisions is not None and (self.revisions.unapply or self.mechanism.rebuild):
            yield from find_orphans(self.engine, kept, emptied)

    def find_misfits(self, tables: Sequence[Table], kept: Sequence[Table]) -> Iterator[Misfit]:
        """Yield the values that will not go in, where nothing else stands in the way."""
        if not self.obstacles and can_be_known(self.mechanism, self.revisions):
            is_here = self.revisions is None or not (
                self.revisions.differ or self.mechanism.rebuild
            )
            steady = find_steady(self.revisions, kept, rebuild=self.mechanism.rebuild)
            among = (tables, steady)
            self.preflight = Preflight(self.engine, self.file, *among, is_at_revision=is_here)
            yield from self.preflight.find(complete=self.complete)

    def find_created(self) -> Iterator[Table]:
        """Yield the tables of apps without migrations that have to be made."""
        if self.revisions is None:
            return
        present = {table.name for table in self.present}
        for table in self.described:
            meta = table.model._meta
            is_unmigrated = meta.app_label in self.revisions.unmigrated_apps
            if is_unmigrated and table.name not in present and meta.can_migrate(self.live):
                yield table

    def changes_schema(self, created: tuple[Table, ...]) -> bool:
        revisions = self.revisions
        return bool(revisions and (revisions.migrations or self.mechanism.rebuild or created))

    def find_altered(self, created: tuple[Table, ...]) -> list[Table] | None:
        """Return the live tables that migrations may alter; None where the schema stays."""
        if self.revisions is None or not self.changes_schema(created):
            return None
        touched = {migration.app_label for migration in self.revisions.migrations}
        if self.mechanism.rebuild:
            touched = set(self.revisions.migrated_apps)
        return [table for table in self.present if table.model._meta.app_label in touched]

    def find_dropped(self) -> set[str]:
        if self.revisions is None or not self.mechanism.rebuild:
            return set()
        return find_dropped_tables(self.live, self.revisions)

    def is_one_transaction(self, created: tuple[Table, ...]) -> bool:
        if not self.changes_schema(created):
            return True
        assert self.revisions is not None
        return self.engine.rolls_back_ddl and not self.revisions.non_atomic

    def find_forbidden(self, created: tuple[Table, ...], one_transaction: bool) -> Iterator[str]:
        """Yield why a caller's transaction is no place for this restore."""
        if not (self.live.in_atomic_block and self.changes_schema(created)):
            return
        if not one_transaction or refuses_schema_changes(self.live):
            yield (
                "The restore would change the schema, which cannot be done inside a transaction "
                f"of {self.live.display_name}. Call it outside of atomic()."
            )
