"""A restore, where the settings allow one in the admin: the plan, the name typed, the bar."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _

from django_sqlite_backup.exceptions import BackupError
from django_sqlite_backup.management.describe import (
    describe_changes,
    describe_part,
    describe_revisions,
)
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.jobs import RestoreJob
from django_sqlite_backup.operations.outputs import find_output
from django_sqlite_backup.plan import RestorePlan
from django_sqlite_backup.report import Progress

from .backing_up import conclude
from .holding import RunPage
from .progress import show_progress


class RestoreForm(forms.Form):
    """The name of the database, which nobody types by mistake."""

    alias = forms.CharField(label=_("Name of the database"), strip=True)

    def __init__(self, *args: Any, database: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.database = database
        self.fields["alias"].widget.attrs.update(autocomplete="off", autocapitalize="none")

    def clean_alias(self) -> str:
        alias: str = self.cleaned_data["alias"]
        if alias != self.database:
            raise forms.ValidationError(
                _('The database is "%(database)s", and not "%(alias)s". Type its name.'),
                params={"database": self.database, "alias": alias},
            )
        return alias


class RestorePage(RunPage):
    """The plan, a form, and then the bar: for superusers, where `ADMIN_RESTORE` is set."""

    title = _("Restore")
    template = "restore.html"
    job: RestoreJob

    def is_allowed(self, request: HttpRequest) -> bool:
        return self.model_admin.may_restore(request)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show_plan(RestoreForm(database=self.get_run().database))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        run = self.get_run()
        form = RestoreForm(request.POST, database=run.database)
        if not form.is_valid():
            return self.show_plan(form)
        return show_progress(self, self.restore(run), lambda: conclude(self, self.job))

    def restore(self, run: BackupRun) -> Iterator[Progress]:
        self.job = make_job(run, user=self.request.user.get_username())
        yield from self.job.execute()

    def show_plan(self, form: RestoreForm) -> HttpResponseBase:
        job = make_job(self.get_run())
        with job.prepared():
            plan = job.mechanism.plan_restore()
        return self.show(form=form, **describe(plan))


def make_job(run: BackupRun, **options: Any) -> RestoreJob:
    """Return the job that restores what a run left."""
    front = BackupRun.Front.ADMIN
    return find_output(run).make_restore(database=run.database, front=front, **options)


def describe(plan: RestorePlan) -> dict[str, Any]:
    """Return what the template shows of a plan."""
    try:
        plan.check()
        obstacle = ""
    except BackupError as error:
        obstacle = str(error)
    labels = sorted({*plan.delete, *plan.insert})
    return {
        "plan": plan,
        "obstacle": obstacle,
        "lines": [
            *describe_part(plan.manifest),
            *describe_revisions(plan),
            *describe_changes(plan, shown=1000),
            *([f"Left as they are: {', '.join(plan.kept)}."] if plan.kept else []),
        ],
        "rows": [(label, plan.delete.get(label, 0), plan.insert.get(label, 0)) for label in labels],
    }
