from django.db import connections


class ZooRouter:
    """Keeps `zoo_postgresql` on PostgreSQL and `zoo.Elsewhere` on the alias `other`."""

    def db_for_read(self, model, **hints):
        return "other" if model._meta.label_lower == "zoo.elsewhere" else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, model_name=None, **hints):
        if app_label == "zoo_postgresql":
            return connections[db].vendor == "postgresql"
        if (app_label, model_name) == ("zoo", "elsewhere"):
            return db == "other"
        return None
