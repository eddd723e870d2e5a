"""What the commands share: arguments, the progress bar, and the way a result is printed."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, cast

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from tqdm import tqdm

from django_sqlite_backup.checks import refuse_mistakes
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import BackupError, get_reason
from django_sqlite_backup.report import Progress, Report

INTERRUPTED = 130
"""What a shell reports of a command that an interrupt ended."""


class BackupCommand(BaseCommand):
    """A command that runs a mechanism."""

    # The checks of the whole project need a database, and a backup must work without: those of
    # this app are made when what they check is used.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "labels",
            metavar="app_label[.ModelName]",
            nargs="*",
            help="Restrict the tables to these apps or models.",
        )
        parser.add_argument("--database", help='Alias of the live database (default "default").')
        target = parser.add_mutually_exclusive_group()
        target.add_argument(
            "--backup", help='Alias whose NAME is the backup file (default "backup").'
        )
        target.add_argument("--file", help="Path of the backup file, instead of an alias.")
        parser.add_argument(
            "-e",
            "--exclude",
            action="append",
            default=[],
            metavar="LABEL",
            help="An app_label or app_label.ModelName to leave out; may be given more than once.",
        )
        parser.add_argument(
            "--portable",
            action="store_true",
            help="Copy by Django's own means instead of the engine's fast path.",
        )
        parser.add_argument(
            "--format",
            choices=["text", "json"],
            default="text",
            help="How the result is printed on standard output.",
        )
        parser.add_argument(
            "--no-progress",
            action="store_false",
            dest="progress",
            help="Show no progress bar (there is none anyway where standard error is no terminal).",
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Exit as a program does that was interrupted, without a traceback."""
        try:
            super().run_from_argv(argv)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted.")
            raise SystemExit(INTERRUPTED) from None

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Turn expected errors into Django's, which print one paragraph and exit with 1."""
        try:
            refuse_mistakes()
            return super().execute(*args, **options)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database refused: {get_reason(error)}") from error

    def get_common(self, **options: Any) -> dict[str, Any]:
        """Return the arguments of a mechanism that both commands take."""
        return {
            "filename": options["file"],
            "database": options["database"] or settings.database,
            "backup": options["backup"] or settings.backup,
            "labels": options["labels"],
            "portable": options["portable"],
            "verify": options["verify"],
        }

    def follow(self, steps: Iterator[Progress], *, progress: bool) -> None:
        """Exhaust the generator, with a bar on a terminal."""
        # Closed here, not when it is collected: an interrupted run cleans up before the exit.
        with closing(cast(Any, steps)), ExitStack() as stack:
            bar = None
            for step in steps:
                if bar is None:
                    bar = stack.enter_context(self.make_bar(step, progress))
                bar.set_description(step.description, refresh=False)
                bar.update(step.completed - bar.n)

    def make_bar(self, step: Progress, progress: bool) -> "tqdm[Any]":
        return tqdm(
            total=step.total,
            unit=" rows",
            unit_scale=True,
            dynamic_ncols=True,
            file=sys.stderr,
            # None: only on a terminal.
            disable=None if progress else True,
        )

    def print_report(self, report: Report, sentence: str, *, format: str) -> None:
        """Print warnings on standard error, and the result on standard output."""
        for warning in report.warnings:
            self.stderr.write(self.style.WARNING(f"Warning: {warning}"))
        if format == "json":
            self.stdout.write(json.dumps(report.as_dict()))
        else:
            self.stdout.write(self.style.SUCCESS(sentence))


def pluralize(number: int, noun: str) -> str:
    """Return "1 row", "2 rows", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
