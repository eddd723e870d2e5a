"""An app without migrations, and with a receiver that leaves a trace of each `post_migrate`."""

import os

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def leave_trace(*, using, **kwargs):
    if log := os.environ.get("REVISIONS_LOG"):
        with open(log, "a") as file:
            file.write(f"{using}\n")


def make_first_pin(*, using, **kwargs):
    from plain.models import Pin

    if "plain_pin" in _get_tables(using) and not Pin.objects.using(using).exists():
        Pin.objects.using(using).create(text="made by a receiver")


def _get_tables(using):
    from django.db import connections

    return connections[using].introspection.table_names()


class PlainConfig(AppConfig):
    name = "plain"

    def ready(self):
        post_migrate.connect(leave_trace, sender=self)
        post_migrate.connect(make_first_pin, sender=self)
