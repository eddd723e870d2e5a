"""Backups as tasks of `django.tasks`, or of its backport `django-tasks` on Django 5.2.

A worker runs them: https://docs.djangoproject.com/en/stable/topics/tasks/
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db.transaction import on_commit

from .aliases import check_alias
from .conf import settings
from .exceptions import ConfigurationError, get_line
from .models import BackupRun
from .operations.jobs import BackupJob, name_file
from .operations.pruning import make_pruner
from .operations.recording import Recorder, get_run, get_system_user
from .operations.task_library import has_workers, load_library

library = load_library()


def define_task(function: Callable[..., Any]) -> Any:
    """Return the function as a task of the library that is there."""
    return library.task()(function)


@define_task
def backup_database(
    alias: str | None = None,
    *,
    run: int | None = None,
    user: str = "",
    storage: bool | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Back one database up, and return its report as plain data.

    Args:
        alias: of the database; without it, the setting `DATABASE`.
        run: the primary key of a queued run to take over.
        user: who asked for it.
        storage: whether it goes into the storage; without it, whether the settings name one.
        options: those of `BackupMechanism`.
    """
    alias = alias or settings.database
    options.setdefault("filename", get_text(name_file(alias, options.get("backup"))))
    job = BackupJob(
        database=alias,
        front=BackupRun.Front.TASK,
        user=user,
        storage=bool(settings.storage) if storage is None else storage,
        run=get_run(run),
        **options,
    )
    report = job.exhaust()
    return {"run": job.run.pk, **report.as_dict()}


def get_text(path: object) -> str | None:
    return None if path is None else str(path)


def enqueue_backup(
    alias: str | None = None,
    *,
    front: BackupRun.Front = BackupRun.Front.PYTHON,
    user: str = "",
    **options: Any,
) -> BackupRun:
    """Hand a backup to the workers, and return its row, which is queued.

    The task is enqueued when the transaction around it, if there is one, has been committed. The
    arguments are those of `backup_database`. Raises `ConfigurationError` where `DATABASES` has no
    such alias, where there are no workers, or their queue does not take it.
    """
    alias = alias or settings.database
    check_alias(alias)
    check_workers()
    run = BackupRun(
        database=alias,
        front=front,
        user=(user or get_system_user())[:150],
    )
    recorder = Recorder(run, run.database)
    recorder.attempt("queueing it", recorder.insert)
    options = {"run": run.pk, "user": run.user, **options}
    on_commit(partial(enqueue, recorder, options), using=recorder.alias)
    return run


def enqueue(recorder: Recorder, options: dict[str, Any]) -> None:
    """Enqueue the task of a queued run."""
    run = recorder.run
    try:
        result = backup_database.enqueue(run.database, **options)
    # Each backend has its own queue, with errors of its own.
    except Exception as error:
        reason = get_line(error)
        recorder.fail(f"It could not be enqueued: {reason}")
        raise ConfigurationError(
            f'The backup of "{run.database}" could not be enqueued: {reason}. Check the backend '
            "of TASKS, and its workers."
        ) from error
    run.task = str(result.id)[:64]
    recorder.attempt("noting its task", lambda: recorder.update("task"))


def check_workers() -> None:
    """Raise `ConfigurationError` unless there are workers to enqueue for."""
    if not has_workers():
        raise ConfigurationError(
            "TASKS names no backend that has workers, so that nothing can be enqueued. Name one, "
            "such as that of django-tasks-db, and run its workers."
        )


@define_task
def prune_backups(alias: str | None = None, *, storage: bool | None = None) -> list[dict[str, Any]]:
    """Remove the backups of a database that no rule of `RETENTION` keeps.

    Args:
        alias: of the database; without it, the setting `DATABASE`.
        storage: whether to prune the storage of the settings, or else the folder of the file;
            without it, the storage where there is one.

    Returns what became of each backup, as plain data.
    """
    return [decision.as_dict() for decision in make_pruner(alias, storage=storage).prune()]
