"""What a database drops along with tables, and nothing makes again."""

from collections.abc import Collection

from django.db.backends.base.base import BaseDatabaseWrapper

QUERIES = {
    "postgresql": """
WITH gone AS (
    SELECT oid, relname, relowner, relacl FROM pg_class
    WHERE pg_table_is_visible(oid) AND relkind IN ('r', 'p', 'f')
)
SELECT relname, 'view ' || r.ev_class::regclass FROM gone
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = gone.oid
JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
WHERE r.ev_class <> gone.oid
UNION SELECT relname, 'function ' || d.objid::regprocedure FROM gone
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = gone.oid
WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'n'
UNION SELECT gone.relname, 'foreign key ' || conname || ' of ' || conrelid::regclass FROM gone
JOIN pg_constraint ON confrelid = gone.oid AND contype = 'f' AND conparentid = 0
JOIN pg_class c ON c.oid = conrelid WHERE NOT c.relname = ANY(%s)
UNION SELECT relname, 'trigger ' || tgname || ' of ' || relname FROM gone
JOIN pg_trigger ON tgrelid = gone.oid AND NOT tgisinternal
UNION SELECT relname, 'policy ' || polname || ' of ' || relname FROM gone
JOIN pg_policy ON polrelid = gone.oid
UNION SELECT relname, 'privileges on ' || relname FROM gone, aclexplode(relacl) a
WHERE a.grantee <> relowner
""",
    "mysql": """
SELECT event_object_table, concat('trigger ', trigger_name, ' of ', event_object_table)
FROM information_schema.triggers WHERE trigger_schema = DATABASE()
""",
    "sqlite": """
SELECT tbl_name, 'trigger ' || name || ' of ' || tbl_name FROM main.sqlite_schema
WHERE type = 'trigger'
""",
}
"""By vendor: a table, and what is dropped with it."""


def find_dependents(connection: BaseDatabaseWrapper, tables: Collection[str]) -> list[str]:
    """Return what is dropped along with tables, such as "view v of t", each once, sorted.

    There is none where the engine is not one that we know how to ask.
    """
    if connection.vendor not in QUERIES:
        return []
    sql = QUERIES[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(tables)] if "%s" in sql else None)
        return sorted({what for table, what in cursor.fetchall() if table in tables})
