"""What a manifest says of where its rows come from."""

import hashlib
from datetime import datetime
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


def get_host(connection: BaseDatabaseWrapper) -> str:
    """Return host, port and name of a live database as one text, and nothing to log in with."""
    settings = connection.settings_dict
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    return f"{settings['HOST']}{port}/{str(settings['NAME']).removeprefix('/')}"


def describe_origin(
    connection: BaseDatabaseWrapper,
    tables: dict[str, TableEntry],
    notes: dict[str, Any],
    *,
    created: datetime,
    partial: bool,
    record_host: bool,
) -> Manifest:
    """Return the manifest of a backup of this live database.

    `notes` are of its migrations, and `created` is the moment that its rows are of.
    """
    return Manifest(
        created=created.isoformat(),
        package=__version__,
        django=django.get_version(),
        database=connection.alias,
        engine=connection.vendor,
        engine_version=".".join(map(str, connection.get_database_version())),
        origin=get_fingerprint(connection),
        use_tz=connection.timezone is not None,
        tables=tables,
        partial=partial,
        host=get_host(connection) if record_host else "",
        **notes,
    )
