"""`manage.py sqliterestore`"""

import json
import sys
from contextlib import ExitStack
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import RestoreForbidden
from django_sqlite_backup.management.base import BackupCommand, pluralize
from django_sqlite_backup.management.describe import describe_plan, describe_replacement
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.finding import LATEST
from django_sqlite_backup.operations.jobs import RestoreJob
from django_sqlite_backup.plan import RestorePlan


class Command(BackupCommand):
    """Arguments, a question, one call, and printing."""

    job_class = RestoreJob
    help = "Replace the rows of a database by those of a backup file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        self.targets.add_argument(
            "--storage",
            metavar="NAME",
            nargs="?",
            const=LATEST,
            default="",
            help="A backup in the storage of the settings; without a name, the latest of the "
            "database.",
        )
        parser.add_argument(
            "--identity",
            metavar="FILE",
            action="append",
            default=[],
            help="A file with the key that opens an encrypted backup; may be given more than once.",
        )
        parser.add_argument(
            "--no-migrate",
            action="store_false",
            dest="migrate",
            help="Leave the schema as it is: the hooks before and after are not called.",
        )
        parser.add_argument(
            "--no-update",
            action="store_false",
            dest="update",
            help="Leave the database at the file's revision: do not migrate on to the code's.",
        )
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="Drop the tables of all apps with migrations, and migrate them from zero to the "
            "file's revision: the way back where a migration cannot be reversed.",
        )
        parser.add_argument(
            "--no-safety-backup",
            action="store_false",
            dest="safety_backup",
            help="Take no backup of the live database first where the restore cannot be undone.",
        )
        parser.add_argument(
            "--allow-modified",
            action="store_true",
            help="Restore a file that you edited with SQLite, though its checksum does not hold.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Show the whole plan and change nothing.",
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="Read the restored tables back and compare every value, before the commit.",
        )
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="Do not ask before the rows are replaced.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with self.recording_mistakes(**options):
            job = self.make_job(options)
        if options["dry_run"]:
            with job.prepared():
                self.show_plan(job.mechanism.plan_restore(), format=options["format"])
            return
        with ExitStack() as stack:
            if options["interactive"]:
                with self.recording_mistakes(**options):
                    stack.enter_context(job.prepared())
                    plan = job.mechanism.plan_restore(complete=False)
                    plan.check()
                self.ask(describe_replacement(plan, connections[job.mechanism.database]))
            self.follow(job, progress=options["progress"])
        self.print_report(job, describe(job), format=options["format"])

    def make_job(self, options: dict[str, Any]) -> RestoreJob:
        """Return the restore that the options ask for, if the settings let it be."""
        if not settings.allow_restore:
            raise RestoreForbidden(
                'SQLITE_BACKUP["ALLOW_RESTORE"] is off here: this project does not restore. '
                "Set it to True where a restore is meant to happen."
            )
        return RestoreJob(
            front=BackupRun.Front.COMMAND,
            database=options["database"],
            **self.get_common(**options),
            migrate=options["migrate"],
            update=options["update"],
            rebuild=options["rebuild"],
            safety_backup=options["safety_backup"],
            allow_modified=options["allow_modified"],
            storage=options["storage"],
            identities=options["identity"],
        )

    def show_plan(self, plan: RestorePlan, *, format: str) -> None:
        """Print the plan, and fail where it cannot be carried out."""
        self.stdout.write(json.dumps(plan.as_dict()) if format == "json" else describe_plan(plan))
        plan.check()

    def ask(self, description: str) -> None:
        """Show what is about to be replaced and go on only after a yes."""
        if sys.stdin is None or not sys.stdin.isatty():
            raise CommandError(
                "A restore replaces live rows, and there is no terminal to ask on. "
                "Nothing was changed. Use --no-input to restore without a question."
            )
        # On standard error: standard output has nothing but the result.
        self.stderr.write(f"{description}\nReplace them? [y/N] ", self.style.NOTICE, ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was changed.")


def describe(job: RestoreJob) -> str:
    """Return a sentence on what was done."""
    report = job.report
    assert report is not None
    return (
        f"Restored {pluralize(sum(report.rows.values()), 'row')} in "
        f'{pluralize(len(report.rows), "table")} from "{job.run.file}" to "{report.database}" '
        f"in {report.seconds:.1f} s"
        + (", and found every value equal." if report.verified else ".")
    )
