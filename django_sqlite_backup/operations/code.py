"""At which revision a backup is, held against that of the code."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django_sqlite_backup.recorded import Key, load
from django_sqlite_backup.tables import shorten_list


@dataclass(frozen=True)
class Comparison:
    """In which apps a backup is at another revision than the code."""

    behind: tuple[str, ...] = ()
    """Labels of apps of which the code has migrations that the backup does not record."""
    ahead: tuple[str, ...] = ()
    """Labels of apps of which the backup records migrations that the code does not have."""

    def __str__(self) -> str:
        parts = [
            f"{word} in {shorten_list(labels)}"
            for word, labels in (("ahead", self.ahead), ("behind", self.behind))
            if labels
        ]
        return ", ".join(parts) or "as the code"


class CodeRevision:
    """The last migrations of each app of the code."""

    def __init__(self) -> None:
        loader = load(None)
        self.disk = loader.disk_migrations
        self.last: dict[str, set[Key]] = {}
        for app_label, name in loader.graph.leaf_nodes():
            self.last.setdefault(app_label, set()).add((app_label, name))
        self.nodes = frozenset(loader.graph.nodes)
        # The end of what a squashed migration replaces is the squashed migration.
        self.ends: dict[Key, Key] = {
            replaced[-1]: key
            for key, migration in self.disk.items()
            if (replaced := [part for part in migration.replaces if part[0] == key[0]])
        }

    def compare(self, migrations: Mapping[str, Sequence[str]]) -> Comparison | None:
        """Hold the last migrations of a backup against the code; None where it records none.

        Apps that the code does not have, or has without migrations, are passed over.
        """
        if not migrations:
            return None
        behind, ahead = [], []
        for app_label, last in sorted(self.last.items()):
            recorded = {(app_label, name) for name in migrations.get(app_label, ())}
            if recorded - self.disk.keys():
                ahead.append(app_label)
            elif last - self.express(recorded):
                behind.append(app_label)
        return Comparison(tuple(behind), tuple(ahead))

    def express(self, recorded: Iterable[Key]) -> set[Key]:
        """Return the nodes of the code's graph that these migrations are."""
        return {key if key in self.nodes else self.ends.get(key, key) for key in recorded}
