"""Runs commands one after the other, in a process that has one state of the code.

Each line on standard input is a job in JSON, each line on standard output its result. To start a
process anew for each command would take most of the tests' time.
"""

import contextlib
import faulthandler
import io
import json
import os
import pathlib
import signal
import sys
import threading
import time
import traceback
import types

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.contrib.sites.models import Site  # noqa: E402
from django.core.management import ManagementUtility  # noqa: E402
from django.db import connections  # noqa: E402
from tqdm import tqdm  # noqa: E402

import django_sqlite_backup  # noqa: E402


def run(job):
    """Do what a fresh process would do, and return how it ended and what it printed."""
    ContentType.objects.clear_cache()
    Site.objects.clear_cache()
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if "source" in job:
                exec(job["source"], {"__name__": "job", **job.get("names", {})})
            else:
                ManagementUtility(["manage.py", *job["argv"]]).execute()
        except SystemExit as exit:
            code = exit.code
        except BaseException:
            traceback.print_exc()
            code = "traceback"
    connections.close_all()
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


class Moments:
    """Counts each call out of the package, to the system or to a database, and each return.

    Before and after `os.fsync`, `execute` or `commit` is a moment of its own.
    """

    callers = (
        os.path.dirname(django_sqlite_backup.__file__),
        os.path.dirname(django.db.__file__),
        pathlib.__file__,
    )
    called = ("posix", "fcntl", "io", "_io", "sqlite3", "psycopg", "MySQLdb")
    # Of no effect, or of none that the next of them has not too.
    ignored = ("fspath", "stat", "load", "get_loader", "adapters", "cursor", "create_function")

    def __init__(self, last):
        self.last = last
        self.names = []

    def count(self, frame, event, arg):
        """A profile function: https://docs.python.org/3/library/sys.html#sys.setprofile"""
        if event.startswith("c_"):
            caller, name, modules = frame, arg.__name__, get_modules(arg.__self__)
        else:
            caller, name, modules = (
                frame.f_back,
                frame.f_code.co_name,
                [frame.f_globals["__name__"]],
            )
        if (
            caller
            and caller.f_code.co_filename.startswith(self.callers)
            and name not in self.ignored
            and any(module.partition(".")[0] in self.called for module in modules)
        ):
            if len(self.names) == self.last:
                os.kill(os.getpid(), signal.SIGKILL)
            when = "after" if event.endswith("return") else "before"
            self.names.append(f"{when} {name} in {caller.f_code.co_name}")


def get_modules(owner):
    """Return the names of the modules that a built-in function or method may come from."""
    if isinstance(owner, types.ModuleType):
        return [owner.__name__]
    return [base.__module__ for base in type(owner).__mro__]


def run_at_moments(job):
    """Do it, and die at the moment of the number `kill_at`; None is no moment at all."""
    moments = Moments(job["kill_at"])
    sys.setprofile(moments.count)
    run(job)
    sys.setprofile(None)
    if job["kill_at"] is None:
        with open(job["moments"], "w") as file:
            json.dump(moments.names, file)


def run_and_kill(job):
    """Do it in a process of its own, which is killed at a moment or after so many seconds."""
    started = time.monotonic()
    child = os.fork()
    if not child:
        run_at_moments(job) if "kill_at" in job else run(job)
        os._exit(0)
    while time.monotonic() - started < job["kill_after"]:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return {"killed": os.WIFSIGNALED(status), "seconds": time.monotonic() - started}
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return {"killed": os.WIFSIGNALED(status), "seconds": time.monotonic() - started}


def main():
    # Its own lock is shared with children: one that is killed could hold it for ever.
    tqdm.set_lock(threading.RLock())
    tqdm.monitor_interval = 0
    answers = os.fdopen(os.dup(1), "w")
    # What a library prints past `redirect_stdout` must not be taken for an answer.
    os.dup2(2, 1)
    sys.stdin.reconfigure(line_buffering=True)
    while line := sys.stdin.readline():
        job = json.loads(line)
        before = dict(os.environ)
        os.environ.update(job.get("env", {}))
        # Before the tests lose their patience: they show what is in the log.
        faulthandler.dump_traceback_later(100)
        stdin, sys.stdin = sys.stdin, io.StringIO()
        result = run_and_kill(job) if "kill_after" in job else run(job)
        sys.stdin = stdin
        faulthandler.cancel_dump_traceback_later()
        os.environ.clear()
        os.environ.update(before)
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
