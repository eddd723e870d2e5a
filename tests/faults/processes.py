"""Other processes that use a test database at the same time."""

import json
import os
import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

ROOT = Path(__file__).parents[2]
TIMEOUT = 60
PROGRAM = """
import json, sys
from tests import settings

task = json.loads(sys.argv[1])
settings.DATABASES[task["alias"]].update(task["settings"])

import django

django.setup()
from tests.faults import tasks

getattr(tasks, task["name"])(task["alias"], *task["arguments"])
"""


class Other:
    """Another process, which says a line when it is ready, and goes on when it is told to."""

    def __init__(self, process):
        self.process = process
        self.pid = process.pid

    def expect(self, said):
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT)
        line = self.process.stdout.readline() if ready else "nothing"
        if line != f"{said}\n":
            self.process.kill()
        assert line == f"{said}\n", line + self.process.stderr.read()

    def tell(self):
        self.process.stdin.write("go on\n")
        self.process.stdin.flush()

    def finish(self):
        """Tell it to end; return what else it said."""
        said, error = self.process.communicate("end\n", timeout=TIMEOUT)
        assert self.process.returncode == 0, error
        return said.splitlines()

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextmanager
def another(name, alias, *arguments, **settings):
    """Start a function of `tests.faults.tasks` on the alias; give the process when it is ready."""
    settings = {"NAME": str(connections[alias].settings_dict["NAME"]), **settings}
    task = {"name": name, "alias": alias, "settings": settings, "arguments": arguments}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps(task, default=str)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "testproject")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            other = Other(process)
            other.expect("ready")
            yield other
        finally:
            process.kill()
