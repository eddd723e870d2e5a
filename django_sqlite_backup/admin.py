"""The admin of the runs, and the action `backup_database` for any other."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .conf import settings
from .exceptions import BackupError
from .models import BackupRun
from .operations.endings import end_lost_runs
from .operations.outputs import has_output
from .operations.pages.backing_up import BackUpPage, back_up
from .operations.pages.base import AdminPage
from .operations.pages.columns import RunColumns
from .operations.pages.holding import (
    DownloadPage,
    InspectPage,
    ProgressPage,
    RemovePage,
    VerifyPage,
)
from .operations.pages.progress import describe_progress
from .operations.pages.pruning import PrunePage
from .operations.pages.restoring import RestorePage
from .operations.standing import get_standings, is_over

PAGES: dict[str, type[AdminPage]] = {"back_up": BackUpPage, "prune": PrunePage}
"""What stands beside the list."""
RUN_PAGES: dict[str, type[AdminPage]] = {
    "progress": ProgressPage,
    "download": DownloadPage,
    "verify": VerifyPage,
    "inspect": InspectPage,
    "remove": RemovePage,
    "restore": RestorePage,
}
"""What each run has."""

if TYPE_CHECKING:
    RunModelAdmin = admin.ModelAdmin[BackupRun]
else:
    RunModelAdmin = admin.ModelAdmin


@admin.register(BackupRun)
class BackupRunAdmin(RunColumns, RunModelAdmin):
    """Shows what was run, and runs, verifies, hands out and removes backups.

    Rows are a record: nobody adds, changes or deletes them here.
    """

    list_display = ("outcome_mark", "what", "age", "duration", "row_count", "size", "begun_by")
    list_filter = ("outcome", "kind", "database", "front")
    search_fields = ("database", "file", "user", "error")
    date_hierarchy = "created"
    fieldsets = (
        (None, {"fields": ("outcome_mark", "what", "begun_by", "where", "process")}),
        (
            gettext_lazy("When"),
            {"fields": ("created", "started", "finished", "duration", "removed")},
        ),
        (
            gettext_lazy("What"),
            {"fields": ("row_count", "tables", "size", "compared", "checksum")},
        ),
    )

    class Media:
        css: ClassVar = {"all": ("django_sqlite_backup/admin.css",)}
        js = ("django_sqlite_backup/admin.js",)

    # Who may do what

    def has_permission(self, request: HttpRequest, codename: str) -> bool:
        """Return whether the user has a permission of this app; who may do more may also look."""
        if codename == "view_backuprun":
            return self.has_view_permission(request)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        names = ("run_backup", "download_backup", "delete_backup")
        return super().has_view_permission(request, obj) or any(
            self.has_permission(request, name) for name in names
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_restore(self, request: HttpRequest) -> bool:
        """Return whether the settings let this user restore here: superusers only."""
        is_superuser = request.user.is_active and request.user.is_superuser
        return bool(settings.allow_restore and settings.admin_restore and is_superuser)

    # Addresses

    @property
    def is_at_hand(self) -> bool:
        """Whether this site has the pages of the runs."""
        return self.admin_site.is_registered(BackupRun)

    def get_url(self, name: str, *args: Any) -> str:
        """Return the address of one of the pages."""
        view = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(view, args=args, current_app=self.admin_site.name)

    def get_urls(self) -> list[Any]:
        return [
            *(self.make_url(f"{name.replace('_', '-')}/", name, PAGES[name]) for name in PAGES),
            *(self.make_url(f"<path:object_id>/{n}/", n, RUN_PAGES[n]) for n in RUN_PAGES),
            *super().get_urls(),
        ]

    def make_url(self, route: str, name: str, page: type[AdminPage]) -> Any:
        view = self.admin_site.admin_view(page.as_view(model_admin=self))
        return path(route, view, name=f"{self.opts.app_label}_{self.opts.model_name}_{name}")

    # The list and the form

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        end_lost_runs()
        context = {
            "title": _("Backups and restores"),
            "standings": get_standings(),
            "may_run": self.has_permission(request, "run_backup"),
            "may_prune": bool(settings.retention) and self.has_permission(request, "delete_backup"),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def get_object(self, *args: Any, **kwargs: Any) -> BackupRun | None:
        end_lost_runs()
        return super().get_object(*args, **kwargs)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        run = context["original"]
        context |= {
            "text": describe_progress(run),
            "is_over": is_over(run),
            "has_output": has_output(run),
            "may_download": self.has_permission(request, "download_backup"),
            "may_remove": self.has_permission(request, "delete_backup"),
            "may_restore": self.may_restore(request),
        }
        return super().render_change_form(request, context, add, change, form_url, obj)


@admin.action(description=gettext_lazy("Back up the database of these %(verbose_name_plural)s"))
def backup_database(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, queryset: "QuerySet[Any]"
) -> HttpResponseBase | None:
    """Back up the database of a model: an action for its admin, or for a whole site.

    It backs up the whole database that the model is in, whichever rows were selected, for users
    with the permission `run_backup`.
    """
    site = model_admin.admin_site
    runs = BackupRunAdmin(BackupRun, site)
    page = BackUpPage(model_admin=runs)
    page.setup(request)
    if not page.is_allowed(request):
        raise PermissionDenied
    # The alias of `using`, where the admin has one; reading alone may go to a replica.
    database = queryset._db or router.db_for_write(queryset.model)  # type: ignore[attr-defined]
    try:
        return back_up(page, database, storage=bool(settings.storage))
    except BackupError as error:
        model_admin.message_user(request, str(error), messages.ERROR)
        return None
