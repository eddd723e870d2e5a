"""The models at each state of the code: what `makemigrations` finds nothing to add to."""

from django.conf import settings
from django.db import models
from state import STATE

AUTHOR = "library.Author" if STATE < 7 else "library.Writer"

if STATE < 7:

    class Author(models.Model):
        name = models.CharField(max_length=40)
        if STATE < 4:
            street = models.CharField(max_length=40)
            city = models.CharField(max_length=40)

else:

    class Writer(models.Model):
        name = models.CharField(max_length=40)


if STATE >= 4:

    class Address(models.Model):
        author = models.OneToOneField(AUTHOR, models.CASCADE)
        street = models.CharField(max_length=40)
        city = models.CharField(max_length=40)


class Shelf(models.Model):
    name = models.CharField(max_length=40)
    parent = models.ForeignKey("self", models.CASCADE, null=True)


class Book(models.Model):
    if STATE < 2:
        title = models.CharField(max_length=80)
    else:
        name = models.CharField(max_length=80)
    author = models.ForeignKey(AUTHOR, models.CASCADE)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True)
    price = models.DecimalField(max_digits=20, decimal_places=4)
    added = models.DateTimeField()
    if STATE < 3:
        pages = models.IntegerField()
    if STATE >= 5:
        code = models.CharField(max_length=60, unique=True)
    if STATE < 6:
        shelves = models.ManyToManyField(Shelf)
    else:
        shelves = models.ManyToManyField(Shelf, through="Placement")

    class Meta:
        indexes = [models.Index(fields=["price"], name="library_price")] if STATE >= 8 else []


if STATE >= 6:

    class Placement(models.Model):
        book = models.ForeignKey(Book, models.CASCADE)
        shelf = models.ForeignKey(Shelf, models.CASCADE)
        position = models.IntegerField(default=7)

        class Meta:
            db_table = "library_book_shelves"
            unique_together = [("book", "shelf")]


if STATE < 7:

    class Note(models.Model):
        text = models.CharField(max_length=80)
        book = models.ForeignKey(Book, models.CASCADE)
