"""Not atomic on PostgreSQL."""

from django.conf import settings
from django.db import migrations, models

ON_POSTGRESQL = settings.DATABASES.get("default", {}).get("ENGINE", "").endswith("postgresql")

if ON_POSTGRESQL:
    from django.contrib.postgres.operations import AddIndexConcurrently as AddIndex
else:
    AddIndex = migrations.AddIndex


class Migration(migrations.Migration):
    atomic = not ON_POSTGRESQL
    dependencies = [("library", "0011_shout")]
    operations = [AddIndex("Book", models.Index(fields=["price"], name="library_price"))]
