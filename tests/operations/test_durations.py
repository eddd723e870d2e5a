"""`operations.durations`: restic's notation, and the calendar."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings

from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.operations.durations import Duration


def parts(text):
    duration = Duration.parse(text)
    return (duration.years, duration.months, duration.days, duration.hours)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("48h", (0, 0, 0, 48)),
        ("7d", (0, 0, 7, 0)),
        ("1y6m", (1, 6, 0, 0)),
        # The example of restic's documentation.
        ("2y5m7d3h", (2, 5, 7, 3)),
    ],
)
def test_duration_is_read(text, expected):
    assert parts(text) == expected
    assert str(Duration.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1w", "0h", "0y0d", "-1d", "3", "d", "7d ", "1d1d", "1h1d", "1.5h", "٣d", "7D"]
)
def test_other_notations_are_refused(text):
    with pytest.raises(ConfigurationError, match=f'^"{text}" is no duration'):
        Duration.parse(text)


@pytest.mark.parametrize("value", [None, 48, True, ["48h"]])
def test_other_types_are_refused(value):
    with pytest.raises(ConfigurationError, match="is no duration"):
        Duration.parse(value)


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        ("2h", "2026-03-29 03:30", "2026-03-29 00:30"),
        ("1d", "2026-03-29 12:00", "2026-03-28 12:00"),
        ("24h", "2026-03-29 12:00", "2026-03-28 11:00"),
        ("1m", "2026-03-31 10:00", "2026-03-03 10:00"),
        ("1m", "2024-03-31 10:00", "2024-03-02 10:00"),
        ("1y", "2024-02-29 10:00", "2023-03-01 10:00"),
        ("1m", "2026-01-15 10:00", "2025-12-15 10:00"),
        ("1y2m3d4h", "2026-03-15 10:00", "2025-01-12 06:00"),
    ],
)
@override_settings(TIME_ZONE="Europe/Amsterdam")
def test_duration_goes_back_by_the_calendar(text, moment, expected):
    zone = ZoneInfo("Europe/Amsterdam")
    start = datetime.fromisoformat(moment).replace(tzinfo=zone)
    found = Duration.parse(text).before(start).astimezone(zone)
    assert found.strftime("%Y-%m-%d %H:%M") == expected


@pytest.mark.parametrize("text", ["9999y", "999999999d", "999999999y", "999999999h"])
def test_duration_beyond_the_calendar_takes_in_everything(text):
    start = datetime(2026, 3, 1, tzinfo=ZoneInfo("UTC"))
    assert Duration.parse(text).before(start).year == 1
