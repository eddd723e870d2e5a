"""`manage.py sqlitebackups`"""

import json
from argparse import ArgumentTypeError
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_sqlite_backup.conf import settings
from django_sqlite_backup.management.base import BackupCommand, make_printable
from django_sqlite_backup.management.listing import describe_listing
from django_sqlite_backup.operations.catalog import Place, find_lacks, get_places, list_backups
from django_sqlite_backup.operations.durations import Duration
from django_sqlite_backup.operations.stored import StoredBackup
from django_sqlite_backup.tables import shorten_list


class Command(BackupCommand):
    """Arguments, one call, and printing; no live database is asked anything."""

    help = "List the backups that there are, and tell whether they are enough."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", help="List the backups of this alias only.")
        places = parser.add_mutually_exclusive_group()
        places.add_argument(
            "--storage",
            action="store_const",
            dest="place",
            const="storage",
            help="List the storage of the settings only.",
        )
        places.add_argument(
            "--local",
            action="store_const",
            dest="place",
            const="local",
            help="List the folder of the file only.",
        )
        target = parser.add_mutually_exclusive_group()
        target.add_argument(
            "--backup", help='Alias in whose folder to look for files (default "backup").'
        )
        target.add_argument("--file", help="A file in whose folder to look, or a folder.")
        parser.add_argument(
            "--check",
            action="store_true",
            help="Exit with 1 where the backups of the database are too few or too old.",
        )
        parser.add_argument(
            "--max-age",
            metavar="DURATION",
            help="With --check: how old the newest may be, such as 26h or 7d.",
        )
        parser.add_argument(
            "--min-count",
            type=read_count,
            default=1,
            metavar="NUMBER",
            help="With --check: how many there should be at least (default: 1).",
        )
        parser.add_argument(
            "--format",
            choices=["text", "json"],
            default="text",
            help="How the list is printed on standard output.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"] and (options["max_age"] or options["min_count"] != 1):
            raise CommandError("--max-age and --min-count say what --check checks: add --check.")
        now = datetime.now(UTC)
        places = get_places(options["place"], options["file"], options["backup"] or settings.backup)
        listing = list_backups(places, options["database"])
        if options["format"] == "json":
            self.stdout.write(json.dumps(listing.as_dict()))
        else:
            self.stdout.write(describe_listing(listing.backups, now))
        for place, names in listing.strangers.items():
            if names:
                self.warn(f"No finished backups, and left alone ({place}): {shorten_list(names)}.")
        if options["check"]:
            found = [(places[item.place], item.backup) for item in listing.backups]
            self.check_backups(found, now, **options)

    def warn(self, warning: str) -> None:
        self.stderr.write(self.style.WARNING(make_printable(f"Warning: {warning}")))

    def check_backups(
        self,
        found: Sequence[tuple[Place, StoredBackup]],
        now: datetime,
        *,
        database: str | None,
        max_age: str | None,
        min_count: int,
        **options: Any,
    ) -> None:
        """Fail where the backups of the database are too few, or the newest is too old."""
        lacks = find_lacks(
            found,
            database or settings.database,
            now,
            max_age=None if max_age is None else Duration.parse(max_age),
            min_count=min_count,
        )
        if sentences := " ".join(lacks):
            raise CommandError(make_printable(sentences))


def read_count(text: str) -> int:
    """Return a number of backups that should be there; none would be no check."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{number} is less than 1")
    return number
