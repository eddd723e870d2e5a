from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("library", "0003_remove_pages")]
    operations = [
        migrations.CreateModel(
            "Address",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("author", models.OneToOneField("library.Author", models.CASCADE)),
                ("street", models.CharField(max_length=40)),
                ("city", models.CharField(max_length=40)),
            ],
        )
    ]
