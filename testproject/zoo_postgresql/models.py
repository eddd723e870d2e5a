"""The fields of django.contrib.postgres, and column types that no field of Django's knows."""

from django.contrib.postgres import fields
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from zoo.fields import RawField


class Arrays(models.Model):
    integers = fields.ArrayField(models.IntegerField(null=True), null=True)
    texts = fields.ArrayField(models.TextField(null=True), null=True)
    moments = fields.ArrayField(models.DateTimeField(), null=True)
    nested = fields.ArrayField(fields.ArrayField(models.CharField(max_length=9)), null=True)
    sized = fields.ArrayField(models.BooleanField(), size=3, null=True)
    decimals = fields.ArrayField(models.DecimalField(max_digits=30, decimal_places=10), null=True)
    floats = fields.ArrayField(models.FloatField(), null=True)
    uuids = fields.ArrayField(models.UUIDField(), null=True)
    binaries = fields.ArrayField(models.BinaryField(), null=True)
    jsons = fields.ArrayField(models.JSONField(), null=True)
    durations = fields.ArrayField(models.DurationField(), null=True)

    class Meta:
        indexes = (GinIndex(fields=("integers",), name="zoo_array_gin"),)


class HStore(models.Model):
    pairs = fields.HStoreField(null=True)
    many = fields.ArrayField(fields.HStoreField(), null=True)


class Ranges(models.Model):
    integers = fields.IntegerRangeField(null=True)
    big_integers = fields.BigIntegerRangeField(null=True)
    decimals = fields.DecimalRangeField(null=True)
    dates = fields.DateRangeField(null=True)
    moments = fields.DateTimeRangeField(null=True)
    many = fields.ArrayField(fields.IntegerRangeField(), null=True)

    class Meta:
        constraints = (
            ExclusionConstraint(
                name="zoo_moments_apart", expressions=(("moments", RangeOperators.OVERLAPS),)
            ),
        )


class MultirangeField(models.Field):
    def db_type(self, connection):
        return "int4multirange" if connection.pg_version >= 14_00_00 else "text"


class OwnTypes(models.Model):
    """Whatever no rule knows: only the engine's own text form is sure to be right."""

    citext = RawField("citext", null=True)
    inet = RawField("inet", null=True)
    cidr = RawField("cidr", null=True)
    macaddr = RawField("macaddr", null=True)
    interval = RawField("interval", null=True)
    point = RawField("point", null=True)
    polygon = RawField("polygon", null=True)
    tsvector = RawField("tsvector", null=True)
    range_array = RawField("int4range[]", null=True)
    multirange = MultirangeField(null=True)
    money = RawField("money", null=True)
    bits = RawField("bit varying", null=True)
    numeric = RawField("numeric", null=True)
    single = RawField("real", null=True)
    json = RawField("json", null=True)
    lsn = RawField("pg_lsn", null=True)
    naive = RawField("timestamp", null=True)
    zoned_time = RawField("time with time zone", null=True)
    quoted_char = RawField('"char"', null=True)
    name = RawField("name", null=True)
    padded = RawField("char(10)", null=True)
    matrix = RawField("int[]", null=True)
