"""What the type of a live column admits, by the words of its engine."""

import re
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field

TYPE = re.compile(r"(?P<name>[a-z_0-9 ]+?) *(?:\((?P<size>\d+)(?:, *(?P<scale>\d+))?\))? *")

NAMES = {
    "character varying": "varchar",
    "character": "char",
    "int": "integer",
    "decimal": "numeric",
    "double": "double precision",
    "bool": "boolean",
}
"""Two names of one type."""
KINDS = {
    **dict.fromkeys(["varchar", "char", "citext"], "text"),
    **dict.fromkeys(["text", "tinytext", "mediumtext", "longtext"], "text"),
    **dict.fromkeys(["smallint", "integer", "bigint", "tinyint", "mediumint"], "integer"),
    **dict.fromkeys(["double precision", "real", "float"], "float"),
    **dict.fromkeys(["varbinary", "binary"], "binary"),
    **dict.fromkeys(["blob", "tinyblob", "mediumblob", "longblob", "bytea"], "binary"),
    **dict.fromkeys(["timestamp", "datetime"], "datetime"),
    **dict.fromkeys(["json", "jsonb"], "json"),
    **{name: name for name in ("numeric", "boolean", "date", "time", "uuid", "interval")},
}
"""What types have in common, by their names."""
BYTES = {"tinyint": 1, "smallint": 2, "mediumint": 3, "integer": 4, "bigint": 8}


class ColumnType(NamedTuple):
    """The type of a column that rows are to go into."""

    name: str
    size: int | None = None
    """The first number in brackets, where it says how much there is room for."""
    scale: int | None = None
    unsigned: bool = False
    null: bool = True
    collation: str | None = None
    equates: bool = False
    """Whether different texts may be equal here, by a collation that is not looked into."""

    @property
    def kind(self) -> str:
        """What it holds, "other" where nothing is known of it."""
        return KINDS.get(self.name, "other")

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest of the integers that it holds."""
        bits = 8 * BYTES[self.name]
        return (0, 2**bits - 1) if self.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def parse_type(text: str, *, null: bool, collation: str | None = None) -> ColumnType:
    """Return the type that an engine, or Django, writes so: `character varying(40)`."""
    lower = text.lower()
    unsigned = "unsigned" in lower
    for word in ("unsigned", "auto_increment", "zerofill", "with time zone", "without time zone"):
        lower = lower.replace(word, "")
    match = TYPE.fullmatch(lower.strip())
    if match is None:
        return ColumnType("other", null=null)
    size, scale = (int(match[part]) if match[part] else None for part in ("size", "scale"))
    name = NAMES.get(match["name"], match["name"])
    if name == "numeric" and size is not None:
        scale = scale or 0
    elif name in BYTES:
        # What MySQL puts there is how wide it is shown.
        size = None
    return ColumnType(name, size, scale, unsigned, null, collation)


def get_field_type(
    field: "Field[Any, Any]", connection: BaseDatabaseWrapper, *, null: bool
) -> ColumnType:
    """Return the type of the column that Django would make for the field."""
    found = parse_type(field.db_type(connection) or "", null=null)
    if found.kind == "text":
        collation = getattr(field, "db_collation", None)
        found = found._replace(equates=connection.vendor == "mysql" or bool(collation))
    if connection.vendor == "mysql" and found.name == "boolean":
        return found._replace(name="tinyint")
    if found.name == "json" and getattr(connection, "mysql_is_mariadb", False):
        return found._replace(name="longtext")
    return found
