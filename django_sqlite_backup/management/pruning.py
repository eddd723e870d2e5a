"""What goes with a command that prunes where it backs up to."""

import json
import os
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_sqlite_backup.management.base import BackupCommand
from django_sqlite_backup.management.listing import describe_decisions
from django_sqlite_backup.operations.jobs import BackupJob
from django_sqlite_backup.operations.pruning import Pruner, make_pruner
from django_sqlite_backup.operations.retention import Decision


class PruningCommand(BackupCommand):
    """A command that backs up and, where that is asked for, prunes then."""

    job_class = BackupJob

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--prune",
            action="store_true",
            help="Then remove the backups of the database that no rule of RETENTION keeps.",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="With --prune: back up nothing, remove nothing, and show what would be removed.",
        )

    def check_flags(self, options: dict[str, Any]) -> None:
        """Raise `CommandError` where flags do not go together."""
        if options["dry_run"] and not options["prune"]:
            raise CommandError("--dry-run shows what --prune would do: add --prune.")
        if options["enqueue"] and options["prune"]:
            raise CommandError("--prune goes not with --enqueue: enqueue prune_backups instead.")

    def make_pruner(self, arguments: dict[str, Any]) -> Pruner:
        """Return what prunes where the backup goes, by the arguments of a `BackupJob`."""
        names = ("database", "storage", "filename", "backup")
        return make_pruner(**{name: arguments[name] for name in names})

    def show_pruning(self, arguments: dict[str, Any], options: dict[str, Any]) -> None:
        """Print what would be removed and why."""
        decisions = self.make_pruner(arguments).plan()
        if options["format"] == "json":
            data = {"database": arguments["database"], **as_dict(decisions)}
            self.stdout.write(json.dumps(data))
        else:
            self.stdout.write(describe_decisions(decisions))

    def print_and_prune(self, pruner: Pruner, job: BackupJob, sentence: str, format: str) -> None:
        """Print what was backed up, what is removed and why, and remove it."""
        decisions: Sequence[Decision] | None = None
        assert job.report is not None
        # In its folder a file has its real path, in the storage a name.
        pruner.trusted.add(job.stored.name if job.stored else os.path.realpath(job.report.file))
        try:
            decisions = pruner.plan()
        finally:
            # Whatever becomes of the pruning, the backup was made.
            more = {} if decisions is None else as_dict(decisions)
            self.print_report(job, sentence, format=format, **more)
        if format == "text":
            self.stdout.write(describe_decisions(decisions))
        pruner.remove(decisions)


def as_dict(decisions: Sequence[Decision]) -> dict[str, Any]:
    return {"retention": [decision.as_dict() for decision in decisions]}
