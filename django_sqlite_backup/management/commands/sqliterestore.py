"""`manage.py sqliterestore`"""

import json
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from django_sqlite_backup.conf import make_mechanism, settings
from django_sqlite_backup.exceptions import RestoreForbidden
from django_sqlite_backup.management.base import BackupCommand, pluralize
from django_sqlite_backup.management.describe import describe_plan, describe_replacement
from django_sqlite_backup.plan import RestorePlan


class Command(BackupCommand):
    """Arguments, a question, one call, and printing."""

    help = "Replace the rows of a database by those of a backup file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
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
        if not settings.allow_restore:
            raise RestoreForbidden(
                'SQLITE_BACKUP["ALLOW_RESTORE"] is off here: this project does not restore. '
                "Set it to True where a restore is meant to happen."
            )
        mechanism = make_mechanism(
            **self.get_common(**options),
            exclude=[*settings.restore_exclude, *options["exclude"]],
            migrate=options["migrate"],
            update=options["update"],
            rebuild=options["rebuild"],
            safety_backup=options["safety_backup"],
        )
        if options["dry_run"]:
            self.show_plan(mechanism.plan_restore(), format=options["format"])
            return
        if options["interactive"]:
            plan = mechanism.plan_restore()
            plan.check()
            self.ask(describe_replacement(plan, connections[mechanism.database]))
        self.follow(mechanism.restore(), progress=options["progress"])
        report = mechanism.report
        assert report is not None
        sentence = (
            f"Restored {pluralize(sum(report.rows.values()), 'row')} in "
            f'{pluralize(len(report.rows), "table")} from "{report.file}" to "{report.database}" '
            f"in {report.seconds:.1f} s"
            + (", and found every value equal." if report.verified else ".")
        )
        self.print_report(report, sentence, format=options["format"])

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
