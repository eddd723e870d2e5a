"""The errors of the package, one small tree:

BackupError
├── ConfigurationError      an alias, a setting, a label or a path that cannot be used
├── InvalidBackup           the file is not a backup, is damaged, or says what is not so
├── RevisionMismatch        file, code and database are at revisions that do not fit
├── UnfitValues             the file has values that the live columns cannot take
├── RestoreForbidden        a restore was asked for where none is allowed
├── Vetoed                  a receiver of a signal forbids the run
├── Busy                    another run, or somebody's transaction, is in the way
├── MissingRights           the user of the database lacks rights that the run needs
├── MigrationError          a migration, or a receiver that runs with it, failed
├── StorageError            the storage of the backups, or what packs them, refused something
├── CopyError               the database or the disk refused something; the cause is chained
└── VerificationError       what was read back is not what was written

Every message says what is wrong, with the value in quotes, and then what to do. Front ends turn
these into their own errors; nothing else does.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error as DatabaseError


class BackupError(Exception):
    """Root of all errors that this package raises on purpose."""


class ConfigurationError(BackupError):
    """An alias, a setting, a label or a path cannot be used."""


class InvalidBackup(BackupError):
    """The file is not a backup that can be trusted."""


class RevisionMismatch(BackupError):
    """File, code and database are at revisions that do not fit together."""


class UnfitValues(BackupError):
    """The file has values that the live columns cannot take."""


class RestoreForbidden(BackupError):
    """A restore was asked for where none is allowed."""


class Vetoed(BackupError):
    """A receiver of `backup_started` or `restore_started` raised, and so forbids the run."""


class Busy(BackupError):
    """Another run, or somebody's open transaction, is in the way."""


class MissingRights(BackupError):
    """The user of the database lacks rights that the run needs."""


class MigrationError(BackupError):
    """A migration, or a receiver that runs with it, failed."""


class StorageError(BackupError):
    """The storage of the backups, or what packs them for it, refused something."""


class CopyError(BackupError):
    """The database or the disk refused something while rows were copied."""


class VerificationError(BackupError):
    """What was read back is not what was written."""


def get_reason(error: Exception) -> str:
    """Return what an error says, on one line, without the number that some put before it."""
    match error.args:
        case (int(), str(text)):
            reason = text
        case _:
            reason = str(error)
    return " ".join(reason.split())


def get_line(error: BaseException) -> str:
    """Return all that an error says, on one line, or else its type: for what anybody may raise."""
    return " ".join(str(error).split()) or type(error).__name__


REPORTED = (
    *(DatabaseError, sqlite3.Error, OSError),
    # A conversion that meets what its type has no room for, or another type.
    *(ValueError, ArithmeticError, TypeError, AttributeError),
)
HINTS = {
    "couldn't get a connection": "A run needs connections of its own: give the pool in "
    "DATABASES a max_size of 3 or more.",
    **dict.fromkeys(
        [
            *("terminating connection", "closed the connection", "connection is lost"),
            *("gone away", "Lost connection", "Connection was killed"),
        ],
        "The connection was lost: see that the server runs and that nothing ends long "
        "transactions, and try again.",
    ),
    **dict.fromkeys(
        ["deadlock", "Deadlock"],
        "Another transaction wanted the same tables: try again when it has ended.",
    ),
    **dict.fromkeys(
        ["statement timeout", "max_statement_time", "maximum statement execution time"],
        "Give the statements of this role, or of OPTIONS in DATABASES, more time.",
    ),
    "database is locked": "Try again when nobody writes to it, or give DATABASES a longer timeout.",
}
"""The way out, by what the driver says."""


@contextmanager
def explaining(doing: str) -> Iterator[None]:
    """Raise what a database, a disk or a conversion reports inside the block as a `CopyError`.

    `doing` completes the sentence "While …": it names the table or the file.
    """
    try:
        yield
    except REPORTED as error:
        reason = get_reason(error)
        hints = dict.fromkeys(hint for words, hint in HINTS.items() if words in reason)
        raise CopyError(". ".join([f"While {doing}: {reason}", *hints])) from error


@contextmanager
def explaining_migration(doing: str) -> Iterator[None]:
    """Raise whatever a migration raises inside the block as a `MigrationError`.

    Migrations are the project's own code: there is no telling what they raise.
    """
    try:
        yield
    except BackupError:
        raise
    except Exception as error:
        reason = get_reason(error) or type(error).__name__
        raise MigrationError(f"While {doing}: {reason}") from error
