"""What the columns of a live database are, whatever the models say of them."""

from django.db.backends.base.base import BaseDatabaseWrapper

from django_sqlite_backup.column_types import ColumnType, parse_type

QUERIES = {
    # Of a domain, its base type.
    "postgresql": """
SELECT relname, attname,
    CASE typtype WHEN 'd' THEN format_type(typbasetype, typtypmod)
        ELSE format_type(atttypid, atttypmod) END,
    NOT (attnotnull OR typnotnull), NULL, NOT collisdeterministic
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
    LEFT JOIN pg_collation ON pg_collation.oid = attcollation
WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'f')
    AND pg_table_is_visible(pg_class.oid) AND relnamespace <> 'pg_catalog'::regnamespace
""",
    "mysql": """
SELECT table_name, column_name, column_type, is_nullable = 'YES', collation_name, FALSE
FROM information_schema.columns WHERE table_schema = DATABASE()
""",
    # A key refers to what has a unique index, whose collation is the column's.
    "sqlite": """
SELECT m.name, c.name, c.type, NOT c."notnull", NULL,
    EXISTS (SELECT 1 FROM pragma_index_list(m.name) i, pragma_index_xinfo(i.name) x
            WHERE x.cid = c.cid AND x."key" AND x.coll <> 'BINARY')
FROM main.sqlite_schema m, pragma_table_xinfo(m.name) c WHERE m.type = 'table'
""",
}
"""By vendor: table, column, type, whether it may be NULL, MySQL's collation, and whether another
one finds different texts equal."""


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
            )._replace(equates=bool(equates))
            for table, column, declared, null, collation, equates in cursor.fetchall()
        }
