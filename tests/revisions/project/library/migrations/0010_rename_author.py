from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("library", "0009_delete_note"), ("members", "0002_favourite")]
    operations = [migrations.RenameModel("Author", "Writer")]
