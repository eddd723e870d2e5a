"""The recipes of the page on signals, executed as they stand there."""

import ast
import inspect
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django import VERSION
from django.core import mail
from django.test import override_settings

from django_sqlite_backup import BackupError, Vetoed, signals
from django_sqlite_backup.operations.jobs import BackupJob, Job, RestoreJob
from shop.models import Order

PAGE = Path(__file__).parents[2] / "docs" / "signals.md"
MAIL, WEBHOOK, VETO = re.findall(
    r"^```python\n(# receivers\.py.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
)


@contextmanager
def executed(recipe):
    """Execute a recipe, and disconnect afterwards what it has connected."""
    names = [name for name in vars(signals) if re.match("(backup|restore)_", name)]
    before = {name: list(getattr(signals, name).receivers) for name in names}
    scope = {}
    exec(recipe, scope)
    try:
        yield
    finally:
        for name, receivers in before.items():
            getattr(signals, name).receivers = receivers
            getattr(signals, name).sender_receivers_cache.clear()


class Channel(BaseHTTPRequestHandler):
    """Keeps what is posted to it."""

    def do_POST(self):
        self.server.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def channel():
    with HTTPServer(("127.0.0.1", 0), Channel) as server:
        server.posted = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@override_settings(
    # Named since Django 6.1; the one of tests is there before.
    MAILERS={"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}},
    # A pair until Django 6.0.
    ADMINS=["ada@example.org" if VERSION >= (6, 0) else ("Ada", "ada@example.org")],
)
def test_a_failed_backup_is_mailed(shop, tmp_path):
    mail.outbox = []
    with executed(MAIL), pytest.raises(BackupError) as caught:
        BackupJob(filename=tmp_path / "none" / "x.sqlite3").exhaust()
    (sent,) = mail.outbox
    assert sent.subject == "[Django] No backup of default"
    assert sent.body == str(caught.value)


def test_a_backup_is_told_to_a_channel(shop, channel, tmp_path):
    place = f"http://127.0.0.1:{channel.server_port}/"
    recipe = WEBHOOK.replace("https://hooks.slack.com/services/...", place)
    with executed(recipe):
        report = BackupJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
    (posted,) = map(json.loads, channel.posted)
    rows = sum(report.rows.values())
    assert posted["text"].startswith(f"Backed up {rows:,} rows of default to {tmp_path}/x.sqlite3")


def test_open_orders_forbid_a_restore(shop, tmp_path):
    BackupJob(filename=tmp_path / "x.sqlite3", labels=["shop"]).exhaust()
    restore = {"filename": tmp_path / "x.sqlite3", "labels": ["shop"]}
    Order.objects.update(status="new")
    with executed(VETO), pytest.raises(Vetoed, match="nobody has looked at"):
        RestoreJob(**restore).exhaust()
    Order.objects.update(status="paid")
    with executed(VETO):
        RestoreJob(**restore).exhaust()


def read_table(heading):
    """Return the defaults that a table of the page shows, by argument."""
    table = PAGE.read_text().partition(f"| {heading} | default |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))


def get_defaults(job):
    parameters = inspect.signature(job.__init__).parameters.values()
    return {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}


def test_the_page_has_each_argument_of_both_jobs():
    assert read_table("argument of both").keys() == get_defaults(Job).keys()


@pytest.mark.parametrize("job", [BackupJob, RestoreJob])
def test_the_page_has_what_one_job_takes_alone(job):
    own = {
        name: value for name, value in get_defaults(job).items() if name not in get_defaults(Job)
    }
    shown = read_table(f"argument of `{job.__name__}`")
    assert shown.keys() == own.keys()
    # None stands for what words say.
    literal = {name: value for name, value in own.items() if value is not None}
    assert {name: ast.literal_eval(shown[name].strip("`")) for name in literal} == literal
