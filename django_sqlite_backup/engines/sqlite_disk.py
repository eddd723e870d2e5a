"""The disk under a live SQLite database: named where it refuses, synced when all is done."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from django_sqlite_backup.aliases import get_live_path
from django_sqlite_backup.exceptions import explaining
from django_sqlite_backup.space import naming_disk

if TYPE_CHECKING:
    from .base import Engine


@contextmanager
def changing_disk(engine: "Engine") -> Iterator[None]:
    """For the time of a restore: its transaction begins and ends inside."""
    alias, path = engine.connection.alias, get_live_path(engine.connection)
    naming = naming_disk(path) if path else nullcontext()
    with naming, explaining(f'restoring "{alias}"'), syncing_folder(engine):
        yield


@contextmanager
def syncing_folder(engine: "Engine") -> Iterator[None]:
    """Bring the end of the journal to the disk too: else a power cut may undo the commit.

    https://www.sqlite.org/pragma.html#pragma_synchronous
    """
    if engine.connection.in_atomic_block:
        yield
        return
    ((before,),) = engine.fetchall("PRAGMA synchronous")
    engine.execute("PRAGMA synchronous = EXTRA")
    try:
        yield
    finally:
        engine.execute(f"PRAGMA synchronous = {before}")
