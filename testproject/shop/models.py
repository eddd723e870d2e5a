"""A shop as many projects have one: the database that the demo backs up and restores."""

import uuid

from django.db import models
from django.db.models import Q


class CustomerQuerySet(models.QuerySet):
    def active(self):
        return self.filter(active=True)

    def with_newsletter(self):
        return self.active().filter(newsletter=True)


class Customer(models.Model):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=100, db_index=True)
    joined = models.DateTimeField()
    birthday = models.DateField(null=True, blank=True)
    active = models.BooleanField(default=True)
    newsletter = models.BooleanField(null=True, blank=True)

    objects = CustomerQuerySet.as_manager()

    def __str__(self):
        return f"{self.name} <{self.email}>"


class Subscriber(Customer):
    class Meta:
        proxy = True
        ordering = ["name"]

    def __str__(self):
        return self.email


class Address(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="addresses")
    street = models.CharField(max_length=100)
    postcode = models.CharField(max_length=12)
    city = models.CharField(max_length=60)
    country = models.CharField(max_length=2, default="NL")

    class Meta:
        verbose_name_plural = "addresses"
        indexes = [models.Index(fields=["country", "city"], name="shop_address_place")]

    def __str__(self):
        return f"{self.street}, {self.postcode} {self.city}"


class Category(models.Model):
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="children"
    )
    name = models.CharField(max_length=60)
    slug = models.SlugField(unique=True)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self):
        return self.name


class Product(models.Model):
    sku = models.UUIDField(default=uuid.uuid4, unique=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    attributes = models.JSONField(default=dict)
    categories = models.ManyToManyField(Category, related_name="products")
    added = models.DateTimeField()

    def __str__(self):
        return self.name


class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new"
        PAID = "paid"
        SHIPPED = "shipped"
        CANCELLED = "cancelled"

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    address = models.ForeignKey(Address, models.SET_NULL, null=True, blank=True)
    products = models.ManyToManyField(Product, through="OrderLine")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.NEW)
    placed = models.DateTimeField(db_index=True)
    note = models.TextField(blank=True)

    def __str__(self):
        return f"Order {self.pk}"


class OpenOrderManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(status__in=[Order.Status.NEW, Order.Status.PAID])


class OpenOrder(Order):
    objects = OpenOrderManager()

    class Meta:
        proxy = True

    def __str__(self):
        return f"Open order {self.pk}"


class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.PositiveSmallIntegerField()
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="shop_one_line_per_product"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shop_quantity_positive"),
        ]

    def __str__(self):
        return f"{self.quantity} of product {self.product_id}"


class Payment(models.Model):
    order = models.OneToOneField(Order, models.CASCADE)
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    method = models.CharField(max_length=10)
    reference = models.UUIDField(unique=True)
    paid = models.DateTimeField()

    def __str__(self):
        return f"{self.amount} by {self.method}"


class Review(models.Model):
    product = models.ForeignKey(Product, models.CASCADE, related_name="reviews")
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True)
    rating = models.PositiveSmallIntegerField()
    text = models.TextField(blank=True)
    written = models.DateTimeField()

    def __str__(self):
        return f"{self.rating} for product {self.product_id}"


class StockMovement(models.Model):
    product = models.ForeignKey(Product, models.CASCADE)
    change = models.IntegerField()
    weight = models.FloatField(help_text="kilograms")
    handling = models.DurationField()
    label = models.BinaryField(null=True, blank=True, help_text="the bar code as scanned")
    moved = models.DateTimeField()

    def __str__(self):
        return f"{self.change:+} of product {self.product_id}"
