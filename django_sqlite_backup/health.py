"""A check for django-health-check: https://codingjoe.dev/django-health-check/"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from .conf import settings
from .exceptions import BackupError, ConfigurationError
from .operations.catalog import find_lacks, get_places
from .operations.durations import Duration

try:
    from health_check.base import HealthCheck
    from health_check.exceptions import ServiceUnavailable
except ModuleNotFoundError as error:
    if error.name != "health_check":
        raise
    raise ConfigurationError(
        'django-health-check is not installed. Run: pip install "django-sqlite-backup[health]"'
    ) from error


@dataclass
class Backups(HealthCheck):  # type: ignore[misc]
    """Whether there are backups of a database, and the newest is not too old.

    Args:
        database: alias of the live database; without it, the setting `DATABASE`.
        max_age: how old the newest may be, such as `"26h"`.
        min_count: how many there should be at least.
        place: `"storage"` or `"local"`, to look nowhere else; without it, in the storage where the
            settings have one, and in the folder of the file.

    What is said of the backups is read, and not the backups.
    """

    database: str | None = None
    max_age: str = "26h"
    min_count: int = 1
    place: str | None = None

    # A storage is asked for one description of each backup.
    timeout: ClassVar[timedelta] = timedelta(seconds=30)

    # No coroutine: the library runs it in a thread.
    def run(self) -> None:
        """Raise `ServiceUnavailable` with what is lacking."""
        try:
            lacks = list(self.find_lacks())
        except BackupError as error:
            # Not what it says: it may name paths, and health is told to everybody.
            raise ServiceUnavailable("The backups cannot be listed; the log says why.") from error
        if lacks:
            raise ServiceUnavailable(" ".join(lacks))

    def find_lacks(self) -> list[str]:
        places = get_places(self.place, None, settings.backup)
        return list(
            find_lacks(
                ((place, backup) for place in places.values() for backup in place.list()),
                self.database or settings.database,
                datetime.now(UTC),
                max_age=Duration.parse(self.max_age),
                min_count=self.min_count,
            )
        )
