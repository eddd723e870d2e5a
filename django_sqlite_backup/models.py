"""The record of each backup and restore, whichever front end began it."""

from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .operations.liveness import is_dead
from .operations.task_library import has_ended

SILENCE = timedelta(days=1)
"""After so long without a word from another host, a run is taken for lost."""


class BackupRun(models.Model):
    """One backup or restore: when, by whom, what, where, and how it ended.

    Its rows go into backups like any others, and are never restored by default: a restore does not
    undo what has been done.
    """

    class Kind(models.TextChoices):
        BACKUP = "backup", _("Backup")
        RESTORE = "restore", _("Restore")

    class Outcome(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Succeeded")
        FAILED = "failed", _("Failed")

    class Front(models.TextChoices):
        """Who began it."""

        COMMAND = "command", _("Command")
        ADMIN = "admin", _("Admin")
        TASK = "task", _("Task")
        MIGRATE = "migrate", _("Before migrate")
        PYTHON = "python", _("Python")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.BACKUP)
    front = models.CharField(_("begun by"), max_length=10, choices=Front, default=Front.PYTHON)
    user = models.CharField(
        _("user"),
        max_length=150,
        blank=True,
        help_text=_("Of the project, where somebody asked for it; else of the operating system."),
    )
    database = models.CharField(_("database"), max_length=100, help_text=_("Its alias."))
    file = models.TextField(_("file"), blank=True, help_text=_("A path, or a name in the storage."))
    storage = models.CharField(
        _("storage"), max_length=100, blank=True, help_text=_("Its alias; empty for a path.")
    )
    outcome = models.CharField(
        _("outcome"), max_length=10, choices=Outcome, default=Outcome.QUEUED, db_index=True
    )
    created = models.DateTimeField(_("created"), auto_now_add=True)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)
    seconds = models.FloatField(_("seconds"), null=True, blank=True)
    tables = models.PositiveIntegerField(_("tables"), null=True, blank=True)
    rows = models.PositiveBigIntegerField(_("rows"), null=True, blank=True)
    bytes = models.PositiveBigIntegerField(_("bytes"), null=True, blank=True)
    checksum = models.CharField(_("checksum"), max_length=64, blank=True)
    verified = models.BooleanField(_("verified"), default=False)
    partial = models.BooleanField(
        _("partial"), default=False, help_text=_("Whether tables were left out of a backup.")
    )
    completed = models.PositiveBigIntegerField(_("completed"), default=0)
    total = models.PositiveBigIntegerField(_("total"), default=0)
    description = models.CharField(_("description"), max_length=200, blank=True)
    process = models.CharField(
        _("process"),
        max_length=300,
        blank=True,
        help_text=_("Its number, when it began, and its host."),
    )
    heard = models.DateTimeField(_("last heard of"), null=True, blank=True)
    task = models.CharField(_("task"), max_length=64, blank=True)
    removed = models.DateTimeField(
        _("removed"),
        null=True,
        blank=True,
        help_text=_("When the backup was removed, or a later one took its place."),
    )
    error = models.TextField(_("error"), blank=True)

    class Meta:
        ordering = ("-created", "-pk")
        get_latest_by = "created"
        verbose_name = _("backup run")
        verbose_name_plural = _("backup runs")
        default_permissions = ("view",)
        permissions = (
            ("run_backup", _("Can run a backup")),
            ("download_backup", _("Can download a backup")),
            ("delete_backup", _("Can delete backups")),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.database}, {self.get_outcome_display()}"

    @property
    def is_lost(self) -> bool:
        """Whether it will never end: its process is dead, or nothing was heard of it for a day.

        A queued one is lost where its task has ended without it, or never came to be.
        """
        if self.outcome == self.Outcome.QUEUED and self.task:
            return has_ended(self.task)
        if self.outcome not in (self.Outcome.QUEUED, self.Outcome.RUNNING):
            return False
        heard = self.heard or self.started or self.created
        return is_dead(self.process) or timezone.now() - heard > SILENCE

    def describe_loss(self) -> str:
        """Return, of a run that is lost, what became of it."""
        if self.outcome != self.Outcome.QUEUED:
            return (
                f"Process {self.process} died, or nothing was heard of it for a day. What it had "
                "begun was undone, or is removed by the next run."
            )
        if self.task:
            return f"Task {self.task} ended and did not begin it: see the worker's log."
        return "No task came to be of it within a day. Begin a new one."
