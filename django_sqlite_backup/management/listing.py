"""Backups and decisions on them as tables for people."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from django_sqlite_backup.management.base import make_printable
from django_sqlite_backup.operations.catalog import LOCAL, Listed
from django_sqlite_backup.operations.durations import describe_age
from django_sqlite_backup.operations.retention import Decision

HEADING = ("CREATED", "AGE", "DATABASE", "ENGINE", "ROWS", "SIZE", "REVISION", "VERIFIED", "NAME")


def describe_listing(listed: Sequence[Listed], now: datetime) -> str:
    """Return a line for each backup, or a sentence where there is none."""
    if not listed:
        return "There are no backups."
    return "\n".join(lay_out([HEADING, *(describe_listed(item, now) for item in listed)]))


def describe_listed(item: Listed, now: datetime) -> tuple[str, ...]:
    backup = item.backup
    return (
        describe_moment(backup.created),
        describe_age(backup.created, now),
        backup.database,
        f"{backup.engine} {backup.engine_version}",
        f"{backup.rows:,}" + (" (partial)" if backup.partial else ""),
        describe_size(backup.stored_bytes),
        "unknown" if item.revision is None else str(item.revision),
        "unknown" if item.place == LOCAL else "yes" if backup.verified else "no",
        backup.name if item.place == LOCAL else f"{item.place}: {backup.name}",
    )


def describe_decisions(decisions: Iterable[Decision]) -> str:
    """Return a line for each backup: keep or remove, when it was made, its name, and why."""
    rows = [
        (
            "keep" if decision.keep else "remove",
            describe_moment(decision.backup.created),
            decision.backup.name,
            ", ".join(decision.reasons),
        )
        for decision in decisions
    ]
    return "\n".join(lay_out(rows)) or "There are no backups."


def describe_moment(moment: datetime) -> str:
    """Return it by the calendar of the project, which decides what is a day."""
    return f"{moment.astimezone(timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S}"


def describe_size(size: int) -> str:
    # Django puts a space there that does not break, and a terminal need not know.
    return filesizeformat(size).replace("\xa0", " ")


def lay_out(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield the rows as lines, with their columns under each other."""
    printable = [[make_printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*printable, strict=True)]
    for row in printable:
        cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
