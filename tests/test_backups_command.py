"""`manage.py sqlitebackups`, in a folder and in a storage, run as its users run it."""

import json
import os
from datetime import UTC, datetime, timedelta
from textwrap import dedent
from zoneinfo import ZoneInfo

import pytest
from django.core.files.storage import FileSystemStorage

from django_sqlite_backup.operations.storing import BackupStore
from django_sqlite_backup.report import Report
from tests import files
from tests.shops import Project

STORAGE = """
    from django.conf.global_settings import STORAGES

    STORAGES["backups"] = {{
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {{"location": {folder!r}}},
    }}
    SQLITE_BACKUP = {{"STORAGE": "backups", "RETENTION": {{"last": 2}}}}
"""


@pytest.fixture
def project(tmp_path):
    """A project with one backup of its live database, and no storage."""
    project = Project(tmp_path)
    done = project.run("sqlitebackup")
    assert done.code == 0, done.err
    return project


@pytest.fixture
def with_storage(project, databases):
    """The same with an empty storage."""
    project.configure(STORAGE.format(folder=str(project.folder / "storage")))
    return project


def copy(project, name, **values):
    """Put another backup beside that of the project, with another manifest."""
    path = project.folder / name
    path.write_bytes(project.backup.read_bytes())
    files.edit_manifest(path, **values)
    return path


def date(path, **ago):
    """Make a backup as old as that."""
    moment = datetime.now(UTC) - timedelta(**ago)
    files.edit_manifest(path, created=moment.isoformat(timespec="seconds"))
    return moment


def store(project, path):
    """Put a backup into the storage, as a run does, and return its name there."""
    storage = FileSystemStorage(location=project.folder / "storage")
    report = Report(str(path), "default", checksum=files.hash_file(path.read_bytes()))
    return BackupStore(storage).put(path, report).name


def listed(project, *arguments):
    done = project.run("sqlitebackups", "--format=json", *arguments)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)["backups"]


def test_table_of_what_there_is(project):
    created = date(project.backup, hours=3)
    local = created.astimezone(ZoneInfo("Europe/Amsterdam"))
    done = project.run("sqlitebackups")
    heading, line = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    names = ["CREATED", "AGE", "DATABASE", "ENGINE", "ROWS", "SIZE", "REVISION", "VERIFIED", "NAME"]
    assert heading.split() == names
    place = {name: heading.index(name) for name in names}
    assert line[: place["AGE"]].strip() == f"{local:%F %T}"
    assert line[place["AGE"] : place["DATABASE"]].strip() == "3 hours"
    assert line[place["DATABASE"] : place["ENGINE"]].strip() == "default"
    assert line[place["REVISION"] : place["VERIFIED"]].strip() == "as the code"
    assert line[place["VERIFIED"] : place["NAME"]].strip() == "unknown"
    assert line[place["NAME"] :] == str(project.backup)


def test_json_has_everything(project):
    (backup,) = listed(project)
    manifest = files.read_manifest(project.backup)
    assert backup["place"] == "local"
    assert backup["name"] == str(project.backup)
    assert datetime.fromisoformat(backup["created"]) == datetime.fromisoformat(manifest["created"])
    assert backup["rows"] == sum(entry["rows"] for entry in manifest["tables"].values())
    assert backup["file_bytes"] == project.backup.stat().st_size
    assert backup["revision"] == {"behind": [], "ahead": []}
    assert (backup["verified"], backup["stored_sha256"]) == (None, None)


def test_safety_backups_are_listed_too(project):
    (project.folder / "notes.txt").touch()
    date(copy(project, "backup.before-restore-20260301T000000Z.sqlite3"), days=2)
    names = [backup["name"].rpartition("/")[2] for backup in listed(project)]
    assert names == ["backup.sqlite3", "backup.before-restore-20260301T000000Z.sqlite3"]


def test_alias_that_nothing_has_is_an_error(project):
    copy(project, "old.sqlite3", database="nosuchlong")
    done = project.run("sqlitebackups", "--database=nosuch")
    assert (done.code, done.out) == (1, "")
    hint = 'Did you mean "nosuchlong"?'
    assert f'Neither DATABASES nor any backup has the alias "nosuch". {hint}' in done.err


def test_alias_that_only_a_backup_or_only_the_settings_have_is_none(project):
    path = copy(project, "old.sqlite3", database="former")
    assert [backup["name"] for backup in listed(project, "--database=former")] == [str(path)]
    assert project.run("sqlitebackups", "--database=backup").out == "There are no backups.\n"


def test_backup_of_older_code_is_behind(project):
    files.edit(
        project.backup, "DELETE FROM django_migrations WHERE app = 'auth' AND name >= '0012'"
    )
    assert listed(project)[0]["revision"] == {"behind": ["auth"], "ahead": []}
    assert "behind in auth" in project.run("sqlitebackups").out


def test_backup_of_newer_code_is_ahead(project):
    statement = "INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0099', '')"
    files.edit(project.backup, statement.replace("''", "'2026-03-01 00:00:00'"))
    assert listed(project)[0]["revision"] == {"behind": [], "ahead": ["shop"]}


def test_names_are_those_of_files_and_printed_safely(project):
    copy(project, "a\x1b[31m.sqlite3")
    assert "a\\x1b[31m.sqlite3" in project.run("sqlitebackups").out


def test_another_folder_is_named_by_a_file_or_by_itself(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "old.sqlite3").write_bytes(project.backup.read_bytes())
    for named in (folder, folder / "none.sqlite3"):
        (backup,) = listed(project, "--file", named)
        assert backup["name"] == str(folder / "old.sqlite3")


def test_no_backups_is_an_empty_list(project):
    project.backup.unlink()
    assert listed(project) == []
    assert project.run("sqlitebackups").out == "There are no backups.\n"


def test_unreadable_backup_is_named_in_a_warning(project):
    path = copy(project, "later.sqlite3")
    files.execute(path, "PRAGMA user_version = 99")
    done = project.run("sqlitebackups", "--format=json")
    assert done.code == 0
    assert done.err == f"Warning: No finished backups, and left alone (local): {path}.\n"
    assert json.loads(done.out)["strangers"] == {"local": [str(path)]}


def test_no_live_database_is_asked(project):
    project.live.unlink()
    assert len(listed(project)) == 1
    assert not project.live.exists()


def test_other_databases_are_left_out_where_one_is_named(project):
    copy(project, "other.sqlite3", database="other")
    assert {backup["database"] for backup in listed(project)} == {"default", "other"}
    assert [backup["database"] for backup in listed(project, "--database=other")] == ["other"]


# A storage


def test_storage_and_folder_are_listed_together(with_storage):
    name = store(with_storage, with_storage.backup)
    found = {(backup["place"], backup["name"]) for backup in listed(with_storage)}
    assert found == {("storage", name), ("local", str(with_storage.backup))}
    assert f"storage: {name}" in with_storage.run("sqlitebackups").out


@pytest.mark.parametrize("place", ["storage", "local"])
def test_one_of_them_alone(with_storage, place):
    store(with_storage, with_storage.backup)
    assert [backup["place"] for backup in listed(with_storage, f"--{place}")] == [place]


def test_data_without_a_sidecar_are_no_backup(with_storage):
    name = store(with_storage, with_storage.backup)
    (with_storage.folder / "storage" / f"{name}.json").unlink()
    done = with_storage.run("sqlitebackups", "--storage")
    assert done.out == "There are no backups.\n"
    assert done.err == f"Warning: No finished backups, and left alone (storage): {name}.\n"


def test_storage_that_is_not_set_is_an_error(project):
    done = project.run("sqlitebackups", "--storage")
    assert (done.code, done.out) == (1, "")
    assert 'SQLITE_BACKUP["STORAGE"] is not set' in done.err


def test_nowhere_to_look_is_an_error(project):
    project.configure("del DATABASES['backup']")
    done = project.run("sqlitebackups")
    assert (done.code, done.out) == (1, "")
    assert "There is nowhere to look for backups" in done.err


# Monitoring


def check(project, *arguments):
    done = project.run("sqlitebackups", "--check", *arguments)
    return done.code, done.err.removeprefix("CommandError: ").strip()


def test_enough_backups_pass(project):
    date(copy(project, "old.sqlite3"), days=3)
    assert check(project, "--max-age=26h", "--min-count=2") == (0, "")


def test_too_few_fail(project):
    assert check(project, "--min-count=3") == (
        1,
        'Backups of "default": 1, and there should be at least 3.',
    )


def test_too_old_fails(project):
    date(project.backup, hours=27)
    assert check(project, "--max-age=26h") == (
        1,
        'The newest backup of "default" is 27 hours old, and should not be older than 26h.',
    )


def test_none_at_all_fails(project):
    project.backup.unlink()
    expected = 'Backups of "default": 0, and there should be at least 1.'
    assert check(project, "--max-age=26h") == (1, expected)


def test_the_list_is_printed_where_the_check_fails(project):
    done = project.run("sqlitebackups", "--check", "--min-count=3", "--format=json")
    assert done.code == 1
    assert len(json.loads(done.out)["backups"]) == 1


@pytest.mark.parametrize("values", [{"origin": "f" * 16}, {"created": "2999-01-01T00:00:00+00:00"}])
def test_backup_of_elsewhere_or_of_the_future_does_not_count(project, values):
    date(project.backup, days=3)
    copy(project, "newer.sqlite3", **values)
    assert check(project, "--max-age=26h", "--min-count=2") == (
        1,
        'Backups of "default": 1 (1 more do not count: damaged, of another database, or dated in '
        'the future), and there should be at least 2. The newest backup of "default" is 3 days '
        "old, and should not be older than 26h.",
    )


def test_partial_backup_does_not_count_beside_a_whole_one(project):
    date(project.backup, days=3)
    copy(project, "part.sqlite3", partial=True)
    assert check(project, "--max-age=26h")[0] == 1


def test_newer_partial_backups_that_do_not_count_are_named(project):
    date(project.backup, days=3)
    copy(project, "part.sqlite3", partial=True, created=datetime.now(UTC).isoformat())
    code, error = check(project, "--max-age=26h")
    assert code == 1
    assert "3 days old, and should not be older than 26h. Newer and partial: 1" in error


def test_partial_backups_count_where_all_are(project):
    files.edit_manifest(project.backup, partial=True)
    assert check(project, "--max-age=26h") == (0, "")


def test_one_backup_in_two_places_is_one(with_storage):
    store(with_storage, with_storage.backup)
    assert check(with_storage, "--min-count=1") == (0, "")
    assert check(with_storage, "--min-count=2")[0] == 1


def test_backup_that_was_cut_short_does_not_count(with_storage):
    name = store(with_storage, with_storage.backup)
    with_storage.backup.unlink()
    stored = with_storage.folder / "storage" / name
    size = stored.stat().st_size
    os.truncate(stored, size - 1)
    code, error = check(with_storage)
    assert code == 1
    assert f'"{name}" has {size - 1:,} bytes, and should have {size:,}.' in error
    assert 'Backups of "default": 0 (1 more do not count' in error


@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_number_that_checks_nothing_is_an_error(project, number):
    done = project.run("sqlitebackups", "--check", f"--min-count={number}")
    assert (done.code, done.out) == (2, "")
    assert "--min-count" in done.err


@pytest.mark.parametrize("argument", ["--max-age=26h", "--min-count=3"])
def test_condition_without_the_check_is_an_error(project, argument):
    done = project.run("sqlitebackups", argument)
    assert (done.code, done.out) == (1, "")
    assert "add --check" in done.err


def test_duration_that_is_none_is_an_error(project):
    code, error = check(project, "--max-age=1w")
    assert (code, error.partition(".")[0]) == (1, '"1w" is no duration')


# Pruning


def configure(project, rules, extra=""):
    project.configure(f'SQLITE_BACKUP = {{"RETENTION": {rules!r}}}\n{extra}')


def prune(project, *arguments):
    done = project.run("sqlitebackup", "--no-progress", "--prune", *arguments)
    assert (done.code, done.err) == (0, "")
    return done.out


def backups_beside(project):
    return {path.name for path in project.folder.glob("*.sqlite3")} - {"live.sqlite3"}


def test_backup_is_made_and_then_old_ones_go(project):
    configure(project, {"last": 2})
    path = copy(project, "newer.sqlite3")
    newer, oldest = date(path, hours=1), date(copy(project, "oldest.sqlite3"), days=2)
    old = project.backup.read_bytes()
    sentence, *lines = prune(project).splitlines()
    assert sentence.startswith("Backed up ")
    zone = ZoneInfo("Europe/Amsterdam")
    assert [line.split() for line in lines[1:]] == [
        ["keep", *f"{newer.astimezone(zone):%F %T}".split(), str(path), "last"],
        [
            *("remove", *f"{oldest.astimezone(zone):%F %T}".split()),
            *(str(project.folder / "oldest.sqlite3"), "no", "rule"),
        ],
    ]
    assert lines[0].split()[0::3] == ["keep", str(project.backup)]
    assert project.backup.read_bytes() != old
    assert backups_beside(project) == {"backup.sqlite3", "newer.sqlite3"}


def test_dry_run_makes_and_removes_nothing(project):
    configure(project, {"last": 1})
    date(copy(project, "old.sqlite3"), days=2)
    before = project.contents()
    kept, removed = prune(project, "--dry-run").splitlines()
    assert kept.startswith("keep")
    assert removed.split()[0] == "remove"
    assert removed.split()[-3:] == [str(project.folder / "old.sqlite3"), "no", "rule"]
    assert project.contents() == before


def test_json_has_the_decisions(project):
    configure(project, {"last": 1})
    moment = date(copy(project, "old.sqlite3"), days=2)
    name = str(project.folder / "old.sqlite3")
    decision = {"name": name, "keep": False, "reasons": ["no rule"]}
    decision["created"] = moment.isoformat(timespec="seconds")
    dry = json.loads(prune(project, "--dry-run", "--format=json"))
    assert dry["database"] == "default"
    assert dry["retention"][1:] == [decision]
    report = json.loads(prune(project, "--format=json"))
    assert report["file"] == str(project.backup)
    assert report["retention"][1:] == [decision]
    assert backups_beside(project) == {"backup.sqlite3"}


def test_file_of_the_alias_stays_where_others_are_newer(project):
    configure(project, {"last": 1})
    date(project.backup, days=2)
    prune(project, "--file", project.folder / "today.sqlite3")
    assert backups_beside(project) == {"backup.sqlite3", "today.sqlite3"}


def test_file_of_the_alias_stays_under_another_name(project):
    """The alias names a link, and `--file` the folder by another one."""
    (project.folder / "shelf").mkdir()
    kept = project.backup.rename(project.folder / "shelf" / "kept.sqlite3")
    project.backup.symlink_to(kept)
    (project.folder / "other").symlink_to(project.folder / "shelf")
    date(kept, days=30)
    copy(project, "shelf/newer.sqlite3", created=datetime.now(UTC).isoformat())
    configure(project, {"last": 1})
    assert len(listed(project)) == 2
    done = project.run("sqlitebackup", "--file", "other/new.sqlite3", "--prune")
    assert (done.code, done.err) == (0, "")
    assert sorted(path.name for path in kept.parent.iterdir()) == ["kept.sqlite3", "new.sqlite3"]
    assert project.backup.exists()


NEWER = """
from datetime import UTC, datetime
from pathlib import Path
from django_sqlite_backup import BackupMechanism
from tests import files

class Slow(BackupMechanism):
    def copy_table_data(self, from_table, to_table):
        if from_table.label == "shop.Order":
            files.edit_manifest(Path("newer.sqlite3"), created=datetime.now(UTC).isoformat())
        return super().copy_table_data(from_table, to_table)
"""


def test_backup_that_was_just_made_stays(project):
    """Though another one was begun later, and is there already."""
    copy(project, "newer.sqlite3")
    configure(project, {"last": 1}, f'SQLITE_BACKUP["MECHANISM"] = "own_settings.Slow"\n{NEWER}')
    lines = prune(project, "--file=made.sqlite3").splitlines()
    assert lines[1].split()[-2:] == [str(project.folder / "newer.sqlite3"), "last"]
    assert lines[2].split()[-2:] == ["just", "made"]
    assert {"made.sqlite3", "newer.sqlite3"} <= backups_beside(project)


def test_dated_files_are_pruned_without_an_alias(project):
    configure(project, {"daily": 2}, "del DATABASES['backup']")
    folder = project.folder / "nightly"
    folder.mkdir()
    for days in (1, 2, 3):
        date(copy(project, f"nightly/{days}.sqlite3"), days=days)
    prune(project, "--file", folder / "today.sqlite3")
    assert sorted(path.name for path in folder.iterdir()) == ["1.sqlite3", "today.sqlite3"]


def test_no_retention_is_an_error_before_the_backup(project):
    before = project.contents()
    done = project.run("sqlitebackup", "--prune")
    assert (done.code, done.out) == (1, "")
    assert 'SQLITE_BACKUP["RETENTION"] is not set' in done.err
    assert project.contents() == before


def test_misspelt_rule_stops_every_command(project):
    configure(project, {"dayly": 7})
    done = project.run("sqlitebackups")
    assert (done.code, done.out) == (1, "")
    assert 'SQLITE_BACKUP["RETENTION"]: There is no rule "dayly". Did you mean "daily"?' in done.err


@pytest.mark.parametrize("flags", [["--dry-run"], ["--prune", "--enqueue"]])
def test_flags_that_do_not_go_together(project, flags):
    before = project.contents()
    done = project.run("sqlitebackup", *flags)
    assert (done.code, done.out) == (1, "")
    assert "--prune" in done.err
    assert project.contents() == before


def test_backup_is_reported_where_the_pruning_fails(project):
    configure(project, {"last": 1})
    date(copy(project, "old.sqlite3"), days=2)
    (project.folder / ".old.sqlite3.lock").mkdir()
    done = project.run("sqlitebackup", "--prune", "--format=json")
    assert done.code == 1
    assert json.loads(done.out)["file"] == str(project.backup)
    assert "is not a regular file. Remove it." in done.err
    assert backups_beside(project) == {"backup.sqlite3", "old.sqlite3"}


def stored(project):
    return {path.name for path in (project.folder / "storage").iterdir()}


def test_storage_is_pruned_and_the_folder_is_not(with_storage):
    path = copy(with_storage, "older.sqlite3")
    names = []
    for days in (3, 2, 1):
        date(path, days=days)
        names.append(store(with_storage, path))
    (with_storage.folder / "storage" / "default-20200101T000000Z-0123abcd.sqlite3").write_text("?")
    report = json.loads(prune(with_storage, "--storage", "--format=json"))
    newest = report["stored"]["name"]
    assert [(item["name"], item["keep"]) for item in report["retention"]] == [
        (newest, True),
        (names[2], True),
        (names[1], False),
        (names[0], False),
    ]
    assert stored(with_storage) == {
        *(newest, f"{newest}.json", names[2], f"{names[2]}.json"),
        "default-20200101T000000Z-0123abcd.sqlite3",
    }
    assert backups_beside(with_storage) == {"backup.sqlite3", "older.sqlite3"}


def test_newest_good_one_of_a_storage_stays(with_storage):
    path = copy(with_storage, "older.sqlite3")
    names = []
    for days in (4, 3, 2, 1):
        date(path, days=days)
        names.append(store(with_storage, path))
    for name in names[2:]:
        data = (with_storage.folder / "storage" / name).read_bytes()
        files.overwrite(with_storage.folder / "storage" / name, 5000, bytes([data[5000] ^ 1]))
    with_storage.configure(
        STORAGE.format(folder=str(with_storage.folder / "storage")).replace(
            '"last": 2', '"last": 1'
        )
    )
    dry = json.loads(prune(with_storage, "--storage", "--dry-run", "--format=json"))
    assert [(item["name"], item["keep"]) for item in dry["retention"]] == [
        (names[3], True),
        (names[2], True),
        (names[1], True),
        (names[0], False),
    ]
    assert "it was damaged or changed" in dry["retention"][0]["reasons"][0]
    assert dry["retention"][2]["reasons"] == ["last"]


def test_each_of_several_databases_is_pruned_by_itself(with_storage):
    folder = str(with_storage.folder / "storage")
    other = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(with_storage.folder / "other")}
    with_storage.configure(f"{dedent(STORAGE.format(folder=folder))}\nDATABASES['other'] = {other}")
    assert with_storage.run("migrate", "--database=other", "--verbosity=0").code == 0
    assert with_storage.run("sqlitebackup", "--all-databases").code == 0
    for days in (1, 2, 3):
        for name in ("backup.sqlite3", "backup-other.sqlite3"):
            date(with_storage.folder / name, days=days)
            store(with_storage, with_storage.folder / name)
    prune(with_storage, "--storage", "--all-databases")
    backups = listed(with_storage, "--storage")
    assert sorted(backup["database"] for backup in backups) == ["default"] * 2 + ["other"] * 2
