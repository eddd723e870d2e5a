"""One model per type of field: `value` as it is, and `maybe` that may be NULL."""

from django.db import models


def model_of(name, field, **options):
    attributes = {
        "__module__": __name__,
        "Meta": type("Meta", (), {"app_label": "zoo"}),
        "value": field(**options),
        "maybe": field(**options, null=True, blank=True),
    }
    return type(name, (models.Model,), attributes)


SmallInteger = model_of("SmallInteger", models.SmallIntegerField)
Integer = model_of("Integer", models.IntegerField)
BigInteger = model_of("BigInteger", models.BigIntegerField)
PositiveSmallInteger = model_of("PositiveSmallInteger", models.PositiveSmallIntegerField)
PositiveInteger = model_of("PositiveInteger", models.PositiveIntegerField)
PositiveBigInteger = model_of("PositiveBigInteger", models.PositiveBigIntegerField)
Float = model_of("Float", models.FloatField)
Boolean = model_of("Boolean", models.BooleanField)
Price = model_of("Price", models.DecimalField, max_digits=10, decimal_places=2)
Rate = model_of("Rate", models.DecimalField, max_digits=15, decimal_places=5)
LargeDecimal = model_of("LargeDecimal", models.DecimalField, max_digits=30, decimal_places=10)
WholeDecimal = model_of("WholeDecimal", models.DecimalField, max_digits=20, decimal_places=0)
Char = model_of("Char", models.CharField, max_length=200)
Text = model_of("Text", models.TextField)
Slug = model_of("Slug", models.SlugField)
Url = model_of("Url", models.URLField)
Email = model_of("Email", models.EmailField)
File = model_of("File", models.FileField)
FilePath = model_of("FilePath", models.FilePathField)
IPAddress = model_of("IPAddress", models.GenericIPAddressField)
Date = model_of("Date", models.DateField)
Time = model_of("Time", models.TimeField)
DateTime = model_of("DateTime", models.DateTimeField)
Duration = model_of("Duration", models.DurationField)
Uuid = model_of("Uuid", models.UUIDField)
Json = model_of("Json", models.JSONField)
Binary = model_of("Binary", models.BinaryField)
