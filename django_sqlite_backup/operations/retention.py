"""Which backups are kept: the rules of `restic forget`.

They are described in https://restic.readthedocs.io/en/stable/060_forget.html. Dates are those that
the backups carry inside, never those of names or of a file system, on the calendar of the project's
time zone.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.utils import timezone

from django_sqlite_backup.aliases import suggest
from django_sqlite_backup.exceptions import ConfigurationError

from .durations import Duration
from .stored import StoredBackup, sort_newest_first

UNLIMITED = "unlimited"
Slot = Callable[[datetime], tuple[int, ...]]
"""What two moments have in common that are of one hour, one day, and so on."""
SLOTS: dict[str, Slot] = {
    "hourly": lambda moment: (moment.year, moment.month, moment.day, moment.hour),
    "daily": lambda moment: (moment.year, moment.month, moment.day),
    "weekly": lambda moment: moment.isocalendar()[:2],
    "monthly": lambda moment: (moment.year, moment.month),
    "yearly": lambda moment: (moment.year,),
}
COUNTS = ("last", *SLOTS)
DURATIONS = ("within", *(f"within-{name}" for name in SLOTS))


class Group(NamedTuple):
    """What is decided on together: backups of one database that could stand for each other."""

    database: str
    origin: str
    partial: bool


@dataclass(frozen=True)
class Decision:
    """What becomes of one backup, and why."""

    backup: StoredBackup
    keep: bool
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, with the backup's name and when it was made."""
        created = self.backup.created.astimezone(UTC).isoformat()
        name, reasons = self.backup.name, list(self.reasons)
        return {"name": name, "created": created, "keep": self.keep, "reasons": reasons}


@dataclass(frozen=True)
class Policy:
    """How many backups are kept."""

    counts: dict[str, int | None] = field(default_factory=dict)
    """By `last`, `hourly`, `daily`, `weekly`, `monthly`, `yearly`; None is unlimited."""
    durations: dict[str, Duration] = field(default_factory=dict)
    """By `within`, `within-hourly` and so on."""

    @classmethod
    def from_dict(cls, values: object) -> "Policy":
        """Return the policy of `SQLITE_BACKUP["RETENTION"]`.

        Raises `ConfigurationError` where a key or a value is none, and where nothing is left of it
        that keeps a backup: such a policy would remove all of them.
        """
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"{values!r} is no dict of rules, such as {{'daily': 7}}.")
        counts, durations = {}, {}
        for key, value in values.items():
            if key in COUNTS:
                counts[key] = read_count(key, value)
            elif key in DURATIONS:
                durations[key] = Duration.parse(value)
            else:
                raise ConfigurationError(
                    f'There is no rule "{key}". {suggest(str(key), [*COUNTS, *DURATIONS])}'
                )
        if not durations and all(count == 0 for count in counts.values()):
            raise ConfigurationError(
                "No rule keeps a backup. Name one, such as {'last': 3, 'daily': 7}."
            )
        return cls(counts, durations)


def read_count(key: str, value: Any) -> int | None:
    if value == UNLIMITED:
        return None
    if type(value) is not int or value < 0:
        raise ConfigurationError(
            f'"{value}" is no number of backups for "{key}". Write one, or "{UNLIMITED}".'
        )
    return value


def get_group(backup: StoredBackup) -> Group:
    return Group(backup.database, backup.origin, backup.partial)


def decide(
    backups: Collection[StoredBackup],
    policy: Policy,
    now: datetime,
    *,
    damaged: Mapping[str, str] | None = None,
) -> list[Decision]:
    """Return what becomes of each backup, the newest first.

    Each group of backups of the same database and origin is decided on by itself; the partial ones
    of it are a group of their own. A backup is kept where one rule keeps it. Whatever the rules
    say, the newest of each group is kept, and so is one that is dated after `now`: somebody's
    clock is wrong, and no rule counts it. `damaged` says of backups, by name, what is wrong with
    them: they are kept for somebody to look at, and take nobody's place. Of copies of one backup
    the rules count one, and the others stay as long as that one.
    """
    damaged = damaged or {}
    groups: dict[Group, dict[str, StoredBackup]] = {}
    copies: list[tuple[StoredBackup, StoredBackup]] = []
    reasons: dict[str, list[str]] = {backup.name: [] for backup in backups}
    for backup in sort_newest_first(backups):
        if backup.name in damaged:
            reasons[backup.name].append(f"damaged: {damaged[backup.name]}")
        elif backup.created > now:
            reasons[backup.name].append("dated in the future")
        else:
            group = groups.setdefault(get_group(backup), {})
            counted = group.setdefault(backup.checksum, backup)
            if counted is not backup:
                copies.append((backup, counted))
    for group in groups.values():
        backups_of_group = [*group.values()]
        for backup, reason in apply_policy(backups_of_group, policy):
            reasons[backup.name].append(reason)
        newest = reasons[backups_of_group[0].name]
        newest[:] = newest or ["newest"]
    for backup, counted in copies:
        if reasons[counted.name]:
            reasons[backup.name].append(f'copy of "{counted.name}"')
    return [
        Decision(backup, bool(reasons[backup.name]), tuple(reasons[backup.name]) or ("no rule",))
        for backup in sort_newest_first(backups)
    ]


def apply_policy(
    group: Sequence[StoredBackup], policy: Policy
) -> Iterator[tuple[StoredBackup, str]]:
    """Yield each backup that a rule keeps, with the rule, once for each such rule."""
    for name, count in policy.counts.items():
        yield from find_candidates(group, name)[:count]
    for name, duration in policy.durations.items():
        oldest = duration.before(group[0].created)
        for backup, reason in find_candidates(group, name.removeprefix("within-")):
            if backup.created > oldest:
                # "daily within 7d", and of "within" itself "within 48h".
                yield backup, f"{reason} within {duration}".removeprefix("within ")


def find_candidates(group: Sequence[StoredBackup], name: str) -> list[tuple[StoredBackup, str]]:
    """Return the newest backup of each hour, day and so on, and the oldest of all.

    The oldest makes the history as long as a rule allows that has not found enough yet.
    """
    zone = timezone.get_default_timezone()
    find_slot = SLOTS.get(name)
    candidates, before = [], None
    for position, backup in enumerate(group):
        slot = find_slot(backup.created.astimezone(zone)) if find_slot else (position,)
        if slot != before:
            candidates.append((backup, name))
        elif backup is group[-1]:
            candidates.append((backup, f"oldest {name}"))
        before = slot
    return candidates
