"""A whole Django database, whatever its engine, in one plain SQLite file, and back."""

from ._version import __version__
from .exceptions import (
    BackupError,
    Busy,
    ConfigurationError,
    CopyError,
    InvalidBackup,
    MigrationError,
    MissingRights,
    RestoreForbidden,
    RevisionMismatch,
    StorageError,
    UnfitValues,
    VerificationError,
    Vetoed,
)
from .mechanism import BackupMechanism
from .report import Progress, Report
from .tables import Column, Table

__all__ = [
    "BackupError",
    "BackupMechanism",
    "Busy",
    "Column",
    "ConfigurationError",
    "CopyError",
    "InvalidBackup",
    "MigrationError",
    "MissingRights",
    "Progress",
    "Report",
    "RestoreForbidden",
    "RevisionMismatch",
    "StorageError",
    "Table",
    "UnfitValues",
    "VerificationError",
    "Vetoed",
    "__version__",
]
