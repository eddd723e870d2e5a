"""What a hostile file with a checksum that holds cannot do."""

import shutil
from io import StringIO

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from django_sqlite_backup import BackupError, InvalidBackup
from django_sqlite_backup.validation import reading
from tests import files
from tests.shops import fill_shop


@pytest.fixture(scope="module")
def good(databases, tmp_path_factory):
    """The path of a good backup, which no test changes."""
    alias = fill_shop(databases.use("default"))
    path = tmp_path_factory.mktemp("good") / "backup.sqlite3"
    call_command("sqlitebackup", "shop", database=alias, file=path, stdout=StringIO())
    return path


@pytest.fixture
def bad(good, tmp_path):
    return shutil.copy(good, tmp_path / "bad.sqlite3")


def refusal(path):
    with pytest.raises(InvalidBackup) as caught, reading(path):
        raise AssertionError("It was opened.")
    return str(caught.value)


def test_a_good_backup_is_opened_for_reading_only(good):
    with reading(good) as backup:
        assert backup.manifest.tables["shop_category"].rows == backup.count_rows("shop_category")
        with pytest.raises(Exception, match="readonly"):
            backup.raw.execute("DELETE FROM shop_category")


def test_reading_leaves_nothing_beside_the_file(bad):
    with reading(bad):
        assert [path.name for path in bad.parent.iterdir()] == [bad.name]
    assert [path.name for path in bad.parent.iterdir()] == [bad.name]


def test_reading_does_not_touch_the_file(bad):
    before = bad.stat()
    with reading(bad):
        pass
    assert (bad.stat().st_mtime_ns, bad.stat().st_size) == (before.st_mtime_ns, before.st_size)


def test_a_manifest_that_is_a_view_is_never_run(bad):
    """Its select would not end."""
    files.edit(
        bad,
        f"DROP TABLE {files.MANIFEST}",
        f"CREATE VIEW {files.MANIFEST} (key, value) AS WITH RECURSIVE endless (n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM endless) SELECT n, n FROM endless",
    )
    assert refusal(bad) == f'The file holds "{files.MANIFEST}", which is no plain table (view).'


def test_names_made_for_injection_are_only_names(bad):
    name = 'x"; DROP TABLE shop_order; --'
    quoted = name.replace('"', '""')
    files.edit(bad, f'CREATE TABLE "{quoted}" (id integer)')
    assert refusal(bad) == f'The file holds tables beside its own: "{name}".'


def test_a_schema_that_sqlite_cannot_parse(bad):
    files.edit(
        bad,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE nonsense' WHERE name = 'shop_order'",
    )
    assert refusal(bad).startswith(f'"{bad}" cannot be read as SQLite: malformed database schema')


def test_a_schema_that_is_no_text(bad):
    """SQLite quotes it in its error, which then is no text either."""
    files.edit(
        bad,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE shop_review (' || CAST(x'8029' AS text), "
        "name = CAST(x'80' AS text) WHERE name = 'shop_review'",
    )
    assert refusal(bad).startswith(f"\"{bad}\" cannot be read as SQLite: 'utf-8' codec ")


def test_a_stored_generated_column(bad):
    files.edit(
        bad,
        "ALTER TABLE shop_review RENAME TO old",
        "CREATE TABLE shop_review (id integer, harm AS (id) STORED)",
        "DROP TABLE old",
    )
    assert refusal(bad) == 'The file computes column "harm" of "shop_review" by itself.'


def test_statistics_of_sqlite_are_let_through(bad):
    files.edit(bad, "ANALYZE")
    with reading(bad) as backup:
        assert "sqlite_stat1" not in backup.manifest.tables


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_resealed_file_is_read_or_refused(good, tmp_path_factory, data):
    """Whatever its bytes: no other error, and no end without one."""
    path = tmp_path_factory.getbasetemp() / "resealed.sqlite3"
    content = bytearray(good.read_bytes())
    place = files.find_digest(content)
    for _ in range(data.draw(st.integers(1, 3))):
        offset = data.draw(st.integers(100, len(content) - 1))
        content[offset] = data.draw(st.integers(0, 255))
    content[place] = b"0" * 64
    path.write_bytes(content)
    files.reseal(path)
    try:
        with reading(path) as backup:
            for name in backup.manifest.tables:
                backup.count_rows(name)
    except BackupError:
        pass
