"""What the list of runs, and the page of one, show of a run."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.report import Progress

from .progress import get_percent

MARKS = {"succeeded": "✓", "failed": "✗", "running": "…", "queued": "…"}
NOTHING = "-"


class RunColumns:
    """The columns that are no fields."""

    @admin.display(description=gettext_lazy("outcome"), ordering="outcome")
    def outcome_mark(self, run: BackupRun) -> SafeString:
        outcome, text = run.outcome, run.get_outcome_display()
        if outcome == "running":
            step = Progress(run.completed, run.total, run.description)
            text = f"{text}, {get_percent(step)} %"
        return format_html(
            '<span class="backup-outcome backup-{}"><span aria-hidden="true">{}</span> {}</span>',
            outcome,
            MARKS[outcome],
            text,
        )

    @admin.display(description=gettext_lazy("what"), ordering="database")
    def what(self, run: BackupRun) -> str:
        return _("%(kind)s of %(database)s") % {
            "kind": run.get_kind_display(),
            "database": run.database,
        }

    @admin.display(description=gettext_lazy("age"), ordering="created")
    def age(self, run: BackupRun) -> SafeString:
        # Naive, in the local time, without USE_TZ.
        created = localtime(run.created) if is_aware(run.created) else run.created
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            created.isoformat(),
            date_format(created, "DATETIME_FORMAT"),
            timesince(created),
        )

    @admin.display(description=gettext_lazy("took"), ordering="seconds", empty_value=NOTHING)
    def duration(self, run: BackupRun) -> str | None:
        return None if run.seconds is None else f"{number_format(run.seconds, 1)} s"

    @admin.display(description=gettext_lazy("rows"), ordering="rows", empty_value=NOTHING)
    def row_count(self, run: BackupRun) -> str | None:
        return None if run.rows is None else number_format(run.rows, force_grouping=True)

    @admin.display(description=gettext_lazy("size"), ordering="bytes", empty_value=NOTHING)
    def size(self, run: BackupRun) -> str | None:
        return None if run.bytes is None else filesizeformat(run.bytes)

    @admin.display(description=gettext_lazy("every value compared"))
    def compared(self, run: BackupRun) -> str:
        # In words: the icon of a False is that of an error.
        return _("Yes") if run.verified else _("No")

    @admin.display(description=gettext_lazy("by"), ordering="user")
    def begun_by(self, run: BackupRun) -> str:
        return f"{run.user} ({run.get_front_display()})"

    @admin.display(description=gettext_lazy("where"))
    def where(self, run: BackupRun) -> str:
        return f"{run.storage}: {run.file}" if run.storage else run.file
