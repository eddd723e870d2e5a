"""Values that a live column cannot take: all found in the file, before anything is touched."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from django_sqlite_backup import BackupMechanism, CopyError, UnfitValues
from tests import oracle
from tests.copying import back_up, restore, statements, unchanged
from tests.files import edit
from zoo import fill

LABELS = [
    *("zoo.Char", "zoo.SmallInteger", "zoo.PositiveInteger", "zoo.BigInteger", "zoo.Price"),
    *("zoo.Boolean", "zoo.Date", "zoo.DateTime", "zoo.Time", "zoo.Uuid", "zoo.Json", "zoo.Float"),
    *("zoo.Word", "zoo.Driver", "zoo.Car"),
]
TABLES = [label.lower().replace(".", "_") for label in LABELS]
LONG = "x" * 201
CELLS = {
    "zoo_char": [f"'{LONG}'", "'a' || char(0) || 'b'", f"'{'x' * 200}'"],
    "zoo_smallinteger": ["32768", "-32768", "'many'"],
    "zoo_positiveinteger": ["-1", "2147483647"],
    "zoo_biginteger": ["9223372036854775807"],
    "zoo_price": ["100000000", "1.125", "99999999.99", "'abc'"],
    "zoo_boolean": ["300", "1"],
    "zoo_date": ["'2021-02-30'", "'2020-02-29'"],
    "zoo_datetime": ["'2021-01-01 25:00:00'", "'9999-12-31 23:59:59.999999'"],
    "zoo_time": ["'noon'", "'23:59:59.999999'"],
    "zoo_uuid": ["'0123456789abcdef0123456789abcdeg'", "'0123456789abcdef0123456789abcdef'"],
    "zoo_json": ["'{'", '\'{"a": "\\u0000"}\'', '\'{"a": "\\\\u0000"}\''],
    "zoo_float": ["9e999", "1.5"],
}
WORDS = ["a", "A", "b", "b\0"]
EVERYWHERE = {
    ("zoo.Car", "driver_id", "is in no row of zoo.Driver"): [("1", "77")],
}
TYPED = {
    **EVERYWHERE,
    ("zoo.SmallInteger", "value", "is not between -32768 and 32767"): [("1", "32768")],
    ("zoo.SmallInteger", "value", "is no whole number"): [("3", "many")],
    ("zoo.Char", "value", "is longer than 200 characters"): [("1", "x" * 59 + "…")],
    ("zoo.Price", "value", "has more than 8 digits before the point"): [("1", "100000000")],
    ("zoo.Price", "value", "has more than 2 decimal places"): [("2", "1.125")],
    ("zoo.Price", "value", "is no number here"): [("4", "abc")],
    ("zoo.Date", "value", "is no date here"): [("1", "2021-02-30")],
    ("zoo.DateTime", "value", "is no datetime here"): [("1", "2021-01-01 25:00:00")],
    ("zoo.Time", "value", "is no time here"): [("1", "noon")],
    ("zoo.Uuid", "value", "is no UUID"): [("1", "0123456789abcdef0123456789abcdeg")],
    ("zoo.Json", "value", "is no JSON"): [("1", "{")],
}
UNIQUE = "is there more than once, and must be unique"
EXPECTED = {
    "default": {
        **EVERYWHERE,
        ("zoo.PositiveInteger", "value", "is less than 0"): [("1", "-1")],
        ("zoo.Json", "value", "is no JSON"): [("1", "{")],
    },
    "postgresql": {
        **TYPED,
        ("zoo.Char", "value", "holds a NUL character"): [("2", "a\\x00b")],
        ("zoo.Word", "text", "holds a NUL character"): [("4", "b\\x00")],
        ("zoo.PositiveInteger", "value", "is less than 0"): [("1", "-1")],
        ("zoo.Boolean", "value", "is neither true nor false"): [("1", "300")],
        ("zoo.Json", "value", "holds a NUL character"): [("2", '{"a": "\\u0000"}')],
    },
    "mysql": {
        **TYPED,
        ("zoo.PositiveInteger", "value", "is not between 0 and 4294967295"): [("1", "-1")],
        ("zoo.Boolean", "value", "is not between -128 and 127"): [("1", "300")],
        ("zoo.Float", "value", "is no number here"): [("1", "inf")],
        ("zoo.Word", "text", UNIQUE): [("1", "a"), ("2", "A")],
    },
}


@pytest.fixture(scope="module")
def bad(databases, tmp_path_factory):
    """A sealed file of SQLite's in which values of many columns fit nowhere, or not everywhere."""
    path = tmp_path_factory.mktemp("bad") / "bad.sqlite3"
    fill.clear(databases.use("default"))
    back_up("default", path, *LABELS)
    changes = []
    for table, cells in CELLS.items():
        changes += [f"INSERT INTO {table} VALUES ({n}, {c}, NULL)" for n, c in enumerate(cells, 1)]
    for number, word in enumerate(WORDS, 1):
        changes.append(
            f"INSERT INTO zoo_word VALUES ({number}, CAST(x'{word.encode().hex()}' AS TEXT))"
        )
    changes.append("INSERT INTO zoo_car VALUES (1, 77), (2, NULL)")
    counts = {table: len(cells) for table, cells in CELLS.items()}
    counts.update(zoo_word=len(WORDS), zoo_car=2)
    edit(path, *changes, *(count_rows(table, rows) for table, rows in counts.items()))
    return path


def count_rows(table, rows):
    """Return SQL that makes the manifest say how many rows there are."""
    return (
        "UPDATE django_sqlite_backup_manifest SET value ="
        f" json_set(value, '$.{table}.rows', {rows}) WHERE key = 'tables'"
    )


def dry_run(alias, path, *labels, code):
    """Return the plan that `--dry-run` prints as JSON, and what it says on failing."""
    out = StringIO()
    options = {"database": alias, "file": path, "dry_run": True, "migrate": False, "stdout": out}
    said = ""
    try:
        call_command("sqliterestore", *labels, format="json", **options)
    except CommandError as error:
        assert (error.returncode, code) == (1, 1)
        said = str(error)
    assert bool(said) == bool(code)
    return json.loads(out.getvalue()), said


def told(plan):
    """Return the unfit values of a plan as `EXPECTED` has them."""
    return {
        (misfit["model"], misfit["column"], misfit["reason"]): [
            (", ".join(map(str, row["primary_key"])), row["value"]) for row in misfit["rows"]
        ]
        for misfit in plan["misfits"]
    }


@pytest.fixture
def live(alias):
    """Each live alias in turn, with a row where others would come, and none of them lost."""
    fill.clear(alias)
    fill.execute(alias, "INSERT INTO zoo_word VALUES (900, 'stays')")
    yield alias
    assert oracle.database_text(alias, TABLES) == {
        table: oracle.database_text(alias, ["zoo_word"])["zoo_word"] if table == "zoo_word" else []
        for table in TABLES
    }
    assert [line for line in oracle.table_text(alias, "zoo_word") if "stays" in line]
    fill.execute(alias, "DELETE FROM zoo_word")


@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_all_that_does_not_fit_is_found_at_once(live, bad, portable):
    """By `--dry-run` in both formats, and by a restore, whatever way it goes."""
    plan, said = dry_run(live, bad, *LABELS, code=1)
    assert told(plan) == EXPECTED[live]
    assert all(misfit["count"] == len(misfit["rows"]) for misfit in plan["misfits"])
    options = {"database": live, "file": bad, "migrate": False, "portable": portable}
    text = StringIO()
    with pytest.raises(CommandError, match=re.escape(said)):
        call_command("sqliterestore", *LABELS, **options, dry_run=True, stdout=text)
    lines = [line.removeprefix("- ") for line in said.splitlines()[1:]]
    assert [line for line in text.getvalue().splitlines() if line.startswith("Does not fit")] == [
        f"Does not fit: {line}" for line in lines
    ]
    assert len(lines) == len(EXPECTED[live])
    # A file of SQLite's is taken on trust by SQLite, which then refuses a row of it.
    with pytest.raises(CommandError) as raised:
        call_command("sqliterestore", *LABELS, **options, interactive=False)
    assert str(raised.value).splitlines()[1:] == said.splitlines()[1:]
    assert "Nothing was changed." in str(raised.value)


# The live columns are the measure


@pytest.fixture
def words(alias, tmp_path):
    """A function that backs words up in each live alias in turn, and leaves it without any."""
    path = tmp_path / "words.sqlite3"

    def back_words_up(*words):
        fill.execute(alias, "DELETE FROM zoo_word")
        for number, word in enumerate(words, 1):
            fill.execute(alias, f"INSERT INTO zoo_word VALUES ({number}, '{word}')")
        back_up(alias, path, "zoo.Word")
        fill.execute(alias, "DELETE FROM zoo_word")
        return alias, path

    yield back_words_up
    fill.execute(alias, "DELETE FROM zoo_word")


def retype(alias, column_type):
    alter = {"postgresql": "ALTER text TYPE", "mysql": "MODIFY text"}[alias]
    null = " NOT NULL" if alias == "mysql" else ""
    return f"ALTER TABLE zoo_word {alter} {column_type}{null}"


def test_live_column_that_is_narrower_than_its_model(words):
    alias, path = words("short", "longer", "longest")
    if alias == "default":
        pytest.skip("SQLite enforces no length")
    with statements(alias, [retype(alias, "varchar(5)")], [retype(alias, "varchar(40)")]):
        mechanism = BackupMechanism(path, database=alias, labels=["zoo.Word"], migrate=False)
        with pytest.raises(UnfitValues) as raised:
            next(mechanism.restore())
    assert str(raised.value).splitlines()[1:] == [
        '- zoo.Word.text: "longer" (primary key 2), "longest" (primary key 3) is longer than 5 '
        "characters."
    ]


def test_live_column_that_is_wider_than_its_model(words):
    alias, path = words("word")
    if alias == "default":
        pytest.skip("SQLite enforces no length")
    edit(path, f"UPDATE zoo_word SET text = '{'x' * 60}'")
    with statements(
        alias,
        [retype(alias, "varchar(60)")],
        ["DELETE FROM zoo_word", retype(alias, "varchar(40)")],
    ):
        plan, _ = dry_run(alias, path, "zoo.Word", code=0)
        assert plan["misfits"] == []
        restore(alias, path, "zoo.Word")
        text = f"'{'x' * 60}'" if alias == "mysql" else "x" * 60
        expected = f"id=1\ttext={text}"
        assert oracle.table_text(alias, "zoo_word") == [expected]


def test_null_where_the_live_column_admits_none(databases, alias, tmp_path):
    path = tmp_path / "backup.sqlite3"
    fill.execute(alias, "DELETE FROM zoo_slug")
    fill.execute(alias, "INSERT INTO zoo_slug VALUES (1, 'a', 'b'), (2, 'c', NULL)")
    back_up(alias, path, "zoo.Slug")
    fill.execute(alias, "DELETE FROM zoo_slug")
    if alias == "default":
        pytest.skip("SQLite alters no column")
    alter = {
        "postgresql": "ALTER TABLE zoo_slug ALTER maybe {0} NOT NULL",
        "mysql": "ALTER TABLE zoo_slug MODIFY maybe varchar(50) {1}",
    }[alias]
    set_, drop = alter.format("SET", "NOT NULL"), alter.format("DROP", "NULL")
    with statements(alias, [set_], [drop]):
        plan, _ = dry_run(alias, path, "zoo.Slug", code=1)
    reason = "is NULL, which the column does not admit"
    assert told(plan) == {("zoo.Slug", "maybe", reason): [("2", "NULL")]}


@pytest.mark.parametrize(
    ("collation", "equal"),
    [
        ("utf8mb4_unicode_ci", {"stra\xdfe", "strasse", "A", "\xe1 "}),
        ("utf8mb4_general_ci", {"A", "\xe1 "}),
        ("utf8mb4_bin", set()),
    ],
)
def test_the_server_says_which_texts_are_equal(databases, tmp_path, collation, equal):
    alias, path = databases.use("mysql"), tmp_path / "words.sqlite3"
    source = databases.use("default")
    fill.clear(source)
    for number, word in enumerate(["stra\xdfe", "strasse", "A", "\xe1 ", "b"], 1):
        fill.execute(source, f"INSERT INTO zoo_word VALUES ({number}, '{word}')")
    back_up(source, path, "zoo.Word")
    fill.execute(source, "DELETE FROM zoo_word")
    fill.execute(alias, "DELETE FROM zoo_word")
    own = retype(alias, "varchar(40)")
    with statements(alias, [retype(alias, f"varchar(40) COLLATE {collation}")], [own]):
        plan, _ = dry_run(alias, path, "zoo.Word", code=bool(equal))
    found = {value for rows in told(plan).values() for _, value in rows}
    assert found == equal


def test_rows_beyond_the_first_are_counted(words):
    alias, path = words(*"abcdefgh")
    if alias == "default":
        pytest.skip("SQLite enforces no length")
    edit(path, f"UPDATE zoo_word SET text = text || '{'x' * 40}' WHERE id > 1")
    plan, said = dry_run(alias, path, "zoo.Word", code=1)
    (misfit,) = plan["misfits"]
    assert (misfit["count"], [row["primary_key"] for row in misfit["rows"]]) == (
        7,
        [[2], [3], [4], [5], [6]],
    )
    assert " and 2 more is longer than 40 characters." in said


# What is looked at, and when


def test_what_the_same_engine_has_seen_to_is_taken_on_trust(words):
    alias, path = words("a", "b")
    if alias == "default":
        pytest.skip("SQLite enforces no length")
    edit(path, f"UPDATE zoo_word SET text = '{'x' * 41}' WHERE id = 2")
    mechanism = BackupMechanism(path, database=alias, labels=["zoo.Word"], migrate=False)
    assert mechanism.plan_restore(complete=False).misfits == ()
    assert [misfit.column for misfit in mechanism.plan_restore().misfits] == ["text"]
    with pytest.raises(CopyError) as raised:
        restore(alias, path, "zoo.Word")
    assert "Nothing was changed.\n- zoo.Word.text:" in str(raised.value)


class Anonymous(BackupMechanism):
    """Leaves out the rows of words, as a project may."""

    def copy_table_data(self, from_table, to_table):
        return iter(())


def test_nothing_is_said_of_rows_that_a_project_copies_itself(bad, databases):
    alias = databases.use("postgresql")
    labels = ["zoo.Word"]
    with unchanged(alias, "zoo_slug"):
        plan = Anonymous(bad, database=alias, labels=labels, migrate=False).plan_restore()
    assert plan.misfits == ()


def test_keys_to_rows_that_stay(alias, tmp_path):
    """The car is restored and refers to a driver who is not, and whom nobody has any more."""
    path = tmp_path / "backup.sqlite3"
    fill.clear(alias)
    fill.execute(alias, "INSERT INTO zoo_driver VALUES (1, NULL), (2, NULL)")
    fill.execute(alias, "INSERT INTO zoo_car VALUES (1, 1), (2, 2), (3, NULL)")
    back_up(alias, path, "zoo.Car")
    fill.execute(alias, "DELETE FROM zoo_car", "DELETE FROM zoo_driver WHERE id = 2")
    expected = {("zoo.Car", "driver_id", "is in no row that stays of zoo.Driver"): [("2", "2")]}

    plan, _ = dry_run(alias, path, "zoo.Car", code=1)
    assert told(plan) == expected
    with pytest.raises(UnfitValues):
        restore(alias, path, "zoo.Car")
    fill.execute(alias, "INSERT INTO zoo_driver VALUES (2, NULL)")
    restore(alias, path, "zoo.Car")
    fill.clear(alias)
