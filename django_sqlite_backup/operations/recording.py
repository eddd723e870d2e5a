"""The row of one run, kept up to date as far as its database lets it be.

What goes wrong with the row never stops a backup: it is a warning, and is logged.
"""

import getpass
import logging
import os
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic
from django.utils import timezone

from django_sqlite_backup.aliases import get_live_path, is_same_file
from django_sqlite_backup.engines import get_engine
from django_sqlite_backup.exceptions import Busy, get_reason
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.report import Progress, Report

from .liveness import describe_process

logger = logging.getLogger("django_sqlite_backup")
# Without a handler Python itself would print the warnings, which the front ends already do.
logger.addHandler(logging.NullHandler())

SECONDS_BETWEEN = 1.0
"""Between two updates of the progress."""
PATIENCE = 5
"""Seconds to wait for somebody's lock on the row or its table."""
Outcome = BackupRun.Outcome


def get_system_user() -> str:
    """Return the name of the user of the operating system, or its number where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def get_run(primary_key: int | None) -> BackupRun | None:
    """Return a run that another process has queued, if it is there."""
    if primary_key is None:
        return None
    runs = BackupRun.objects.using(router.db_for_write(BackupRun))
    return runs.filter(pk=primary_key).first()


def make_storable(value: Any) -> Any:
    """Return a text without what no database or log takes: names of files may hold any bytes."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\\0").encode(errors="backslashreplace").decode()


def describe_run(run: BackupRun) -> dict[str, Any]:
    """Return what each signal and each line of the log says of a run."""
    return {
        "run": run.pk,
        "alias": run.database,
        "file": make_storable(run.file),
        "storage": run.storage,
        "front": str(run.front),
        "user": run.user,
    }


class Recorder:
    """Writes the row of a run, through the project's own connection.

    Args:
        run: the row, saved or not.
        database: the alias that is backed up or restored to.
    """

    def __init__(self, run: BackupRun, database: str) -> None:
        self.run = run
        self.alias = router.db_for_write(BackupRun)
        self.database = database
        self.warnings: list[str] = []
        self.follows_progress = True
        self.is_unreachable = False
        """Whether there is no connection to be had: to ask again might take long."""
        self.last_update = time.monotonic()

    @property
    def is_able(self) -> bool:
        """Whether the database of the rows has taken all that was written so far."""
        return not self.warnings

    @property
    def connection(self) -> BaseDatabaseWrapper:
        return connections[self.alias]

    def attempt(self, doing: str, write: Callable[[], object]) -> None:
        """Write, and note what the database refuses; a caller's transaction stays whole."""
        try:
            engine = get_engine(self.connection)
            engine.lock_seconds = PATIENCE
            # Twice: what is set for the time of the waiting is set back in a whole transaction.
            with (
                atomic(using=self.alias),
                engine.waiting_briefly(),
                atomic(using=self.alias),
            ):
                write()
        except (DatabaseError, ImproperlyConfigured) as error:
            message = f"The run was not recorded: while {doing}, {get_reason(error)}"
            logger.warning(message, extra={"run": self.run.pk, "alias": self.database})
            # The next ones usually say the same again.
            self.warnings = self.warnings or [message]
            is_misconfigured = isinstance(error, ImproperlyConfigured)
            self.is_unreachable = is_misconfigured or self.connection.connection is None

    def renew_connection(self) -> None:
        """Close a connection that the server has closed, idle all the time."""
        connection = self.connection
        is_lost = connection.connection is not None and not connection.is_usable()
        if is_lost and not connection.in_atomic_block:
            connection.close()

    def start(self) -> None:
        """Make the row, or take over the one that was queued.

        Raises `Busy` where that one is no longer queued: somebody else has taken it.
        """
        run = self.run
        run.outcome, run.process = Outcome.RUNNING, describe_process()
        run.started = run.heard = timezone.now()
        self.attempt("beginning it", self.insert if run.pk is None else self.take_over)

    def insert(self) -> None:
        self.run.file, self.run.error = map(make_storable, (self.run.file, self.run.error))
        self.run.save(using=self.alias, force_insert=True)

    def take_over(self) -> None:
        """Begin a queued run; of two processes that try, one does."""
        queued = self.rows.filter(outcome=Outcome.QUEUED)
        if not queued.update(**self.get_values("outcome", "process", "started", "heard")):
            raise Busy(
                f"The run {self.run.pk} is not queued: another process has begun it, or it has "
                "ended. Begin a new one."
            )

    @property
    def rows(self) -> Any:
        """The row as a queryset: of the same key there may be another one after a restore."""
        return BackupRun.objects.using(self.alias).filter(pk=self.run.pk, created=self.run.created)

    def show(self, progress: Progress) -> None:
        """Write how far the run has come, at most once a second."""
        run = self.run
        run.completed, run.total, description = progress
        run.description = description[:200]
        now = time.monotonic()
        if now - self.last_update < SECONDS_BETWEEN or not self.can_show():
            return
        self.last_update, run.heard = now, timezone.now()
        names = ("completed", "total", "description", "file", "heard")
        self.attempt("showing its progress", lambda: self.update(*names))
        # Once is enough: each further attempt may have to wait as long.
        self.follows_progress = not self.warnings

    def can_show(self) -> bool:
        """Return whether a progress can be written, and others would see it."""
        return (
            self.follows_progress
            and not self.is_unreachable
            and self.run.pk is not None
            and not self.connection.in_atomic_block
            and self.is_apart
        )

    @cached_property
    def is_apart(self) -> bool:
        """Whether the row can be written while the database is read, and is not what is read.

        SQLite lets nobody write meanwhile, unless it is in WAL mode.
        """
        live, own = connections[self.database], self.connection
        one, other = get_live_path(live), get_live_path(own)
        is_same = is_same_file(one, other) if one and other else self.alias == self.database
        if is_same and own.vendor == "sqlite":
            return get_engine(own).fetchall("PRAGMA journal_mode") == [("wal",)]
        return not is_same or get_engine(own).is_snapshot

    def update(self, *names: str) -> bool:
        return bool(self.rows.update(**self.get_values(*names)))

    def get_values(self, *names: str) -> dict[str, Any]:
        values = {name: getattr(self.run, name) for name in names}
        return {name: make_storable(value) for name, value in values.items()}

    def succeed(self, report: Report) -> None:
        """Write what the run did."""
        run = self.run
        run.outcome = Outcome.SUCCEEDED
        run.seconds, run.bytes, run.checksum = report.seconds, report.bytes, report.checksum
        run.tables, run.rows = len(report.rows), sum(report.rows.values())
        run.verified, run.partial = report.verified, report.partial
        run.completed, run.description = run.total, ""
        self.finish()
        report.warnings += self.warnings

    def fail(self, error: str) -> None:
        """Write why the run failed."""
        self.run.outcome, self.run.error = Outcome.FAILED, error
        self.finish()

    def finish(self) -> None:
        run = self.run
        run.finished = run.heard = timezone.now()
        if run.seconds is None and run.started is not None:
            run.seconds = round((run.finished - run.started).total_seconds(), 3)
        if self.is_unreachable:
            return
        self.renew_connection()
        self.attempt("ending it", self.write_end)

    def write_end(self) -> None:
        names = {field.name for field in BackupRun._meta.concrete_fields} - {"id", "created"}
        if self.run.pk is None or not self.update(*names):
            # It could not be made before: the table may be there only since the restore.
            self.run.pk = None
            self.insert()
            self.warnings.clear()
