"""PostgreSQL's sequences: what a column's next value is, and how it is set in a transaction."""

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from django_sqlite_backup.tables import Table

from .postgresql_rights import raise_sequence

if TYPE_CHECKING:
    from .postgresql import PostgreSQLEngine

# By identity, not by name: two schemas may have sequences of one name. A default may call a
# sequence that its column does not own. The last value is only compared with rows where the column
# holds integers.
SEQUENCES = """
SELECT DISTINCT ON (t.number, a.attnum)
       t.number, s.seqrelid::regclass::text, a.attname, s.seqincrement, s.seqmin, s.seqmax,
       a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
FROM unnest(%s::regclass[]) WITH ORDINALITY AS t(oid, number)
JOIN pg_attribute a ON a.attrelid = t.oid
LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND (
     (d.classid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum)
     OR (d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid))
JOIN pg_sequence s
     ON s.seqrelid = CASE d.classid WHEN 'pg_class'::regclass THEN d.objid ELSE d.refobjid END
ORDER BY t.number, a.attnum, d.deptype = 'i' DESC, d.classid = 'pg_attrdef'::regclass DESC,
         s.seqrelid
"""

GROUP = 500
"""Sequences that are read in one statement."""


class Sequence(NamedTuple):
    """The sequence that counts a column: that of its identity, else the one that its default calls,
    else one that it owns; `name` is quoted."""

    name: str
    column: str
    step: int
    minimum: int
    maximum: int
    counts_rows: bool


def get_sequences(
    engine: "PostgreSQLEngine", tables: Collection[Table]
) -> dict[str, list[Sequence]]:
    """Return the sequences of each table, by its name."""
    found: dict[str, list[Sequence]] = {table.name: [] for table in tables}
    names = list(found)
    for number, *row in engine.fetchall(SEQUENCES, [[engine.quote(name) for name in names]]):
        found[names[number - 1]].append(Sequence(*row))
    return found


def get_next_keys(
    engine: "PostgreSQLEngine", tables: Collection[Table]
) -> dict[str, dict[str, int]]:
    """Return what each sequence gives next, by the table's name and the column's."""
    owned = [
        (name, sequence)
        for name, sequences in get_sequences(engine, tables).items()
        for sequence in sequences
    ]
    keys: dict[str, dict[str, int]] = {}
    for start in range(0, len(owned), GROUP):
        group = owned[start : start + GROUP]
        selects = [
            f"SELECT {number}, last_value, is_called FROM {sequence.name}"
            for number, (_, sequence) in enumerate(group)
        ]
        for number, value, called in engine.fetchall(" UNION ALL ".join(selects)):
            name, sequence = group[number]
            following = int(value + sequence.step if called else value)
            keys.setdefault(name, {})[sequence.column] = following
    return keys


def set_next_key(
    engine: "PostgreSQLEngine", table: Table, sequence: Sequence, recorded: int | None
) -> None:
    """Restart a sequence; unlike `setval`, that is undone if the transaction is."""
    first = sequence.minimum if sequence.step > 0 else sequence.maximum
    value = first if recorded is None else recorded
    if sequence.counts_rows:
        value = keep_clear_of_rows(engine, table, sequence, value)
    restart = min(max(value, sequence.minimum), sequence.maximum)
    if engine.in_place:
        raise_sequence(engine, sequence.name, sequence.step, restart)
        return
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
