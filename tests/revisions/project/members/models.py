from django.contrib.auth.models import AbstractUser
from django.db import models
from state import STATE


class Member(AbstractUser):
    """The project's user model, which refers to an app that refers to it."""

    if STATE >= 4:
        favourite = models.ForeignKey(
            "library.Author" if STATE < 7 else "library.Writer",
            models.SET_NULL,
            null=True,
            related_name="+",
        )
