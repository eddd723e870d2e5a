from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("members", "0001_initial"), ("library", "0004_address")]
    operations = [
        migrations.AddField(
            "Member",
            "favourite",
            models.ForeignKey("library.Author", models.SET_NULL, null=True, related_name="+"),
        )
    ]
