"""The backups in a folder: the file that the settings name, safety backups, and others."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from django_sqlite_backup import checksum
from django_sqlite_backup.aliases import registered
from django_sqlite_backup.backup_file import connect
from django_sqlite_backup.exceptions import InvalidBackup, RevisionMismatch, explaining
from django_sqlite_backup.locks import WRITTEN, FileLock, holding
from django_sqlite_backup.manifest import APPLICATION_ID, MAGIC, Manifest
from django_sqlite_backup.recorded import Key, express, find_unknown_of_file, get_recorded, load
from django_sqlite_backup.revisions import get_last_keys
from django_sqlite_backup.structure import check_migrations, limited
from django_sqlite_backup.tables import MIGRATIONS_TABLE
from django_sqlite_backup.targets import FETCHED, sync_folder
from django_sqlite_backup.validation import (
    UNREADABLE,
    OpenedBackup,
    begin,
    check_header,
    check_path,
    open_at_once,
    reading,
)

from .stored import DIGEST, SUFFIX, StoredBackup, sort_newest_first

LAST_RECORDED = f"SELECT app, name FROM {MIGRATIONS_TABLE} ORDER BY id"
PASSING = re.compile(rf"\..+\.partial|{FETCHED.pattern}", re.DOTALL)
"""The names of files that a run is writing or has fetched for itself, or died with."""


class LocalBackups:
    """The backup files in one folder, by their absolute paths.

    A file is a backup by what it says of itself, whatever its name is. Folders in the folder are
    not looked into, and links are not followed.
    """

    alias = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    def list(self) -> Sequence[StoredBackup]:
        """Return the backups, the newest first; only what a file says of itself is read."""
        return self.look()[0]

    def strangers(self) -> Sequence[str]:
        """Return the paths of files that are marked as backups and cannot be read as such."""
        return self.look()[1]

    def look(self) -> tuple[Sequence[StoredBackup], Sequence[str]]:
        """Return both."""
        backups, strangers = [], []
        for path in self.find_marked():
            try:
                backups.append(describe_file(path))
            except InvalidBackup:
                strangers.append(str(path))
        return sort_newest_first(backups), strangers

    def find_marked(self) -> Iterator[Path]:
        """Yield each finished file that is marked as a backup."""
        with explaining(f'listing "{self.folder}"'):
            paths = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        # What has a sidecar is of a storage that keeps its backups here: half of one is none.
        stored = {path.name.removesuffix(SUFFIX) for path in paths if path.suffix == SUFFIX}
        for path in paths:
            is_own = path.name not in stored and not PASSING.fullmatch(path.name)
            if is_own and is_marked(path):
                yield path

    def check(self, backup: StoredBackup) -> None:
        """Read a backup as a restore would; raise `InvalidBackup` where it is not whole."""
        with reading(Path(backup.name)):
            self.check_same(backup)

    def get_size(self, backup: StoredBackup) -> int:
        """Return how many bytes a backup has now."""
        with explaining(f'reading "{backup.name}"'):
            return Path(backup.name).stat().st_size

    def delete(self, backup: StoredBackup) -> None:
        """Remove a backup, if it is still the one that was listed, and nobody is replacing it.

        Raises `Busy` where a backup is being written there, and `InvalidBackup` where another
        file has come in its place.
        """
        path = Path(backup.name)
        with holding(FileLock(path, WRITTEN), f'"{path}"', 0), explaining(f'removing "{path}"'):
            self.check_same(backup)
            path.unlink()
            sync_folder(path.parent)

    def check_same(self, backup: StoredBackup) -> None:
        path = Path(backup.name)
        if not is_marked(path) or describe_file(path).checksum != backup.checksum:
            raise InvalidBackup(
                f'"{path}" is not the file any more that was listed there. Try again.'
            )


def is_marked(path: Path) -> bool:
    """Return whether a regular file, which may be read, carries the mark of a backup."""
    # What may not be opened, or has just gone, is not ours to judge.
    with suppress(OSError):
        if path.is_symlink() or not path.is_file():
            return False
        with open(path, "rb", opener=open_at_once) as file:
            header = file.read(100)
        mark = int.from_bytes(header[68:72], "big")
        return header.startswith(MAGIC) and mark == APPLICATION_ID
    return False


def describe_file(path: Path) -> StoredBackup:
    """Return what a backup file says of itself, with none of its rows read.

    Raises `InvalidBackup` where it cannot be read. That its checksum holds is not found out here.
    """
    try:
        check_path(path)
        with open(path, "rb", opener=open_at_once) as file:
            check_header(file, path)
            digest = checksum.read_digest(file).decode()
            size = os.fstat(file.fileno()).st_size
        # Immutable: a journal beside a file is not rolled back into it.
        backup = OpenedBackup(path, connect(path, "ro&immutable=1"))
        with closing(backup.connection):
            return describe(backup, digest, size)
    except (OSError, *UNREADABLE) as error:
        raise InvalidBackup(f'"{path}" cannot be read: {error}.') from error


def describe(backup: OpenedBackup, digest: str, size: int) -> StoredBackup:
    names = begin(backup)
    with limited(backup):
        manifest = Manifest.read(backup.raw)
        check_migrations(backup, manifest)
        migrations = find_last(backup, manifest) if MIGRATIONS_TABLE in names else {}
    if not DIGEST.match(digest):
        raise InvalidBackup(f'"{backup.path}" has no checksum where it should be.')
    described = StoredBackup(
        name=str(backup.path),
        created=datetime.fromisoformat(manifest.created),
        database=manifest.database,
        origin=manifest.origin,
        engine=manifest.engine,
        engine_version=manifest.engine_version,
        rows=manifest.rows,
        tables=len(manifest.tables),
        file_bytes=size,
        checksum=digest,
        stored_bytes=size,
        # Not known without reading all of it, and not needed: the file carries its own.
        stored_sha256="",
        migrations=migrations,
        package=manifest.package,
        partial=manifest.partial,
    )
    described.check_moment()
    return described


def find_last(backup: OpenedBackup, manifest: Manifest) -> dict[str, list[str]]:
    """Return the last recorded migrations of each app, those that the code does not know too."""
    with registered(backup.connection):
        recorded = get_recorded(backup.connection)
        try:
            loader = load(backup.connection)
        except RevisionMismatch:
            # Without a graph that fits, the order in which they were applied is all there is.
            return collect(dict(backup.raw.execute(LAST_RECORDED)).items())
    applied = express(recorded, loader.graph, loader.disk_migrations)
    unknown = find_unknown_of_file(recorded, loader.disk_migrations, manifest)
    return collect(sorted({*get_last_keys(loader.graph, applied), *unknown}))


def collect(keys: Iterable[Key]) -> dict[str, list[str]]:
    last: dict[str, list[str]] = {}
    for app_label, name in keys:
        last.setdefault(app_label, []).append(name)
    return last
