from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            "Author",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40)),
                ("street", models.CharField(max_length=40)),
                ("city", models.CharField(max_length=40)),
            ],
        ),
        migrations.CreateModel(
            "Shelf",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40)),
                ("parent", models.ForeignKey("library.Shelf", models.CASCADE, null=True)),
            ],
        ),
        migrations.CreateModel(
            "Book",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=80)),
                ("author", models.ForeignKey("library.Author", models.CASCADE)),
                (
                    "owner",
                    models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True),
                ),
                ("price", models.DecimalField(max_digits=20, decimal_places=4)),
                ("added", models.DateTimeField()),
                ("pages", models.IntegerField()),
                ("shelves", models.ManyToManyField("library.Shelf")),
            ],
        ),
        migrations.CreateModel(
            "Note",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.CharField(max_length=80)),
                ("book", models.ForeignKey("library.Book", models.CASCADE)),
            ],
        ),
    ]
