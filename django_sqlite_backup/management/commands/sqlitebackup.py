"""`manage.py sqlitebackup`"""

from typing import Any

from django.core.management.base import CommandParser
from django.template.defaultfilters import filesizeformat

from django_sqlite_backup.conf import make_mechanism, settings
from django_sqlite_backup.management.base import BackupCommand, pluralize


class Command(BackupCommand):
    """Arguments, one call, and printing."""

    help = "Back up a whole database into one SQLite file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--indexes",
            action="store_true",
            help="Make the indexes and unique constraints too, so that a project can run on it.",
        )
        parser.add_argument(
            "--verify",
            action="store_true",
            help="Read the finished file back and compare every value with the database.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        mechanism = make_mechanism(
            **self.get_common(**options),
            exclude=[*settings.exclude, *options["exclude"]],
            indexes=options["indexes"],
        )
        self.follow(mechanism.backup(), progress=options["progress"])
        report = mechanism.report
        assert report is not None
        sentence = (
            f"Backed up {pluralize(sum(report.rows.values()), 'row')} in "
            f'{pluralize(len(report.rows), "table")} from "{report.database}" to "{report.file}" '
            f"({filesizeformat(report.bytes)}) in {report.seconds:.1f} s"
            + (", and found every value equal." if report.verified else ".")
        )
        self.print_report(report, sentence, format=options["format"])
