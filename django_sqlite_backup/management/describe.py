"""Plans and manifests as text for people."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.db.backends.base.base import BaseDatabaseWrapper

from django_sqlite_backup.inspection import Inspection
from django_sqlite_backup.management.base import make_printable
from django_sqlite_backup.manifest import Manifest
from django_sqlite_backup.operations import durations
from django_sqlite_backup.plan import RestorePlan


def describe_replacement(plan: RestorePlan, connection: BaseDatabaseWrapper) -> str:
    """Return a paragraph on what a restore would replace, and by what, for a person to judge."""
    settings = connection.settings_dict
    host = f" on {settings['HOST']}" if settings["HOST"] else ""
    lines = [
        f"About to replace {sum(plan.delete.values()):,} rows in {len(plan.delete)} tables of "
        f'"{connection.alias}" ({connection.display_name}, {settings["NAME"]}{host})',
        f"by the {plan.rows:,} rows of {describe_origin(plan)}.",
        *describe_part(plan.manifest),
        *describe_changes(plan, shown=3),
    ]
    return "\n".join(map(make_printable, lines))


def describe_origin(plan: RestorePlan) -> str:
    """Return what the file of a plan is, and of what."""
    manifest = plan.manifest
    origin = f'"{manifest.database}" ({manifest.engine})'
    return f'"{plan.file}", backed up {describe_age(manifest)} ago from {origin}'


def describe_age(manifest: Manifest) -> str:
    """Return the age of a backup."""
    return durations.describe_age(datetime.fromisoformat(manifest.created), datetime.now(UTC))


def describe_part(manifest: Manifest) -> Iterator[str]:
    """Yield a line where the file does not hold the whole database."""
    if manifest.partial:
        yield "It is partial: tables of the database that it is from were left out."


def describe_changes(plan: RestorePlan, shown: int) -> Iterator[str]:
    """Yield lines on the migrations, what is left out, and what happens where it fails."""
    data = plan.as_dict()
    for title, name in (
        ("Migrations to unapply", "unapply"),
        ("Migrations to apply before the rows", "apply"),
        ("Migrations to apply to the rows", "update"),
    ):
        if data[name]:
            yield f"{title}:"
            yield from describe_migrations(data[name], shown)
    if data["rebuild"]:
        yield "The tables of all migrated apps are dropped and made anew."
    if data["create"]:
        yield f"Tables to create: {', '.join(data['create'])}."
    if data["removed"]:
        yield f"Of apps that are not installed any more: {', '.join(data['removed'])}."
    yield from plan.get_warnings()
    if plan.one_transaction:
        yield "All of it is one transaction: a failure changes nothing."
    else:
        yield "This is not one transaction: a failure may leave the database in between."
    if plan.safety_backup:
        yield f'The database is backed up first, to "{plan.safety_backup}".'


def describe_revisions(plan: RestorePlan) -> Iterator[str]:
    """Yield a line for each app that is not at the same migration in file and live database."""
    data = plan.as_dict()
    stored, live = data["file_revision"], data["live_revision"]
    for app_label in sorted({*stored, *live}):
        its, own = (", ".join(last.get(app_label, ["nothing"])) for last in (stored, live))
        if its != own:
            yield f"{app_label}: the file is at {its}, the database at {own}."


def describe_migrations(migrations: list[dict[str, object]], shown: int) -> Iterator[str]:
    for migration in migrations[:shown]:
        marks = [
            *([] if migration["reversible"] else ["irreversible"]),
            *([] if migration["atomic"] else ["not atomic"]),
        ]
        yield f"  {migration['migration']}" + (f" ({', '.join(marks)})" if marks else "")
    if len(migrations) > shown:
        yield f"  and {len(migrations) - shown} more"


def describe_plan(plan: RestorePlan) -> str:
    """Return the whole plan as text."""
    labels = sorted({*plan.delete, *plan.insert})
    width = max(map(len, labels), default=0)
    lines = [
        describe_origin(plan),
        *describe_part(plan.manifest),
        *describe_revisions(plan),
        *describe_changes(plan, shown=1000),
        f"{'':{width}}  {'delete':>12}  {'insert':>12}",
        *(
            f"{label:{width}}  {plan.delete.get(label, 0):>12,}  {plan.insert.get(label, 0):>12,}"
            for label in labels
        ),
    ]
    if plan.kept:
        lines.append(f"Left as they are: {', '.join(plan.kept)}.")
    lines += [f"Obstacle: {obstacle}" for obstacle in plan.obstacles]
    lines += [f"Does not fit: {misfit}" for misfit in plan.misfits]
    return "\n".join(map(make_printable, lines))


def describe_inspection(found: Inspection) -> str:
    """Return what was found of a file as text."""
    lines = [f'"{found.file}"' + (f", {found.size:,} bytes" if found.size is not None else "")]
    if found.manifest:
        lines += describe_manifest(found.manifest)
    if found.migrations:
        lines += describe_recorded(found)
    lines += found.notes
    lines.append(
        f"The checksum holds: {found.checksum}"
        if found.checksum
        else "There is no checksum that holds."
    )
    return "\n".join(map(make_printable, lines))


def describe_manifest(manifest: Manifest) -> Iterator[str]:
    """Yield when and where from, and a line for each table."""
    created = datetime.fromisoformat(manifest.created).isoformat(timespec="seconds")
    yield f"Backed up {created}, {describe_age(manifest)} ago"
    yield (
        f'from "{manifest.database}" ({manifest.engine} {manifest.engine_version}, fingerprint '
        f"{manifest.origin}),"
    )
    if manifest.host:
        yield f"at {manifest.host},"
    yield f"by django-sqlite-backup {manifest.package} on Django {manifest.django}."
    yield from describe_part(manifest)
    yield f"{manifest.rows:,} rows in {len(manifest.tables)} tables:"
    width = max((len(entry.label) for entry in manifest.tables.values()), default=0)
    for entry in sorted(manifest.tables.values(), key=lambda entry: entry.label):
        yield f"  {entry.label:{width}}  {entry.rows:>12,}"


def describe_recorded(found: Inspection) -> Iterator[str]:
    """Yield a line for each migration of the file, and for those that only the code has."""
    marks = {
        "known": "",
        "ahead": "  (ahead: the code does not have it)",
        "removed": "  (its app is not installed any more)",
    }
    yield f"{len(found.migrations)} migrations:"
    for name, state in found.migrations.items():
        yield f"  {name}{marks[state]}"
    if found.behind:
        yield f"Behind the code, which also has {len(found.behind)}:"
        for name in found.behind:
            yield f"  {name}"
