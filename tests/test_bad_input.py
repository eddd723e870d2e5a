"""What nobody should ask for: each refused in one paragraph with the way out, nothing changed."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from tests import engines, files, oracle
from tests.shops import TIMEOUT, Project, fill_shop

POSTGRESQL = {"HOST": "127.0.0.1", "PORT": "1", "USER": "u", "PASSWORD": "hush", "NAME": "shop"}
ANSWER = (
    " Check that its server runs and that DATABASES has the right host, name, user and password."
)


@pytest.fixture(scope="module")
def good(databases, tmp_path_factory):
    """A live shop: its alias, its text, and the bytes of its backup. No test here changes it."""
    alias = fill_shop(databases.use("default"))
    path = tmp_path_factory.mktemp("good") / "backup.sqlite3"
    call_command("sqlitebackup", file=path, stdout=StringIO())
    return alias, oracle.database_text(alias), path.read_bytes()


@pytest.fixture
def untouched(good, backup_path):
    """The alias of a live shop with a backup, none of which may change, in this process."""
    alias, text, backup = good
    backup_path.write_bytes(backup)
    yield alias
    assert (oracle.database_text(alias), backup_path.read_bytes()) == (text, backup)


@pytest.fixture
def project(tmp_path):
    """A project whose files may not change, for real processes."""
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    before = project.contents()
    yield project
    project.configure("")
    assert project.contents() == before


@pytest.fixture
def bad(untouched, backup_path, tmp_path):
    """A copy of the backup, for a test to spoil."""
    return shutil.copy(backup_path, tmp_path / "bad.sqlite3")


def refusal(command, *arguments, **options):
    """Return the paragraph with which a command refuses; a restore is not asked about."""
    out = StringIO()
    if command == "sqliterestore":
        options["interactive"] = False
    with pytest.raises(CommandError) as caught:
        call_command(command, *arguments, stdout=out, stderr=out, **options)
    assert (out.getvalue(), caught.value.returncode) == ("", 1)
    return str(caught.value)


def refusals(project, *arguments):
    """Return the paragraphs with which both commands refuse, run as processes."""
    paragraphs = set()
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        project.start("sqlitebackup", *arguments, **pipes) as backup,
        project.start("sqliterestore", "--no-input", *arguments, **pipes) as restore,
    ):
        for process in (backup, restore):
            out, err = process.communicate(timeout=TIMEOUT)
            assert (process.returncode, out, err.count("\n")) == (1, "", 1), err
            paragraphs.add(err.removeprefix("CommandError: ").strip())
    return paragraphs


def test_refusals_are_about_a_good_backup(bad):
    """None of the refusals below is one of the unspoilt file."""
    call_command("sqliterestore", "shop", file=bad, interactive=False, stdout=StringIO())


# Settings


def test_no_settings_at_all(project):
    environment = {**project.environment, "DJANGO_SETTINGS_MODULE": ""}
    done = project.run("sqlitebackup", env=environment)
    assert done.code == 1
    assert done.err.startswith("No Django settings specified.\n")


def test_no_databases(project):
    project.configure("DATABASES = {}")
    assert refusals(project, "--file=x.sqlite3") == {
        'The database "default" does not answer: settings.DATABASES is improperly configured. '
        "Please supply the ENGINE value. Check settings documentation for more details." + ANSWER
    }


def test_no_backup_alias(project):
    project.configure("del DATABASES['backup']")
    assert refusals(project) == {
        'DATABASES has no alias "backup" to say where the file is. Add it, with the engine '
        "django.db.backends.sqlite3 and a path as its NAME, or name a file (--file)."
    }


def test_a_wrong_backup_alias(project):
    assert refusals(project, "--backup=bakup") == {
        'DATABASES has no alias "bakup" to say where the file is. Did you mean "backup"?'
    }


def test_a_wrong_live_alias(project):
    assert refusals(project, "--database=defualt") == {
        'DATABASES has no alias "defualt". Did you mean "default"?'
    }


def test_a_live_alias_like_no_other(project):
    assert refusals(project, "--database=x") == {
        'DATABASES has no alias "x". Did you mean "backup" or "default"?'
    }


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_backup_alias_of_another_engine(project, engine):
    if not engines.driver_is_installed(engine):
        pytest.skip("without its driver there is no such engine")
    project.configure(
        f"DATABASES['backup'] = {{'ENGINE': 'django.db.backends.{engine}', 'NAME': 'x'}}"
    )
    assert refusals(project) == {
        f'The alias "backup" has the engine django.db.backends.{engine}, '
        "and a backup is a SQLite file. "
        "Give the alias the engine django.db.backends.sqlite3, or name a file (--file)."
    }


def test_a_backup_alias_without_a_name(project):
    project.configure("DATABASES['backup']['NAME'] = ''")
    assert refusals(project) == {
        'The alias "backup" has the NAME "", which is no path. Give it a path.'
    }


@pytest.mark.parametrize("name", [":memory:", "file:backup.sqlite3?mode=rw"])
def test_a_backup_alias_whose_name_is_no_path(project, name):
    project.configure(f"DATABASES['backup']['NAME'] = {name!r}")
    assert refusals(project) == {
        f'The alias "backup" has the NAME "{name}", which is no path. Give it a path.'
    }


def test_an_engine_that_is_not_there(project):
    project.configure("DATABASES['live'] = {'ENGINE': 'django.db.backends.nosuch'}")
    for paragraph in refusals(project, "--database=live"):
        assert paragraph.startswith(
            "The alias \"live\" cannot be used: 'django.db.backends.nosuch' isn't an available "
        )
        assert paragraph.endswith("Correct its ENGINE in DATABASES, or install the driver.")


@pytest.mark.parametrize(
    ("setting", "paragraph"),
    [
        (
            {"MECHANISM": "shop.nowhere.Mechanism"},
            'SQLITE_BACKUP["MECHANISM"] is "shop.nowhere.Mechanism", which cannot be imported: '
            "No module named 'shop.nowhere'.",
        ),
        (
            {"MECHANISM": "shop.models.Order"},
            "SQLITE_BACKUP[\"MECHANISM\"] is <class 'shop.models.Order'>, "
            "and no subclass of BackupMechanism.",
        ),
        (
            {"RESTORE_TABLE_FILTER": "shop.models.nothing"},
            'SQLITE_BACKUP["RESTORE_TABLE_FILTER"] is "shop.models.nothing", which cannot be '
            'imported: Module "shop.models" does not define a "nothing" attribute/class.',
        ),
        (
            {"BACKUP_TABLE_FILTER": 7},
            'SQLITE_BACKUP["BACKUP_TABLE_FILTER"] is 7, which cannot be called.',
        ),
        (
            {"ALOW_RESTORE": False},
            'SQLITE_BACKUP has no key "ALOW_RESTORE". Did you mean "ALLOW_RESTORE"?',
        ),
        (
            {"EXCLUDE": "shop"},
            "SQLITE_BACKUP[\"EXCLUDE\"] is 'shop', and should be a list of labels.",
        ),
        ({"RESTORE_EXCLUDE": ["shp"]}, None),
        (["EXCLUDE"], "SQLITE_BACKUP is ['EXCLUDE'], and should be a dict."),
    ],
)
def test_a_mistake_in_the_settings(project, setting, paragraph):
    project.configure(f"SQLITE_BACKUP = {setting!r}")
    assert refusals(project) == {
        paragraph
        or 'SQLITE_BACKUP["RESTORE_EXCLUDE"]: No app or model is called "shp". Did you mean "shop"?'
    }


def test_a_restore_where_none_is_allowed(untouched):
    with override_settings(SQLITE_BACKUP={"ALLOW_RESTORE": False}):
        assert refusal("sqliterestore") == (
            'SQLITE_BACKUP["ALLOW_RESTORE"] is off here: this project does not restore. '
            "Set it to True where a restore is meant to happen."
        )


# The live database


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        (
            "postgresql",
            'connection failed: connection to server at "127.0.0.1", port 1 failed: '
            "Connection refused Is the server running on that host and accepting TCP/IP "
            "connections.",
        ),
        ("mysql", "Can't connect to server on '127.0.0.1' (115)."),
    ],
)
def test_a_server_that_does_not_answer(project, engine, reason):
    if not engines.driver_is_installed(engine):
        pytest.skip("without its driver there is no such engine")
    database = {"ENGINE": f"django.db.backends.{engine}", **POSTGRESQL}
    project.configure(f"DATABASES['default'] = {database!r}")
    (paragraph,) = refusals(project)
    # The client library of MySQL itself words it otherwise than MariaDB's.
    assert paragraph == f'The database "default" does not answer: {reason}{ANSWER}' or (
        engine == "mysql" and "Can't connect to MySQL server" in paragraph
    )
    assert "hush" not in paragraph


def test_a_live_file_in_no_folder(project):
    project.configure("DATABASES['default']['NAME'] = BASE_DIR / 'nowhere' / 'live.sqlite3'")
    assert refusals(project) == {
        f'The database "default" does not answer: unable to open database file.{ANSWER}'
    }


def test_a_live_file_that_is_no_database(project, tmp_path):
    (tmp_path / "text").write_text(
        "This is not a database, but long enough to look like one.\n" * 9
    )
    project.configure(f"DATABASES['default']['NAME'] = {str(tmp_path / 'text')!r}")
    assert refusals(project) == {
        f'The database "default" does not answer: file is not a database.{ANSWER}'
    }


def test_a_live_database_without_tables(project, tmp_path):
    project.configure(f"DATABASES['default']['NAME'] = {str(tmp_path / 'empty')!r}")
    done = project.run("sqlitebackup")
    assert (done.code, done.out, done.err) == (
        1,
        "",
        'CommandError: The database "default" has no tables of this project. '
        "Run migrate --database default first.\n",
    )


# Labels


@pytest.mark.parametrize("command", ["sqlitebackup", "sqliterestore"])
@pytest.mark.parametrize(
    ("label", "suggestion"),
    [
        ("shp", 'Did you mean "shop"?'),
        ("shop.Ordr", 'Did you mean "shop.Order"'),
        ("shop.Orders", 'Did you mean "shop.Order"'),
        ("xyzzy", "Use app_label or app_label.ModelName."),
    ],
)
def test_a_wrong_label(untouched, command, label, suggestion):
    for arguments, options in (([label], {}), ([], {"exclude": [label]})):
        paragraph = refusal(command, *arguments, **options)
        assert paragraph.startswith(f'No app or model is called "{label}". {suggestion}')


# Where a backup cannot be written

FOLDER = "Name a file in a folder that exists and can be written to."


def test_a_backup_under_a_file(untouched, tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "backup.sqlite3"
    assert refusal("sqlitebackup", file=path) == (
        f'"{path}" cannot be written: Not a directory. {FOLDER}'
    )


def test_a_backup_in_no_folder(untouched, tmp_path):
    path = tmp_path / "nowhere" / "backup.sqlite3"
    assert refusal("sqlitebackup", file=path) == (
        f'"{path}" cannot be written: No such file or directory. {FOLDER}'
    )


def test_a_backup_where_no_file_can_be(untouched):
    assert refusal("sqlitebackup", file="/proc/backup.sqlite3") == (
        f'"/proc/backup.sqlite3" cannot be written: No such file or directory. {FOLDER}'
    )


def can_mount():
    command = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return shutil.which("unshare") and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="nothing can be mounted here")
def test_a_backup_on_a_read_only_disk(project, tmp_path):
    (tmp_path / "disk").mkdir()
    path = tmp_path / "disk" / "backup.sqlite3"
    mount = f"mount -t tmpfs -o ro tmpfs {tmp_path / 'disk'} && exec"
    with project.start("sqlitebackup", "--file", path, stdout=-1, stderr=-1) as process:
        command = process.args
        process.kill()
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{mount} "$@"', "sh", *map(str, command)],
        env=project.environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f'CommandError: "{path}" cannot be written: Read-only file system. {FOLDER}\n'
    )


def test_a_backup_onto_a_folder(untouched, tmp_path):
    assert refusal("sqlitebackup", file=tmp_path) == f'"{tmp_path}" is a folder. Name a file in it.'


def test_a_backup_onto_a_fifo(untouched, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert refusal("sqlitebackup", file=tmp_path / "fifo") == (
        f'"{tmp_path / "fifo"}" is not a regular file. Name another one.'
    )


def test_a_backup_onto_a_device(untouched):
    assert refusal("sqlitebackup", file="/dev/null") == (
        '"/dev/null" is not a regular file. Name another one.'
    )


def test_a_backup_onto_somebody_elses_database(untouched, tmp_path):
    path = tmp_path / "mine.sqlite3"
    files.execute(path, "CREATE TABLE t (id integer)")
    before = path.read_bytes()
    assert refusal("sqlitebackup", file=path) == (
        f'"{path}" is a SQLite database, but not a backup, and is not replaced. '
        "Name another file, or remove this one first."
    )
    assert path.read_bytes() == before


def test_a_name_without_letters(untouched):
    for command in ("sqlitebackup", "sqliterestore"):
        assert refusal(command, file="") == "The name of the file is empty. Name a file."


# The live database itself as the file


@pytest.mark.parametrize("command", [["sqlitebackup"], ["sqliterestore", "--no-input"]])
@pytest.mark.parametrize("kind", ["itself", "symlink", "hard link", "relative"])
def test_the_live_database_is_no_backup_of_itself(project, tmp_path, command, kind):
    path = {"itself": project.live, "relative": "./live.sqlite3"}.get(kind, tmp_path / "link")
    if kind == "symlink":
        path.symlink_to(project.live)
    if kind == "hard link":
        path.hardlink_to(project.live)
    done = project.run(*command, "--file", path)
    shown = project.folder / path
    assert (done.code, done.out, done.err) == (
        1,
        "",
        f'CommandError: "{shown}" is the live database "default" itself. Name another file.\n',
    )


def test_the_backup_alias_is_the_live_database(project):
    project.configure("DATABASES['backup']['NAME'] = DATABASES['default']['NAME']")
    assert refusals(project) == {
        f'"{project.live}" is the live database "default" itself. Name another file.'
    }


# What is no backup


def test_a_missing_file(untouched, tmp_path):
    path = tmp_path / "none.sqlite3"
    assert refusal("sqliterestore", file=path) == (
        f'There is no file "{path}". Make one with sqlitebackup.'
    )


def test_a_dangling_symlink(untouched, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert refusal("sqliterestore", file=tmp_path / "link") == (
        f'There is no file "{tmp_path / "none"}". Make one with sqlitebackup.'
    )


def test_a_folder(untouched, tmp_path):
    assert refusal("sqliterestore", file=tmp_path) == f'"{tmp_path}" is not a regular file.'


def test_a_fifo(untouched, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / "fifo"
    assert refusal("sqliterestore", file=path) == f'"{path}" is not a regular file.'


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 4096, b"PGDMP" + b"x" * 4096, b"SQLite format 3\0", "ü".encode() * 99],
    ids=["empty", "zeros", "pg_dump", "cut off in the header", "text"],
)
def test_a_file_that_is_not_sqlite(untouched, tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert refusal("sqliterestore", file=path) == (
        f'"{path}" is not a SQLite file (or it is encrypted or cut short).'
    )


def test_a_sqlite_file_that_is_no_backup(untouched, tmp_path):
    path = tmp_path / "other.sqlite3"
    files.execute(path, "CREATE TABLE shop_order (id integer)")
    assert refusal("sqliterestore", file=path) == (
        f'"{path}" is a SQLite file, but not a backup made by sqlitebackup.'
    )


def test_a_symlink_to_a_backup_is_followed(untouched, backup_path, tmp_path):
    (tmp_path / "link").symlink_to(backup_path)
    call_command("sqliterestore", file=tmp_path / "link", interactive=False, stdout=StringIO())


@pytest.mark.parametrize("version", [0, 2, 2**31 - 1])
def test_another_format(bad, version):
    files.edit(bad, f"PRAGMA user_version = {version}")
    assert refusal("sqliterestore", file=bad) == (
        f'"{bad}" is in format {version}, and this version reads format 1. '
        "Restore it with the version of django-sqlite-backup that made it, or a newer one."
    )


# What is a backup no more

BROKEN = (
    "is not as it was when it was made: its checksum does not hold. "
    "It was damaged, cut short or edited. Use another copy; or, if you edited it yourself, "
    "--allow-modified (allow_modified=True)."
)


def test_a_flipped_bit(bad):
    files.overwrite(bad, bad.stat().st_size // 2, b"\xff")
    assert refusal("sqliterestore", file=bad) == f'"{bad}" {BROKEN}'


def test_a_file_cut_short(bad):
    os.truncate(bad, bad.stat().st_size - 4096)
    assert refusal("sqliterestore", file=bad) == f'"{bad}" {BROKEN}'


def test_a_row_edited_by_sqlite(bad):
    files.execute(bad, "UPDATE shop_product SET price = 0")
    assert refusal("sqliterestore", file=bad) == f'"{bad}" {BROKEN}'


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_a_companion_of_somebody_who_writes(bad, suffix):
    companion = bad.with_name(bad.name + suffix)
    companion.write_bytes(b"something")
    assert refusal("sqliterestore", file=bad) == (
        f'"{companion}" lies beside the backup, so somebody is changing it, or died doing so. '
        "A finished backup has no such companion: use another copy of the file."
    )
    assert companion.read_bytes() == b"something"


def test_a_file_in_wal_mode(bad):
    files.edit(bad, "PRAGMA journal_mode = WAL")
    assert refusal("sqliterestore", file=bad) == (
        f'"{bad}" is in WAL mode, so it was changed after it was made. Use another copy; or, '
        "if you edited it yourself, PRAGMA journal_mode = DELETE, and then --allow-modified."
    )
    assert sorted(path.name for path in bad.parent.glob("bad*")) == [bad.name]


# What means harm: the checksum holds again


VIEW = "CREATE VIEW harm AS SELECT 1"


@pytest.mark.parametrize(
    ("statements", "name", "kind"),
    [
        ([VIEW], "harm", "view"),
        (["CREATE TRIGGER harm AFTER INSERT ON shop_order BEGIN SELECT 1; END"], "harm", "trigger"),
        (["CREATE VIRTUAL TABLE harm USING fts5(text)"], "harm", "table"),
        (
            ["ALTER TABLE shop_order RENAME TO o", "CREATE VIEW shop_order AS SELECT * FROM o"],
            "shop_order",
            "view",
        ),
        (
            [
                f"ALTER TABLE {files.MANIFEST} RENAME TO m",
                f"CREATE VIEW {files.MANIFEST} AS SELECT * FROM m",
            ],
            files.MANIFEST,
            "view",
        ),
    ],
)
def test_what_would_be_executed(bad, statements, name, kind):
    files.edit(bad, *statements)
    assert refusal("sqliterestore", file=bad) == (
        f'The file holds "{name}", which is no plain table ({kind}).'
    )


@pytest.mark.parametrize("storage", ["VIRTUAL"])
def test_a_generated_column(bad, storage):
    files.edit(bad, f"ALTER TABLE shop_order ADD COLUMN harm AS (zeroblob(1)) {storage}")
    assert refusal("sqliterestore", file=bad) == (
        'The file computes column "harm" of "shop_order" by itself.'
    )


def test_a_missing_table(bad):
    files.edit(bad, "DROP TABLE shop_review", "DROP TABLE shop_payment")
    assert refusal("sqliterestore", file=bad) == (
        'The file lacks tables that its manifest lists: "shop_payment", "shop_review".'
    )


def test_an_extra_table(bad):
    files.edit(bad, 'CREATE TABLE "ex""tra" (id integer)')
    assert refusal("sqliterestore", file=bad) == 'The file holds tables beside its own: "ex"tra".'


def test_a_row_too_few(bad):
    files.edit(
        bad, "DELETE FROM shop_stockmovement WHERE id = (SELECT max(id) FROM shop_stockmovement)"
    )
    ((count,),) = files.execute(bad, "SELECT count(*) FROM shop_stockmovement")
    assert refusal("sqliterestore", file=bad) == (
        f'The file has {count} rows in "shop_stockmovement", and its manifest says {count + 1}.'
    )


def test_a_missing_column(bad):
    files.edit(bad, "ALTER TABLE shop_order DROP COLUMN note")
    paragraph = refusal("sqliterestore", file=bad)
    assert "shop.Order" in paragraph
    assert "note" in paragraph


def test_an_extra_column(bad):
    files.edit(bad, "ALTER TABLE shop_order ADD COLUMN surplus text")
    paragraph = refusal("sqliterestore", file=bad)
    assert "shop.Order" in paragraph
    assert "surplus" in paragraph


def test_a_missing_manifest(bad):
    files.edit(bad, f"DROP TABLE {files.MANIFEST}")
    assert refusal("sqliterestore", file=bad) == (
        "The file is SQLite, but its manifest cannot be read "
        f"(no such table: {files.MANIFEST}). It is no backup of this kind, or it was damaged."
    )


def table_entry(**values):
    return {"tables": {"shop_order": {"label": "shop.Order", "rows": 1, "next_keys": {}, **values}}}


@pytest.mark.parametrize(
    ("values", "paragraph"),
    [
        ({"created": 7}, 'The manifest makes no sense where it says "created".'),
        ({"created": "now"}, 'The manifest says "now" where it should say when.'),
        (
            {"created": "2020-02-03T04:05:06"},
            'The manifest says "2020-02-03T04:05:06" where it should say when.',
        ),
        ({"engine": None}, 'The manifest makes no sense where it says "engine".'),
        ({"use_tz": 1}, 'The manifest makes no sense where it says "use_tz".'),
        (table_entry(rows=-1), 'The manifest makes no sense where it describes "shop_order".'),
        (table_entry(rows=True), 'The manifest makes no sense where it describes "shop_order".'),
        (table_entry(rows=1.0), 'The manifest makes no sense where it describes "shop_order".'),
        (table_entry(rows="1"), 'The manifest makes no sense where it describes "shop_order".'),
        (table_entry(label=[]), 'The manifest makes no sense where it describes "shop_order".'),
        (
            table_entry(next_keys=[1]),
            'The manifest makes no sense where it describes "shop_order".',
        ),
        (
            table_entry(next_keys={"id": 10**30}),
            'The manifest makes no sense where it describes "shop_order".',
        ),
        ({"format": 2}, 'The header says format 1, the manifest "2".'),
        ({"format": True}, 'The manifest makes no sense where it says "format".'),
        (
            table_entry(next_keys={"id": "1; DROP TABLE shop_order"}),
            'The manifest makes no sense where it describes "shop_order".',
        ),
    ],
)
def test_a_manifest_that_makes_no_sense(bad, values, paragraph):
    files.edit_manifest(bad, **values)
    assert refusal("sqliterestore", file=bad) == paragraph


@pytest.mark.parametrize(
    "values",
    [
        {"tables": []},
        {"tables": {"shop_order": []}},
        {"tables": {"shop_order": {"label": "shop.Order"}}},
        table_entry(surprise=1),
        {"created": b"{"},
        {"created": b"[" * 100_000},
        {"created": b"9" * 100_000},
        {"created": b"\xff"},
        {"created": b'"' + b" " * 9_000_000 + b'"'},
    ],
    ids=range(9),
)
def test_a_manifest_that_cannot_be_read(bad, values):
    files.edit_manifest(bad, **values)
    paragraph = refusal("sqliterestore", file=bad)
    assert paragraph.startswith("The file is SQLite, but its manifest cannot be read (")
    assert paragraph.endswith("). It is no backup of this kind, or it was damaged.")


def test_counts_that_no_file_can_have(bad):
    tables = files.read_manifest(bad)["tables"]
    count = tables["shop_order"]["rows"]
    tables["shop_order"]["rows"] = 10**30
    files.edit_manifest(bad, tables=tables)
    assert refusal("sqliterestore", file=bad) == (
        f'The file has {count} rows in "shop_order", and its manifest says {10**30}.'
    )


def test_a_page_that_sqlite_cannot_read(bad):
    with closing(sqlite3.connect(bad)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'shop_order'"
        ((page,),) = connection.execute(query).fetchall()
        ((size,),) = connection.execute("PRAGMA page_size").fetchall()
    files.overwrite(bad, (page - 1) * size, b"\x0d\xff\xff\xff\xff\xff\xff\xff")
    files.reseal(bad)
    paragraph = refusal("sqliterestore", file=bad)
    assert paragraph.startswith(f"SQLite finds the file damaged: Page {page}: ")
