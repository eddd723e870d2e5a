"""A file that carries the SHA-256 of itself.

The digest is the only row of the file's first table, so it is the last 64 bytes of page 2
(https://www.sqlite.org/fileformat2.html: cells are laid down from the end of a page). The file is
hashed with 64 zeros in their place.
"""

import hashlib
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from .exceptions import InvalidBackup
from .manifest import CHECKSUM_TABLE

ZEROS = b"0" * 64
CHUNK = 1 << 20


def create_checksum_table(connection: sqlite3.Connection) -> None:
    """Reserve the digest's place; must be the first table that the file gets."""
    connection.execute(f"CREATE TABLE {CHECKSUM_TABLE} (sha256 text NOT NULL)")
    connection.execute(f"INSERT INTO {CHECKSUM_TABLE} VALUES (?)", (ZEROS.decode(),))


def get_digest_offset(file: BinaryIO) -> int:
    """Return where the digest begins: 64 bytes before the end of page 2."""
    file.seek(16)
    page_size = int.from_bytes(file.read(2), "big")
    return 2 * (65536 if page_size == 1 else page_size) - len(ZEROS)


def read_digest(file: BinaryIO) -> bytes:
    """Return the 64 bytes that stand where the digest belongs."""
    file.seek(get_digest_offset(file))
    return file.read(len(ZEROS))


def compute_digest(file: BinaryIO) -> bytes:
    """Return the hexadecimal SHA-256 of the file, read with zeros in the digest's place."""
    offset = get_digest_offset(file)
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(offset))
    digest.update(ZEROS)
    file.seek(offset + len(ZEROS))
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest().encode()


def seal(file: BinaryIO) -> str:
    """Write the digest into its place, to the disk, and return it."""
    if read_digest(file) != ZEROS:
        raise InvalidBackup("The place of the checksum is not where it should be.")
    with ThreadPoolExecutor(1) as executor:
        # The disk writes while the processor computes; once more, below, what is written here.
        syncing = executor.submit(os.fsync, file.fileno())
        digest = compute_digest(file)
        syncing.result()
    file.seek(get_digest_offset(file))
    file.write(digest)
    file.flush()
    os.fsync(file.fileno())
    return digest.decode()


def is_intact(file: BinaryIO) -> bool:
    """Return whether the file is, byte for byte, as it was sealed."""
    # A damaged page size may name a place before the beginning of the file.
    return get_digest_offset(file) > 0 and read_digest(file) == compute_digest(file)
