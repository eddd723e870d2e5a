"""What the pages share: permissions, the look of the admin, and errors as messages."""

from typing import TYPE_CHECKING, Any

import django
from django.contrib import messages
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.generic import View

from django_sqlite_backup.exceptions import BackupError
from django_sqlite_backup.models import BackupRun

if TYPE_CHECKING:
    from django_sqlite_backup.admin import BackupRunAdmin

FOLDER = "django_sqlite_backup/admin"


class AdminPage(View):
    """One page, for those who have its permission."""

    model_admin: "BackupRunAdmin" = None  # type: ignore[assignment]
    permission = "view_backuprun"
    title: "str | Promise" = ""
    template = ""
    """A name in the folder of templates."""
    run: BackupRun | None = None
    """The run that the address names, where it names one."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.is_allowed(request):
            raise PermissionDenied
        if "object_id" in kwargs:
            self.run = self.find_run(kwargs.pop("object_id"))
        try:
            return super().dispatch(request, *args, **kwargs)
        except BackupError as error:
            return self.go_back(str(error), messages.ERROR)

    def is_allowed(self, request: HttpRequest) -> bool:
        return self.model_admin.has_permission(request, self.permission)

    def find_run(self, object_id: str) -> BackupRun:
        run: BackupRun | None = self.model_admin.get_object(self.request, object_id)
        if run is None:
            raise Http404(f'There is no run "{object_id}".')
        return run

    def get_context(self, **context: Any) -> dict[str, Any]:
        """Return what the templates of the admin need, and what is given."""
        return {
            **self.model_admin.admin_site.each_context(self.request),
            "title": self.title,
            "opts": self.model_admin.opts,
            "media": self.model_admin.media,
            "run": self.run,
            "crumbs": [*self.get_crumbs(), ("", self.title)],
            # Since Django 6.1 the admin's are a list.
            "crumbs_are_a_list": django.VERSION >= (6, 1),
            **context,
        }

    def get_crumbs(self) -> list[tuple[str, Any]]:
        """Return the addresses and names of the pages above this one."""
        opts, site = self.model_admin.opts, self.model_admin.admin_site.name
        home = self.get_index_url()
        if not self.model_admin.is_at_hand:
            return [(home, _("Home"))]
        app = reverse("admin:app_list", args=[opts.app_label], current_app=site)
        crumbs = [
            (home, _("Home")),
            (app, opts.app_config.verbose_name if opts.app_config else opts.app_label),
            (self.model_admin.get_url("changelist"), capfirst(opts.verbose_name_plural)),
        ]
        if self.run is not None:
            crumbs.append((self.get_run_url(self.run), str(self.run)))
        return crumbs

    def get_index_url(self) -> str:
        return reverse("admin:index", current_app=self.model_admin.admin_site.name)

    def get_list_url(self) -> str:
        """Return the address of the list, or of the site where it has no list of runs."""
        at_hand = self.model_admin.is_at_hand
        return self.model_admin.get_url("changelist") if at_hand else self.get_index_url()

    def get_run_url(self, run: BackupRun) -> str:
        return self.model_admin.get_url("change", quote(run.pk))

    def show(self, **context: Any) -> TemplateResponse:
        """Return this page."""
        self.request.current_app = self.model_admin.admin_site.name
        return TemplateResponse(
            self.request, f"{FOLDER}/{self.template}", self.get_context(**context)
        )

    def render(self, template: str, **context: Any) -> str:
        """Return a template of the folder as text."""
        self.request.current_app = self.model_admin.admin_site.name
        return render_to_string(f"{FOLDER}/{template}", context, self.request)

    def go_back(self, message: str, level: int = messages.SUCCESS) -> HttpResponseRedirect:
        """Return to the run, or else to the list, with a message."""
        run = self.run if self.run and self.run.pk and self.model_admin.is_at_hand else None
        messages.add_message(self.request, level, message)
        return HttpResponseRedirect(self.get_run_url(run) if run else self.get_list_url())
