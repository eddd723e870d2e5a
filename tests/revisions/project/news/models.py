from django.db import models


class Story(models.Model):
    """Of an app that comes into the code in state 6."""

    title = models.CharField(max_length=80)
    book = models.ForeignKey("library.Book", models.CASCADE)
