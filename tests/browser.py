"""A real browser on a real server that runs the testproject."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.shops import TIMEOUT, Project

CLOSE_WAIT = "08"
"""The state of a connection that the other side has closed (`include/net/tcp_states.h`)."""
PASSWORD = "for the tests only"
MAKE_USER = """
from django.contrib.auth.models import Permission, User
user = User.objects.create_user("{name}", password="{password}", is_staff=True)
user.is_superuser = {superuser}
user.save()
user.user_permissions.set(Permission.objects.filter(codename__in={codenames}))
"""
GATED = """
    import pathlib, time
    from django_sqlite_backup import BackupMechanism

    class Gated(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            while to_table.label == "shop.Order" and pathlib.Path("closed").exists():
                time.sleep(0.01)
                # Else nothing would write, meanwhile, how far it is.
                yield 0

    SQLITE_BACKUP = {"MECHANISM": "own_settings.Gated", "ADMIN_RESTORE": True}
"""
"""Settings with which a backup stops in the middle, as long as the file `closed` is there."""


def find_chromium():
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def launched():
    """Give a browser, or skip the test where there is none (with `CI` set: fail)."""
    refuse = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        refuse("playwright is not installed")
    if find_chromium() is None:
        refuse("chromium is not installed")
    with sync_playwright() as playwright:
        # The sandbox does not start as root, and the only pages shown are those of the tests.
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


class Site:
    """The testproject behind `runserver`."""

    def __init__(self, folder, settings=""):
        self.project = Project(folder, settings)
        self.gate = folder / "closed"

    def add_user(self, name, *codenames, superuser=False):
        """Add somebody of the staff, with these permissions."""
        source = MAKE_USER.format(
            name=name, password=PASSWORD, superuser=superuser, codenames=list(codenames)
        )
        done = self.project.run("shell", "-c", source)
        assert done.code == 0, done.err

    @contextmanager
    def running(self):
        """Run the server, and give the address of the admin."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # With DEBUG it serves the static files too.
        environment = {**self.project.environment, "TESTPROJECT_DEBUG": "1"}
        with (
            open(self.project.folder / "server.log", "w") as log,
            self.project.start(
                "runserver",
                "--noreload",
                f"127.0.0.1:{self.port}",
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                wait_until(lambda: process.poll() is not None or self.answers())
                assert process.poll() is None, self.log
                yield f"http://127.0.0.1:{self.port}/admin/"
            finally:
                process.kill()

    @contextmanager
    def working(self, *arguments):
        """Run a worker of the tasks, and end it."""
        with self.project.start(*arguments) as process:
            try:
                yield
            finally:
                process.kill()

    @property
    def log(self):
        return (self.project.folder / "server.log").read_text()

    def answers(self):
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def was_left(self):
        """Return whether a browser has closed a connection that the server still uses."""
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        own = f":{self.port:04X}"
        return any(
            fields[1].endswith(own) and fields[3] == CLOSE_WAIT for fields in map(str.split, lines)
        )


def wait_until(is_so):
    """Wait for something that comes, or else fail."""
    end = time.monotonic() + TIMEOUT
    while not is_so():
        assert time.monotonic() < end, "It has not come."
        time.sleep(0.02)


def log_in(page, admin, name):
    page.goto(admin)
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")
