"""PostgreSQL alone: what is set aside and put back, sequences, roles, schemas."""

from contextlib import contextmanager

import pytest
from django.db import DataError, connections

from tests import oracle
from tests.copying import back_up, refused, restore, statements, unchanged
from zoo import fill
from zoo import models as zoo

LARGE = 10_001


@pytest.fixture
def postgresql(databases):
    alias = databases.use("postgresql")
    fill.clear(alias)
    return alias


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


def column(alias, sql):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]


NOTING = (
    "CREATE FUNCTION zoo_note() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN INSERT INTO zoo_club (name) VALUES (TG_NAME); RETURN NEW; END $$"
)
MODES = {
    "origin": "ENABLE",
    "always": "ENABLE ALWAYS",
    "replica": "ENABLE REPLICA",
    "off": "DISABLE",
}


def test_user_triggers_do_not_fire_and_stay_in_their_mode(postgresql, path):
    fill.add(postgresql, zoo.Tag, (1, "tall"), (2, "small"))
    back_up(postgresql, path, "zoo")
    create = [NOTING]
    for name, mode in MODES.items():
        for event in ("INSERT", "DELETE", "TRUNCATE"):
            trigger = f'"on {event} {name}"'
            each = "STATEMENT" if event == "TRUNCATE" else "ROW"
            create += [
                f"CREATE TRIGGER {trigger} AFTER {event} ON zoo_tag "
                f"FOR EACH {each} EXECUTE FUNCTION zoo_note()",
                f"ALTER TABLE zoo_tag {mode} TRIGGER {trigger}",
            ]

    with statements(postgresql, create, ["DROP FUNCTION zoo_note CASCADE"]), unchanged(postgresql):
        restore(postgresql, path, "zoo")


def test_trigger_that_waits_for_the_commit_does_not_fire(postgresql, path):
    fill.add(postgresql, zoo.Tag, (1, "tall"))
    back_up(postgresql, path, "zoo")
    create = [
        NOTING,
        "CREATE CONSTRAINT TRIGGER later AFTER INSERT OR DELETE ON zoo_tag "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION zoo_note()",
    ]

    with statements(postgresql, create, ["DROP FUNCTION zoo_note CASCADE"]), unchanged(postgresql):
        restore(postgresql, path, "zoo")


INDEXES = [
    "CREATE INDEX \"a partial index's\" ON zoo_constrained (note) WHERE low > 0 AND note <> '%s'",
    "CREATE INDEX zoo_x_expression ON zoo_constrained (upper(name), (low + high) DESC NULLS LAST)",
    "CREATE INDEX zoo_x_including ON zoo_constrained (low) INCLUDE (note) WITH (fillfactor = 70)",
    "CREATE INDEX zoo_x_pattern ON zoo_constrained (name text_pattern_ops)",
    'CREATE INDEX zoo_x_collated ON zoo_constrained (name COLLATE "C")',
    "CREATE INDEX zoo_x_hash ON zoo_constrained USING hash (note)",
    "CREATE INDEX zoo_x_brin ON zoo_constrained USING brin (low)",
    "CREATE INDEX zoo_x_statistics ON zoo_constrained ((low * 2))",
    "ALTER INDEX zoo_x_statistics ALTER COLUMN 1 SET STATISTICS 500",
    "CREATE INDEX zoo_x_cluster ON zoo_constrained (high, low)",
    "ALTER TABLE zoo_constrained CLUSTER ON zoo_x_cluster",
    "CREATE UNIQUE INDEX zoo_x_identity ON zoo_constrained (high, name)",
    "ALTER TABLE zoo_constrained REPLICA IDENTITY USING INDEX zoo_x_identity",
    "ALTER TABLE zoo_constrained ADD CONSTRAINT zoo_x_deferred UNIQUE (name, high) "
    "DEFERRABLE INITIALLY DEFERRED",
    "ALTER TABLE zoo_constrained ADD CONSTRAINT zoo_x_named UNIQUE (id, low)",
    "ALTER TABLE zoo_constrained ADD CONSTRAINT zoo_x_filled UNIQUE (low, id)"
    " WITH (fillfactor = 60)",
    "ALTER TABLE zoo_constrained ADD CONSTRAINT zoo_x_excluded EXCLUDE (high WITH =)",
    "ALTER TABLE zoo_constrained ADD CONSTRAINT zoo_x_checked CHECK (low < 0) NOT VALID",
    "COMMENT ON INDEX zoo_x_hash IS 'it''s a \\ 100%s comment'",
    "COMMENT ON INDEX zoo_x_named IS 'of the index'",
    "COMMENT ON CONSTRAINT zoo_x_named ON zoo_constrained IS 'of the constraint'",
    "ALTER TABLE zoo_tag ADD CONSTRAINT zoo_x_reference FOREIGN KEY (id) "
    "REFERENCES zoo_constrained (high) ON DELETE CASCADE ON UPDATE SET NULL NOT VALID",
    "COMMENT ON CONSTRAINT zoo_x_reference ON zoo_tag IS 'not valid'",
    "ALTER TABLE zoo_constrained ADD CONSTRAINT zoo_x_itself FOREIGN KEY (low) "
    "REFERENCES zoo_constrained (high) MATCH FULL NOT VALID",
]
WITHOUT_INDEXES = [
    "ALTER TABLE zoo_tag DROP CONSTRAINT zoo_x_reference",
    *(
        f"ALTER TABLE zoo_constrained DROP CONSTRAINT zoo_x_{name}"
        for name in ("itself", "checked", "excluded", "filled", "named", "deferred")
    ),
    *(
        f"DROP INDEX zoo_x_{name}"
        for name in (
            *("expression", "including", "pattern", "collated", "hash", "brin", "statistics"),
            *("cluster", "identity"),
        )
    ),
    'DROP INDEX "a partial index\'s"',
]


def fill_constrained(alias, count):
    fill.execute(
        alias,
        "INSERT INTO zoo_constrained (id, name, low, high, note) "
        f"SELECT n, 'name ' || n, -n, n, 'note' FROM generate_series(1, {count}) n",
    )
    fill.reset_sequences(alias)


def test_schema_around_a_large_table_is_the_same_to_the_letter(postgresql, path):
    fill_constrained(postgresql, LARGE)

    with statements(postgresql, INDEXES, WITHOUT_INDEXES), unchanged(postgresql):
        back_up(postgresql, path, "zoo")
        made = index_numbers(postgresql)
        restore(postgresql, path, "zoo")
        # They are new ones, so they were dropped for the time of the copy.
        assert made["zoo_x_hash"] != index_numbers(postgresql)["zoo_x_hash"]
        assert made["zoo_constrained_pkey"] != index_numbers(postgresql)["zoo_constrained_pkey"]
        assert made["zoo_x_cluster"] == index_numbers(postgresql)["zoo_x_cluster"]


@pytest.mark.parametrize("what", ["view", "function"])
def test_primary_key_that_something_groups_by_stays(postgresql, path, what):
    fill_constrained(postgresql, LARGE)
    query = "SELECT id, name FROM zoo_constrained GROUP BY id"
    view = f"CREATE VIEW zoo_grouped AS {query}"
    function = (
        "CREATE FUNCTION zoo_grouping() RETURNS bigint LANGUAGE sql"
        f" BEGIN ATOMIC SELECT count(*) FROM ({query}) AS s; END"
    )
    create, drop = (
        ([view], ["DROP VIEW zoo_grouped"])
        if what == "view"
        else ([function], ["DROP FUNCTION zoo_grouping"])
    )

    with statements(postgresql, create, drop), unchanged(postgresql):
        back_up(postgresql, path, "zoo")
        made = index_numbers(postgresql)
        restore(postgresql, path, "zoo")
        assert made["zoo_constrained_pkey"] == index_numbers(postgresql)["zoo_constrained_pkey"]
        assert made["zoo_name_low"] != index_numbers(postgresql)["zoo_name_low"]


def index_numbers(alias):
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT relname, oid FROM pg_class WHERE relkind = 'i'")
        return dict(cursor.fetchall())


def test_failure_while_indexes_are_dropped_puts_them_back(postgresql, path):
    fill_constrained(postgresql, LARGE)
    back_up(postgresql, path, "zoo")
    # A duplicate that only a rebuilt index can find.
    create = ["CREATE UNIQUE INDEX zoo_x_same ON zoo_constrained (note)"]
    fill.clear(postgresql)

    with (
        statements(postgresql, create, ["DROP INDEX zoo_x_same"]),
        refused(postgresql, "zoo_x_same"),
    ):
        restore(postgresql, path, "zoo")


def test_key_that_is_checked_at_once_is_no_obstacle(postgresql, path):
    fill.fill(postgresql)
    back_up(postgresql, path, "zoo")
    create = [
        "ALTER TABLE zoo_node ADD CONSTRAINT zoo_x_at_once FOREIGN KEY (required_id) "
        "REFERENCES zoo_node (id) NOT DEFERRABLE",
        "ALTER TABLE zoo_driver ADD CONSTRAINT zoo_x_too FOREIGN KEY (favourite_id) "
        "REFERENCES zoo_car (id) NOT DEFERRABLE",
    ]
    undo = [
        "ALTER TABLE zoo_node DROP CONSTRAINT zoo_x_at_once",
        "ALTER TABLE zoo_driver DROP CONSTRAINT zoo_x_too",
    ]

    with statements(postgresql, create, undo), unchanged(postgresql):
        restore(postgresql, path, "zoo")


@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_text_may_hold_what_ends_a_copy(postgresql, path, portable):
    values = ["\\.", "a\n\\.\nb", "\\.\n", "\n\\.", '"\n\\.\n"', "\\N", '"', '""', "NULL", ","]
    fill.add(postgresql, zoo.Text, *({"value": text, "maybe": text} for text in values))
    back_up(postgresql, path, "zoo.Text")

    with unchanged(postgresql, "zoo_text"):
        restore(postgresql, path, "zoo.Text", portable=portable)


# Sequences


def test_sequences_of_every_kind_keep_their_next_values(postgresql, path):
    create = [
        # Owned by a key that does not count by itself; called by one that does not own it; both.
        "CREATE SEQUENCE zoo_x_owned INCREMENT 10 MINVALUE 5 START 105 "
        "OWNED BY zoo_integerkey.number",
        "CREATE SEQUENCE zoo_x_called MAXVALUE 900 INCREMENT -3 START 900",
        "ALTER TABLE zoo_unmanaged ALTER id DROP IDENTITY IF EXISTS",
        "ALTER TABLE zoo_unmanaged ALTER id SET DEFAULT nextval('zoo_x_called')",
        'CREATE SEQUENCE "zoo x\'s ""own""" AS smallint START 77',
        "ALTER TABLE zoo_legacyowner ALTER id DROP IDENTITY IF EXISTS",
        'ALTER TABLE zoo_legacyowner ALTER id SET DEFAULT nextval(\'"zoo x\'\'s ""own"""\')',
        "INSERT INTO zoo_unmanaged (name, created) VALUES ('a', now()), ('b', now())",
        "INSERT INTO zoo_legacyowner (name) VALUES ('a'), ('b'), ('deleted')",
        "DELETE FROM zoo_legacyowner WHERE name = 'deleted'",
        "SELECT nextval('zoo_x_owned')",
    ]
    undo = [
        "DELETE FROM zoo_unmanaged",
        "DELETE FROM zoo_legacyowner",
        *(
            f"ALTER TABLE {table} ALTER id DROP DEFAULT, "
            "ALTER id ADD GENERATED BY DEFAULT AS IDENTITY"
            for table in ("zoo_unmanaged", "zoo_legacyowner")
        ),
        'DROP SEQUENCE zoo_x_owned, zoo_x_called, "zoo x\'s ""own"""',
    ]
    labels = ["zoo.IntegerKey", "zoo.Unmanaged", "zoo.LegacyOwner"]

    with statements(postgresql, create, undo):
        before = next_values(postgresql)
        back_up(postgresql, path, *labels)
        fill.execute(postgresql, "SELECT nextval('zoo_x_owned'), nextval('zoo_x_called')")
        with unchanged(postgresql):
            restore(postgresql, path, *labels)
        assert next_values(postgresql) == before
        assert before.items() >= {"zoo_x_owned": 115, "zoo_x_called": 894}.items()
        assert before['zoo x\'s "own"'] == 80


def next_values(alias):
    """What `nextval` would give, of each sequence of this test."""
    names = ["zoo_x_owned", "zoo_x_called", 'zoo x\'s "own"']
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT relname, seqincrement FROM pg_sequence JOIN pg_class ON oid = seqrelid"
        )
        steps = dict(cursor.fetchall())
        values = {}
        for name in names:
            quoted = oracle.quoted(name)
            cursor.execute(f"SELECT last_value, is_called FROM {quoted}")
            value, called = cursor.fetchone()
            values[name] = value + steps[name] * called
    return values


def test_exhausted_sequence_stays_exhausted(postgresql, path):
    fill.add(postgresql, zoo.SmallAutoKey, (32767, "last"))
    fill.reset_sequences(postgresql)
    back_up(postgresql, path, "zoo.SmallAutoKey")

    with unchanged(postgresql):
        restore(postgresql, path, "zoo.SmallAutoKey")

    with pytest.raises(DataError, match="reached maximum value"):
        zoo.SmallAutoKey.objects.using(postgresql).create(name="one more")


# Roles, schemas


@contextmanager
def another_alias(alias, name, **options):
    """An alias to the same database whose connections have these options."""
    settings = {**connections[alias].settings_dict, "OPTIONS": options}
    connections.databases[name] = settings
    try:
        yield name
    finally:
        connections[name].close()
        del connections[name]
        del connections.databases[name]


def test_rows_that_a_policy_hides_are_an_error(postgresql, path):
    create = [
        "CREATE ROLE zoo_limited",
        "GRANT USAGE ON SCHEMA public TO zoo_limited",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO zoo_limited",
        "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO zoo_limited",
        "ALTER TABLE zoo_tag ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY only_tall ON zoo_tag USING (name = 'tall')",
    ]
    undo = [
        "DROP POLICY only_tall ON zoo_tag",
        "ALTER TABLE zoo_tag DISABLE ROW LEVEL SECURITY",
        "DROP OWNED BY zoo_limited",
        "DROP ROLE zoo_limited",
    ]
    fill.add(postgresql, zoo.Tag, (1, "tall"), (2, "small"))

    with (
        statements(postgresql, create, undo),
        another_alias(postgresql, "limited", assume_role="zoo_limited") as limited,
        refused(postgresql, "zoo_tag", "row-level security"),
    ):
        back_up(limited, path, "zoo.Tag")
    assert not path.exists()


def test_tables_are_those_of_the_search_path(postgresql, path):
    create = [
        "CREATE SCHEMA zoo_first",
        "CREATE TABLE zoo_first.zoo_tag (LIKE public.zoo_tag INCLUDING ALL)",
        "CREATE INDEX zoo_x_first ON zoo_first.zoo_tag (name) WHERE id > 3",
        f"INSERT INTO zoo_first.zoo_tag SELECT n, 'first ' || n FROM generate_series(1, {LARGE}) n",
    ]
    first = {"options": "-c search_path=zoo_first,public"}
    fill.add(postgresql, zoo.Tag, (1, "public"))

    with (
        statements(postgresql, create, ["DROP SCHEMA zoo_first CASCADE"]),
        another_alias(postgresql, "first", **first) as alias,
        unchanged(postgresql),
    ):
        before = column(alias, "SELECT name FROM zoo_tag ORDER BY id")
        assert back_up(alias, path, "zoo.Tag").rows["zoo.Tag"] == LARGE
        fill.execute(alias, "TRUNCATE zoo_tag")
        restore(alias, path, "zoo.Tag")
        assert column(alias, "SELECT name FROM zoo_tag ORDER BY id") == before


def test_session_is_as_it_was_afterwards(postgresql, path):
    names = ["TimeZone", "DateStyle", "IntervalStyle", "statement_timeout", "lock_timeout"]
    names += ["row_security", "search_path", "default_transaction_isolation"]
    settings = lambda: [column(postgresql, f"SHOW {name}") for name in names]  # noqa: E731
    before = settings()

    back_up(postgresql, path, "zoo.Tag")
    restore(postgresql, path, "zoo.Tag")

    assert settings() == before


def test_partitioned_table_comes_back_into_its_partitions(postgresql, path):
    create = [
        "ALTER TABLE zoo_empty RENAME TO zoo_empty_plain",
        "CREATE TABLE zoo_empty (id bigint NOT NULL, name varchar(20) NOT NULL, PRIMARY KEY (id)) "
        "PARTITION BY RANGE (id)",
        "CREATE TABLE zoo_empty_low PARTITION OF zoo_empty FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE zoo_empty_high PARTITION OF zoo_empty FOR VALUES FROM (100) TO (200000)",
        "CREATE INDEX zoo_x_parts ON zoo_empty (name)",
        f"INSERT INTO zoo_empty SELECT n, 'row ' || n FROM generate_series(1, {LARGE}) n",
    ]
    undo = ["DROP TABLE zoo_empty", "ALTER TABLE zoo_empty_plain RENAME TO zoo_empty"]

    with statements(postgresql, create, undo), unchanged(postgresql):
        back_up(postgresql, path, "zoo.Empty")
        restore(postgresql, path, "zoo.Empty")
