"""How each database stands, by its runs: its last good backup, and what has failed since."""

from dataclasses import dataclass

from django.db import connections

from django_sqlite_backup.conf import settings
from django_sqlite_backup.models import BackupRun

Outcome = BackupRun.Outcome


@dataclass(frozen=True)
class Standing:
    """How one database stands."""

    database: str
    last: BackupRun | None
    """The last backup that succeeded, went where the settings say, and was not removed; a whole
    one, if there is."""
    failures: int
    """How many have failed after it."""
    running: BackupRun | None
    """The backup that is being made, or waits to be."""

    @property
    def level(self) -> str:
        """Return what the admin calls a message of this kind."""
        if self.last is None:
            return "error" if self.failures else "warning"
        return "warning" if self.failures else "success"


def get_standings() -> list[Standing]:
    """Return how each database stands that is backed up: by the settings, or by a run."""
    backups = BackupRun.objects.filter(kind=BackupRun.Kind.BACKUP)
    recorded = backups.order_by().values_list("database", flat=True).distinct()
    known = {alias for alias in recorded if alias in connections.settings}
    return [get_standing(database) for database in sorted({settings.database, *known})]


def get_standing(database: str) -> Standing:
    # In the order in which they were begun, and not by a clock that may have been wrong.
    backups = BackupRun.objects.order_by("-pk").filter(
        kind=BackupRun.Kind.BACKUP, database=database
    )
    good = backups.filter(outcome=Outcome.SUCCEEDED, removed=None)
    if settings.storage:
        # One that only this machine has does not stand for one that it has not.
        good = good.filter(storage=settings.storage)
    last = good.filter(partial=False).first() or good.first()
    later = backups.filter(pk__gt=last.pk) if last else backups
    failures = later.filter(outcome=Outcome.FAILED).count()
    running = later.filter(outcome__in=[Outcome.QUEUED, Outcome.RUNNING]).first()
    return Standing(database, last, failures, running)


def is_over(run: BackupRun) -> bool:
    """Return whether nothing more comes of a run."""
    return run.outcome in (Outcome.SUCCEEDED, Outcome.FAILED)


def find_databases(backup: str | None = None) -> list[str]:
    """Return the aliases to back up.

    Not that of the backup, no replica of another one, and not a `default` that is left empty.
    """
    return sorted(
        alias
        for alias in connections.settings
        if alias not in (backup, settings.backup)
        and not connections.settings[alias].get("TEST", {}).get("MIRROR")
        and connections.settings[alias]["ENGINE"] != "django.db.backends.dummy"
    )
