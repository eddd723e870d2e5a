"""Removes the backups of a database that no rule keeps."""

import os
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from django.db import connections

from django_sqlite_backup.aliases import get_path
from django_sqlite_backup.conf import settings
from django_sqlite_backup.exceptions import ConfigurationError, InvalidBackup, VerificationError

from .catalog import Place, find_other_size, get_folder, get_origin, select
from .endings import note_removal
from .jobs import name_file
from .recording import get_system_user, logger, make_storable
from .retention import Decision, Policy, decide, get_group
from .stored import StoredBackup
from .storing import get_store


def get_policy() -> Policy:
    """Return the policy of the settings; raise `ConfigurationError` where there is none."""
    if settings.retention is None:
        raise ConfigurationError(
            'SQLITE_BACKUP["RETENTION"] is not set, so nothing says which backups are kept. Set it '
            'to a dict of rules, such as {"last": 3, "daily": 7}.'
        )
    return read_policy(settings.retention)


def read_policy(values: object) -> Policy:
    try:
        return Policy.from_dict(values)
    except ConfigurationError as error:
        raise ConfigurationError(f'SQLITE_BACKUP["RETENTION"]: {error}') from error


class Pruner:
    """Decides on the backups of one live database in one place, and removes some of them.

    Backups of other databases, by alias or by origin, are left alone, as is whatever cannot be read
    as a backup.

    Args:
        place: where the backups lie: a store, or a folder.
        policy: what is kept.
        database: the alias of the live database.
        trusted: names of backups that were just read back, and are not read once more.
        protected: names of backups that are kept whatever the policy says.
        now: the time; without it, that of the computer when it is decided.
    """

    def __init__(
        self,
        place: Place,
        policy: Policy,
        database: str,
        *,
        trusted: Collection[str] = (),
        protected: Collection[str] = (),
        now: datetime | None = None,
    ) -> None:
        self.place = place
        self.policy = policy
        self.database = database
        self.trusted = set(trusted)
        self.protected = frozenset(protected)
        self.now = now

    def plan(self) -> list[Decision]:
        """Return what would become of each backup, the newest first; nothing is removed.

        Before an older backup may go, the newest one of its group is read whole, or the next one
        where that is damaged, and all others are asked for their size: what is damaged takes
        nobody's place.
        """
        backups = select(self.place.list(), self.database, get_origin(self.database))
        # Not earlier: a backup that was made meanwhile is not dated in the future.
        now = self.now or datetime.now(UTC)
        decisions = decide(backups, self.policy, now)
        damaged = self.find_damaged(decisions, now)
        if damaged:
            decisions = decide(backups, self.policy, now, damaged=damaged)
        return [self.protect(decision) for decision in decisions]

    def prune(self) -> list[Decision]:
        """Remove what no rule keeps, and return what became of each backup, the newest first."""
        decisions = self.plan()
        self.remove(decisions)
        return decisions

    def remove(self, decisions: Sequence[Decision], user: str = "") -> None:
        """Remove what was decided to be removed, the oldest first.

        Each one is logged when it is gone, so that the log is right where the next one fails.

        Args:
            decisions: what `plan` returned, or some of it.
            user: who asked for it; without it, that of the operating system.
        """
        user = user or get_system_user()
        for decision in reversed(decisions):
            if not decision.keep:
                backup = decision.backup
                self.place.delete(backup)
                self.log(decision, user)
                note_removal(backup.name, backup.checksum, self.place.alias)

    def log(self, decision: Decision, user: str) -> None:
        extra = {
            "alias": self.database,
            "file": make_storable(decision.backup.name),
            "storage": self.place.alias,
            "user": user,
            "reasons": decision.reasons,
        }
        reasons = ", ".join(decision.reasons)
        logger.info("Pruned %s, by %s: %s", extra["file"], user, reasons, extra=extra)

    def find_damaged(self, decisions: Sequence[Decision], now: datetime) -> dict[str, str]:
        """Return what is wrong with backups, by name; of a group one whole one is read."""
        damaged: dict[str, str] = {}
        for group in {get_group(decision.backup) for decision in decisions if not decision.keep}:
            find: Callable[[StoredBackup], str] = self.find_damage
            for backup in (decision.backup for decision in decisions):
                if get_group(backup) != group or backup.created > now:
                    continue
                if problem := find(backup):
                    damaged[backup.name] = problem
                else:
                    find = partial(find_other_size, self.place)
        return damaged

    def find_damage(self, backup: StoredBackup) -> str:
        """Return what is wrong with a backup, or nothing."""
        if backup.name in self.trusted:
            return ""
        try:
            self.place.check(backup)
        except (InvalidBackup, VerificationError) as error:
            return str(error)
        return ""

    def protect(self, decision: Decision) -> Decision:
        name = decision.backup.name
        if decision.keep or name not in self.protected | self.trusted:
            return decision
        reason = "just made" if name in self.trusted else "the file of the alias"
        return Decision(decision.backup, True, (reason,))


def make_pruner(
    database: str | None = None,
    *,
    storage: bool | None = None,
    filename: str | os.PathLike[str] | None = None,
    backup: str | None = None,
) -> Pruner:
    """Return what prunes the backups of one database by the settings.

    Args:
        database: alias of the live database; without it, the setting `DATABASE`.
        storage: whether to prune the storage of the settings, or else the folder of the file;
            without it, the storage where there is one.
        filename: the file in whose folder to prune; without it, that of the alias `backup`.
        backup: the alias whose `NAME` is the file; without it, the setting `BACKUP`. The file
            itself, which every backup replaces, is never removed.

    Raises `ConfigurationError` where the settings lack what is needed.
    """
    policy, database = get_policy(), database or settings.database
    if settings.storage if storage is None else storage:
        return Pruner(get_store(), policy, database)
    backup = backup or settings.backup
    folder = get_folder(filename, backup)
    return Pruner(folder, policy, database, protected=find_own_files(database, backup))


def find_own_files(database: str, backup: str) -> list[str]:
    """Return the real paths of the aliases' files, if any, and of the database's beside them."""
    aliases = [alias for alias in (backup, settings.backup) if alias in connections.settings]
    paths = [(get_path(None, alias), name_file(database, alias)) for alias in aliases]
    return [os.path.realpath(path) for pair in paths for path in pair if path is not None]
