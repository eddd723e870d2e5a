from django.db import models


class Pin(models.Model):
    """A model of an app without migrations."""

    text = models.CharField(max_length=80)
