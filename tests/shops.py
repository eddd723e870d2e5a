"""A small shop to back up: in the tables of an alias, or as a project that real processes run."""

import atexit
import fcntl
import functools
import os
import pty
import select
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

from django.apps import apps
from django.db import connections
from django.db.transaction import atomic

from tests import oracle

ROOT = Path(__file__).parents[1]
TIMEOUT = 60

WAITING = """
    import pathlib, time
    from django_sqlite_backup import BackupMechanism

    class Waiting(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            if to_table.label == "shop.Order":
                pathlib.Path("waiting").mkdir()
                time.sleep(60)

    SQLITE_BACKUP = {"MECHANISM": "own_settings.Waiting"}
"""
"""Settings with which a command stops in the middle, for a test to do something to it."""


def fill_shop(alias, rows=60):
    """Leave a shop of a few rows in the alias, and return the alias.

    On SQLite the zoo is emptied. On a server that takes a while: tests there copy the shop only.
    """
    from shop.filling import Filler
    from zoo import fill

    connection = connections[alias]
    if connection.vendor == "sqlite":
        fill.clear(alias)
    with (
        connection.constraint_checks_disabled(),
        atomic(using=alias),
        connection.cursor() as cursor,
    ):
        for model in apps.get_app_config("shop").get_models(include_auto_created=True):
            if not model._meta.proxy:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")
    Filler(rows, alias).fill()
    return alias


class Project:
    """The testproject on SQLite files of its own, run as its users run it.

    `settings` is source that is executed behind the testproject's settings.
    """

    def __init__(self, folder, settings=""):
        self.folder = folder
        self.live, self.backup = folder / "live.sqlite3", folder / "backup.sqlite3"
        if not self.live.exists():
            shutil.copy(make_template() / "live.sqlite3", self.live)
            shutil.copy(make_template() / "backup.sqlite3", self.backup)
        self.configure(settings)

    def configure(self, settings):
        (self.folder / "own_settings.py").write_text(
            "from testproject.settings import *\n" + dedent(settings)
        )

    @property
    def environment(self):
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "own_settings",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "PYTHONWARNINGS": "error",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TESTPROJECT_BACKUP": str(self.backup),
            "TESTPROJECT_DB": str(self.live),
            "TESTPROJECT_ENGINE": "sqlite",
            "TESTPROJECT_ZOO": "0",
        }

    def start(self, *arguments, **options):
        """Start `manage.py` in the folder of the project."""
        return subprocess.Popen(
            [sys.executable, ROOT / "testproject" / "manage.py", *map(str, arguments)],
            **{"cwd": self.folder, "env": self.environment, "text": True, **options},
        )

    @contextmanager
    def waiting(self, *arguments, settings=WAITING):
        """Start `manage.py` with the settings `WAITING`; give the process when it waits."""
        with suppress(FileNotFoundError):
            (self.folder / "waiting").rmdir()
        pipes = dict.fromkeys(["stdin", "stdout", "stderr"], subprocess.PIPE)
        self.configure(settings)
        with self.start(*arguments, **pipes) as process:
            try:
                while process.poll() is None and not (self.folder / "waiting").exists():
                    time.sleep(0.01)
                assert process.returncode is None, process.stderr.read()
                yield process
            finally:
                process.kill()
        self.configure("")

    def run(self, *arguments, **options):
        """Run `manage.py` without a terminal; return its `code`, `out` and `err`."""
        pipes = dict.fromkeys(["stdout", "stderr"], subprocess.PIPE)
        with self.start(*arguments, **{"stdin": subprocess.DEVNULL, **pipes, **options}) as process:
            out, err = process.communicate(timeout=TIMEOUT)
        return SimpleNamespace(code=process.returncode, out=out, err=err)

    def run_in_terminal(self, *arguments, keys=""):
        """Run `manage.py` on a terminal but for standard output, and press `keys` at a prompt.

        Return its `code`, its `out` and what the terminal `shows`.
        """
        terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        options = {"stdin": end, "stderr": end, "stdout": subprocess.PIPE}
        # A session of its own makes the terminal the one whose ^C reaches the process.
        attach = functools.partial(fcntl.ioctl, end, termios.TIOCSCTTY, 0)
        with self.start(
            *arguments, **options, start_new_session=True, preexec_fn=attach
        ) as process:
            os.close(end)
            try:
                shown = read_terminal(terminal, keys)
                out, _ = process.communicate(timeout=TIMEOUT)
            finally:
                process.kill()
        os.close(terminal)
        return SimpleNamespace(code=process.returncode, out=out, shows=shown)

    def contents(self):
        """Return the bytes of every file in the folder; of the live one all but the runs."""
        contents = {
            path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()
        }
        if is_database(self.live):
            contents[self.live.name] = dump_without_runs(self.live)
        return contents


def is_database(path):
    return path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"


def dump_without_runs(path):
    """Return the statements that make a database, without the rows that each command adds."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return [
            line
            for line in connection.iterdump()
            if oracle.RUNS not in line or not line.startswith("INSERT")
        ]


def read_terminal(terminal, keys):
    shown = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], TIMEOUT)
        assert ready, f"Nothing more was shown after {shown}."
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # the last process has closed it
            return shown.decode()
        if keys and shown.endswith(b"[y/N] "):
            # As late as a person: ^C just before the process begins to wait would be lost.
            time.sleep(0.3)
            os.write(terminal, keys.encode())
            keys = ""


@functools.cache
def make_template():
    """Make, once, a folder with a live shop and a backup of it."""
    folder = Path(tempfile.mkdtemp(prefix="sqlite_backup_shop_"))
    atexit.register(shutil.rmtree, folder)
    for name in ("live", "backup"):
        (folder / f"{name}.sqlite3").touch()
    project = Project(folder)
    for arguments in (["migrate"], ["fill_shop", "--rows=300"], ["sqlitebackup"]):
        done = project.run(*arguments)
        assert done.code == 0, done.err
    return folder
