"""Libraries that are extras of the package: imported where they are used, and missed by name."""

import importlib
from collections.abc import Sequence
from typing import Any

from django_sqlite_backup.exceptions import ConfigurationError


def load_module(names: Sequence[str], extra: str) -> Any:
    """Return the first module that is installed; raise `ConfigurationError` where none is."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            # A module that is missing inside of the library is an error of its own.
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
    raise ConfigurationError(
        f'"{names[-1]}" is not installed. Run: pip install "django-sqlite-backup[{extra}]"'
    )
