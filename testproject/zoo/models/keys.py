"""Primary keys of every kind, and keys that others refer to."""

import uuid

from django.db import models


class SmallAutoKey(models.Model):
    id = models.SmallAutoField(primary_key=True)
    name = models.CharField(max_length=20)


class AutoKey(models.Model):
    """Its key is not called id. Its newest row is deleted before the backup."""

    number = models.AutoField(primary_key=True, db_column="nr")
    name = models.CharField(max_length=20)


class BigAutoKey(models.Model):
    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=20)


class Emptied(models.Model):
    """All of its rows were deleted, and its next key is still not 1."""

    name = models.CharField(max_length=20)


class Empty(models.Model):
    name = models.CharField(max_length=20)


class IntegerKey(models.Model):
    """An integer key that the database does not count, so that 0 and -1 are keys too."""

    number = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=20)


class CharKey(models.Model):
    code = models.CharField(max_length=20, primary_key=True)


class UuidKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    parent = models.ForeignKey("self", models.CASCADE, null=True)


class OneToOneKey(models.Model):
    char_key = models.OneToOneField(CharKey, models.CASCADE, primary_key=True)
    name = models.CharField(max_length=20)


class OneToOneKeyOfKey(models.Model):
    key = models.OneToOneField(OneToOneKey, models.CASCADE, primary_key=True)


class CompositeKey(models.Model):
    pk = models.CompositePrimaryKey("tenant", "number")
    tenant = models.ForeignKey(CharKey, models.CASCADE)
    number = models.IntegerField()
    name = models.CharField(max_length=20)


class Country(models.Model):
    """Others refer to its unique code, not to its key."""

    code = models.CharField(max_length=2, unique=True)
    name = models.CharField(max_length=60)


class City(models.Model):
    country = models.ForeignKey(Country, models.CASCADE, to_field="code", db_column="country")
    uuid_key = models.ForeignKey(UuidKey, models.SET_NULL, null=True)
    name = models.CharField(max_length=60)

    class Meta:
        unique_together = (("country", "name"),)


class Word(models.Model):
    """Words may differ under one engine's collation and be equal under another's."""

    text = models.CharField(max_length=40, unique=True)
