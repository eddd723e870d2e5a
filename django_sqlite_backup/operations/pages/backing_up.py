"""A backup that is made now: in the request, with a bar, or by a worker of the tasks."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import ConfigurationError
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations import task_library
from django_sqlite_backup.operations.jobs import BackupJob, Job, name_file
from django_sqlite_backup.operations.outputs import has_output
from django_sqlite_backup.operations.standing import find_databases

from .base import AdminPage
from .progress import show_progress


class BackUpForm(forms.Form):
    """What is backed up, and where to."""

    database = forms.ChoiceField(label=gettext_lazy("Database"))
    storage = forms.BooleanField(label=gettext_lazy("Put it into the storage"), required=False)
    verify = forms.BooleanField(
        label=gettext_lazy("Verify"),
        required=False,
        help_text=gettext_lazy(
            "Read the file back and compare every value. It takes about twice the time."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["database"].choices = [  # type: ignore[attr-defined]
            (alias, alias) for alias in find_databases()
        ]
        self.initial.setdefault("database", settings.database)
        if settings.storage:
            self.initial.setdefault("storage", True)
            self.fields["storage"].help_text = settings.storage
        else:
            del self.fields["storage"]


class BackUpPage(AdminPage):
    """A form, and then the bar."""

    permission = "run_backup"
    title = gettext_lazy("Back up now")
    template = "back_up.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self.show(form=BackUpForm())

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = BackUpForm(request.POST)
        if not form.is_valid():
            return self.show(form=form)
        return back_up(self, **form.cleaned_data)


def back_up(page: AdminPage, database: str, **options: Any) -> HttpResponseBase:
    """Return the answer that backs a database up, or has a worker do so."""
    options |= {"front": BackupRun.Front.ADMIN, "user": page.request.user.get_username()}
    if has_workers():
        return enqueue(page, database, **options)
    with BackupJob.recording_mistakes(database, options["front"], options["user"]):
        job = BackupJob(database=database, filename=name_file(database), **options)
    return show_progress(page, job.execute(), lambda: conclude(page, job))


def has_workers() -> bool:
    """Return whether there is a library of tasks, and workers behind it."""
    try:
        return task_library.has_workers()
    except ConfigurationError:
        return False


def enqueue(page: AdminPage, database: str, **options: Any) -> HttpResponseBase:
    """Leave the backup to a worker, and lead to the page that follows it."""
    # Not to be imported where there is no library of tasks.
    from django_sqlite_backup.tasks import enqueue_backup

    page.run = enqueue_backup(database, **options)
    return page.go_back(_("The backup waits for a worker."))


def conclude(page: AdminPage, job: Job) -> dict[str, Any]:
    """Return what the page says at the end."""
    run = job.run
    context: dict[str, Any] = {"run": run, "report": job.report}
    if run.pk is not None and page.model_admin.is_at_hand:
        context["run_url"] = page.get_run_url(run)
        if has_output(run) and page.model_admin.has_permission(page.request, "download_backup"):
            context["download_url"] = page.model_admin.get_url("download", run.pk)
    return context
