from django.db import migrations, models

STATE_OPERATIONS = [
    migrations.CreateModel(
        "Placement",
        [
            (
                "id",
                models.BigAutoField(
                    auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                ),
            ),
            ("book", models.ForeignKey("library.Book", models.CASCADE)),
            ("shelf", models.ForeignKey("library.Shelf", models.CASCADE)),
        ],
        {"db_table": "library_book_shelves", "unique_together": {("book", "shelf")}},
    ),
    migrations.AlterField(
        "Book",
        "shelves",
        models.ManyToManyField("library.Shelf", through="library.Placement"),
    ),
]


class Migration(migrations.Migration):
    dependencies = [("library", "0007_code")]
    operations = [
        migrations.SeparateDatabaseAndState(state_operations=STATE_OPERATIONS),
        migrations.AddField("Placement", "position", models.IntegerField(default=7)),
    ]
