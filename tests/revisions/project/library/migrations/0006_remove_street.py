from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("library", "0005_move_addresses")]
    operations = [
        migrations.RemoveField("Author", "street"),
        migrations.RemoveField("Author", "city"),
    ]
