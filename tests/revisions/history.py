"""A project with a history: its code at each state, and processes that run it."""

import json
import os
import select
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parent / "project"
ROOT = Path(__file__).parents[2]
STATES = range(1, 9)
LAST = {
    "library": {1: 1, 2: 2, 3: 3, 4: 6, 5: 7, 6: 8, 7: 11, 8: 12},
    "members": {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 2, 8: 2},
}
"""The last migration of each app that the code has, by state."""
PARTS = ("0001_initial.py", "0002_rename_title.py", "0003_remove_pages.py")
SQUASHED = "0001_squashed_0003"
PATIENCE = 120


@dataclass(frozen=True)
class Code:
    """One state of the code: where it is, and the settings that it is run with."""

    folder: Path

    def environment(self, database=None, **settings):
        if database is not None:
            settings.setdefault("DATABASES", {"default": database})
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONDONTWRITEBYTECODE": "1",
            "REVISIONS_SETTINGS": json.dumps(settings, default=str),
        }

    def manage(self, *argv, database=None, stdin="", cwd=None, env=(), **settings):
        """Run a command in a process of its own and return it when it has ended."""
        return subprocess.run(
            [sys.executable, self.folder / "manage.py", *argv],
            env={**self.environment(database, **settings), **dict(env)},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            timeout=PATIENCE,
        )


def write_code(folder, state, squash="parts", removed=()):
    """Write the project's code as it was at a state, and return it.

    `squash` says how far the squash of the first three migrations has come: "parts" (there is none
    yet), "both", "only" (the parts are gone), "finished" (nobody remembers what it replaced).
    """
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "state.py").write_text(f"STATE = {state}\n")
    for app_label, last in LAST.items():
        for path in (folder / app_label / "migrations").glob("0*.py"):
            if int(path.name[:4]) > last[state]:
                path.unlink()
    migrations = folder / "library" / "migrations"
    if squash == "parts":
        (migrations / f"{SQUASHED}.py").unlink()
    if squash in ("only", "finished"):
        for name in PARTS:
            (migrations / name).unlink()
    if squash == "finished":
        replace_in(migrations / f"{SQUASHED}.py", "    replaces = [", "    once_replaced = [")
        replace_in(migrations / "0004_address.py", "0003_remove_pages", SQUASHED)
    for path in removed:
        (folder / path).unlink()
    return Code(folder)


def replace_in(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@dataclass
class Result:
    """How a job ended and what it printed."""

    code: object
    out: str
    err: str

    def check(self):
        assert self.code in (0, None), f"{self.code}\n{self.out}\n{self.err}"
        return self


class Process:
    """A process that runs one state of the code on one database, job by job."""

    def __init__(self, code, database, log, **settings):
        self.log = open(log, "w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", code.folder / "server.py"],
            env=code.environment(database, **settings),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def send(self, job):
        self.process.stdin.write(json.dumps(job, default=str) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.process.kill()
            self.log.seek(0)
            raise AssertionError(f"The process gave no answer to {job}: {self.log.read()}")
        return json.loads(line)

    def run(self, *argv, **env):
        """Run a management command; `env` is added to the environment."""
        return Result(**self.send({"argv": [str(arg) for arg in argv], "env": env}))

    def execute(self, source, **names):
        """Run a few lines of Python, to which `names` are known."""
        return Result(**self.send({"source": source, "names": names}))

    def kill(self, *argv, after=PATIENCE, **job):
        """Run a command in a process that is killed after so many seconds.

        With `kill_at`, it kills itself at the moment of that number.
        """
        return self.send({"argv": [str(arg) for arg in argv], "kill_after": after, **job})

    def list_moments(self, path, *argv):
        """Run a command to its end and return the name of each moment at which it can be killed."""
        self.kill(*argv, kill_at=None, moments=path)
        return json.loads(path.read_text())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()
        self.log.close()


def split_way_back(text):
    """Return the arguments of the command that an error names as the way back."""
    command = text.partition("manage.py ")[2].strip()
    return shlex.split(command.splitlines()[0])
