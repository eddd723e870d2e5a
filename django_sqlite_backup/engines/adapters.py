"""From Python's values to what a backend gives its driver: Django's own adapters, by form."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from django_sqlite_backup.conversions import TO_STORED
from django_sqlite_backup.stored_forms import Form
from django_sqlite_backup.tables import Column


def get_adapter(
    connection: BaseDatabaseWrapper, column: Column, form: Form
) -> Callable[[Any], Any] | None:
    """Return the adapter of a column, or None where the driver takes the value as it is."""
    ops, features = connection.ops, connection.features
    if form is Form.DECIMAL:
        digits = getattr(column.field, "max_digits", None)
        places = getattr(column.field, "decimal_places", None)
        return lambda value: ops.adapt_decimalfield_value(
            check_places(value, places), digits, places
        )
    if form is Form.DATETIME:
        return lambda value: ops.adapt_datetimefield_value(make_aware(connection, value))
    if form is Form.DURATION and not features.has_native_duration_field:
        return lambda value: TO_STORED[form](value)
    if form is Form.UUID and not features.has_native_uuid_field:
        return lambda value: value.hex
    if connection.vendor != "sqlite":
        # Drivers write the one as a literal of the other, and their server reads something else:
        # so is -0.0 a decimal to PostgreSQL, which has none with that sign.
        if form is Form.FLOAT:
            return lambda value: value or str(value)
        if form is Form.TEXT:
            return lambda value: value.decode() if isinstance(value, bytes) else value
        if form is Form.BINARY:
            return lambda value: value.encode() if isinstance(value, str) else value
    return {Form.DATE: ops.adapt_datefield_value, Form.TIME: ops.adapt_timefield_value}.get(form)


def check_places(value: Decimal, places: int | None) -> Decimal:
    """Return the decimal, unless its field would round it: arithmetic in SQLite leaves such."""
    if places is not None and value.is_finite() and value != round(value, places):
        raise ValueError(f'"{value}" has more than {places} decimal places')
    return value


def make_aware(connection: BaseDatabaseWrapper, value: Any) -> Any:
    """Return a naive UTC moment as Django's own, where the project uses time zones."""
    if connection.timezone is not None and timezone.is_naive(value):
        return timezone.make_aware(value, datetime.UTC)
    return value
