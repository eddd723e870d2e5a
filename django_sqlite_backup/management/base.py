"""What the commands share: arguments, the progress bar, and the way a result is printed."""

import json
import signal
import sys
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from typing import Any, ClassVar, cast
from unicodedata import category

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from tqdm import tqdm

from django_sqlite_backup.checks import refuse_mistakes
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import BackupError, get_reason
from django_sqlite_backup.misfits import LIST_ITEM
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.jobs import Job
from django_sqlite_backup.report import Progress, Report

INTERRUPTED = 130
"""What a shell reports of a command that SIGINT ended."""
ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What ends a process whose service, container or terminal ends."""

MOST_SHOWN = 20_000
"""Characters of one line."""


class BackupCommand(BaseCommand):
    """A command that runs a mechanism."""

    job_class: ClassVar[type[Job] | None] = None
    """What it runs; None for a command that only looks."""
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
        self.targets = parser.add_mutually_exclusive_group()
        self.targets.add_argument(
            "--backup", help='Alias whose NAME is the backup file (default "backup").'
        )
        self.targets.add_argument("--file", help="Path of the backup file, instead of an alias.")
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
            "--wait",
            type=float,
            metavar="SECONDS",
            help="How long to wait for another backup or restore that is in the way, and for locks "
            "on tables (default: not at all for the first, up to 30 seconds for the second).",
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
        """Exit as a program does that was interrupted or ended, and clean up before."""
        previous = {number: signal.getsignal(number) for number in ENDING}
        for number, handler in previous.items():
            # Not where it is ignored, as `nohup` has SIGHUP.
            if handler == signal.SIG_DFL:
                signal.signal(number, terminate)
        try:
            super().run_from_argv(argv)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted.")
            raise SystemExit(INTERRUPTED) from None
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Turn expected errors into Django's, which print one paragraph and exit with 1."""
        try:
            with self.recording_mistakes(**options):
                refuse_mistakes()
            return super().execute(*args, **options)
        except BackupError as error:
            lines = str(error).split(LIST_ITEM)
            raise CommandError(LIST_ITEM.join(map(make_printable, lines))) from error
        except DatabaseError as error:
            reason = make_printable(get_reason(error))
            raise CommandError(f"The database refused: {reason}") from error

    def recording_mistakes(
        self, *, database: str | None = None, dry_run: bool = False, **options: Any
    ) -> AbstractContextManager[None]:
        """Record, where it cannot even begin, the run that the command would be."""
        if self.job_class is None or dry_run:
            return nullcontext()
        database = database or settings.database
        return self.job_class.recording_mistakes(database, BackupRun.Front.COMMAND)

    def get_common(self, **options: Any) -> dict[str, Any]:
        """Return the arguments of a mechanism that both commands take."""
        return {
            "filename": options["file"],
            "backup": options["backup"] or settings.backup,
            "labels": options["labels"],
            "exclude": options["exclude"],
            "portable": options["portable"],
            "verify": options["verify"],
            "wait": options["wait"],
        }

    def follow(self, job: Job, *, progress: bool) -> Report:
        """Do all of a job, with a bar on a terminal, and return its report."""
        # Closed here, not when it is collected: an interrupted run cleans up before the exit.
        with closing(cast(Any, job.execute())) as steps, ExitStack() as stack:
            bar = None
            for step in steps:
                if bar is None:
                    bar = stack.enter_context(self.make_bar(step, progress))
                bar.set_description(step.description, refresh=False)
                bar.update(step.completed - bar.n)
        assert job.report is not None
        return job.report

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

    def print_report(self, job: Job, sentence: str, *, format: str, **more: Any) -> None:
        """Print warnings on standard error, and the result on standard output.

        `more` is added to the JSON.
        """
        report = job.report
        assert report is not None
        for warning in report.warnings:
            self.stderr.write(self.style.WARNING(make_printable(f"Warning: {warning}")))
        if format == "json":
            stored = {"stored": job.stored.as_dict()} if job.stored else {}
            self.stdout.write(json.dumps({**report.as_dict(), **stored, **more}))
        else:
            self.stdout.write(self.style.SUCCESS(make_printable(sentence)))


def terminate(number: int, frame: Any) -> None:
    """Raise what lets the process clean up before it ends, as a shell reports that."""
    raise SystemExit(128 + number)


def pluralize(number: int, noun: str) -> str:
    """Return "1 row", "2 rows", "1,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def make_printable(line: str) -> str:
    """Return one line with nothing in it that a terminal would obey, and not without end.

    Names and values come from files, and a file may come from anybody.
    """
    shown = "".join(
        character
        if character.isprintable() or category(character) == "Zs"
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in line[:MOST_SHOWN]
    )
    more = len(line) - MOST_SHOWN
    return f"{shown} ... and {more:,} characters more" if more > 0 else shown
