from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("library", "0008_placement")]
    operations = [migrations.DeleteModel("Note")]
