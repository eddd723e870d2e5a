import os

from django.db import migrations


def split(apps, schema_editor):
    using = schema_editor.connection.alias
    Author = apps.get_model("library", "Author")
    Address = apps.get_model("library", "Address")
    if os.environ.get("REVISIONS_FAIL") == "0005" and Author.objects.using(using).exists():
        raise RuntimeError("the addresses do not want to move")
    for author in Author.objects.using(using).order_by("id"):
        Address.objects.using(using).create(author=author, street=author.street, city=author.city)


def join(apps, schema_editor):
    if apps.get_model("library", "Address").objects.using(schema_editor.connection.alias).exists():
        raise RuntimeError("a reverse data migration met rows that are about to be replaced")


class Migration(migrations.Migration):
    dependencies = [("library", "0004_address")]
    operations = [migrations.RunPython(split, join)]
