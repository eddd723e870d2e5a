from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connections

from shop.filling import Filler
from shop.models import Address, Category, Customer, Order, Product


class Command(BaseCommand):
    help = "Fills the empty shop with made-up rows, the same for the same seed."

    def add_arguments(self, parser):
        parser.add_argument("--rows", type=int, default=100_000, help="at least this many rows")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="alias of DATABASES")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *, rows, database, seed, **options):
        if Product.objects.using(database).exists() or Customer.objects.using(database).exists():
            raise CommandError("The shop is not empty; fill_shop would mix its rows with others.")
        written = Filler(rows, database, seed).fill()
        self.reset_sequences(database)
        self.stdout.write(f"{written:,} rows written to the shop.")

    def reset_sequences(self, database):
        """Rows with explicit keys do not move PostgreSQL's sequences."""
        connection = connections[database]
        statements = connection.ops.sequence_reset_sql(
            no_style(), [Category, Customer, Address, Product, Order]
        )
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
