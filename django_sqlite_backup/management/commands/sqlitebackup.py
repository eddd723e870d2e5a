"""`manage.py sqlitebackup`"""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import BackupError
from django_sqlite_backup.management.base import make_printable, pluralize
from django_sqlite_backup.management.pruning import PruningCommand
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.jobs import BackupJob, name_file
from django_sqlite_backup.operations.standing import find_databases


class Command(PruningCommand):
    """Arguments, one call for each database, and printing."""

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
        parser.add_argument(
            "--storage",
            action="store_true",
            help="Put the finished file into the storage of the settings too.",
        )
        parser.add_argument(
            "--all-databases",
            action="store_true",
            help="Back up each alias of DATABASES but that of the backup, each into its own file.",
        )
        parser.add_argument(
            "--enqueue",
            action="store_true",
            help="Hand the backup to the workers of TASKS, and end at once.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.check_flags(options)
        work = self.enqueue if options["enqueue"] else self.back_up
        work = self.show_pruning if options["dry_run"] else work
        own = {name: options[name] for name in ("indexes", "storage")}
        own["database"] = options["database"] or settings.database
        arguments = {**self.get_common(**options), **own}
        if not options["all_databases"]:
            work(arguments, options)
            return
        if options["file"] or options["database"]:
            raise CommandError("--all-databases goes with neither --file nor --database.")
        failures = []
        for database in find_databases(arguments["backup"]):
            file = name_file(database, arguments["backup"])
            try:
                work({**arguments, "database": database, "filename": file}, options)
            except BackupError as error:
                # The others are not left without a backup for that.
                failures.append(f'"{database}": {error}')
        if failures:
            raise BackupError(" ".join(failures))

    def back_up(self, arguments: dict[str, Any], options: dict[str, Any]) -> None:
        """Do it here and now, and print what was done."""
        front = BackupRun.Front.COMMAND
        with BackupJob.recording_mistakes(arguments["database"], front):
            # Before the backup: what the settings lack is said at once.
            pruner = self.make_pruner(arguments) if options["prune"] else None
            job = BackupJob(front=front, **arguments)
        self.follow(job, progress=options["progress"])
        if pruner is None:
            self.print_report(job, describe(job), format=options["format"])
        else:
            self.print_and_prune(pruner, job, describe(job), options["format"])

    def enqueue(self, arguments: dict[str, Any], options: dict[str, Any]) -> None:
        """Leave it to a worker, and print which run it will be."""
        from django_sqlite_backup.tasks import enqueue_backup

        database, file = arguments.pop("database"), arguments.pop("filename")
        run = enqueue_backup(
            database,
            front=BackupRun.Front.COMMAND,
            # The worker may be in another folder.
            filename=None if file is None else str(Path(file).absolute()),
            **arguments,
        )
        data = {"database": database, "run": run.pk, "task": run.task}
        as_run = f" as run {run.pk}" if run.pk is not None else ""
        sentence = f'Queued the backup of "{database}"{as_run}.'
        self.stdout.write(
            json.dumps(data) if options["format"] == "json" else make_printable(sentence)
        )


def describe(job: BackupJob) -> str:
    """Return a sentence on what was done."""
    report, stored = job.report, job.stored
    assert report is not None
    place = f'"{report.file}"' if not job.is_temporary else f'the storage "{job.run.storage}"'
    sentence = (
        f"Backed up {pluralize(sum(report.rows.values()), 'row')} in "
        f'{pluralize(len(report.rows), "table")} from "{report.database}" to {place} '
        f"({filesizeformat(report.bytes)}) in {report.seconds:.1f} s"
        + (", and found every value equal." if report.verified else ".")
    )
    if stored is not None:
        size = filesizeformat(stored.stored_bytes)
        sentence += f' Stored as "{stored.name}" in "{job.run.storage}" ({size}).'
    return sentence
