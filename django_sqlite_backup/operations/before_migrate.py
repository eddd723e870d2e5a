"""A backup of what `migrate` is about to change."""

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_sqlite_backup.aliases import get_path
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import BackupError, ConfigurationError
from django_sqlite_backup.historical import get_apps
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.recorded import get_recorded
from django_sqlite_backup.restore_operation import is_migrating
from django_sqlite_backup.tables import shorten_list, take_inventory
from django_sqlite_backup.targets import get_stem, name_safety_backup

from .jobs import BackupJob, name_file
from .local import LocalBackups


def back_up_before_migrate(
    *, using: str, plan: Any, verbosity: int, stdout: Any = None, **kwargs: Any
) -> None:
    """Back up the database, and stop `migrate` where that fails; a receiver of `pre_migrate`.

    There is nothing to back up where nothing is planned, or no table is there; a restore and a test
    runner migrate what is backed up, or made, anyway.
    """
    if not (settings.backup_before_migrate and plan) or is_migrating.get():
        return
    connection = connections[using]
    # Tables that the code has forgotten are in no model, and yet what it recorded tells of them.
    is_filled = find_tables(connection) or get_recorded(connection)
    if is_tested() or not is_filled:
        return
    refuse_unrecorded(connection)
    try:
        with BackupJob.recording_mistakes(using, BackupRun.Front.MIGRATE):
            job = make_job(using)
        job.exhaust()
    except BackupError as error:
        raise CommandError(
            f'Nothing was migrated, as the backup of "{using}" before it failed: {error} '
            'Without a backup: set SQLITE_BACKUP["BACKUP_BEFORE_MIGRATE"] to False.'
        ) from error
    assert job.report is not None
    job.report.warnings += remove_stored_copies(job)
    if verbosity and stdout is not None:
        lines = [f"Warning: {warning}" for warning in job.report.warnings]
        stdout.write("\n".join([*lines, describe_way_back(job)]))


def is_tested() -> bool:
    """Return whether a test runner is at work, on a database that it may have kept (`--keepdb`)."""
    # By `setup_test_environment`; the name of the database is no proof.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")


def find_tables(connection: BaseDatabaseWrapper) -> set[str]:
    """Return the tables of the code's models, even where no migration was ever recorded."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return set(names)


def refuse_unrecorded(connection: BaseDatabaseWrapper) -> None:
    """Stop where a backup would not have the tables, as nothing says at which revision they are."""
    if get_recorded(connection):
        return
    inventory = take_inventory(get_apps(connection), connection)
    unknown = find_tables(connection) - {table.name for table in inventory.tables}
    if unknown:
        raise CommandError(
            f'Nothing was migrated: "{connection.alias}" has tables, and no migration is recorded '
            f"there, so that a backup would lack {shorten_list(sorted(unknown))}. Copy it by the "
            'means of its engine. Then, with SQLITE_BACKUP["BACKUP_BEFORE_MIGRATE"] set to False, '
            "record where it stands (migrate --fake-initial)."
        )


def make_job(using: str) -> BackupJob:
    """Return the job, whose file no other backup replaces; without one, it is in the storage."""
    filename = None
    if settings.backup not in connections.settings and not settings.storage:
        raise ConfigurationError(
            f'There is no place for it: DATABASES has no alias "{settings.backup}", and '
            'SQLITE_BACKUP["STORAGE"] is not set. Have one of the two.'
        )
    if settings.backup in connections.settings:
        path = name_file(using) or get_path(None, settings.backup)
        filename = name_safety_backup(path, "migrate")
    return BackupJob(
        database=using,
        front=BackupRun.Front.MIGRATE,
        storage=bool(settings.storage),
        filename=filename,
    )


def remove_stored_copies(job: BackupJob) -> Iterator[str]:
    """Remove what earlier migrations left beside the file and the storage has too.

    The newest stays, so that the way back needs no key. Yields a warning for each that remains.
    """
    if job.store is None or job.mechanism.filename is None or job.is_temporary:
        return
    newest = Path(job.mechanism.filename)
    start = f"{get_stem(newest)}.before-migrate-"
    folder = LocalBackups(newest.parent)
    stored = {backup.checksum for backup in job.store.list()}
    for backup in folder.list():
        path = Path(backup.name)
        is_copy = path.name.startswith(start) and path.name != newest.name
        if is_copy and backup.checksum in stored:
            try:
                folder.delete(backup)
            except BackupError as error:
                yield f'"{path}" stays, though the storage has it: {error}'


def describe_way_back(job: BackupJob) -> str:
    """Return the backup's name, and the command that undoes the migrations that follow."""
    database, file = job.run.database, job.mechanism.filename
    name, flag = (job.run.file, "storage") if job.is_temporary else (str(file), "file")
    left_out = " It leaves out what the settings say." if job.run.partial else ""
    return (
        f'Backed up "{database}" to "{name}".{left_out} To go back, before the older code is put '
        f"in place: manage.py sqliterestore --{flag} {shlex.quote(name)} --database {database} "
        "--no-update"
    )
