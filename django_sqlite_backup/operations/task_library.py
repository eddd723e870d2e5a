"""The library of tasks: Django's own since 6.0, and before that its backport."""

import importlib
import logging
from typing import Any

from django import VERSION

from django_sqlite_backup.exceptions import ConfigurationError

NAME = "django.tasks" if VERSION >= (6, 0) else "django_tasks"
NO_WORKERS = (f"{NAME}.backends.immediate", f"{NAME}.backends.dummy")
logger = logging.getLogger("django_sqlite_backup")


def load_library() -> Any:
    """Return the module, or raise `ConfigurationError` where it is not installed."""
    try:
        return importlib.import_module(NAME)
    except ImportError as error:
        raise ConfigurationError(
            "On Django 5.2 tasks need the backport django-tasks: pip install "
            '"django-sqlite-backup[tasks]".'
        ) from error


def get_backend() -> Any:
    """Return the default backend of `TASKS`."""
    library = load_library()
    return library.task_backends[library.DEFAULT_TASK_BACKEND_ALIAS]


def has_workers() -> bool:
    """Return whether `TASKS` has a backend that hands tasks to other processes."""
    return type(get_backend()).__module__ not in NO_WORKERS


def has_ended(task: str) -> bool:
    """Return whether a task has ended, or is known no more, as far as its backend can be asked."""
    try:
        backend = get_backend()
        gone = importlib.import_module(f"{NAME}.exceptions").TaskResultDoesNotExist
        try:
            return bool(backend.supports_get_result and backend.get_result(task).is_finished)
        except gone:
            return True
    # A backend's queue may not answer, in words of its own: then nobody knows.
    except Exception as error:
        logger.info("The task %s cannot be asked for: %s", task, error)
        return False
