"""Who may read what a run makes, and what is nowhere to be read."""

import hashlib
import os
import stat
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from django_sqlite_backup import BackupMechanism
from django_sqlite_backup.restore_operation import RestoreOperation
from django_sqlite_backup.targets import name_safety_backup
from tests import files
from tests.shops import WAITING, Project, fill_shop

PASSWORD = "Tr0ub4dor&'3\\ \"x"
"""Not to be found anywhere, with characters that others would escape."""
MARK = "Tr0ub4dor"
LOUD = """
    LOGGING = {
        "version": 1,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "DEBUG"},
        "loggers": {"django.db.backends": {"level": "DEBUG"}},
    }
    DEBUG = True
"""


@pytest.fixture
def live(databases):
    return fill_shop(databases.use("default"))


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def get_modes(folder):
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}


def get_scratch_modes():
    """Return the modes of the files that this process has open and nobody else can."""
    modes = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            status = descriptor.stat()
            place = os.readlink(descriptor)
        except FileNotFoundError:  # the one that lists them
            continue
        if stat.S_ISREG(status.st_mode) and not status.st_nlink and "etilqs" in place:
            modes.add(oct(stat.S_IMODE(status.st_mode)))
    return modes


# Who may read it


@pytest.mark.parametrize("mask", [0, 0o777])
@pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])
def test_all_that_a_backup_makes_is_its_owners_alone(live, tmp_path, mask, portable):
    mechanism = BackupMechanism(tmp_path / "file", indexes=True, verify=True, portable=portable)
    modes, scratch = set(), set()
    with umask(mask):
        for _ in mechanism.backup():
            modes.update(get_modes(tmp_path).values())
            scratch |= get_scratch_modes()
    assert (modes, scratch - {"0o600"}) == ({"0o600"}, set())
    assert get_modes(tmp_path)["file"] == "0o600"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("mask", [0, 0o777])
def test_the_scratch_file_of_a_comparison_is_its_owners_alone(live, tmp_path, mask):
    class Large(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            if to_table.label == "shop.Order":
                fill_shop(live, rows=60)
            yield from super().copy_table_data(from_table, to_table)

    fill_shop(live, rows=30_000)
    try:
        with umask(mask):
            steps = BackupMechanism(tmp_path / "file", verify=True).backup()
            modes = [mode for _ in steps for mode in get_scratch_modes()]
    finally:
        fill_shop(live)
    # More rows than the memory of a cache takes: SQLite has made a file of them.
    assert modes
    assert set(modes) == {"0o600"}


@pytest.mark.parametrize("mask", [0, 0o777])
def test_a_safety_backup_is_its_owners_alone(databases, tmp_path, mask):
    alias = fill_shop(databases.use("mysql"))
    path = tmp_path / "file.sqlite3"
    with umask(mask):
        list(BackupMechanism(path, database=alias, labels=["shop"]).backup())
        mechanism = BackupMechanism(path, database=alias)
        # As where the schema changes, which is not undone there.
        RestoreOperation(mechanism).take_safety_backup(name_safety_backup(path))
    assert len(get_modes(tmp_path)) == 2
    assert set(get_modes(tmp_path).values()) == {"0o600"}


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_only_looks_like_a_leftover_is_left_alone(live, tmp_path, kind):
    impostor, secret = tmp_path / ".file.0123456789abcdef.partial", tmp_path / "secret"
    secret.write_text("mine")
    impostor.symlink_to(secret) if kind == "link" else os.mkfifo(impostor)
    list(BackupMechanism(tmp_path / "file", labels=["sites"]).backup())
    assert impostor.is_symlink() or impostor.is_fifo()
    assert secret.read_text() == "mine"


def test_a_temporary_name_that_is_taken_is_not_followed(live, tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("mine")
    names = iter(["0" * 16])
    monkeypatch.setattr("secrets.token_hex", lambda _: next(names))
    (tmp_path / f".file.{'0' * 16}.partial").symlink_to(tmp_path / "secret")
    with pytest.raises(Exception, match="cannot be written: File exists"):
        list(BackupMechanism(tmp_path / "file", labels=["sites"]).backup())
    assert (tmp_path / "secret").read_text() == "mine"


# What is nowhere to be read


WRONG = [
    {},
    {"HOST": "127.0.0.1", "PORT": "1"},
    {"HOST": "nowhere.invalid"},
    {"USER": "nobody_of_that_name"},
    {"NAME": "no_such_database"},
    {"OPTIONS": {"connect_timeout": 1, "no_such_option": 1}},
]


@pytest.fixture(params=["postgresql", "mysql"])
def secret_database(request, databases, tmp_path):
    """Settings of a database that is there, with a password that its server is told."""
    alias = databases.use(request.param)
    fill_shop(alias)
    settings = dict(connections[alias].settings_dict)
    keys = ("ENGINE", "HOST", "PORT", "USER", "NAME")
    database = {**{key: settings[key] for key in keys}, "PASSWORD": PASSWORD, "OPTIONS": {}}
    user = f"secretive_{os.getpid()}"
    with connections[alias].cursor() as cursor:
        for statement in MAKE_USER[request.param]:
            cursor.execute(statement.format(user=user), [PASSWORD] * statement.count("%s"))
    yield {**database, "USER": user}
    with connections[alias].cursor() as cursor:
        for statement in DROP_USER[request.param]:
            cursor.execute(statement.format(user=user), [])


MAKE_USER = {
    "postgresql": ["CREATE ROLE {user} SUPERUSER LOGIN"],
    "mysql": [
        "CREATE USER {user}@'%%' IDENTIFIED BY %s",
        "GRANT ALL ON *.* TO {user}@'%%'",
    ],
}
DROP_USER = {"postgresql": ["DROP ROLE {user}"], "mysql": ["DROP USER {user}@'%%'"]}


@pytest.mark.slow
def test_a_password_is_printed_nowhere(secret_database, tmp_path):
    project = Project(tmp_path)
    path = tmp_path / "file.sqlite3"
    shown = []
    for wrong in WRONG:
        database = {**secret_database, **wrong}
        project.configure(f"{LOUD}\n    DATABASES['default'] = {database!r}")
        for command in (["sqlitebackup", "shop"], ["sqliterestore", "--no-input", "--dry-run"]):
            done = project.run(*command, "--file", path, "--traceback", "-v3")
            shown.append(done.out + done.err)
            assert (done.code == 0) == (not wrong), done.err[-2000:]
    assert MARK not in "".join(shown)
    assert "Traceback" in shown[-1]
    assert MARK.encode() not in path.read_bytes()


def test_a_password_is_no_argument_of_any_process(secret_database, tmp_path):
    project = Project(tmp_path)
    path = tmp_path / "file.sqlite3"
    source = f"{WAITING}\n    DATABASES['default'] = {secret_database!r}\n"
    with project.waiting("sqlitebackup", "shop", "--file", path, settings=source) as process:
        arguments = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    assert b"sqlitebackup" in arguments
    assert (MARK.encode() in arguments, children) == (False, "")


# Where it is from


def test_the_host_is_in_the_file_as_a_fingerprint(databases, tmp_path):
    alias = databases.use("postgresql")
    path = tmp_path / "file"
    list(BackupMechanism(path, database=alias, labels=["sites"]).backup())
    settings, manifest = connections[alias].settings_dict, files.read_manifest(path)
    parts = ["postgresql", settings["HOST"], str(settings["PORT"]), settings["NAME"]]
    assert manifest["origin"] == hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    assert manifest["host"] == ""
    for part in (settings["HOST"], settings["NAME"]):
        assert part.encode() not in path.read_bytes()


def test_the_host_is_recorded_for_who_asks(databases, tmp_path):
    alias = databases.use("postgresql")
    path, shown = tmp_path / "file", StringIO()
    settings = connections[alias].settings_dict
    port = f":{settings['PORT']}" if settings["PORT"] else ""
    place = f"{settings['HOST']}{port}/{settings['NAME']}"
    with override_settings(SQLITE_BACKUP={"RECORD_HOST": True}):
        call_command("sqlitebackup", "sites", database=alias, file=path, stdout=StringIO())
    assert files.read_manifest(path)["host"] == place
    call_command("sqliteinspect", path, stdout=shown)
    assert f"at {place}," in shown.getvalue()
