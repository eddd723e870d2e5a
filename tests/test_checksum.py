"""Any change of any byte is found, by the package as by ten lines of another program."""

import io
import sqlite3
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from django_sqlite_backup import InvalidBackup, checksum
from django_sqlite_backup.validation import reading
from tests import files
from tests.shops import fill_shop


@pytest.fixture(scope="module")
def sealed(databases, tmp_path_factory):
    """The bytes of a small backup."""
    alias = fill_shop(databases.use("default"))
    path = tmp_path_factory.mktemp("sealed") / "backup.sqlite3"
    call_command("sqlitebackup", "sites", database=alias, file=path, stdout=StringIO())
    return path.read_bytes()


def is_intact(data):
    return checksum.is_intact(io.BytesIO(data))


def test_another_program_computes_the_same(sealed):
    assert sealed[files.find_digest(sealed)].decode() == files.hash_file(sealed)
    assert is_intact(sealed)


def test_the_checksum_is_in_its_table(sealed, tmp_path):
    (tmp_path / "copy").write_bytes(sealed)
    rows = files.execute(tmp_path / "copy", "SELECT sha256 FROM django_sqlite_backup_checksum")
    assert rows == [(files.hash_file(sealed),)]


@pytest.mark.parametrize("page_size", [512, 1024, 65536])
def test_every_page_size_has_its_place(tmp_path, page_size):
    path = tmp_path / "file"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        checksum.create_checksum_table(connection)
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES (zeroblob(200000))")
    with open(path, "r+b") as file:
        digest = checksum.seal(file)
    assert files.execute(path, "SELECT sha256 FROM django_sqlite_backup_checksum") == [(digest,)]
    assert is_intact(path.read_bytes())


def test_a_file_without_the_place_is_not_sealed():
    with pytest.raises(InvalidBackup) as caught:
        checksum.seal(io.BytesIO(b"\0" * 16 + b"\x10\0" + b"\0" * 20_000))
    assert str(caught.value) == "The place of the checksum is not where it should be."


def test_every_byte_counts(sealed):
    """Each byte in its turn is another one, in the header and the digest in every bit."""
    data = bytearray(sealed)
    place = find_place(sealed)
    for offset in range(len(data)):
        masks = [1 << bit for bit in range(8)] if offset < 100 or offset in place else [0xFF]
        for mask in masks:
            data[offset] ^= mask
            assert not is_intact(bytes(data)), (offset, mask)
            data[offset] ^= mask


def find_place(data):
    place = files.find_digest(data)
    return range(place.start, place.stop)


def test_every_length_but_its_own_is_found(sealed):
    for length in [*range(200), *range(200, len(sealed), 97)]:
        assert not is_intact(sealed[:length]), length
    for page in range(0, len(sealed), 4096):
        assert not is_intact(sealed[:page]), page
    for more in (b"\0", b"\0" * 4096, sealed):
        assert not is_intact(sealed + more)


changes = st.lists(st.tuples(st.integers(min_value=0), st.integers(1, 255)), min_size=1, max_size=4)


@given(changes)
@settings(max_examples=150, deadline=None)
def test_changes_are_found_before_anything_is_read(sealed, tmp_path_factory, changes):
    data = bytearray(sealed)
    for offset, mask in changes:
        data[offset % len(data)] ^= mask
    path = tmp_path_factory.getbasetemp() / "changed.sqlite3"
    path.write_bytes(data)
    if bytes(data) != sealed:
        with pytest.raises(InvalidBackup), reading(path):
            raise AssertionError("It was opened.")


@given(st.integers(min_value=0))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere_is_refused(sealed, tmp_path_factory, length):
    path = tmp_path_factory.getbasetemp() / "cut.sqlite3"
    path.write_bytes(sealed[: length % len(sealed)])
    with pytest.raises(InvalidBackup), reading(path):
        raise AssertionError("It was opened.")


@given(st.binary(max_size=9000).map(lambda data: b"SQLite format 3\0" + data))
@settings(max_examples=60, deadline=None)
def test_any_bytes_behind_the_magic_are_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "random.sqlite3"
    path.write_bytes(data)
    with pytest.raises(InvalidBackup), reading(path):
        raise AssertionError("It was opened.")
