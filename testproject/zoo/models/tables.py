"""Peculiar tables: narrow, wide, shared, unmanaged, a view, none at all."""

from django.db import models


class OneColumn(models.Model):
    pass


def wide_columns():
    """299 columns, so that the table has 300 with its key."""
    kinds = (
        lambda: models.IntegerField(null=True),
        lambda: models.CharField(max_length=5, default=""),
        lambda: models.FloatField(null=True),
    )
    return {f"c{number}": kinds[number % 3]() for number in range(299)}


Wide = type("Wide", (models.Model,), {"__module__": __name__, **wide_columns()})


class Shared(models.Model):
    name = models.CharField(max_length=20)
    count = models.IntegerField()


class SharedToo(models.Model):
    """The same table once more, with fewer of its columns."""

    name = models.CharField(max_length=20)

    class Meta:
        managed = False
        db_table = "zoo_shared"


class Unmanaged(models.Model):
    name = models.CharField(max_length=20, null=True)
    created = models.DateTimeField()

    class Meta:
        managed = False


class LegacyOwner(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        managed = False


class LegacyItem(models.Model):
    """The database has a foreign key here, at once enforced, of which the model says nothing."""

    owner_id = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "zoo_a_legacyitem"


class View(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        managed = False


class Nothing(models.Model):
    """There is no table of this one anywhere."""

    name = models.CharField(max_length=20)

    class Meta:
        managed = False


class Elsewhere(models.Model):
    """A router keeps it on the alias `other`."""

    name = models.CharField(max_length=20)
