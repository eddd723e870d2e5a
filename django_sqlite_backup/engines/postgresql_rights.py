"""What a role may do to PostgreSQL's tables, and how they are filled by one that owns them not."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .postgresql_access import PostgreSQLAccess

TO_READ = ["SELECT"]
TO_WRITE = ["SELECT", "INSERT", "DELETE"]

PRIVILEGES = """
SELECT lacking, c.oid::regclass::text
FROM pg_class c, LATERAL (
    SELECT string_agg(p, ', ') AS lacking FROM unnest(%s::text[]) p
    WHERE NOT has_table_privilege(c.oid, p)) l
WHERE c.oid = ANY(%s::regclass[]) AND lacking IS NOT NULL
ORDER BY 1, 2
"""
# Those that a column owns, and those that its default calls.
SEQUENCES = """
SELECT lacking, s.oid::regclass::text
FROM pg_class s, LATERAL (
    SELECT string_agg(p, ', ') AS lacking FROM unnest(%s::text[]) p
    WHERE NOT has_sequence_privilege(s.oid, p)) l
WHERE s.relkind = 'S' AND lacking IS NOT NULL AND s.oid IN (
    SELECT objid FROM pg_depend
    WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
      AND refobjid = ANY(%s::regclass[])
    UNION SELECT d.refobjid FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND f.adrelid = ANY(%s::regclass[]))
ORDER BY 1, 2
"""
HIDDEN = """
SELECT c.oid::regclass::text FROM pg_class c
WHERE c.oid = ANY(%s::regclass[]) AND row_security_active(c.oid)
ORDER BY 1
"""
# To drop a foreign key takes the owner of the table that has it; to make it again, a right on the
# table that it refers to.
NOT_OWNED = """
SELECT c.oid::regclass::text, pg_get_userbyid(c.relowner) FROM pg_class c
WHERE NOT pg_has_role(c.relowner, 'USAGE') AND c.oid IN (
    SELECT unnest(%s::regclass[])
    UNION SELECT conrelid FROM pg_constraint
    WHERE contype = 'f' AND confrelid = ANY(%s::regclass[]))
UNION SELECT k.confrelid::regclass::text, pg_get_userbyid(c.relowner)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid
WHERE k.contype = 'f' AND k.conrelid = ANY(%s::regclass[])
  AND NOT has_table_privilege(k.confrelid, 'REFERENCES')
ORDER BY 1
"""
# What only happens to rows that are not put aside by an owner.
ACTING = """
SELECT tgrelid::regclass::text, 'its trigger ' || quote_ident(tgname) || ' would act on each row'
FROM pg_trigger
WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgrelid = ANY(%s::regclass[])
UNION ALL
SELECT conrelid::regclass::text, 'its rows are kept, and its key ' || quote_ident(conname)
       || ' would act on them'
FROM pg_constraint
WHERE contype = 'f' AND confdeltype IN ('c', 'n', 'd') AND confrelid = ANY(%s::regclass[])
  AND NOT conrelid = ANY(%s::regclass[])
ORDER BY 1, 2
"""


def find_lacking(
    engine: "PostgreSQLAccess",
    reads: Sequence[Table],
    writes: Sequence[Table],
    alters: Sequence[Table] | None,
) -> Iterator[str]:
    """Yield what the role needs: statements for the owner of the tables, and tables to own."""
    role = engine.fetchall("SELECT quote_ident(current_user)")[0][0]
    written = [engine.quote(table.name) for table in writes]
    only_read = [name for table in reads if (name := engine.quote(table.name)) not in written]
    in_place = bool(written and engine.find_not_owned(writes))
    for names, rights, sequence_rights in (
        (only_read, TO_READ, TO_READ),
        (written, TO_WRITE, [*TO_READ, "UPDATE"]),
    ):
        yield from grant(engine.fetchall(PRIVILEGES, [rights, names]), "", role)
        lacking = engine.fetchall(SEQUENCES, [sequence_rights, names, names])
        yield from grant(lacking, "SEQUENCE ", role)
    hidden = engine.fetchall(HIDDEN, [only_read + written])
    if hidden:
        yield f"ALTER ROLE {role} BYPASSRLS (row-level security hides rows of {join(hidden)})"
    if in_place:
        for table, why in engine.fetchall(ACTING, [written] * 3):
            yield f"to own {table} ({why})"
    if alters is not None:
        yield from find_lacking_to_alter(engine, alters, role)


def grant(lacking: Sequence[tuple[str, ...]], kind: str, role: str) -> Iterator[str]:
    for rights, group in groupby(lacking, lambda row: row[0]):
        yield f"GRANT {rights} ON {kind}{join([row[1:] for row in group])} TO {role}"


def join(rows: Sequence[tuple[str, ...]]) -> str:
    return ", ".join(name for name, *_ in rows)


def find_lacking_to_alter(
    engine: "PostgreSQLAccess", tables: Sequence[Table], role: str
) -> Iterator[str]:
    ((schema, may_create),) = engine.fetchall(
        "SELECT quote_ident(current_schema()), has_schema_privilege(current_schema(), 'CREATE')"
    )
    if not may_create:
        yield f"GRANT CREATE ON SCHEMA {schema} TO {role}"
    not_owned = engine.find_not_owned(tables)
    if not_owned:
        yield f"to own {join(not_owned)}, which migrations change"


class InPlace:
    """What an owner sets aside, left where it is: indexes are fed row by row, keys checked late."""

    def __init__(self, engine: "PostgreSQLAccess") -> None:
        self.engine = engine

    def take(self) -> None:
        """Let keys wait for the last row, as far as they are made to."""
        self.engine.execute("SET CONSTRAINTS ALL DEFERRED")

    def take_indexes(self, table: Table) -> None:
        """Leave them."""

    def put_back(self) -> None:
        """Check what waited."""
        self.engine.connection.check_constraints()


def raise_sequence(engine: "PostgreSQLAccess", name: str, step: int, value: int) -> None:
    """Let a sequence go on at `value`, or where it is if that is further.

    `setval` is not undone with the transaction: never back, so that no key comes twice.
    """
    pick = "greatest" if step > 0 else "least"
    engine.fetchall(
        f"SELECT setval(%s::regclass, {pick}(%s, CASE WHEN is_called THEN last_value + %s"
        f" ELSE last_value END), false) FROM {name.replace('%', '%%')}",
        [name, value, step],
    )
