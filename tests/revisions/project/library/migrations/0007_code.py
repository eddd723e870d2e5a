"""The usual three steps to a new column that may not be NULL, in one migration.

On PostgreSQL that works where the rows are older than the transaction: an update of a row of the
same transaction leaves events of deferred triggers behind, and then `ALTER TABLE` is refused.
"""

from django.db import migrations, models


def fill(apps, schema_editor):
    books = apps.get_model("library", "Book").objects.using(schema_editor.connection.alias)
    for book in books.order_by("id"):
        book.code = f"{book.name}-{book.id}".lower()
        book.save()


class Migration(migrations.Migration):
    dependencies = [("library", "0006_remove_street")]
    operations = [
        migrations.AddField("Book", "code", models.CharField(max_length=60, null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("Book", "code", models.CharField(max_length=60, unique=True)),
    ]
