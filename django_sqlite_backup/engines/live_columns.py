"""What the columns of a live database are, whatever the models say of them."""

from django.db.backends.base.base import BaseDatabaseWrapper

from django_sqlite_backup.column_types import ColumnType, parse_type

QUERIES = {
    # Of a domain, its base type.
    "postgresql": """
SELECT relname, attname,
    CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod)
        ELSE format_type(atttypid, atttypmod) END,
    NOT (attnotnull OR typnotnull), NULL
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f')
    AND pg_table_is_visible(pg_class.oid) AND relnamespace <> 'pg_catalog'::regnamespace
""",
    "mysql": """
SELECT table_name, column_name, column_type, is_nullable = 'YES', collation_name
FROM information_schema.columns WHERE table_schema = DATABASE()
""",
    "sqlite": """
SELECT m.name, c.name, c.type, NOT c."notnull", NULL
FROM main.sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'
""",
}
"""By vendor: table, column, type, whether it may be NULL, collation."""


def get_live_columns(connection: BaseDatabaseWrapper) -> dict[tuple[str, str], ColumnType]:
    """Return the types of all live columns, by table and column in lower case.

    There is none where the engine is not one that we know how to ask.
    """
    if connection.vendor not in QUERIES:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(QUERIES[connection.vendor])
        return {
            (table.casefold(), column.casefold()): parse_type(
                declared, null=bool(null), collation=collation
            )
            for table, column, declared, null, collation in cursor.fetchall()
        }
