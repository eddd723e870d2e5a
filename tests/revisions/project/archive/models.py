from django.db import models


class Record(models.Model):
    """Of an app that is taken out of the code in state 6."""

    text = models.CharField(max_length=80)
