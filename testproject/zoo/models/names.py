"""Names that are awkward to quote."""

from django.db import models


class Reserved(models.Model):
    select = models.CharField(max_length=20)
    group = models.IntegerField(db_index=True)
    index = models.IntegerField(null=True)
    order = models.ForeignKey("self", models.CASCADE, null=True)
    # SQLite's own name for the key of a row, which a column may hide.
    rowid = models.IntegerField(default=0)
    oid = models.IntegerField(default=0)

    class Meta:
        db_table = "table"


class MixedCase(models.Model):
    upper = models.IntegerField(db_column="UPPER")
    value = models.CharField(max_length=20, db_column="mixedCase", db_index=True)

    class Meta:
        db_table = "ZooMixedCase"


class Spaced(models.Model):
    value = models.CharField(max_length=20, db_column="a column, with spaces")
    link = models.ForeignKey("self", models.CASCADE, null=True, db_column="a link")

    class Meta:
        db_table = "zoo with spaces"


class Quoted(models.Model):
    single = models.CharField(max_length=20, db_column="it's")
    brackets = models.CharField(max_length=20, db_column="[a].(b);--")
    backslash = models.CharField(max_length=20, db_column="back\\slash")

    class Meta:
        db_table = "zoo's"


class NonAscii(models.Model):
    value = models.CharField(max_length=20, db_column="größe", db_index=True)
    wide = models.CharField(max_length=20, db_column="名前")

    class Meta:
        db_table = "zoo_tiergröße"


class Percent(models.Model):
    """Django creates it and cannot query it: its own SQL goes through `%` formatting."""

    value = models.CharField(max_length=20, db_column="100%")
    placeholder = models.CharField(max_length=20, db_column="%s")

    class Meta:
        db_table = "zoo_50%s"
