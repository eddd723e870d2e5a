"""The file through Django's own sqlite3 backend: read as it is, and run on with its indexes."""

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connections, models

from tests.copying import back_up
from zoo import fill
from zoo import models as zoo

# Django's own SQL of this model goes through `%` formatting.
UNREADABLE = {zoo.Percent}
# Their fields refuse, on every engine, some cells of the zoo: they are read as they are stored.
REFUSING = {zoo.Paint: ["id"], zoo.Secret: ["id"]}


def rows_of(model, alias):
    columns = REFUSING.get(model, [field.attname for field in model._meta.concrete_fields])
    rows = models.QuerySet(model, using=alias).order_by("pk").values_list(*columns)
    return [tuple(map(comparable, row)) for row in rows]


def comparable(value):
    return bytes(value) if isinstance(value, memoryview) else value


def readable_models(alias):
    return [
        model
        for model in fill.zoo_models(alias)
        if model._meta.app_label == "zoo"
        and model not in UNREADABLE
        and model.__name__ != "MysqlTypes"
    ]


def test_orm_reads_from_the_file_what_it_reads_from_the_database(filled, backup_path):
    back_up(filled, None)

    for model in readable_models(filled):
        assert rows_of(model, "backup") == rows_of(model, filled), model


def test_orm_follows_relations_in_the_file(filled, backup_path):
    back_up(filled, None)

    article = zoo.Article.objects.using("backup").prefetch_related("tags", "follows").get(pk=1)

    assert [tag.name for tag in article.tags.order_by("name")] == ["small", "tall"]
    assert [other.pk for other in article.follows.all()] == []
    pizzeria = zoo.Pizzeria.objects.using("backup").select_related("parent").get()
    assert (pizzeria.name, pizzeria.stars, pizzeria.oven) == ("Da Mario", -1, "wood")
    assert zoo.City.objects.using("backup").get(country__name="Nederland").name == "Utrecht"


def test_orm_queries_values_in_the_file(filled, backup_path):
    back_up(filled, None)

    moment = zoo.DateTime.objects.using("backup").filter(value__year=2038).get()
    assert moment.value.isoformat() == "2038-01-19T03:14:08+00:00"
    assert zoo.Json.objects.using("backup").filter(value__b=1, value__aa=3).count() == 1
    assert zoo.Price.objects.using("backup").filter(value__gt=100).count() == 1


@pytest.fixture
def run_on(filled, tmp_path):
    """The alias of a file with its indexes, in use as any database."""
    path = tmp_path / "run_on.sqlite3"
    back_up(filled, path, indexes=True)
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": path}
    databases = connections.configure_settings({"default": {}, "run_on": database})
    connections.databases["run_on"] = databases["run_on"]
    yield "run_on"
    connections["run_on"].close()
    del connections["run_on"], connections.databases["run_on"]


def test_project_runs_on_a_file_with_indexes(run_on):
    call_command("check", databases=[run_on])
    call_command("migrate", database=run_on, verbosity=0)
    connections[run_on].check_constraints()

    # 9 was deleted before the backup; of Emptied all rows were.
    assert zoo.AutoKey.objects.using(run_on).create(name="new").pk == 10
    assert zoo.Emptied.objects.using(run_on).create(name="new").pk == 3
    assert zoo.Empty.objects.using(run_on).create(name="new").pk == 1
    article = zoo.Article.objects.using(run_on).create()
    article.tags.add(zoo.Tag.objects.using(run_on).first())
    assert article.tags.through.objects.using(run_on).latest("pk").pk == 6


@pytest.mark.parametrize(
    "row",
    [
        {"name": "a", "low": 1, "high": 50},
        {"name": "new", "low": 2, "high": 50},
        {"name": "new", "low": 50, "high": 5},
        {"name": "B", "low": 50, "high": 4},
    ],
    ids=["together", "partial", "column", "expression"],
)
def test_unique_constraints_hold_in_a_file_with_indexes(run_on, row):
    with pytest.raises(IntegrityError, match="UNIQUE"):
        zoo.Constrained.objects.using(run_on).create(**row)


def test_file_with_indexes_has_those_of_the_models(run_on):
    with connections[run_on].cursor() as cursor:
        found = connections[run_on].introspection.get_constraints(cursor, "zoo_constrained")

    names = {"zoo_name_high_desc", "zoo_lower_note", "zoo_note_if_low", "zoo_name_low"}
    assert names | {"zoo_high_low", "zoo_lower_name_high"} <= set(found)


def test_foreign_keys_hold_in_the_file(run_on):
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        zoo.Car.objects.using(run_on).create(driver_id=77)
