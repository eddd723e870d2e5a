"""A file that is not as it was, or not what it says, is refused before a live row is touched."""

import os
import shutil
import subprocess
import sys
from contextlib import closing

import pytest
from django.db import connections

from django_sqlite_backup import BackupError, BackupMechanism, InvalidBackup
from django_sqlite_backup.validation import reading
from tests import files, oracle
from tests.copying import back_up, refused, restore, unchanged
from tests.faults.pages import PAGE
from tests.shops import Project

# Every byte


def choose_places(data):
    """Return the places of each byte of the header and the checksum, and of many others.

    That every single byte counts is for `tests/test_checksum.py` to show.
    """
    place = files.find_digest(data)
    ends = range(len(data) - 50, len(data))
    return sorted({*range(200), *range(place.start, place.stop), *range(0, len(data), 29), *ends})


def test_any_other_byte_is_refused(backups, tmp_path):
    """Read as a restore reads it."""
    path = tmp_path / "flipped"
    data = (backups / "sites").read_bytes()
    path.write_bytes(data)
    with open(path, "r+b", buffering=0) as file:
        for offset in choose_places(data):
            byte = data[offset]
            os.pwrite(file.fileno(), bytes([byte ^ 0x20]), offset)
            with pytest.raises(InvalidBackup), reading(path):
                raise AssertionError(offset)
            os.pwrite(file.fileno(), bytes([byte]), offset)
    assert path.read_bytes() == data


def test_any_other_length_is_refused(backups, tmp_path):
    path = tmp_path / "cut"
    shutil.copy(backups / "sites", path)
    for length in reversed(choose_places(path.read_bytes())):
        os.truncate(path, length)
        with pytest.raises(InvalidBackup), reading(path):
            raise AssertionError(length)


def test_no_flip_and_no_cut_touches_the_live_database(backups, live, tmp_path):
    path = tmp_path / "spoilt"
    data = (backups / "sites").read_bytes()
    with unchanged(live):
        for offset in range(0, len(data), 1597):
            path.write_bytes(data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :])
            with pytest.raises(InvalidBackup):
                restore(live, path)
            path.write_bytes(data[:offset])
            with pytest.raises(InvalidBackup):
                restore(live, path)


# What SQLite would never have written, under a checksum that holds


def test_null_where_none_may_be(shop, live):
    """SQLite copies whole records: it would have become a row of the live database."""
    files.edit(
        shop,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(sql, '\"name\" varchar(60) NOT NULL', "
        "'\"name\" varchar(60)         ') WHERE name = 'shop_category'",
    )
    files.edit(shop, "UPDATE shop_category SET name = NULL WHERE id = 1")
    files.edit(
        shop,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(sql, '\"name\" varchar(60)         ', "
        "'\"name\" varchar(60) NOT NULL') WHERE name = 'shop_category'",
    )
    with refused(live, "SQLite finds the file damaged: NULL value in shop_category.name."):
        restore(live, shop)


def test_rows_out_of_order(shop, live):
    """The first cell and the second trade places."""
    ((page,),) = files.execute(
        shop, "SELECT rootpage FROM sqlite_schema WHERE name = 'shop_category'"
    )
    data = bytearray(shop.read_bytes())
    start = (page - 1) * PAGE + 8
    data[start : start + 4] = data[start + 2 : start + 4] + data[start : start + 2]
    shop.write_bytes(data)
    files.reseal(shop)
    with refused(live, "SQLite finds the file damaged:", "out of order"):
        restore(live, shop)


def test_an_index_of_other_rows(databases, live, tmp_path):
    """SQLite copies whole indexes too, where those of file and live table are alike."""
    path = tmp_path / "file"
    back_up(live, path, "shop", indexes=True)
    files.edit(
        path,
        "CREATE TABLE spare AS SELECT sql FROM sqlite_schema WHERE name LIKE '%slug%'",
        "PRAGMA writable_schema = ON",
        "DELETE FROM sqlite_schema WHERE name LIKE '%slug%'",
    )
    files.edit(path, "UPDATE shop_category SET slug = 'other' WHERE id = 1")
    files.edit(path, "DROP TABLE spare")
    with refused(live, "SQLite finds the file damaged:"):
        restore(live, path)


# Cells of another type

CASES = [
    ("shop_orderline", "quantity", "'abc'"),
    ("shop_orderline", "quantity", "1.5"),
    ("shop_orderline", "quantity", "x'4e554c4c'"),
    ("shop_orderline", "quantity", "x'352c312c310a362c312c31'"),
    ("shop_order", "address_id", "'NULL'"),
    ("shop_order", "address_id", "x'4e554c4c'"),
    ("shop_order", "placed", "'abc'"),
    ("shop_order", "placed", "'now'"),
    ("shop_order", "placed", "5"),
    ("shop_order", "placed", "x'00'"),
    ("shop_order", "placed", "'2024-02-30 00:00:00'"),
    ("shop_customer", "birthday", "'2024-01-01 10:00:00'"),
    ("shop_customer", "birthday", "20240101"),
    ("shop_order", "status", "x'ff'"),
    ("shop_orderline", "price", "'abc'"),
    ("shop_orderline", "price", "x'312c320a'"),
    ("shop_product", "sku", "'zz'"),
    ("shop_product", "sku", "x'00'"),
    ("shop_product", "attributes", "'{'"),
    ("shop_stockmovement", "weight", "'abc'"),
    ("shop_stockmovement", "handling", "'abc'"),
]
CARRIED = [
    ("shop_order", "note", "x'5c78'", "\\x"),
    ("shop_order", "status", "x'6162'", "ab"),
    ("shop_stockmovement", "label", "'\\x41'", "5c783431"),
]
"""With the text, or the hexadecimal bytes, that a server then has."""


REFUSED_BY_SQLITE = {"address_id": "foreign key", "attributes": "CHECK constraint failed"}


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("server", ["postgresql", "mysql"])
def test_a_server_refuses_cells_of_other_types(databases, backups, tmp_path, server, portable):
    alias = databases.use(server)
    with unchanged(alias):
        for case in CASES:
            path, table, _ = spoil(backups, tmp_path, *case)
            with pytest.raises(BackupError) as raised:
                restore(alias, path, portable=portable)
            assert table.replace("shop_", "shop.") in str(raised.value).lower(), case


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize("server", ["postgresql", "mysql"])
def test_bytes_and_texts_trade_places(databases, backups, tmp_path, server, portable):
    """A server has one type in a column: the same bytes are the same text."""
    alias = databases.use(server)
    for table, column, literal, text in CARRIED:
        path, _, _ = spoil(backups, tmp_path, table, column, literal)
        restore(alias, path, portable=portable)
        cells = [plain(cell) for cell in live_cells(alias, table, column)]
        assert text in [*cells, *(cell.removeprefix("\\x") for cell in cells)], column


def test_sqlite_carries_cells_of_other_types(live, backups, tmp_path):
    for case in [*CASES, *(case[:3] for case in CARRIED)]:
        path, table, cell = spoil(backups, tmp_path, *case)
        if case[1] in REFUSED_BY_SQLITE:
            with refused(live, REFUSED_BY_SQLITE[case[1]]):
                restore(live, path)
        else:
            restore(live, path)
            assert cell in live_cells(live, table, case[1]), case


def test_sqlite_carries_or_refuses_them_portably(live, backups, tmp_path):
    for case in CASES:
        path, table, cell = spoil(backups, tmp_path, *case)
        try:
            restore(live, path, portable=True)
        except BackupError as error:
            assert table.replace("shop_", "shop.") in str(error).lower() or "foreign" in str(error)
        else:
            assert cell in live_cells(live, table, case[1]), case


def spoil(backups, folder, table, column, literal):
    """Put a cell into a row of a shop; return the path, the table, and SQLite's text of it."""
    path = folder / "spoilt.sqlite3"
    shutil.copy(backups / "shop", path)
    where = f"WHERE id = (SELECT max(id) FROM {table})"
    files.edit(path, f"UPDATE {table} SET {column} = {literal} {where}")
    cell = f"typeof({column}) || ' ' || quote({column})"
    ((text,),) = files.execute(path, f"SELECT {cell} FROM {table} {where}")
    return path, table, text


def live_cells(alias, table, column):
    """Return the cells of a column as the engine's own text."""
    with closing(oracle.open_engine(alias)) as engine:
        place = engine.columns(table).index(column)
        return [row[place] for row in engine.rows(table)]


def plain(cell):
    """Return what a server's text says: PostgreSQL escapes it, MariaDB quotes it."""
    return str(cell).strip("'").replace("\\\\", "\\").lower()


# A file that somebody edited

RENAME = "UPDATE shop_category SET name = 'Corrected' WHERE id = 1"
ADD = "INSERT INTO shop_category (id, name, slug) VALUES (900, 'Added', 'added')"
REMOVE = "DELETE FROM shop_stockmovement WHERE id = (SELECT max(id) FROM shop_stockmovement)"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


def test_a_row_is_corrected_by_the_orm_and_restored(project):
    """The story that the README tells."""
    correct = (
        "from shop.models import Category; "
        "Category.objects.using('backup').filter(pk=1).update(name='Corrected')"
    )
    assert project.run("shell", "--command", correct).code == 0
    refusal = project.run("sqliterestore", "--no-input")
    assert refusal.code == 1
    assert "--allow-modified" in refusal.err
    inspected = project.run("sqliteinspect", project.backup)
    assert (inspected.code, "The checksum does not hold" in inspected.err) == (1, True)
    inspected = project.run("sqliteinspect", project.backup, "--allow-modified")
    assert (inspected.code, "The checksum does not hold" in inspected.out) == (0, True)

    done = project.run("sqliterestore", "--no-input", "--allow-modified", "--verify")
    assert done.code == 0, done.err
    assert f'Warning: "{project.backup}" was changed after it was made' in done.err
    select = "SELECT name FROM shop_category WHERE id = 1"
    assert files.execute(project.live, select) == [("Corrected",)]
    # The edited file stays as it is: only a backup makes one whose checksum holds.
    assert project.run("sqliterestore", "--no-input").code == 1


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "PERSIST", "WAL"])
def test_an_edit_in_any_journal_mode(shop, live, mode):
    files.execute(shop, f"PRAGMA journal_mode = {mode}", RENAME)
    if mode == "WAL":
        with refused(live, "is in WAL mode", "PRAGMA journal_mode = DELETE", "--allow-modified"):
            restore(live, shop, allow_modified=True)
        files.execute(shop, "PRAGMA journal_mode = DELETE")
    restore(live, shop, allow_modified=True)
    name = oracle.database_text(live, ["shop_category"])
    assert "name=text 'Corrected'" in str(name)


def test_rows_that_an_edit_added_and_removed(shop, live):
    manifest = files.read_manifest(shop)["tables"]
    before = {name: manifest[name]["rows"] for name in ("shop_category", "shop_stockmovement")}
    files.execute(shop, RENAME, ADD, REMOVE, "VACUUM")
    mechanism = BackupMechanism(shop, database=live, allow_modified=True, migrate=False)
    differences = [
        f'"{shop}" was changed after it was made: its checksum does not hold.',
        f'The file has {before["shop_category"] + 1} rows in "shop_category", and its manifest '
        f"says {before['shop_category']}.",
        f'The file has {before["shop_stockmovement"] - 1} rows in "shop_stockmovement", and its '
        f"manifest says {before['shop_stockmovement']}.",
    ]
    plan = mechanism.plan_restore()
    assert plan.as_dict()["differences"] == differences
    assert plan.insert["shop.Category"] == before["shop_category"] + 1
    *_, last = mechanism.restore()
    assert last.completed == last.total == plan.rows
    assert mechanism.report.warnings[:3] == differences
    assert mechanism.report.rows["shop.StockMovement"] == before["shop_stockmovement"] - 1
    select = "SELECT id, name, slug, parent_id FROM shop_category ORDER BY id"
    rows = files.execute(connections[live].settings_dict["NAME"], select)
    assert rows == files.execute(shop, select)
    assert rows[-1] == (900, "Added", "added", None)
    # The next key is above the row that was added, whatever the manifest says.
    recorded = manifest["shop_category"]["next_keys"]["id"]
    assert oracle.next_keys(live)["shop_category"] == max(901, recorded)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "UPDATE shop_orderline SET product_id = 999 WHERE id = (SELECT min(id) "
            "FROM shop_orderline)",
            'Foreign keys of the file lead nowhere: "999" in "product_id" of "shop_orderline" '
            '(no such "id" in "shop_product").',
        ),
        ("DROP TABLE shop_review", "lacks tables that its manifest lists"),
        ("CREATE TABLE notes (text)", 'holds tables beside its own: "notes"'),
        ("CREATE VIEW names AS SELECT name FROM shop_category", "no plain table (view)"),
        ("CREATE TRIGGER t DELETE ON shop_category BEGIN SELECT 1; END", "no plain table"),
        ("UPDATE django_migrations SET applied = 'soon'", "a migration that makes no sense"),
        ("UPDATE django_migrations SET name = x'00'", "a migration that makes no sense"),
        (f"DELETE FROM {files.MANIFEST} WHERE key = 'tables'", "its manifest cannot be read"),
        ("PRAGMA user_version = 7", "is in format 7"),
        ("PRAGMA application_id = 7", "not a backup made by sqlitebackup"),
    ],
)
def test_an_edit_beyond_rows_is_refused(shop, live, statement, words):
    files.execute(shop, statement)
    with refused(live, words):
        restore(live, shop, allow_modified=True)


def test_damage_is_refused_even_where_edits_are_allowed(shop, live):
    ((page,),) = files.execute(shop, "SELECT rootpage FROM sqlite_schema WHERE name = 'shop_order'")
    files.overwrite(shop, (page - 1) * PAGE + 3, b"\xff\xff")
    with refused(live, "SQLite finds the file damaged"):
        restore(live, shop, allow_modified=True)
    os.truncate(shop, 2 * PAGE)
    with pytest.raises(InvalidBackup):
        restore(live, shop, allow_modified=True)


def test_an_edit_that_is_not_finished(shop, live):
    """Its journal lies beside the file: SQLite rolls it back once somebody opens the file."""
    subprocess.run([sys.executable, "-c", files.KILLED, shop])
    with refused(live, "shop.sqlite3-journal", "lies beside the backup"):
        restore(live, shop, allow_modified=True)
    assert files.execute(shop, "SELECT count(*) FROM shop_category WHERE name = 'half way'") == [
        (0,)
    ]
    restore(live, shop, allow_modified=True)


# Another file in its place


def test_a_file_that_is_replaced_while_it_is_read(shop, backups, live):
    """The live database's own connection opens it once more, by its name."""

    class Late(BackupMechanism):
        def restore_table_filter(self, from_table):
            shutil.copy(backups / "shop", shop.with_name("new"))
            os.replace(shop.with_name("new"), shop)
            return super().restore_table_filter(from_table)

    with refused(live, "was changed or replaced while it was being read. Try again."):
        list(Late(shop, database=live, migrate=False).restore())


@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_a_file_that_is_overwritten_in_place_while_it_is_read(shop, alias, portable):
    """As `cp` does, which asks nobody: the rows of two files would be mixed."""
    other = shop.with_name("other.sqlite3")
    shutil.copy(shop, other)
    files.edit(other, "UPDATE shop_category SET name = 'Other ' || id")
    options = {"database": alias, "migrate": False, "portable": portable, "labels": ["shop"]}
    with unchanged(alias), pytest.raises(BackupError):
        steps = BackupMechanism(shop, **options).restore()
        next(steps)
        shutil.copyfile(other, shop)
        list(steps)
    restore(alias, other, "shop", portable=portable)
