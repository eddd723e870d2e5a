"""`manage.py sqliteinspect`"""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_sqlite_backup.inspection import Inspector
from django_sqlite_backup.management.base import make_printable
from django_sqlite_backup.management.describe import describe_inspection


class Command(BaseCommand):
    """Arguments, one call, and printing; no live database is asked anything."""

    help = "Show what a backup file says of itself, and whether it is whole."
    # The checks of a project may need a database.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", help="Path of the backup file.")
        parser.add_argument(
            "--allow-modified",
            action="store_true",
            help="Do not fail where somebody edited the file with SQLite.",
        )
        parser.add_argument(
            "--format",
            choices=["text", "json"],
            default="text",
            help="How the result is printed on standard output.",
        )

    def handle(self, *args: Any, file: str, format: str, **options: Any) -> None:
        found = Inspector(Path(file), allow_modified=options["allow_modified"]).inspect()
        if format == "json":
            self.stdout.write(json.dumps(found.as_dict()))
        else:
            self.stdout.write(describe_inspection(found))
        if found.problems:
            raise CommandError(make_printable(" ".join(found.problems)))
