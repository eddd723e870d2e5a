"""An app without migrations whose models refer to others; only some tests install it."""

from django.conf import settings
from django.db import models


class Tag(models.Model):
    name = models.CharField(max_length=20)


class Remark(models.Model):
    text = models.CharField(max_length=20)
    tag = models.ForeignKey(Tag, models.CASCADE, null=True)
    tags = models.ManyToManyField(Tag, related_name="tagged")
    before = models.ForeignKey("self", models.CASCADE, null=True)
    author = models.ForeignKey("library.Author", models.CASCADE)
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)


class LongRemark(Remark):
    more = models.TextField()


class Visit(models.Model):
    """Of what a later migration of another app makes."""

    address = models.ForeignKey("library.Address", models.CASCADE)
