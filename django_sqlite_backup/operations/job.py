"""A backup or a restore as a front end runs it: recorded and announced."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, ClassVar, cast

from django.dispatch import Signal

from django_sqlite_backup.aliases import get_path
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import BackupError, Vetoed, get_line
from django_sqlite_backup.mechanism import BackupMechanism
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.report import Progress, Report

from .endings import end_lost_runs
from .recording import Recorder, describe_run, get_system_user, logger, make_storable
from .stored import StoredBackup

STOPPED = {
    GeneratorExit: "It was stopped before its end.",
    KeyboardInterrupt: "It was interrupted.",
    SystemExit: "Its process was ended.",
}


class Job(ABC):
    """One run of a mechanism, with its row, its signals and its log.

    Args:
        database: alias of the live database; without it, the setting `DATABASE`.
        front: who begins it.
        user: the name of who asked for it; without it, the user of the operating system.
        run: a queued row to take over, instead of a new one.
        mechanism: what to run; without it, the project's own is made.
        options: the arguments of the mechanism. The settings' `EXCLUDE` (of a restore:
            `RESTORE_EXCLUDE`) is added to `exclude`, `BACKUP` and `RECORD_HOST` are its defaults.

    `report` is what the mechanism leaves, once the job has succeeded. `run` is the row; it has a
    primary key unless it could not be recorded. `stored` is the `StoredBackup` in the storage.
    """

    kind: ClassVar[BackupRun.Kind]
    started: ClassVar[Signal]
    finished: ClassVar[Signal]
    failed: ClassVar[Signal]
    report: Report | None = None
    stored: StoredBackup | None = None

    def __init__(
        self,
        *,
        database: str | None = None,
        front: BackupRun.Front = BackupRun.Front.PYTHON,
        user: str = "",
        run: BackupRun | None = None,
        mechanism: BackupMechanism | None = None,
        **options: Any,
    ) -> None:
        self.mechanism = mechanism or self.make_mechanism(database or settings.database, **options)
        self.run = run or BackupRun(
            kind=self.kind,
            front=front,
            user=(user or get_system_user())[:150],
            database=self.mechanism.database,
        )
        self.recorder = Recorder(self.run, self.mechanism.database)

    @classmethod
    @abstractmethod
    def make_mechanism(cls, database: str, **options: Any) -> BackupMechanism:
        """Return the project's mechanism for this alias, by the settings and these arguments."""

    @abstractmethod
    def work(self) -> Generator[Progress, None, Progress]:
        """Do it, and return the progress that says that all is done."""

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Have the file, and the storage, ready inside the block."""
        yield

    @classmethod
    @contextmanager
    def recording_mistakes(
        cls, database: str, front: BackupRun.Front, user: str = ""
    ) -> Iterator[None]:
        """Record and announce a run that cannot even begin: as its settings are wrong, say."""
        try:
            yield
        except BackupError as error:
            job = cls(mechanism=BackupMechanism(database=database), front=front, user=user)
            job.recorder.start()
            job.give_up(str(error))
            raise

    def execute(self) -> Iterator[Progress]:
        """Do it, and yield `Progress`; the row says that it succeeded before the last one comes.

        A generator that is closed earlier leaves a row that says so. Raises a `BackupError`.
        """
        with self.recording():
            last = yield from self.work()
        yield last

    def follow(self, steps: Iterator[Progress]) -> Generator[Progress, None, Progress]:
        """Record and yield each progress of a mechanism but the last one, and return that."""
        step = Progress(0, 0, "")
        with closing(cast(Any, steps)):
            for step in steps:
                if self.mechanism.report is None:
                    yield self.show(step)
        return step

    def show(self, step: Progress) -> Progress:
        self.recorder.show(step)
        return step

    def exhaust(self) -> Report:
        """Do all of it and return the report."""
        for _ in self.execute():
            pass
        assert self.report is not None
        return self.report

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep the row, and tell the receivers and the log, whatever happens inside the block."""
        self.recorder.start()
        if self.recorder.is_able:
            end_lost_runs()
        try:
            with self.prepared():
                self.announce()
                yield
        except BaseException as error:
            self.give_up(STOPPED.get(type(error)) or str(error) or type(error).__name__)
            raise
        self.conclude()

    def announce(self) -> None:
        """Send the signal that lets a receiver forbid the run."""
        path = get_path(self.mechanism.filename, self.mechanism.backup_alias)
        self.run.file = self.run.file or str(path)
        logger.info("%s begun", self.kind.label, extra=self.values)
        try:
            self.started.send(type(self.mechanism), **self.values)
        except Exception as error:
            raise Vetoed(
                f"A receiver of the signal {self.kind}_started forbids it: {get_line(error)}"
            ) from error

    def conclude(self) -> None:
        """Record and announce that it succeeded."""
        self.report = self.mechanism.report
        assert self.report is not None
        self.recorder.succeed(self.report)
        run = self.run
        values = {**self.values, "bytes": run.bytes, "rows": run.rows, "tables": run.tables}
        values |= {"seconds": run.seconds, "checksum": run.checksum, "verified": run.verified}
        logger.info("%s succeeded", self.kind.label, extra=values)
        self.finished.send_robust(
            type(self.mechanism), **values, warnings=tuple(self.report.warnings)
        )

    def give_up(self, error: str) -> None:
        """Record and announce that it failed."""
        error = make_storable(error)
        self.recorder.fail(error)
        values = {**self.values, "error": error}
        logger.error("%s failed: %s", self.kind.label, error, extra=values)
        self.failed.send_robust(type(self.mechanism), **values)

    @property
    def values(self) -> dict[str, Any]:
        """What each signal and each line of the log says."""
        return describe_run(self.run)
