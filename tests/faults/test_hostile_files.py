"""A file made to do harm, under a checksum that holds: nothing of it runs, and all ends soon."""

import json
import os
import shutil
import signal
import socket
import sqlite3
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models import Index
from django.db.models.functions import ExtractYear

from django_sqlite_backup import BackupError
from shop.models import Order
from tests import files, oracle
from tests.copying import back_up, refused, restore, statements
from tests.faults.pages import PAGE, Pages, make_interior


@pytest.fixture
def sites(backups, tmp_path):
    return shutil.copy(backups / "sites", tmp_path / "sites.sqlite3")


@pytest.fixture(autouse=True)
def soon():
    """Whatever a test does ends within seconds."""

    def give_up(*args):
        raise AssertionError("It has not ended.")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def forge(path, *edits):
    """Edit the schema as no SQL can, and make the checksum hold."""
    files.edit(path, "PRAGMA writable_schema = ON", *edits)


def define(sql, name="shop_review"):
    return f"UPDATE sqlite_schema SET sql = '{sql}' WHERE name = '{name}'"


def run(command, *arguments, **options):
    """Return what a command prints, and the paragraph with which it refuses."""
    out = StringIO()
    try:
        call_command(command, *arguments, stdout=out, stderr=out, **options)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def inspect(path):
    """Inspect as text and as JSON; return both, and the paragraph of what is wrong."""
    text, problem = run("sqliteinspect", path)
    data, same = run("sqliteinspect", path, format="json")
    assert problem == same
    return text, json.loads(data), problem


# What would be executed


@pytest.fixture
def calls():
    """What the function `harm` was called with, which every connection to SQLite has."""
    calls = []

    def harm(*args):
        calls.append(args)
        return 1

    def add(connection, **options):
        if connection.vendor == "sqlite":
            connection.connection.create_function("harm", -1, harm, deterministic=True)

    connection_created.connect(add)
    connections["default"].close()
    yield calls
    connection_created.disconnect(add)
    connections["default"].close()


def edit_with_harm(path, *sql):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("harm", -1, lambda *args: 1, deterministic=True)
        for statement in sql:
            connection.execute(statement)
    files.reseal(path)


HARM = {
    "view": ["CREATE VIEW v AS SELECT harm(id) FROM shop_review"],
    "view for a table": [
        "ALTER TABLE shop_review RENAME TO r",
        "CREATE VIEW shop_review AS SELECT harm(id) AS id, * FROM r",
    ],
    "trigger": ["CREATE TRIGGER t INSERT ON shop_review BEGIN SELECT harm(1); END"],
    "generated column": ["ALTER TABLE shop_review ADD COLUMN harmed AS (harm(id))"],
    "virtual table": ["CREATE VIRTUAL TABLE v USING fts5(text)"],
    "expression": ["CREATE INDEX i ON shop_review (harm(text))"],
    "partial index": ["CREATE INDEX i ON shop_review (id) WHERE harm(id)"],
}
REFUSALS = ("no plain table", "unsafe use of harm()")
CARRIED = {"check": "CHECK (harm(id))", "default": "DEFAULT (harm(1))"}


@pytest.mark.parametrize("kind", HARM)
def test_what_would_be_executed_is_refused(shop, live, calls, kind):
    edit_with_harm(shop, *HARM[kind])
    with refused(live) as raised:
        restore(live, shop)
    assert any(words in str(raised.value) for words in REFUSALS)
    assert inspect(shop)[2]
    assert calls == []


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("kind", CARRIED)
def test_what_need_not_be_executed_is_not(shop, live, calls, kind, portable):
    column = '"rating" smallint unsigned NOT NULL'
    edit = f"sql = replace(sql, '{column}', '{column} {CARRIED[kind]}')"
    forge(shop, f"UPDATE sqlite_schema SET {edit} WHERE name = 'shop_review'")
    ((sql,),) = files.execute(shop, "SELECT sql FROM sqlite_schema WHERE name = 'shop_review'")
    assert "harm" in sql
    assert inspect(shop)[2] == ""
    restore(live, shop, portable=portable, verify=True)
    assert calls == []


def test_a_backup_makes_no_index_that_a_restore_would_refuse(live, tmp_path, monkeypatch):
    """One that calls a function of Django's, which other programs do not have either."""
    index = Index(ExtractYear("placed"), name="by_year")
    monkeypatch.setattr(Order._meta, "indexes", [index])
    report = back_up(live, tmp_path / "file", "shop", indexes=True)
    (warning,) = [text for text in report.warnings if "by_year" in text]
    assert "cannot be made: unsafe use of django_datetime_extract()" in warning
    restore(live, tmp_path / "file")


def test_an_index_of_an_expression_is_not_copied(shop, live):
    """SQLite copies whole indexes between tables that are alike: a forged one goes no further."""
    create = "CREATE INDEX forged ON shop_category (lower(name))"
    with statements(live, [create], ["DROP INDEX IF EXISTS forged"]):
        files.edit(shop, create)
        forge(
            shop,
            "CREATE TABLE spare AS SELECT * FROM sqlite_schema WHERE name = 'forged'",
            "DELETE FROM sqlite_schema WHERE name = 'forged'",
        )
        files.edit(shop, "UPDATE shop_category SET name = 'Other'")
        forge(shop, "INSERT INTO sqlite_schema SELECT * FROM spare", "PRAGMA schema_version = 99")
        forge(shop, "DROP TABLE spare")
        integrity = "PRAGMA integrity_check"
        assert "row 1 missing from index forged" in str(files.execute(shop, integrity))
        restore(live, shop)
        path = connections[live].settings_dict["NAME"]
        assert files.execute(path, integrity) == [("ok",)]


# A schema that lies

VIEW = "CREATE VIEW shop_review AS SELECT * FROM shop_order"
LIES = {
    "a view that says it is a table": define(VIEW),
    "a virtual table that says it is a table": define("CREATE VIRTUAL TABLE shop_review USING x"),
    "a trigger that says it is an index": "INSERT INTO sqlite_schema VALUES ('index', 't', "
    "'shop_review', 0, 'CREATE TRIGGER t INSERT ON shop_review BEGIN SELECT 1; END')",
    "a view that says it is an index": "INSERT INTO sqlite_schema VALUES ('index', 'v', 'v', 0, "
    "'CREATE VIEW v AS SELECT 1')",
    "a comment before it": define("/* CREATE TABLE */ " + VIEW),
    "another name": define("CREATE TABLE another (id integer)"),
    "two tables of one name": "INSERT INTO sqlite_schema SELECT type, name, tbl_name, rootpage, "
    "'CREATE TABLE other (id, x AS (1))' FROM sqlite_schema WHERE name = 'shop_review'",
    "two tables of nearly one name": "INSERT INTO sqlite_schema SELECT type, upper(name), "
    "tbl_name, rootpage, 'CREATE TABLE other (id, x AS (1))' FROM sqlite_schema "
    "WHERE name = 'shop_review'",
    "a generated column": define("CREATE TABLE shop_review (id integer, x AS (1))"),
    "no name": "UPDATE sqlite_schema SET name = NULL WHERE name = 'shop_review'",
    "a name that is no text": "UPDATE sqlite_schema SET name = x'ff00' WHERE name = 'shop_review'",
    "a name with a NUL": "UPDATE sqlite_schema SET name = name || char(0) || 'x' "
    "WHERE name = 'shop_review'",
    "a kind that is no text": "UPDATE sqlite_schema SET type = x'ff' WHERE name = 'shop_review'",
    "another kind": "UPDATE sqlite_schema SET type = 'shop' WHERE name = 'shop_review'",
    "no definition": "UPDATE sqlite_schema SET sql = NULL WHERE name = 'shop_review'",
    "a definition that is no text": "UPDATE sqlite_schema SET sql = CAST(sql AS BLOB) || x'ff' "
    "WHERE name = 'shop_review'",
    "no page": "UPDATE sqlite_schema SET rootpage = 0 WHERE name = 'shop_review'",
    "the page of the schema": "UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'shop_review'",
    "the page of another table": "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM "
    "sqlite_schema WHERE name = 'shop_order') WHERE name = 'shop_review'",
    "a page beyond the end": "UPDATE sqlite_schema SET rootpage = 2147483647 "
    "WHERE name = 'shop_review'",
    "a table made of a query": define("CREATE TABLE shop_review AS SELECT 1"),
    "an unknown collation": define("CREATE TABLE shop_review (id text COLLATE x PRIMARY KEY)"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_schema_that_lies_is_refused(shop, live, lie):
    forge(shop, LIES[lie])
    with refused(live):
        restore(live, shop)
    with refused(live):
        restore(live, shop, allow_modified=True)
    assert inspect(shop)[2]


def test_a_second_statement_is_not_executed(shop):
    forge(shop, define("CREATE TABLE shop_review (id integer); DROP TABLE shop_order"))
    before = shop.read_bytes()
    inspect(shop)
    assert shop.read_bytes() == before


def test_a_manifest_that_says_two_things(shop, live):
    table = files.MANIFEST
    files.edit(
        shop,
        f"CREATE TABLE copied AS SELECT * FROM {table}",
        f"DROP TABLE {table}",
        f"ALTER TABLE copied RENAME TO {table}",
        f"INSERT INTO {table} VALUES ('tables', '{{}}')",
    )
    with refused(live, "holds tables beside its own"):
        restore(live, shop)


def test_what_sqlite_counts_is_not_believed(shop, live):
    files.edit(
        shop,
        "ANALYZE",
        "UPDATE sqlite_sequence SET seq = 9223372036854775807",
        "UPDATE sqlite_stat1 SET stat = x'00ff', idx = 'no such index'",
        "INSERT INTO sqlite_sequence VALUES ('shop_category', 'text'), (NULL, x'00')",
    )
    restore(live, shop)
    expected = files.read_manifest(shop)["tables"]["shop_category"]["next_keys"]["id"]
    assert oracle.next_keys(live)["shop_category"] == expected


# What would not end


def grow(pages, leaf, levels=8, width=300):
    """Return a page from which there are endless ways to one leaf."""
    for _ in range(levels):
        leaf = pages.append(make_interior([leaf] * width))
    return leaf


def test_a_tree_whose_branches_meet(shop, live):
    pages = Pages(shop)
    root = pages.find_root("shop_category")
    pages[root] = make_interior([grow(pages, pages.append(pages[root]))] * 300)
    pages.save()
    with refused(live, "SQLite finds the file damaged"):
        restore(live, shop)
    assert "SQLite finds the file damaged" in inspect(shop)[2]


def test_a_tree_that_is_its_own_branch(shop, live):
    pages = Pages(shop)
    root = pages.find_root("shop_category")
    pages[root] = make_interior([root] * 300)
    pages.save()
    with refused(live, "SQLite finds the file damaged"):
        restore(live, shop)
    assert inspect(shop)[2]


def test_a_schema_whose_branches_meet(sites, live):
    """SQLite reads all of it before anybody can ask for anything."""
    pages = Pages(sites)
    first = pages[1]
    assert first[100] == 13, "The schema no longer fits its first page."
    cells = pages.find_cells(1)
    (repeated,) = [
        place for place in cells if b"sqlite_autoindex" in bytes(pages.data[place : place + 40])
    ]
    whole = bytearray(first[:0] + first[100 : 108 + 2 * len(cells)])
    original = bytearray(PAGE)
    original[: len(whole)] = whole
    original[108 + 2 * len(cells) :] = first[108 + 2 * len(cells) :]
    again = bytearray(original)
    again[3:5] = b"\0\1"
    again[8:10] = repeated.to_bytes(2, "big")
    children = [pages.append(original), grow(pages, pages.append(again))]
    page = make_interior(children, start=100)
    page[:100] = first[:100]
    pages[1] = page
    pages.save()
    for command in (lambda: restore(live, sites), lambda: back_up(live, sites, "sites")):
        try:
            command()
        except BackupError as error:
            assert "cannot be read as SQLite: interrupted" in str(error)
            assert inspect(sites)[2]
    assert inspect(sites)[2] == ""


@pytest.mark.parametrize("shared", [False, True])
def test_a_long_cell_without_an_end(shop, live, shared):
    """Its overflow pages lead back to themselves, or are those of another cell."""
    files.edit(shop, "UPDATE shop_category SET name = printf('%.*c', 34900, 'x') WHERE id < 3")
    pages = Pages(shop)
    root = pages.find_root("shop_category")
    one, other = [pages.find_overflow(cell) for cell in pages.find_cells(root)[:2]]
    if shared:
        pages.data[one : one + 4] = pages.data[other : other + 4]
    else:
        number = int.from_bytes(pages.data[one : one + 4], "big")
        place = (number - 1) * PAGE
        pages.data[place : place + 4] = number.to_bytes(4, "big")
    pages.save()
    with refused(live, "SQLite finds the file damaged"):
        restore(live, shop)
    assert inspect(shop)[2]


# What is large without need


def test_a_million_migrations(shop, live):
    files.edit(
        shop,
        "INSERT INTO django_migrations (app, name, applied)"
        " WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
        " SELECT 'x', 'n' || i, '2024-01-01 00:00:00' FROM n",
    )
    tables = files.read_manifest(shop)["tables"]
    tables["django_migrations"]["rows"] += 200_000
    files.edit_manifest(shop, tables=tables)
    with refused(live, "records more than 100,000 migrations"):
        restore(live, shop)


def test_the_name_of_a_migration_without_end(shop, live):
    long = "printf('%.*c', 20000000, 'n')"
    files.edit(shop, f"UPDATE django_migrations SET name = {long} WHERE id = 1")
    with refused(live, "too big"):
        restore(live, shop)


def test_a_definition_without_end(shop, live):
    files.edit(shop, f"CREATE TABLE extra (x /*{'n' * 20_000_000}*/)")
    with refused(live, "too big"):
        restore(live, shop)


# Names

NAMES = [
    'x"; DROP TABLE shop_order; --',
    "x'); DROP TABLE shop_order; --",
    "new\nline\r\n\tand \x1b[31mred\x1b]0;title\x07 \x9b1m",
    "%s %d %(name)s {0} {name}",
    "\u202egnol\u2066 \ud800 \u2028",
    "main.shop_order",
    "long" * 20_000,
]


def is_shown_safely(text):
    lines = text.split("\n")
    return all(line.isprintable() and len(line) < 21_000 for line in lines)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_names_are_only_names_and_nothing_a_terminal_obeys(shop, live, name):
    """As the name of a table, of a column, a label, a migration, and in what the manifest says."""
    storable = name.encode("utf-8", "replace").decode()
    quoted = storable.replace('"', '""')
    files.edit(
        shop,
        f'CREATE TABLE "{quoted}" ("{quoted}" text)',
        "INSERT INTO django_migrations (app, name, applied) VALUES "
        f"('{storable.replace(chr(39), chr(39) * 2)}', 'x', '2024-01-01 00:00:00')",
    )
    tables = files.read_manifest(shop)["tables"]
    tables[storable] = {"label": name, "rows": 0, "next_keys": {name: 5}}
    tables["django_migrations"]["rows"] += 1
    tables["shop_category"]["next_keys"][name] = 7
    files.edit_manifest(shop, tables=tables, database=name, engine=name, origin=name, package=name)
    text, data, problem = inspect(shop)
    assert (problem, data["manifest"]["tables"][storable]["label"]) == ("", name)
    assert is_shown_safely(text)
    out, problem = run("sqliterestore", "shop", file=shop, migrate=False, interactive=False)
    assert (out, is_shown_safely(problem), "is a backup of" in problem) == ("", True, True)
    options = {"file": shop, "migrate": False, "database": "default"}
    for format in ("text", "json"):
        out, problem = run("sqliterestore", "shop", **options, dry_run=True, format=format)
        assert problem == ""
        assert format == "json" or is_shown_safely(out)
        assert format == "text" or json.loads(out)["left_out"] == [name]
    out, problem = run("sqliterestore", "shop", **options, interactive=False)
    assert (problem, "Restored" in out, is_shown_safely(out)) == ("", True, True)


@pytest.mark.parametrize("name", NAMES[:5], ids=range(5))
def test_names_in_refusals_are_shown_safely(shop, live, name):
    storable = name.encode("utf-8", "replace").decode()
    quoted = storable.replace('"', '""')
    files.edit(shop, f'CREATE TABLE "{quoted}" ("{quoted}" text)')
    _, paragraph = run("sqliterestore", file=shop, interactive=False)
    assert paragraph.startswith("The file holds tables beside its own: ")
    assert is_shown_safely(paragraph)
    assert "\n" not in paragraph
    assert inspect(shop)[2] == paragraph


@pytest.mark.parametrize("server", ["postgresql", "mysql"])
def test_names_for_a_server(shop, databases, server):
    alias = databases.use(server)
    tables = files.read_manifest(shop)["tables"]
    for name in NAMES[:6]:
        tables["shop_category"]["next_keys"][name] = 7
    files.edit_manifest(shop, tables=tables)
    restore(alias, shop, "shop.Category", "shop.Product")


def test_declared_sizes_are_nothing_to_go_by(shop, live):
    find, put = '"name" varchar(60)', '"name" varchar(1000000000)'
    forge(
        shop,
        f"UPDATE sqlite_schema SET sql = replace(sql, '{find}', '{put}') "
        "WHERE name = 'shop_category'",
    )
    files.edit_manifest(shop, created="0001-01-01T00:00:00+14:00")
    assert inspect(shop)[2] == ""
    _, problem = run("sqliterestore", file=shop, migrate=False, dry_run=True)
    assert problem == ""
    restore(live, shop)


# Paths

PATHS = ["fifo", "socket", "folder", "loop", "to a fifo", "to a device", "device", "long", "proc"]


@pytest.fixture(params=PATHS)
def odd(request, tmp_path):
    """A path that is no regular file, or none that can be."""
    path = tmp_path / "odd"
    match request.param:
        case "fifo":
            os.mkfifo(path)
        case "socket":
            with closing(socket.socket(socket.AF_UNIX)) as opened:
                opened.bind(str(path))
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "to a fifo":
            os.mkfifo(tmp_path / "fifo")
            path.symlink_to(tmp_path / "fifo")
        case "to a device":
            path.symlink_to("/dev/zero")
        case "device":
            return "/dev/zero"
        case "proc":
            return "/proc/self/mem"
        case "long":
            return str(path) + "x" * 300
    return path


def test_an_odd_path_is_refused(odd, live):
    with refused(live):
        restore(live, odd)
    with refused(live):
        restore(live, odd, allow_modified=True)
    assert inspect(odd)[2]
    # A link that leads nowhere but to itself may be replaced.
    if os.path.exists(odd):
        with refused(live):
            back_up(live, odd)


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
@pytest.mark.parametrize("kind", ["fifo", "folder", "link", "empty"])
def test_an_odd_companion_is_refused(shop, live, suffix, kind):
    """SQLite would open it, and wait for whoever writes into a pipe."""
    companion = shop.with_name(shop.name + suffix)
    match kind:
        case "fifo":
            os.mkfifo(companion)
        case "folder":
            companion.mkdir()
        case "link":
            companion.symlink_to("/dev/zero")
        case "empty":
            companion.touch()
    if (suffix, kind) == ("-journal", "empty"):
        restore(live, shop)
    else:
        with refused(live, f'"{companion}" lies beside the backup'):
            restore(live, shop)
        assert "lies beside the backup" in inspect(shop)[2]
    assert os.path.lexists(companion)
