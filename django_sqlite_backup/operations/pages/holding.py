"""What can be done with the backup of one run: download, verify, inspect, remove."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_sqlite_backup.inspection import Inspector
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.endings import note_removal
from django_sqlite_backup.operations.outputs import find_output
from django_sqlite_backup.operations.recording import logger
from django_sqlite_backup.operations.standing import is_over

from .base import AdminPage
from .progress import describe_progress
from .streaming import send_file


class RunPage(AdminPage):
    """A page of one run."""

    def get_run(self) -> BackupRun:
        assert self.run is not None, "the address has no number of a run"
        return self.run

    def log(self, message: str) -> None:
        """Write who did what into the history of the run, and into the log."""
        run = self.get_run()
        user = self.request.user
        self.model_admin.log_change(self.request, run, message)
        extra = {"run": run.pk, "alias": run.database, "file": run.file, "user": str(user)}
        logger.info("%s: run %s, by %s", message, run.pk, user, extra=extra)


class ProgressPage(RunPage):
    """How far a run is, for the script of its page."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        run = self.get_run()
        data = {"completed": run.completed, "total": run.total, "over": is_over(run)}
        return JsonResponse({**data, "text": describe_progress(run)})


class DownloadPage(RunPage):
    """The file itself."""

    permission = "download_backup"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        output = find_output(self.get_run())
        response = send_file(request, output.open(), output.name)
        # HEAD comes here as well, and asks only what there would be.
        if request.method == "GET":
            self.log("Downloaded")
        return response


class VerifyPage(RunPage):
    """Read it back, whole."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        find_output(self.get_run()).check()
        self.log("Verified")
        return self.go_back(_("The backup is there, and whole: every byte is as it was made."))


class InspectPage(RunPage):
    """What the file says of itself."""

    title = gettext_lazy("Inspect")
    template = "inspect.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        with find_output(self.get_run()).at_path() as path:
            found = Inspector(path).inspect()
        return self.show(found=found, tables=measure(found))


class RemovePage(RunPage):
    """Ask, and remove it."""

    permission = "delete_backup"
    title = gettext_lazy("Remove the backup")
    template = "remove.html"

    def get(self, request: HttpRequest) -> HttpResponseBase:
        find_output(self.get_run())
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponseBase:
        run = self.get_run()
        find_output(run).delete()
        note_removal(run.file, run.checksum, run.storage)
        self.log("Removed")
        return self.go_back(_("The backup was removed."), messages.SUCCESS)


def measure(found: Any) -> list[dict[str, Any]]:
    """Return the rows of each table, most first, and how long their bar is, in percent."""
    entries = found.manifest.tables.values() if found.manifest else []
    most = max((entry.rows for entry in entries), default=0) or 1
    ordered = sorted(entries, key=lambda entry: (-entry.rows, entry.label))
    return [
        {"label": entry.label, "rows": entry.rows, "width": round(100 * entry.rows / most, 2)}
        for entry in ordered
    ]
