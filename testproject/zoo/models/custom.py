"""Custom fields, defaults, generated columns, constraints and indexes."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now, Upper

from zoo.fields import CentsField, CodeField, EncryptedField, EnumField, ListTextField, RawField


class Words(models.Model):
    words = ListTextField(null=True)


class Secret(models.Model):
    secret = EncryptedField(null=True)


class Paint(models.Model):
    colour = EnumField()
    other = EnumField(null=True)


class Money(models.Model):
    cents = CentsField(null=True)
    currency = CodeField()


class Stamped(models.Model):
    """Its dates are long past, and a restore has to leave them there."""

    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)
    day = models.DateField(auto_now=True)
    hour = models.TimeField(auto_now_add=True)


class Defaulted(models.Model):
    name = models.CharField(max_length=20, db_default="unnamed")
    count = models.IntegerField(db_default=7, null=True)
    created = models.DateTimeField(db_default=Now())


class Generated(models.Model):
    width = models.IntegerField()
    name = models.CharField(max_length=20)
    area = models.GeneratedField(
        expression=F("width") * F("width"), output_field=models.BigIntegerField(), db_persist=True
    )
    shout = models.GeneratedField(
        expression=Upper("name"), output_field=models.CharField(max_length=20), db_persist=True
    )


class VirtuallyGenerated(models.Model):
    width = models.IntegerField()
    doubled = models.GeneratedField(
        expression=F("width") * 2, output_field=models.IntegerField(), db_persist=False
    )

    class Meta:
        required_db_features = ("supports_virtual_generated_columns",)


class Constrained(models.Model):
    name = models.CharField(max_length=20)
    low = models.IntegerField(db_index=True)
    high = models.IntegerField(unique=True)
    note = models.CharField(max_length=20, db_comment="Only for the index.", default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("name", "low"), name="zoo_name_low"),
            models.UniqueConstraint(fields=("low",), condition=Q(high__gt=5), name="zoo_high_low"),
            models.UniqueConstraint(Lower("name"), "high", name="zoo_lower_name_high"),
            models.CheckConstraint(condition=Q(low__lte=F("high")), name="zoo_low_lte_high"),
        )
        indexes = (
            models.Index(fields=("name", "-high"), name="zoo_name_high_desc"),
            models.Index(Lower("note"), name="zoo_lower_note"),
            models.Index(fields=("note",), condition=Q(low__gt=0), name="zoo_note_if_low"),
        )


class VisibleManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(deleted=False)


class SoftDeleted(models.Model):
    """Every manager that Django takes by itself hides the deleted rows."""

    name = models.CharField(max_length=20)
    deleted = models.BooleanField(default=False)

    objects = VisibleManager()

    class Meta:
        base_manager_name = "objects"
        default_manager_name = "objects"


class MysqlTypes(models.Model):
    """Column types that only MySQL and MariaDB have."""

    year = RawField("year", null=True)
    bits = RawField("bit(12)", null=True)
    choice = RawField("enum('a','b, c','it''s')", null=True)
    choices = RawField("set('a','b','c')", null=True)
    moment = RawField("timestamp(3)", null=True)
    medium = RawField("mediumint unsigned", null=True)
    small = RawField("tinyblob", null=True)
    fixed = RawField("binary(4)", null=True)
    single = RawField("float", null=True)
    point = RawField("point", null=True)

    class Meta:
        required_db_vendor = "mysql"
