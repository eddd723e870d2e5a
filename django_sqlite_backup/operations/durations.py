"""Durations in restic's notation: `48h`, `7d`, `1y6m`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from django_sqlite_backup.exceptions import ConfigurationError

NOTATION = re.compile(r"(?:(\d{1,9})y)?(?:(\d{1,9})m)?(?:(\d{1,9})d)?(?:(\d{1,9})h)?", re.ASCII)
BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Duration:
    """So many years, months, days and hours; of the calendar, but for the hours.

    https://restic.readthedocs.io/en/stable/060_forget.html says what restic makes of them.
    """

    text: str
    """As it was written."""
    years: int
    months: int
    days: int
    hours: int

    @classmethod
    def parse(cls, text: object) -> "Duration":
        """Return the duration that the text names; raise `ConfigurationError` where it names none.

        The units stand in their order, each at most once, and not all of them are zero.
        """
        match = NOTATION.fullmatch(text) if isinstance(text, str) else None
        numbers = [int(number or 0) for number in match.groups()] if match else []
        if not isinstance(text, str) or not any(numbers):
            raise ConfigurationError(
                f'"{text}" is no duration. Write years, months, days and hours in this order, such '
                'as "48h", "7d" or "1y6m"; a week is "7d".'
            )
        return cls(text, *numbers)

    def before(self, moment: datetime) -> datetime:
        """Return the moment that lies so long before, by the calendar of the project's time zone.

        A day that a month does not have runs over into the next month, as in restic: a month
        before the 31st of March is the 3rd of March, or the 2nd.
        """
        local = timezone.localtime(moment, timezone.get_default_timezone())
        months = local.year * 12 + local.month - 1 - self.years * 12 - self.months
        try:
            first = local.replace(year=months // 12, month=months % 12 + 1, day=1)
            day = first + timedelta(days=local.day - 1 - self.days)
            return day.astimezone(UTC) - timedelta(hours=self.hours)
        except (OverflowError, ValueError):
            # There were no backups in the year 0.
            return BEGINNING

    def __str__(self) -> str:
        return self.text


def describe_age(moment: datetime, now: datetime) -> str:
    """Return the time since a moment in the largest unit of which there are two."""
    age = now - moment
    for unit in ("days", "hours", "minutes"):
        number = age // timedelta(**{unit: 1})
        if number >= 2:
            return f"{number} {unit}"
    # A clock that was set back makes no negative age.
    return f"{max(age // timedelta(seconds=1), 0)} seconds"
