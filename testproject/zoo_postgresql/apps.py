from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import pre_migrate


def create_extensions(*, using, **kwargs):
    """Receiver of `pre_migrate`: the tables of this app need types that are extensions."""
    from django.contrib.postgres import signals

    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for extension in ("hstore", "citext"):
            cursor.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    signals.get_hstore_oids.cache_clear()
    signals.get_citext_oids.cache_clear()
    signals.register_type_handlers(connection)


class ZooPostgresqlConfig(AppConfig):
    """Columns that PostgreSQL alone has; no migrations."""

    name = "zoo_postgresql"

    def ready(self):
        pre_migrate.connect(create_extensions, sender=self)
