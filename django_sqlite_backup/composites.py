"""Arrays, ranges and hstores: JSON as Django's serializers write it, and PostgreSQL's own text."""

import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

from django.db.models import Field

ARRAY, HSTORE, RANGE = "ArrayField", "HStoreField", "RangeField"


def get_composite(field: "Field[Any, Any]") -> str | None:
    """Return which of `django.contrib.postgres`' composite fields this is, without importing it."""
    names = {ARRAY, HSTORE, RANGE} & {cls.__name__ for cls in type(field).__mro__}
    return names.pop() if names else None


class _Holder:
    """An object with one attribute: what `Field.value_to_string` needs of a model instance."""

    def __init__(self, name: str, value: Any) -> None:
        setattr(self, name, value)


def composite_to_stored(field: "Field[Any, Any]") -> Callable[[Any], str]:
    """Return the function that writes an array, range or hstore as Django's serializers do."""

    def to_stored(value: Any) -> str:
        if isinstance(value, str):
            # The engine's own text: its driver knows no such type.
            return value
        if isinstance(value, list):
            check_dimensions(value, field)
        # Django gives the empty name to a field inside an array: any name serves.
        return field.value_to_string(_Holder(field.attname, value))  # type: ignore[arg-type]

    return to_stored


def check_dimensions(values: list[Any], field: "Field[Any, Any]") -> None:
    """Raise `ValueError` for a list deeper than the field says, as PostgreSQL lets be."""
    base = field.base_field  # type: ignore[attr-defined]
    for value in values:
        if isinstance(value, list):
            if get_composite(base) != ARRAY:
                raise ValueError(f"{values!r} has more dimensions than its field")
            check_dimensions(value, base)


def is_json(stored: str, field: "Field[Any, Any]") -> bool:
    """Tell the JSON of a composite from PostgreSQL's own text, kept where Python has no value."""
    return stored.startswith(('["', "[null", "[]") if get_composite(field) == ARRAY else "{")


def composite_to_text(field: "Field[Any, Any]") -> Callable[[str], str]:
    """Return the function from JSON to PostgreSQL's text: every element as its text, quoted."""

    def to_text(stored: str) -> str:
        if not is_json(stored, field):
            return stored
        value = json.loads(stored)
        match get_composite(field):
            case "ArrayField":
                return _array_text(value, field.base_field)  # type: ignore[attr-defined]
            case "RangeField":
                return _range_text(value)
            case _:
                pairs = (f"{_quoted(key)}=>{_quoted(item)}" for key, item in value.items())
                return ", ".join(pairs)

    return to_text


def _quoted(text: str | None) -> str:
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _array_text(values: list[str | None], field: "Field[Any, Any]") -> str:
    if get_composite(field) is None:
        if field.get_internal_type() == "BinaryField":
            values = [value and f"\\x{b64decode(value).hex()}" for value in values]
        return "{" + ",".join(map(_quoted, values)) + "}"
    to_text = composite_to_text(field)
    texts = [None if value is None else to_text(value) for value in values]
    # An array in an array is a dimension, and no text in quotes.
    is_array = get_composite(field) == ARRAY
    items = [text if is_array and text is not None else _quoted(text) for text in texts]
    return "{" + ",".join(items) + "}"


def _range_text(value: dict[str, Any]) -> str:
    if value.get("empty"):
        return "empty"
    lower, upper = ("" if value[end] is None else _quoted(value[end]) for end in ("lower", "upper"))
    return f"{value['bounds'][0]}{lower},{upper}{value['bounds'][1]}"
