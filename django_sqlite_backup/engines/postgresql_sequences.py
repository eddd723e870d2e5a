"""PostgreSQL's sequences: what a column's next value is, and how it is set in a transaction."""

from typing import TYPE_CHECKING, NamedTuple

from django_sqlite_backup.tables import Table

if TYPE_CHECKING:
    from .postgresql import PostgreSQLEngine

# By identity, not by name: two schemas may have sequences of one name. The last value is only
# compared with rows where the column holds integers.
SEQUENCES = """
SELECT s.oid::regclass::text, a.attname, q.seqincrement, q.seqmin, q.seqmax,
       a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.refobjid = %s::regclass
ORDER BY a.attnum
"""


class Sequence(NamedTuple):
    """A sequence that a column owns, identity or serial; `name` is quoted."""

    name: str
    column: str
    step: int
    minimum: int
    maximum: int
    counts_rows: bool


def get_sequences(engine: "PostgreSQLEngine", table: Table) -> list[Sequence]:
    rows = engine.fetchall(SEQUENCES, [engine.quote(table.name)])
    return [Sequence(*row) for row in rows]


def get_next_key(engine: "PostgreSQLEngine", sequence: Sequence) -> int:
    ((value, called),) = engine.fetchall(f"SELECT last_value, is_called FROM {sequence.name}")
    return int(value + sequence.step if called else value)


def set_next_key(
    engine: "PostgreSQLEngine", table: Table, sequence: Sequence, recorded: int | None
) -> None:
    """Restart a sequence; unlike `setval`, that is undone if the transaction is."""
    first = sequence.minimum if sequence.step > 0 else sequence.maximum
    value = first if recorded is None else recorded
    if sequence.counts_rows:
        value = keep_clear_of_rows(engine, table, sequence, value)
    restart = min(max(value, sequence.minimum), sequence.maximum)
    engine.execute(f"ALTER SEQUENCE {sequence.name} RESTART WITH {restart}")
    if value != restart:
        # Every key is used: the sequence must be at its end, as it was.
        engine.fetchall("SELECT nextval(%s::regclass)", [sequence.name])


def keep_clear_of_rows(
    engine: "PostgreSQLEngine", table: Table, sequence: Sequence, value: int
) -> int:
    """Return the value, or the one behind the last key of the rows."""
    extreme = "max" if sequence.step > 0 else "min"
    ((last,),) = engine.fetchall(
        f"SELECT {extreme}({engine.quote(sequence.column)}) FROM {engine.quote(table.name)}"
    )
    if last is None:
        return value
    pick = max if sequence.step > 0 else min
    return int(pick(value, last + (1 if sequence.step > 0 else -1)))
