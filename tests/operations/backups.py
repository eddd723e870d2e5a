"""Descriptions of backups, made up."""

from datetime import UTC, datetime
from hashlib import sha256

from django_sqlite_backup.operations.stored import StoredBackup


def make_stored(created, name=None, **values):
    """Return the description of a backup of this moment, which is in UTC where it has no zone."""
    if isinstance(created, str):
        created = datetime.fromisoformat(created)
    created = created if created.tzinfo else created.replace(tzinfo=UTC)
    return StoredBackup(
        **{
            "name": name or created.isoformat(),
            "created": created,
            "database": "default",
            "origin": "0123456789abcdef",
            "engine": "postgresql",
            "engine_version": "15.4",
            "rows": 608,
            "tables": 21,
            "file_bytes": 241_664,
            "checksum": sha256((name or created.isoformat()).encode()).hexdigest(),
            "stored_bytes": 51_200,
            "stored_sha256": "b" * 64,
            **values,
        }
    )
