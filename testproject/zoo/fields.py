"""Custom fields of the kinds that third-party packages bring."""

import base64
import enum
from decimal import Decimal

from django.db import models


class ListTextField(models.Field):
    """Words in a text column. NULL is read as [], so reading and writing back is no inverse."""

    def db_type(self, connection):
        return "longtext" if connection.vendor == "mysql" else "text"

    def from_db_value(self, value, expression, connection):
        return value.split(",") if value else []

    def get_prep_value(self, value):
        return None if value is None else ",".join(value)


class EncryptedField(models.BinaryField):
    """Text that is stored as scrambled bytes, and that refuses bytes it did not write."""

    mark = b"\x80\x00v1:"

    def from_db_value(self, value, expression, connection):
        if value is None:
            return None
        value = bytes(value)
        if not value.startswith(self.mark):
            raise ValueError("These bytes were not encrypted by this field.")
        return base64.b85decode(value.removeprefix(self.mark)).decode()

    def get_db_prep_value(self, value, connection, prepared=False):
        if isinstance(value, str):
            value = self.mark + base64.b85encode(value.encode())
        return super().get_db_prep_value(value, connection, prepared)


class Colour(enum.Enum):
    RED = "r"
    GREEN = "g"


class EnumField(models.CharField):
    """The name of a member; any other text in the column is refused when it is read."""

    def __init__(self, **options):
        super().__init__(**{"max_length": 20, **options})

    def from_db_value(self, value, expression, connection):
        return None if value is None else Colour[value]

    def get_prep_value(self, value):
        return value.name if isinstance(value, Colour) else value


class CentsField(models.Field):
    """Money kept as whole cents, in a column type of the field's own naming."""

    def db_type(self, connection):
        return "bigint"

    def from_db_value(self, value, expression, connection):
        return None if value is None else Decimal(value).scaleb(-2)

    def get_prep_value(self, value):
        return None if value is None else int(value.scaleb(2))


class CodeField(models.Field):
    """Three letters in a column of fixed width, a type that no core field uses on PostgreSQL."""

    def db_type(self, connection):
        return "char(3)"


class RawField(models.Field):
    """A column of any type, named as it is given, with no conversion at all."""

    def __init__(self, column_type=None, **options):
        self.column_type = column_type
        super().__init__(**options)

    def deconstruct(self):
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "column_type": self.column_type}

    def db_type(self, connection):
        return self.column_type
