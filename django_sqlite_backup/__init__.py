"""A whole Django database, whatever its engine, in one plain SQLite file, and back."""

from ._version import __version__
from .exceptions import (
    BackupError,
    ConfigurationError,
    CopyError,
    InvalidBackup,
    MigrationError,
    RestoreForbidden,
    RevisionMismatch,
    VerificationError,
)
from .mechanism import BackupMechanism
from .report import Progress, Report
from .tables import Column, Table

__all__ = [
    "BackupError",
    "BackupMechanism",
    "Column",
    "ConfigurationError",
    "CopyError",
    "InvalidBackup",
    "MigrationError",
    "Progress",
    "Report",
    "RestoreForbidden",
    "RevisionMismatch",
    "Table",
    "VerificationError",
    "__version__",
]
