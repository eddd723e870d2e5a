"""What stands in the way of loading tables, set aside and put back inside one transaction.

Foreign keys of and to the tables, user triggers, and the indexes of large tables. All is put back
from the database's own definitions, so the schema is the same before and after.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .postgresql import PostgreSQLEngine

LARGE_ROWS = 10_000
"""From here on, building an index at once costs less than feeding it row by row."""

SMALL_BYTES = 1 << 17
"""Up to here, deleting rows costs less than a new file for the table and each of its indexes."""

# What lies aside is there for rows that are larger than a page.
LARGE = """
SELECT relname FROM pg_class
WHERE pg_table_is_visible(oid) AND reltoastrelid <> 0 AND pg_relation_size(reltoastrelid) > 0
"""
# A rule might do something else instead, and a policy hide rows.
SMALL = """
SELECT relname FROM pg_class
WHERE pg_table_is_visible(oid) AND relkind = 'r' AND NOT relhasrules AND NOT relrowsecurity
  AND pg_relation_size(oid) <= %s
"""

# Foreign keys, and checks that rows from before them need not pass.
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid),
       obj_description(oid, 'pg_constraint')
FROM pg_constraint
WHERE conparentid = 0
  AND (contype = 'f' AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))
       OR contype = 'c' AND NOT convalidated AND conrelid = ANY(%s::regclass[]))
ORDER BY oid
"""

TRIGGERS = """
SELECT tgrelid::regclass::text, tgname, tgenabled::text
FROM pg_trigger
WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgparentid = 0 AND tgrelid IN (
    SELECT unnest(%s::regclass[])
    UNION SELECT relid FROM unnest(%s::regclass[]) AS t, pg_partition_tree(t))
"""

# Only indexes that their definition describes in full: none that clusters, identifies replicas,
# or has statistics targets of its own. That of a unique constraint or a primary key is made with
# it, if it has no options, unless a view or a function groups by the key and needs it to stay.
INDEXES = """
SELECT x.indrelid::regclass::text, x.indexrelid::regclass::text, c.relname,
       pg_get_indexdef(x.indexrelid), k.conname, pg_get_constraintdef(k.oid),
       obj_description(x.indexrelid, 'pg_class'), obj_description(k.oid, 'pg_constraint')
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid AND c.relkind = 'i'
LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.conrelid = x.indrelid
     AND k.contype IN ('p', 'u', 'x')
WHERE x.indrelid = ANY(%s::regclass[])
  AND x.indisvalid AND NOT x.indisclustered AND NOT x.indisreplident
  AND (k.oid IS NULL OR k.contype IN ('p', 'u')) AND c.reltablespace = 0
  AND (k.oid IS NULL OR c.reloptions IS NULL)
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid
                    AND d.deptype = 'n')
  AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = x.indexrelid)
  AND NOT EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = x.indexrelid AND a.attstattarget > 0)
ORDER BY x.indexrelid
"""

ENABLE = {"O": "ENABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def find_large(engine: "PostgreSQLEngine") -> set[str]:
    """Return the names of the tables whose rows may be larger than a page."""
    return {name for (name,) in engine.fetchall(LARGE)}


def find_small(engine: "PostgreSQLEngine") -> set[str]:
    """Return the names of the tables from which all rows are quickly deleted."""
    return {name for (name,) in engine.fetchall(SMALL, [SMALL_BYTES])}


def quote(name: str) -> str:
    """Quote a name that may hold the quoting character, as `quote_name` does not."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for COMMENT, which takes no parameters."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


class SetAside:
    """The objects that are dropped or disabled while the rows of the tables are replaced."""

    def __init__(self, engine: "PostgreSQLEngine", tables: Sequence[Table]) -> None:
        self.engine = engine
        self.names = [engine.quote(table.name) for table in tables]
        self.back: list[str] = []
        """The statements that put everything back, in their order."""

    def take(self) -> None:
        """Drop the foreign keys and disable the triggers; indexes go when a table is large."""
        self.take_triggers()
        self.take_constraints()

    def take_triggers(self) -> None:
        for table, name, mode in self.engine.fetchall(TRIGGERS, [self.names] * 2):
            self.engine.execute(f"ALTER TABLE {table} DISABLE TRIGGER {quote(name)}")
            self.back.append(f"ALTER TABLE {table} {ENABLE[mode]} TRIGGER {quote(name)}")

    def take_constraints(self) -> None:
        rows = self.engine.fetchall(CONSTRAINTS, [self.names] * 3)
        for table, name, definition, comment in rows:
            self.engine.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote(name)}")
            self.back.append(f"ALTER TABLE {table} ADD CONSTRAINT {quote(name)} {definition}")
            if comment:
                self.back.append(
                    f"COMMENT ON CONSTRAINT {quote(name)} ON {table} IS {literal(comment)}"
                )

    def take_indexes(self, table: Table) -> None:
        """Drop the indexes of a table that is going to be large."""
        first: list[str] = []
        for row in self.engine.fetchall(INDEXES, [[self.engine.quote(table.name)]]):
            first += self.take_index(*row)
        # Keys that other tables refer to must be there before the foreign keys.
        self.back = first + self.back

    def take_index(
        self,
        table: str,
        index: str,
        name: str,
        definition: str,
        constraint: str | None,
        constraint_definition: str | None,
        *comments: Any,
    ) -> list[str]:
        """Drop one index and return the statements that put it back."""
        index_comment, constraint_comment = comments
        if constraint:
            self.engine.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quote(constraint)}")
            back = [
                f"ALTER TABLE {table} ADD CONSTRAINT {quote(constraint)} {constraint_definition}"
            ]
        else:
            self.engine.execute(f"DROP INDEX {index}")
            back = [definition]
        if index_comment:
            back.append(f"COMMENT ON INDEX {index} IS {literal(index_comment)}")
        if constraint_comment:
            back.append(
                f"COMMENT ON CONSTRAINT {quote(str(constraint))} ON {table}"
                f" IS {literal(constraint_comment)}"
            )
        return back

    def put_back(self) -> None:
        """Build and validate everything again; a row that violates a key is an error here."""
        for sql in self.back:
            self.engine.execute(sql)
