from django.contrib import admin

from . import models


@admin.register(models.Customer, models.Subscriber)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ["name", "email", "joined", "active"]
    search_fields = ["name", "email"]


@admin.register(models.Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ["name", "price"]
    search_fields = ["name"]


class OrderLineInline(admin.TabularInline):
    model = models.OrderLine
    raw_id_fields = ["product"]
    extra = 0


@admin.register(models.Order, models.OpenOrder)
class OrderAdmin(admin.ModelAdmin):
    list_display = ["id", "customer", "status", "placed"]
    list_filter = ["status"]
    list_select_related = ["customer"]
    raw_id_fields = ["customer", "address"]
    inlines = [OrderLineInline]


@admin.register(models.Address, models.Review)
class OfCustomerAdmin(admin.ModelAdmin):
    raw_id_fields = ["customer"]


@admin.register(models.Payment)
class PaymentAdmin(admin.ModelAdmin):
    raw_id_fields = ["order"]


@admin.register(models.StockMovement)
class StockMovementAdmin(admin.ModelAdmin):
    raw_id_fields = ["product"]


admin.site.register(models.Category)
