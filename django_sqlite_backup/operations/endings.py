"""What becomes of runs later: their process dies, or the backup that they made is removed."""

import os
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import router
from django.db.models import QuerySet
from django.db.transaction import atomic
from django.utils import timezone

from django_sqlite_backup import signals
from django_sqlite_backup.exceptions import get_reason
from django_sqlite_backup.mechanism import BackupMechanism
from django_sqlite_backup.models import BackupRun

from .recording import describe_run, logger

Result = TypeVar("Result")
Outcome = BackupRun.Outcome
FAILED = {
    BackupRun.Kind.BACKUP: signals.backup_failed,
    BackupRun.Kind.RESTORE: signals.restore_failed,
}


def end_lost_runs() -> None:
    """Give each run that will never end its end: failed, in its row, in the log, and by a signal.

    Of several processes that find one, one does it.
    """

    def find(runs: "QuerySet[BackupRun]") -> list[BackupRun]:
        unfinished = runs.filter(outcome__in=[Outcome.QUEUED, Outcome.RUNNING])
        return [run for run in unfinished if run.is_lost]

    for run in attempt("looking for runs that were lost", find) or ():
        end_lost_run(run)


def end_lost_run(run: BackupRun) -> None:
    error = run.describe_loss()

    def write(runs: "QuerySet[BackupRun]") -> int:
        same = runs.filter(pk=run.pk, outcome=run.outcome, process=run.process)
        return same.update(outcome=Outcome.FAILED, error=error, finished=timezone.now())

    if attempt("ending a run that was lost", write):
        values = {**describe_run(run), "error": error}
        logger.error("%s failed: %s", run.get_kind_display(), error, extra=values)
        FAILED[BackupRun.Kind(run.kind)].send_robust(BackupMechanism, **values)


def note_removal(name: str, checksum: str, storage: str = "") -> None:
    """Note in the row of the run which made a backup that it is gone.

    Args:
        name: its path, or its name in the storage.
        checksum: its checksum.
        storage: the alias of the storage; empty for a path.
    """

    def write(runs: "QuerySet[BackupRun]") -> None:
        for run in runs.filter(checksum=checksum, storage=storage, removed=None):
            if storage or os.path.realpath(run.file) == os.path.realpath(name):
                runs.filter(pk=run.pk).update(removed=timezone.now())

    attempt("noting that a backup is gone", write)


def note_replacement(file: str, by: BackupRun) -> None:
    """Note in the rows of the runs that wrote this file before that another backup is there now."""

    def write(runs: "QuerySet[BackupRun]") -> None:
        made = runs.filter(file=file, storage="", removed=None, outcome=Outcome.SUCCEEDED)
        made.filter(kind=BackupRun.Kind.BACKUP).exclude(pk=by.pk).update(removed=timezone.now())

    attempt("noting that a backup was replaced", write)


def attempt(doing: str, do: "Callable[[QuerySet[BackupRun]], Result]") -> Result | None:
    """Do it to the rows; where their database refuses, log that: no backup depends on it."""
    alias = router.db_for_write(BackupRun)
    try:
        with atomic(using=alias):
            return do(BackupRun.objects.using(alias))
    except (DatabaseError, ImproperlyConfigured) as error:
        logger.warning("While %s: %s", doing, get_reason(error), extra={"alias": alias})
        return None
