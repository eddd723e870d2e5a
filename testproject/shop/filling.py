"""The rows of a shop, the same for the same seed."""

import datetime as dt
import random
import uuid
from decimal import Decimal
from itertools import count, islice

from django.db import transaction

from . import models

FIRST = ["Ada", "Bram", "Chloé", "Eva", "Farid", "Hiroshi", "Iñaki", "Jürgen", "Łukasz", "Noor"]
LAST = ["de Vries", "Jansen", "Müller", "O'Brien", "García", "Nowak", "Sørensen", "王", "Smith"]
STREETS = ["Dorpsstraat", "Kerkweg", "Rue de l'Église", "Hauptstraße", "Calle Mayor"]
CITIES = [
    ("NL", "Utrecht"),
    ("DE", "Köln"),
    ("FR", "Besançon"),
    ("PL", "Łódź"),
    ("ES", "Málaga"),
]
TREE = {
    "Kitchen": ["Pans", "Knives", "Cups"],
    "Garden": ["Seeds", "Tools", "Furniture"],
    "Books": ["Novels", "Science", "Comics"],
}
ADJECTIVES = ["Blue", "Small", "Heavy", "Folding", "Quiet", "Spare", "Classic", "Écru"]
NOUNS = ["kettle", "chair", "spade", "lamp", "novel", "basket", "clock", "ladder"]
REMARKS = ["", "Très bien!", "Arrived late,\nbut works.", 'It says "new" on the box.', "👍👍"]
START = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
BATCH = 2000


class Filler:
    """Adds `rows` rows or a few more to the shop; stock movements make up what is missing."""

    def __init__(self, rows, database, seed=1):
        self.database = database
        self.random = random.Random(seed)
        self.customers = max(rows // 9, 2)
        self.products = max(rows // 30, 4)
        self.orders = max(rows // 6, 2)
        self.rows = rows
        self.written = 0

    def fill(self):
        """Write all rows in one transaction and return how many they are."""
        with transaction.atomic(using=self.database):
            for fill_one in (
                self.fill_categories,
                self.fill_customers,
                self.fill_products,
                self.fill_orders,
                self.fill_reviews,
                self.fill_stock_movements,
            ):
                fill_one()
        return self.written

    def add(self, model, instances):
        instances = iter(instances)
        while batch := list(islice(instances, BATCH)):
            model._base_manager.using(self.database).bulk_create(batch)
            self.written += len(batch)

    def moment(self):
        return START + dt.timedelta(microseconds=self.random.randrange(5 * 365 * 86_400 * 10**6))

    def uuid(self):
        return uuid.UUID(int=self.random.getrandbits(128), version=4)

    def price(self):
        return Decimal(self.random.randrange(50, 100_000)).scaleb(-2)

    def fill_categories(self):
        keys = count(1)
        categories = []
        for root, children in TREE.items():
            parent = models.Category(id=next(keys), name=root, slug=root.lower())
            categories.append(parent)
            categories += [
                models.Category(id=next(keys), name=name, slug=name.lower(), parent=parent)
                for name in children
            ]
        self.add(models.Category, categories)
        self.category_keys = [category.id for category in categories]

    def fill_customers(self):
        keys = range(1, self.customers + 1)
        self.add(models.Customer, map(self.customer, keys))
        self.add(models.Address, map(self.address, keys))

    def customer(self, key):
        choice = self.random.choice
        first, last = choice(FIRST), choice(LAST)
        return models.Customer(
            id=key,
            email=f"customer{key}@example.com",
            name=f"{first} {last}",
            joined=self.moment(),
            birthday=choice([None, dt.date(1940, 1, 1) + dt.timedelta(key % 25_000)]),
            active=self.random.random() < 0.9,
            newsletter=choice([True, False, None]),
        )

    def address(self, key):
        country, city = self.random.choice(CITIES)
        return models.Address(
            id=key,
            customer_id=key,
            street=f"{self.random.choice(STREETS)} {self.random.randrange(1, 300)}",
            postcode=f"{self.random.randrange(1000, 10_000)} AB",
            city=city,
            country=country,
        )

    def fill_products(self):
        products = [self.product(key) for key in range(1, self.products + 1)]
        self.add(models.Product, products)
        self.prices = {product.id: product.price for product in products}
        through = models.Product.categories.through
        self.add(
            through,
            (
                through(product_id=product.id, category_id=category)
                for product in products
                for category in self.random.sample(self.category_keys, 2)
            ),
        )

    def product(self, key):
        choice = self.random.choice
        return models.Product(
            id=key,
            sku=self.uuid(),
            name=f"{choice(ADJECTIVES)} {choice(NOUNS)} {key}",
            description=choice(REMARKS) * 3,
            price=self.price(),
            attributes={
                "size": choice("SML"),
                "weight": key / 7,
                "tags": ["new", "été"][: key % 3],
            },
            added=self.moment(),
        )

    def fill_orders(self):
        self.add(models.Order, map(self.order, range(1, self.orders + 1)))
        self.totals = {}
        self.add(models.OrderLine, self.lines())
        self.add(models.Payment, (self.payment(key) for key in self.totals if key % 2))

    def order(self, key):
        customer = self.random.randrange(1, self.customers + 1)
        return models.Order(
            id=key,
            customer_id=customer,
            address_id=self.random.choice([customer, None]),
            status=self.random.choice(models.Order.Status.values),
            placed=self.moment(),
            note=self.random.choice(REMARKS),
        )

    def lines(self):
        for order in range(1, self.orders + 1):
            for product in self.random.sample(range(1, self.products + 1), order % 3 + 1):
                quantity = self.random.randrange(1, 6)
                price = self.prices[product]
                self.totals[order] = self.totals.get(order, 0) + quantity * price
                yield models.OrderLine(
                    order_id=order, product_id=product, quantity=quantity, price=price
                )

    def payment(self, order):
        return models.Payment(
            order_id=order,
            amount=self.totals[order],
            method=self.random.choice(["card", "ideal", "cash"]),
            reference=self.uuid(),
            paid=self.moment(),
        )

    def fill_reviews(self):
        self.add(models.Review, (self.review() for _ in range(self.products)))

    def review(self):
        return models.Review(
            product_id=self.random.randrange(1, self.products + 1),
            customer_id=self.random.choice([None, self.random.randrange(1, self.customers + 1)]),
            rating=self.random.randrange(1, 6),
            text=self.random.choice(REMARKS),
            written=self.moment(),
        )

    def fill_stock_movements(self):
        missing = max(self.rows - self.written, 1)
        self.add(models.StockMovement, (self.stock_movement() for _ in range(missing)))

    def stock_movement(self):
        return models.StockMovement(
            product_id=self.random.randrange(1, self.products + 1),
            change=self.random.randrange(-20, 21),
            weight=self.random.gauss(10, 3),
            handling=dt.timedelta(milliseconds=self.random.randrange(10**7)),
            label=self.random.choice([None, b"", self.random.randbytes(12)]),
            moved=self.moment(),
        )
