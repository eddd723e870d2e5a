"""A restore: the live tables emptied, and filled from the file, in one transaction."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.apps import apps

from .engines.base import Replacement
from .exceptions import RevisionMismatch, explaining
from .report import Progress
from .runs import Run
from .tables import Table
from .validation import OpenedBackup, reading

if TYPE_CHECKING:
    from .mechanism import BackupMechanism


class RestoreRun(Run):
    """One restore."""

    file: OpenedBackup

    def execute(self) -> Iterator[Progress]:
        with reading(self.path) as self.file:
            if self.mechanism.migrate:
                self.mechanism.prepare_schema_for_restore(self.file.connection, self.live)
            self.take_inventory()
            self.select_tables()
            yield from self.replace()
            if self.mechanism.migrate:
                self.mechanism.update_schema_after_restore(self.file.connection, self.live)
        clear_caches()
        yield self.finish()

    def select_tables(self) -> None:
        """Choose the tables that are both in the file and in the live database."""
        entries = self.file.manifest.tables
        self.tables = [
            self.check_columns(table)
            for table in self.inventory.tables
            if table.name in entries
            and self.is_selected(table)
            and self.mechanism.restore_table_filter(table.bind(self.file.connection))
        ]
        self.total = sum(entries[table.name].rows for table in self.tables)
        if self.mechanism.verify:
            self.total *= 2

    def check_columns(self, table: Table) -> Table:
        """Return the table; raise `RevisionMismatch` where the file's has other columns."""
        stored = set(self.file.get_columns(table.name))
        live = {column.name for column in table.columns}
        if stored != live:
            differing = ", ".join(sorted(stored ^ live))
            raise RevisionMismatch(
                f"{table.label} has other columns in the file than in the code: {differing}."
            )
        return table

    def replace(self) -> Iterator[Progress]:
        """Empty and fill the tables, and commit if everything holds."""
        names = {table.name for table in self.tables}
        referring = [table for table in self.inventory.tables if table.references & names]
        checked = list({table.name: table for table in [*self.tables, *referring]}.values())
        with (
            explaining(f'restoring "{self.live.alias}"'),
            self.engine.restoring(Replacement(self.tables, checked, self.file)),
        ):
            yield self.show("begun")
            self.empty_tables()
            pairs = [
                (table.bind(self.file.connection), table.bind(self.live)) for table in self.tables
            ]
            yield from self.copy_tables(pairs)
            for table in self.tables:
                entry = self.file.manifest.tables[table.name]
                self.engine.set_next_keys(table, entry.next_keys)
            if self.mechanism.verify:
                yield from self.verify(
                    [table.with_columns(c.name for c in table.writable) for table in self.tables],
                    self.file.path,
                )

    def empty_tables(self) -> None:
        for table in reversed(self.tables):
            with explaining(f"emptying {table.label}"):
                self.mechanism.delete_table_data(table.bind(self.live))

    def copy_table(self, from_table: Table, to_table: Table) -> Iterator[int]:
        return self.engine.load_table(self.file, to_table)


def clear_caches() -> None:
    """Clear what the process remembers of rows that may now be others."""
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()
    if apps.is_installed("django.contrib.sites"):
        from django.contrib.sites.models import Site

        Site.objects.clear_cache()


def describe_replacement(mechanism: "BackupMechanism") -> str:
    """Return a paragraph on what a restore would replace, and by what, for a person to judge."""
    run = RestoreRun(mechanism)
    with reading(run.path) as run.file:
        run.take_inventory()
        run.select_tables()
        manifest = run.file.manifest
        live_rows = sum(run.engine.count_rows(table) for table in run.tables)
        stored_rows = sum(manifest.tables[table.name].rows for table in run.tables)
    settings = run.live.settings_dict
    host = f" on {settings['HOST']}" if settings["HOST"] else ""
    age = datetime.now(UTC) - datetime.fromisoformat(manifest.created)
    return (
        f'About to replace {live_rows:,} rows in {len(run.tables)} tables of "{run.live.alias}" '
        f"({run.live.display_name}, {settings['NAME']}{host})\n"
        f'by the {stored_rows:,} rows of "{run.path}", '
        f"backed up {format_age(age)} ago from {manifest.engine}."
    )


def format_age(age: timedelta) -> str:
    """Return an age in the largest unit that makes it more than two."""
    for unit, seconds in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if age.total_seconds() >= 2 * seconds:
            return f"{int(age.total_seconds() // seconds)} {unit}"
    return f"{int(age.total_seconds())} seconds"
