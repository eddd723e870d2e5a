"""What retention removes: shown first, and removed only as it was shown."""

from collections.abc import Iterator
from typing import NamedTuple

from django.contrib import messages
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from django_sqlite_backup.conf import settings
from django_sqlite_backup.operations.pruning import Pruner, get_policy, make_pruner
from django_sqlite_backup.operations.retention import Decision
from django_sqlite_backup.operations.standing import find_databases

from .base import AdminPage


class Group(NamedTuple):
    """The backups of one database in one place, and what becomes of them."""

    place: str
    database: str
    pruner: Pruner
    decisions: list[Decision]


class PrunePage(AdminPage):
    """What is kept and what is removed, and why; then it is done."""

    permission = "delete_backup"
    title = _("Prune")
    template = "prune.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        groups = list(make_groups())
        return self.show(groups=groups, number=len(find_unkept(groups)))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        # Time has passed: what was not shown as removed is not removed.
        confirmed = set(request.POST.getlist("remove"))
        removed = 0
        for group in make_groups():
            chosen = [
                decision
                for decision in group.decisions
                if not decision.keep and decision.backup.name in confirmed
            ]
            group.pruner.remove(chosen, str(request.user))
            removed += len(chosen)
        message = ngettext("%d backup was removed.", "%d backups were removed.", removed)
        return self.go_back(message % removed, messages.SUCCESS)


def make_groups() -> Iterator[Group]:
    """Yield the decisions on each database that has backups, in each place where some may be."""
    get_policy()
    for storage in find_places():
        for database in find_databases():
            pruner = make_pruner(database, storage=storage)
            decisions = pruner.plan()
            if decisions:
                place = settings.storage if storage else gettext("files")
                yield Group(place, database, pruner, decisions)


def find_places() -> Iterator[bool]:
    """Yield whether a place is the storage of the settings, or else the folder of the file."""
    if settings.storage:
        yield True
    if settings.backup in connections.settings:
        yield False


def find_unkept(groups: list[Group]) -> list[Decision]:
    return [decision for group in groups for decision in group.decisions if not decision.keep]
