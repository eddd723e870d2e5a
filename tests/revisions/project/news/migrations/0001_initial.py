from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [("library", "0007_code")]
    operations = [
        migrations.CreateModel(
            "Story",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=80)),
                ("book", models.ForeignKey("library.Book", models.CASCADE)),
            ],
        )
    ]
