from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ZooConfig(AppConfig):
    """One model per field type and per trait that has cost somebody data; no migrations."""

    name = "zoo"

    def ready(self):
        from .unmanaged import create_unmanaged_tables

        post_migrate.connect(create_unmanaged_tables, sender=self)
