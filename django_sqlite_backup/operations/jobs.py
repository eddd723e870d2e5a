"""A backup and a restore as front ends run them, with the storage of the settings where asked."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connections

from django_sqlite_backup import signals
from django_sqlite_backup.aliases import get_path, load_connection
from django_sqlite_backup.conf import make_mechanism, settings
from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.mechanism import BackupMechanism
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.origin import get_fingerprint
from django_sqlite_backup.report import Progress
from django_sqlite_backup.validation import read_manifest

from .endings import note_replacement
from .finding import LATEST
from .job import Job
from .stored import INFIX, StoredBackup
from .storing import BackupStore, get_store
from .temporary import fetched, temporary_folder

__all__ = ["BackupJob", "Job", "RestoreJob", "name_file"]


def name_file(database: str, backup: str | None = None) -> Path | None:
    """Return a file of its own for the backup of an alias, beside that of the alias `backup`.

    None stands for that file itself, which is the one of the setting `DATABASE`, and for no file
    where `DATABASES` has no alias of the backup.
    """
    backup = backup or settings.backup
    if database == settings.database or backup not in connections.settings:
        return None
    path = get_path(None, backup)
    return path.with_name(f"{path.stem}-{quote(database, safe='')}{path.suffix}")


class BackupJob(Job):
    """One backup, into a file and, with `storage`, into the storage of the settings.

    Where neither a file nor the alias of the backup is there, the file is a temporary one.
    """

    kind = BackupRun.Kind.BACKUP
    started = signals.backup_started
    finished = signals.backup_finished
    failed = signals.backup_failed
    store: BackupStore | None = None
    is_temporary = False
    """Whether the file is gone when the job has ended."""

    def __init__(self, *, storage: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.storage = storage

    @classmethod
    def make_mechanism(cls, database: str, **options: Any) -> BackupMechanism:
        options.setdefault("record_host", settings.record_host)
        return make_by_settings(database, settings.exclude, **options)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Find the storage before anything is read for it."""
        with ExitStack() as stack:
            if self.storage:
                self.store = get_store()
                self.run.storage = self.store.alias
                if self.mechanism.filename is None and not has_alias(self.mechanism):
                    folder = stack.enter_context(temporary_folder())
                    self.mechanism.filename = Path(folder, f"{self.mechanism.database}.sqlite3")
                    self.is_temporary = True
            yield

    def work(self) -> Generator[Progress, None, Progress]:
        last = yield from self.follow(self.mechanism.backup())
        if self.store is not None and self.mechanism.report is not None:
            yield self.show(last._replace(description=f"storing in {self.store.alias}"))
            report = self.mechanism.report
            self.stored = self.store.put(Path(report.file), report)
            self.run.file = self.stored.name
            if self.is_temporary:
                report.file = self.stored.name
        return last

    def conclude(self) -> None:
        super().conclude()
        if self.recorder.is_able and self.report is not None and not self.is_temporary:
            note_replacement(self.report.file, by=self.run)


class RestoreJob(Job):
    """One restore, of a file or of what is in the storage of the settings.

    Args:
        database: alias of the live database. Without it, it is that of the setting `DATABASE`, and
            a backup of any other alias is refused: those rows would hardly be meant for it.
        storage: the name of a backup in the storage, or "latest"; empty for a file.
        store: the storage; without it, that of the settings.
        identities: paths of files with the keys that open it, where it is encrypted.
    """

    kind = BackupRun.Kind.RESTORE
    started = signals.restore_started
    finished = signals.restore_finished
    failed = signals.restore_failed

    def __init__(
        self,
        *,
        database: str | None = None,
        storage: str = "",
        store: BackupStore | None = None,
        identities: Sequence[str | Path] = (),
        **options: Any,
    ) -> None:
        super().__init__(database=database, **options)
        self.takes_own_only = database is None and "mechanism" not in options
        self.storage = storage
        self.store = store
        self.identities = identities
        self.is_fetched = False

    @classmethod
    def make_mechanism(cls, database: str, **options: Any) -> BackupMechanism:
        return make_by_settings(database, settings.restore_exclude, **options)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Fetch the file from the storage, and remove it at the end; `execute()` does it itself.

        It lies beside that of the alias of the backup, or in the current folder: so does the
        backup of the live database that a restore may make beside it, which stays.
        """
        if not self.storage:
            self.refuse_other_alias()
        if not self.storage or self.is_fetched:
            yield
            return
        store = self.store or get_store()
        self.run.storage = store.alias
        stored = self.find_stored(store)
        self.run.file = stored.name
        stem = stored.name.partition(INFIX)[0]
        fetch = partial(store.fetch, stored, identities=self.identities)
        with fetched(self.get_folder(), stem, fetch) as path:
            self.stored, self.mechanism.filename, self.is_fetched = stored, path, True
            try:
                self.refuse_other_alias()
                yield
            finally:
                self.is_fetched = False

    def find_stored(self, store: BackupStore) -> StoredBackup:
        if self.storage != LATEST:
            return store.find(self.storage)
        alias = self.mechanism.database
        return store.find(LATEST, alias, get_fingerprint(load_connection(alias)))

    def refuse_other_alias(self) -> None:
        """Raise `ConfigurationError` where nobody said that this database gets another's rows."""
        path = get_path(self.mechanism.filename, self.mechanism.backup_alias)
        manifest = read_manifest(path) if self.takes_own_only and path.is_file() else None
        # What is no backup is refused later, and better.
        if manifest is not None and manifest.database != self.mechanism.database:
            raise ConfigurationError(
                f'"{path.name}" is a backup of "{manifest.database}", and its rows would replace '
                f'those of "{self.mechanism.database}". If that is meant, say so: --database '
                f"{self.mechanism.database}."
            )

    def get_folder(self) -> Path:
        if has_alias(self.mechanism):
            return get_path(None, self.mechanism.backup_alias).parent
        return Path.cwd()

    def work(self) -> Generator[Progress, None, Progress]:
        return (yield from self.follow(self.mechanism.restore()))


def make_by_settings(database: str, excluded: Sequence[str], **options: Any) -> BackupMechanism:
    """Return the project's mechanism; what the settings exclude is added to `exclude`."""
    return make_mechanism(
        options.pop("filename", None),
        database=database,
        backup=options.pop("backup", settings.backup),
        exclude=[*excluded, *options.pop("exclude", ())],
        **options,
    )


def has_alias(mechanism: BackupMechanism) -> bool:
    return mechanism.backup_alias in connections.settings
