import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

FOLDER = settings.BASE_DIR / "demo"
# The record of migrations says what the tables look like, so it is the one table left alone.
KEPT = "django_migrations"
# A row for each backup and restore: it is never restored, and grows with what is done here.
RUNS = "django_sqlite_backup_backuprun"


class Command(BaseCommand):
    help = "Fills a shop, backs it up, empties it, restores it, and proves that nothing changed."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--rows", type=int, default=100_000, help="at least this many rows")

    def handle(self, *, rows, **options):
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
        self.live, self.backup = FOLDER / "db.sqlite3", FOLDER / "backup.sqlite3"
        self.seconds = {}

        self.run("migrate", "--verbosity=0")
        self.run("fill_shop", f"--rows={rows}")
        before = digests(self.live)
        self.run("sqlitebackup")
        self.stdout.write("\nEmptying every table.")
        empty(self.live)
        self.stdout.write(f"{total(digests(self.live)):,} rows are left, all of {KEPT}.")
        self.run("sqliterestore", "--no-input")
        self.report(before, digests(self.live))

    def run(self, command, *arguments):
        """Run a command as a user does, in a process of its own, on the demo's own files."""
        self.stdout.write(
            self.style.MIGRATE_HEADING(" ".join(["\n$ manage.py", command, *arguments]))
        )
        self.stdout.flush()
        environment = {
            **os.environ,
            "TESTPROJECT_ENGINE": "sqlite",
            "TESTPROJECT_ZOO": "0",
            "TESTPROJECT_DB": str(self.live),
            "TESTPROJECT_BACKUP": str(self.backup),
        }
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, settings.BASE_DIR / "manage.py", command, *arguments],
            env=environment,
            check=False,
        )
        self.seconds[command] = time.perf_counter() - started
        if done.returncode:
            raise CommandError(f"{command} failed, so nothing is proved.")

    def report(self, before, after):
        self.stdout.write(self.style.MIGRATE_HEADING("\nWhat was proved"))
        for table in sorted(before.keys() | after.keys()):
            count, _ = before.get(table, (0, None))
            verdict = "equal" if before.get(table) == after.get(table) else "NOT EQUAL"
            self.stdout.write(f"  {table:32}{count:>10,} rows  {verdict}")
        self.stdout.write("")
        for command, seconds in self.seconds.items():
            self.stdout.write(f"  {command:32}{seconds:>10.1f} seconds")
        megabytes = self.backup.stat().st_size / 10**6
        self.stdout.write(f"  {'backup.sqlite3':32}{megabytes:>10.1f} MB\n")
        if before != after:
            raise CommandError("The restored database is NOT equal to the one backed up.")
        del after[KEPT]
        self.stdout.write(
            self.style.SUCCESS(
                f"{total(after):,} rows in {len(after)} tables were backed up, deleted and "
                "restored: every value of every table is equal."
            )
        )


def digests(path):
    """Map each table to its number of rows and a digest of all their values.

    SQLite's own `quote()` writes them, so this stands apart from what it proves.
    """
    with closing(sqlite3.connect(path)) as database:
        return {table: digest(database, table) for table in table_names(database)}


def digest(database, table):
    columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
    quoted = ", ".join(f'quote("{column}")' for column in columns)
    sha256, count = hashlib.sha256(), 0
    for row in database.execute(f'SELECT {quoted} FROM "{table}" ORDER BY rowid'):
        sha256.update("|".join([*row, "\n"]).encode())
        count += 1
    return count, sha256.hexdigest()


def empty(path):
    """Delete every row of every table but `KEPT`."""
    with closing(sqlite3.connect(path)) as database:
        for table in table_names(database):
            if table != KEPT:
                database.execute(f'DELETE FROM "{table}"')
        database.commit()


def table_names(database):
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [name for (name,) in database.execute(query) if name != RUNS]


def total(digests):
    return sum(count for count, _ in digests.values())
