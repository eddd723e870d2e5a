"""The table of backup runs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="BackupRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("backup", "Backup"), ("restore", "Restore")],
                        default="backup",
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "front",
                    models.CharField(
                        choices=[
                            ("command", "Command"),
                            ("admin", "Admin"),
                            ("task", "Task"),
                            ("migrate", "Before migrate"),
                            ("python", "Python"),
                        ],
                        default="python",
                        max_length=10,
                        verbose_name="begun by",
                    ),
                ),
                (
                    "user",
                    models.CharField(
                        blank=True,
                        help_text="Of the project, where somebody asked for it; else of the operating system.",
                        max_length=150,
                        verbose_name="user",
                    ),
                ),
                (
                    "database",
                    models.CharField(
                        help_text="Its alias.", max_length=100, verbose_name="database"
                    ),
                ),
                (
                    "file",
                    models.TextField(
                        blank=True,
                        help_text="A path, or a name in the storage.",
                        verbose_name="file",
                    ),
                ),
                (
                    "storage",
                    models.CharField(
                        blank=True,
                        help_text="Its alias; empty for a path.",
                        max_length=100,
                        verbose_name="storage",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                        ],
                        db_index=True,
                        default="queued",
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("started", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                ("finished", models.DateTimeField(blank=True, null=True, verbose_name="finished")),
                ("seconds", models.FloatField(blank=True, null=True, verbose_name="seconds")),
                (
                    "tables",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="tables"),
                ),
                (
                    "rows",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="rows"),
                ),
                (
                    "bytes",
                    models.PositiveBigIntegerField(blank=True, null=True, verbose_name="bytes"),
                ),
                ("checksum", models.CharField(blank=True, max_length=64, verbose_name="checksum")),
                ("verified", models.BooleanField(default=False, verbose_name="verified")),
                (
                    "partial",
                    models.BooleanField(
                        default=False,
                        help_text="Whether tables were left out of a backup.",
                        verbose_name="partial",
                    ),
                ),
                ("completed", models.PositiveBigIntegerField(default=0, verbose_name="completed")),
                ("total", models.PositiveBigIntegerField(default=0, verbose_name="total")),
                (
                    "description",
                    models.CharField(blank=True, max_length=200, verbose_name="description"),
                ),
                (
                    "process",
                    models.CharField(
                        blank=True,
                        help_text="Its number, when it began, and its host.",
                        max_length=300,
                        verbose_name="process",
                    ),
                ),
                (
                    "heard",
                    models.DateTimeField(blank=True, null=True, verbose_name="last heard of"),
                ),
                ("task", models.CharField(blank=True, max_length=64, verbose_name="task")),
                (
                    "removed",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the backup was removed, or a later one took its place.",
                        null=True,
                        verbose_name="removed",
                    ),
                ),
                ("error", models.TextField(blank=True, verbose_name="error")),
            ],
            options={
                "verbose_name": "backup run",
                "verbose_name_plural": "backup runs",
                "ordering": ("-created", "-pk"),
                "permissions": (
                    ("run_backup", "Can run a backup"),
                    ("download_backup", "Can download a backup"),
                    ("delete_backup", "Can delete backups"),
                ),
                "get_latest_by": "created",
                "default_permissions": ("view",),
            },
        ),
    ]
