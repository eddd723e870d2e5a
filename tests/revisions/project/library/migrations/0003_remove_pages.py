"""Backwards, a column that may not be NULL: no row may be there."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("library", "0002_rename_title")]
    operations = [migrations.RemoveField("Book", "pages")]
