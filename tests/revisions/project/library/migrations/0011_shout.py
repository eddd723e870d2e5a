"""What cannot be undone."""

import os

from django.db import migrations


def shout(apps, schema_editor):
    if os.environ.get("REVISIONS_FAIL") == "0011":
        raise RuntimeError("the cities do not want to shout")
    addresses = apps.get_model("library", "Address").objects.using(schema_editor.connection.alias)
    for address in addresses.order_by("id"):
        address.city = address.city.upper()
        address.save()


class Migration(migrations.Migration):
    dependencies = [("library", "0010_rename_author")]
    operations = [migrations.RunPython(shout)]
