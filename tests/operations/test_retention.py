"""`operations.retention`: restic's rules, by its documentation and by restic itself."""

import json
import os
import random
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.operations.retention import COUNTS, DURATIONS, Policy, decide
from tests.operations.backups import make_stored

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def run(backups, now=NOW, damaged=None, **rules):
    """Return the decisions as lines."""
    policy = Policy.from_dict({key.replace("_", "-"): value for key, value in rules.items()})
    return [
        f"{'keep' if decision.keep else 'remove'} {decision.backup.name}: "
        f"{', '.join(decision.reasons)}"
        for decision in decide(backups, policy, now, damaged=damaged)
    ]


def kept(backups, **rules):
    lines = run(backups, **rules)
    return [line.split(":")[0].removeprefix("keep ") for line in lines if line.startswith("keep")]


def daily(first, days):
    """Return a backup of each day at 11:00, named by its date, in the project's time zone."""
    moments = [datetime.fromisoformat(f"{first} 11:00") + timedelta(days=n) for n in range(days)]
    zone = ZoneInfo("Europe/Amsterdam")
    return [make_stored(moment.replace(tzinfo=zone), f"{moment:%F}") for moment in moments]


# The examples of restic's documentation


def test_four_daily_of_twelve_sundays_are_the_last_four():
    sundays = daily("2019-09-01", 78)[::7]
    assert len(sundays) == 12
    assert run(sundays, daily=4) == [
        "keep 2019-11-17: daily",
        "keep 2019-11-10: daily",
        "keep 2019-11-03: daily",
        "keep 2019-10-27: daily",
        "remove 2019-10-20: no rule",
        "remove 2019-10-13: no rule",
        "remove 2019-10-06: no rule",
        "remove 2019-09-29: no rule",
        "remove 2019-09-22: no rule",
        "remove 2019-09-15: no rule",
        "remove 2019-09-08: no rule",
        "remove 2019-09-01: no rule",
    ]


def test_hundred_years_of_daily_backups():
    """Seven daily, four more weekly, eleven or twelve more monthly, 74 or 75 more yearly."""
    backups = daily("1920-01-01", 36_525)
    assert backups[-1].name == "2019-12-31"
    names = kept(backups, daily=7, weekly=5, monthly=12, yearly=75)
    last = ["31", "30", "29", "28", "27", "26", "25"]
    assert names[:7] == [f"2019-12-{day}" for day in last]
    # Sundays: the week of the 31st is the fifth, and the 29th is among the seven.
    assert names[7:10] == ["2019-12-22", "2019-12-15", "2019-12-08"]
    months = ["11-30", "10-31", "09-30", "08-31", "07-31", "06-30", "05-31", "04-30", "03-31"]
    assert names[10:21] == [f"2019-{day}" for day in [*months, "02-28", "01-31"]]
    assert names[21:] == [f"{year}-12-31" for year in range(2018, 1944, -1)]


def test_within_rules_keep_by_the_calendar_and_not_by_number():
    backups = daily("2018-01-01", 730)[::3]
    rules = {"within_daily": "7d", "within_weekly": "1m", "within_monthly": "1y"}
    names = kept(backups, **rules, within_yearly="75y")
    december = ["31", "28", "25", "22", "13", "07"]
    assert names[:8] == [*(f"2019-12-{day}" for day in december), "2019-11-28", "2019-10-29"]
    assert len(names) == 6 + 11 + 2
    assert names[-2:] == ["2018-12-30", "2018-01-01"]


def test_rules_are_put_together_by_or():
    backups = [make_stored(f"2026-05-{day:02} 09:00", f"{day:02}") for day in range(18, 32)]
    assert run(backups, last=1, daily=2, weekly=2, within="3d") == [
        "keep 31: last, daily, weekly, within 3d",
        "keep 30: daily, within 3d",
        "keep 29: within 3d",
        "remove 28: no rule",
        "remove 27: no rule",
        "remove 26: no rule",
        "remove 25: no rule",
        "keep 24: weekly",
        *[f"remove {day}: no rule" for day in range(23, 17, -1)],
    ]


def test_oldest_is_kept_while_a_rule_has_found_too_few():
    backups = [make_stored(f"2026-05-31 {hour:02}:00", f"{hour:02}") for hour in range(8, 12)]
    assert run(backups, daily=7, monthly=1) == [
        "keep 11: daily, monthly",
        "remove 10: no rule",
        "remove 09: no rule",
        "keep 08: oldest daily",
    ]
    assert run(backups, within_daily="1d")[-1] == "keep 08: oldest daily within 1d"


def test_unlimited_keeps_one_of_each_day_for_ever():
    backups = [
        make_stored(f"2025-{month:02}-01 {hour:02}:00", f"{month:02}T{hour:02}")
        for month in range(1, 13)
        for hour in (8, 9)
    ]
    expected = [f"{month:02}T09" for month in range(12, 0, -1)]
    assert kept(backups, daily="unlimited") == [*expected, "01T08"]


# The project's calendar


@override_settings(TIME_ZONE="Europe/Amsterdam")
def test_a_day_ends_at_midnight_of_the_project():
    backups = [make_stored("2026-05-30 21:59", "a"), make_stored("2026-05-30 22:01", "b")]
    assert kept(backups, daily=2) == ["b", "a"]


@override_settings(TIME_ZONE="UTC")
def test_the_same_moments_are_one_day_elsewhere():
    moments = ["2026-05-30 21:58", "2026-05-30 21:59", "2026-05-30 22:01"]
    backups = [make_stored(moment, name) for moment, name in zip(moments, "zab", strict=True)]
    assert kept(backups, daily=1) == ["b"]


def test_a_week_is_that_of_the_iso_calendar():
    backups = [make_stored(f"{day} 10:00", day) for day in ("2025-12-29", "2026-01-04")]
    assert run([*backups, make_stored("2025-12-28 10:00", "2025-12-28")], weekly=2) == [
        "keep 2026-01-04: weekly",
        "remove 2025-12-29: no rule",
        "keep 2025-12-28: weekly",
    ]


def test_copies_of_one_backup_count_once():
    checksum = "c" * 64
    backups = [
        make_stored("2026-05-01", "old"),
        make_stored("2026-05-02", "older copy", checksum=checksum),
        make_stored("2026-05-02", "the copy", checksum=checksum),
        make_stored("2026-05-03", "new"),
    ]
    assert run(backups, last=2) == [
        "keep new: last",
        "keep the copy: last",
        'keep older copy: copy of "the copy"',
        "remove old: no rule",
    ]
    assert kept(backups, last=1) == ["new"]


# What no rule may do


def test_groups_are_decided_on_by_themselves():
    backups = [
        make_stored("2026-05-01", "old default"),
        make_stored("2026-05-02", "default"),
        make_stored("2026-04-01", "other", database="other"),
        make_stored("2026-03-01", "elsewhere", origin="f" * 16),
        make_stored("2026-05-03", "partial", partial=True),
    ]
    assert run(backups, last=1) == [
        "keep partial: last",
        "keep default: last",
        "remove old default: no rule",
        "keep other: last",
        "keep elsewhere: last",
    ]


def test_newest_is_kept_whatever_the_rules_say():
    # Nothing lies strictly within so short a time of a backup but itself; damaged ones do not.
    backups = [make_stored("2026-05-01", "a"), make_stored("2026-05-02", "b")]
    assert run(backups, last=0, hourly=0, within="1h") == ["keep b: within 1h", "remove a: no rule"]


def test_damaged_one_takes_nobodys_place():
    backups = [make_stored(f"2026-05-0{day}", str(day)) for day in (1, 2, 3)]
    assert run(backups, last=1, damaged={"3": "It was cut short."}) == [
        "keep 3: damaged: It was cut short.",
        "keep 2: last",
        "remove 1: no rule",
    ]


def test_one_from_the_future_takes_nobodys_place():
    backups = [make_stored("2026-06-02", "tomorrow"), make_stored("2026-05-01", "a")]
    backups.append(make_stored("2026-04-01", "b"))
    assert run(backups, last=1) == [
        "keep tomorrow: dated in the future",
        "keep a: last",
        "remove b: no rule",
    ]


def test_names_tell_nothing():
    backups = [
        make_stored("2026-05-01", "default-20300101T000000Z"),
        make_stored("2026-05-02", "default-20200101T000000Z"),
    ]
    assert kept(backups, last=1) == ["default-20200101T000000Z"]


def test_nothing_is_decided_where_nothing_is():
    assert decide([], Policy.from_dict({"last": 1}), NOW) == []


# Any backups, any rules

MOMENTS = st.datetimes(datetime(2023, 1, 1), datetime(2026, 6, 30), timezones=st.just(UTC))
NUMBERS = st.integers(1, 6) | st.just("unlimited")
LENGTHS = st.sampled_from(["2h", "3d", "1m", "5m3d", "1y", "2y6m"])
POLICIES = st.dictionaries(st.sampled_from(COUNTS), NUMBERS, min_size=1, max_size=3) | (
    st.dictionaries(st.sampled_from(DURATIONS), LENGTHS, min_size=1, max_size=3)
)


@st.composite
def histories(draw):
    """Backups of up to two databases, with some of one day and of the same second."""
    moments = draw(st.lists(MOMENTS, max_size=20))
    moments += [moment + timedelta(hours=draw(st.integers(0, 5))) for moment in moments[:5]]
    origins = [draw(st.sampled_from(["a" * 16, "b" * 16])) for _ in moments]
    pairs = zip(moments, origins, strict=True)
    return [make_stored(m, str(n), origin=origin) for n, (m, origin) in enumerate(pairs)]


@given(histories(), POLICIES)
@settings(deadline=None)
def test_each_is_decided_on_once_and_the_newest_of_each_group_stays(backups, rules):
    decisions = decide(backups, Policy.from_dict(rules), NOW)
    assert {decision.backup.name for decision in decisions} == {b.name for b in backups}
    assert len(decisions) == len(backups)
    assert all(decision.reasons for decision in decisions)
    for origin in ("a" * 16, "b" * 16):
        group = [d for d in decisions if d.backup.origin == origin and d.backup.created <= NOW]
        assert group == [] or group[0].keep
        assert group == [] or group[0].backup.created == max(d.backup.created for d in group)


@given(histories(), POLICIES)
@settings(deadline=None)
def test_pruning_twice_is_pruning_once(backups, rules):
    policy = Policy.from_dict(rules)
    left = [decision.backup for decision in decide(backups, policy, NOW) if decision.keep]
    assert all(decision.keep for decision in decide(left, policy, NOW))


# Policies


@pytest.mark.parametrize("values", [{}, {"last": 0}, {"last": 0, "daily": 0}])
def test_empty_policy_is_refused(values):
    with pytest.raises(ConfigurationError, match="No rule keeps a backup"):
        Policy.from_dict(values)


@pytest.mark.parametrize("values", [None, 7, ["daily"], "daily"])
def test_policy_that_is_no_dict_is_refused(values):
    with pytest.raises(ConfigurationError, match="is no dict of rules"):
        Policy.from_dict(values)


@pytest.mark.parametrize("value", [-1, True, 1.5, "7", None, "7d"])
def test_count_that_is_no_number_is_refused(value):
    with pytest.raises(ConfigurationError, match='is no number of backups for "daily"'):
        Policy.from_dict({"daily": value})


@pytest.mark.parametrize("key", ["within", "within-daily"])
def test_duration_that_is_none_is_refused(key):
    with pytest.raises(ConfigurationError, match='"2w" is no duration'):
        Policy.from_dict({key: "2w"})


def test_misspelt_rule_is_refused_with_the_nearest():
    with pytest.raises(ConfigurationError, match=r'no rule "dayly"\. Did you mean "daily"'):
        Policy.from_dict({"dayly": 7})


# restic itself, which is a package of Debian

RULES = [
    {"last": 5},
    {"hourly": 10},
    {"daily": 5},
    {"daily": 100},
    {"weekly": 3},
    {"monthly": 4},
    {"yearly": 9},
    {"last": 2, "daily": 4, "weekly": 3, "monthly": 6, "yearly": 2},
    {"within": "30d"},
    {"within": "1y2m3d3h", "hourly": 3},
    {"within": "1m"},
    {"within-hourly": "2m", "within-daily": "5m1d", "within-weekly": "1y"},
    {"within-monthly": "2y", "within-yearly": "9y", "last": 1},
]
ZONE = ZoneInfo("Europe/Berlin")


class Restic:
    """A repository with snapshots of the moments that a test gives it."""

    def __init__(self, folder):
        self.environment = {**os.environ, "TZ": ZONE.key, "RESTIC_PASSWORD": "secret"}
        self.environment |= {"RESTIC_REPOSITORY": str(folder / "repository"), "HOME": str(folder)}
        self.run("init")

    def run(self, *arguments, data=None):
        command = ["restic", "--no-cache", "--json", *arguments]
        return subprocess.run(
            command, env=self.environment, input=data, capture_output=True, check=True
        ).stdout

    def add(self, moment):
        time = f"{moment.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"
        self.run("backup", "--stdin", "--host", "shop", "--time", time, data=b"x")

    def forget(self, rules):
        """Return the moments of the snapshots that restic would keep."""
        flags = [f"--keep-{key}={value}" for key, value in rules.items()]
        (group,) = json.loads(self.run("forget", "--dry-run", *flags))
        return {datetime.fromisoformat(snapshot["time"]) for snapshot in group["keep"]}


@pytest.fixture(scope="module")
def history():
    """Moments over three years, many of them of one hour, day or week, and some of a clock change.

    No two are alike, and the seed is always the same.
    """
    chance = random.Random(20260301)
    moments, moment = [], datetime(2026, 3, 30, 1, 30, tzinfo=UTC)
    # Not of the hour itself that comes twice: restic takes times by the local clock.
    moments += [datetime(2025, 10, 25, hour, 30, tzinfo=UTC) for hour in (21, 22, 23)]
    moments += [datetime(2025, 10, 26, hour, 30, tzinfo=UTC) for hour in (2, 22, 23)]
    while len(moments) < 36:
        moments.append(moment)
        moment -= timedelta(minutes=chance.choice([17, 50, 400, 1440, 3000, 30_000, 80_000]))
    return moments


@pytest.fixture(scope="module")
def restic(tmp_path_factory, history):
    if shutil.which("restic") is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("restic is not installed.")
    restic = Restic(tmp_path_factory.mktemp("restic"))
    for moment in history:
        restic.add(moment)
    return restic


@pytest.mark.slow
@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "-".join(rules))
def test_restic_keeps_the_same(restic, history, rules):
    backups = [make_stored(moment) for moment in history]
    with override_settings(TIME_ZONE=ZONE.key):
        decisions = decide(backups, Policy.from_dict(rules), NOW)
    # Before its version 0.17 restic did not keep the oldest one too.
    kept = {
        decision.backup.created
        for decision in decisions
        if decision.keep and not all(map(is_of_the_oldest, decision.reasons))
    }
    assert kept == restic.forget(rules)


def is_of_the_oldest(reason):
    return reason.startswith("oldest")
