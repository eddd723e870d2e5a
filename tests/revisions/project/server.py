"""Runs commands one after the other, in a process that has one state of the code.

Each line on standard input is a job in JSON, each line on standard output its result. To start a
process anew for each command would take most of the tests' time.
"""

import contextlib
import io
import json
import os
import signal
import sys
import time
import traceback

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from django.contrib.contenttypes.models import ContentType  # noqa: E402
from django.contrib.sites.models import Site  # noqa: E402
from django.core.management import ManagementUtility  # noqa: E402
from django.db import connections  # noqa: E402


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


def run_and_kill(job):
    """Do it in a process of its own, which is killed after so many seconds."""
    started = time.monotonic()
    child = os.fork()
    if not child:
        run(job)
        os._exit(0)
    while time.monotonic() - started < job["kill_after"]:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return {"killed": False, "seconds": time.monotonic() - started}
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return {"killed": os.WIFSIGNALED(status), "seconds": time.monotonic() - started}


def main():
    answers = os.fdopen(os.dup(1), "w")
    # What a library prints past `redirect_stdout` must not be taken for an answer.
    os.dup2(2, 1)
    sys.stdin.reconfigure(line_buffering=True)
    while line := sys.stdin.readline():
        job = json.loads(line)
        before = dict(os.environ)
        os.environ.update(job.get("env", {}))
        stdin, sys.stdin = sys.stdin, io.StringIO()
        result = run_and_kill(job) if "kill_after" in job else run(job)
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(before)
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
