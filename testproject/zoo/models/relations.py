"""Foreign keys that go round, many-to-many in its kinds, and inheritance."""

from django.conf import settings
from django.db import models


class Node(models.Model):
    """Refers to itself, to rows with smaller and with larger keys."""

    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    required = models.ForeignKey("self", models.CASCADE, related_name="required_by")


class Driver(models.Model):
    favourite = models.ForeignKey("Car", models.SET_NULL, null=True, related_name="fans")


class Car(models.Model):
    driver = models.ForeignKey(Driver, models.SET_NULL, null=True)


class Chicken(models.Model):
    egg = models.ForeignKey("Egg", models.CASCADE, related_name="+")


class Egg(models.Model):
    chicken = models.ForeignKey(Chicken, models.CASCADE, related_name="+")


class Tag(models.Model):
    name = models.CharField(max_length=20)


class Article(models.Model):
    tags = models.ManyToManyField(Tag)
    renamed_tags = models.ManyToManyField(Tag, db_table="zoo_Renamed Through", related_name="+")
    friends = models.ManyToManyField("self")
    follows = models.ManyToManyField("self", symmetrical=False, related_name="followers")
    char_keys = models.ManyToManyField("zoo.CharKey")


class Member(models.Model):
    name = models.CharField(max_length=20)
    trusts = models.ManyToManyField("self", through="Trust", through_fields=("who", "whom"))


class Club(models.Model):
    name = models.CharField(max_length=20)
    members = models.ManyToManyField(Member, through="Membership")


class Membership(models.Model):
    club = models.ForeignKey(Club, models.CASCADE)
    member = models.ForeignKey(Member, models.CASCADE)
    joined = models.DateField()
    fee = models.DecimalField(max_digits=6, decimal_places=2, null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("club", "member"), name="zoo_one_membership"),
        )


class Trust(models.Model):
    who = models.ForeignKey(Member, models.CASCADE, related_name="+")
    whom = models.ForeignKey(Member, models.CASCADE, related_name="+")


class Named(models.Model):
    name = models.CharField(max_length=60)

    class Meta:
        abstract = True


class Place(Named):
    pass


class Restaurant(Place):
    stars = models.SmallIntegerField()


class Pizzeria(Restaurant):
    """Two levels of multi-table inheritance, with a parent link of its own name."""

    parent = models.OneToOneField(Restaurant, models.CASCADE, parent_link=True)
    oven = models.CharField(max_length=20)


class BusyPlace(Place):
    class Meta:
        proxy = True


class Keeper(Named):
    """Swapped for `HeadKeeper`: there is no table of this one."""

    class Meta:
        swappable = "ZOO_KEEPER_MODEL"


class HeadKeeper(Named):
    since = models.DateField()


class Cage(models.Model):
    keeper = models.ForeignKey(settings.ZOO_KEEPER_MODEL, models.CASCADE)
