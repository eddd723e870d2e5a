"""The models of one shape: the environment says which."""

import os

from django.db import models

SHAPE = os.environ.get("BENCHMARK_SHAPE", "line")


def make_model(name, /, **fields):
    """Make one model of many."""
    return type(name, (models.Model,), {"__module__": __name__, **fields})


if SHAPE == "line":

    class Customer(models.Model):
        email = models.EmailField(unique=True)
        name = models.CharField(max_length=100)

    class Line(models.Model):
        key = models.UUIDField()
        customer = models.ForeignKey(Customer, models.CASCADE)
        reference = models.CharField(max_length=40, db_index=True)
        note = models.TextField()
        price = models.DecimalField(max_digits=10, decimal_places=2)
        quantity = models.IntegerField()
        weight = models.FloatField()
        paid = models.BooleanField()
        day = models.DateField()
        created = models.DateTimeField()
        extra = models.JSONField(null=True)

elif SHAPE == "many":
    for number in range(400):
        make_model(
            f"Many{number}",
            name=models.CharField(max_length=50),
            amount=models.IntegerField(),
            created=models.DateTimeField(),
        )

elif SHAPE == "wide":
    kinds = (
        lambda: models.CharField(max_length=40),
        models.IntegerField,
        models.FloatField,
        models.DateTimeField,
        lambda: models.DecimalField(max_digits=12, decimal_places=3),
        lambda: models.BooleanField(),
    )
    Wide = make_model("Wide", **{f"column{n}": kinds[n % len(kinds)]() for n in range(59)})

elif SHAPE == "blob":

    class Blob(models.Model):
        content = models.BinaryField()
