"""What a manifest says of where its rows come from."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import django
from django.db.backends.base.base import BaseDatabaseWrapper

from ._version import __version__
from .manifest import Manifest, TableEntry


def get_fingerprint(connection: BaseDatabaseWrapper) -> str:
    """Return what tells two live databases apart without naming the host or the database."""
    settings = connection.settings_dict
    place = "\0".join(str(settings[key]) for key in ("HOST", "PORT", "NAME"))
    return hashlib.sha256(f"{connection.vendor}\0{place}".encode()).hexdigest()[:16]


def describe_origin(
    connection: BaseDatabaseWrapper,
    tables: dict[str, TableEntry],
    notes: dict[str, Any],
    *,
    partial: bool,
) -> Manifest:
    """Return the manifest of a backup of this live database; `notes` are of its migrations."""
    return Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        package=__version__,
        django=django.get_version(),
        database=connection.alias,
        engine=connection.vendor,
        engine_version=".".join(map(str, connection.get_database_version())),
        origin=get_fingerprint(connection),
        use_tz=connection.timezone is not None,
        tables=tables,
        partial=partial,
        **notes,
    )
