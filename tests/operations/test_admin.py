"""The admin of the runs, as a client of the server sees it."""

import asyncio
import re
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import pytest
from asgiref.testing import ApplicationCommunicator
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.models import Session
from django.core.handlers.asgi import ASGIHandler
from django.db import connections
from django.test import Client, RequestFactory
from django.urls import path, resolve, reverse
from django.utils import timezone

from django_sqlite_backup import BackupMechanism, InvalidBackup, signals
from django_sqlite_backup.admin import BackupRunAdmin, backup_database
from django_sqlite_backup.models import BackupRun
from django_sqlite_backup.operations.jobs import BackupJob
from django_sqlite_backup.operations.liveness import describe_host
from django_sqlite_backup.operations.outputs import FileOutput
from django_sqlite_backup.operations.pages.progress import PARTS, thin_out
from django_sqlite_backup.operations.pages.streaming import CHUNK
from django_sqlite_backup.report import Progress
from shop.models import Customer, Order, OrderLine, Review
from tests import files
from tests.shops import fill_shop

ALL = ("view_backuprun", "run_backup", "download_backup", "delete_backup")


@pytest.fixture
def shop(databases, backup_path):
    """The live shop, and nobody yet who may log in."""
    fill_shop(databases.use("default"))
    clear()
    yield backup_path
    clear()


def clear():
    for model in (LogEntry, Session, User, BackupRun):
        model.objects.all().delete()


def log_in(*codenames, superuser=False):
    """Return a client that is logged in as somebody of the staff with these permissions."""
    user = User.objects.create(username="ada", is_staff=True, is_superuser=superuser)
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label="django_sqlite_backup", codename__in=codenames
        )
    )
    client = Client()
    client.force_login(user)
    return client


def url(name, *args):
    return reverse(f"admin:django_sqlite_backup_backuprun_{name}", args=args)


def make_run(path, **options):
    job = BackupJob(filename=path, **options)
    job.exhaust()
    return job.run


def note_checksum(run, path):
    """Let the run have made the file that is there now."""
    data = path.read_bytes()
    BackupRun.objects.filter(pk=run.pk).update(checksum=data[files.find_digest(data)].decode())


def messages_of(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def text_of(response):
    return b"".join(response).decode()


def count_rows(path, table):
    ((count,),) = files.execute(path, f"SELECT count(*) FROM {table}")
    return count


# Who may do what


PAGES = {
    "changelist": ALL,
    "back_up": ["run_backup"],
    "change": ALL,
    "progress": ALL,
    "download": ["download_backup"],
    "inspect": ALL,
    "remove": ["delete_backup"],
    "restore": [],
    "history": ALL,
}


def look(client, page, run):
    """Ask for a page and return the code of the answer."""
    response = client.get(url(page) if page in ("changelist", "back_up") else url(page, run.pk))
    response.close()
    return response.status_code


@pytest.mark.parametrize("codename", ALL)
def test_each_page_has_its_permission(shop, codename):
    run = make_run(shop)
    client = log_in(codename)
    codes = {page: look(client, page, run) for page in PAGES}
    assert codes == {page: 200 if codename in names else 403 for page, names in PAGES.items()}


@pytest.mark.parametrize(
    ("name", "codename"), [("verify", "view_backuprun"), ("remove", "delete_backup")]
)
def test_nothing_is_done_without_the_permission(shop, name, codename):
    run = make_run(shop)
    others = set(ALL) - {codename}
    if codename == "view_backuprun":
        others = set()
    assert log_in(*others).post(url(name, run.pk)).status_code == 403
    assert shop.exists()


def test_nobody_backs_up_without_the_permission(shop):
    client = log_in("view_backuprun", "download_backup", "delete_backup")
    assert client.post(url("back_up"), {"database": "default"}).status_code == 403
    assert not shop.exists()
    assert "Back up now" not in client.get(url("changelist")).content.decode()


def test_strangers_are_sent_to_the_login(shop):
    response = Client().get(url("download", make_run(shop).pk))
    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))


def test_rows_cannot_be_added_changed_or_deleted(shop):
    run = make_run(shop)
    client = log_in(superuser=True)
    assert client.get(url("add")).status_code == 403
    assert client.get(url("delete", run.pk)).status_code == 403
    assert client.post(url("change", run.pk), {"database": "other"}).status_code == 403
    assert BackupRun.objects.get().database == "default"


@pytest.mark.parametrize("name", ["back_up", "verify", "remove"])
def test_another_site_cannot_make_a_browser_do_it(shop, name):
    run = make_run(shop)
    client = log_in(*ALL)
    client.handler.enforce_csrf_checks = True
    address = url(name) if name == "back_up" else url(name, run.pk)
    assert client.post(address, {"database": "default"}).status_code == 403
    assert shop.exists()


def test_a_look_at_a_page_does_nothing(shop):
    run = make_run(shop)
    before = shop.read_bytes()
    client = log_in(*ALL)
    for page in PAGES:
        look(client, page, run)
    assert client.get(url("verify", run.pk)).status_code == 405
    assert shop.read_bytes() == before
    assert BackupRun.objects.count() == 1


# Back up now


def test_a_backup_is_made_while_its_page_is_sent(shop):
    response = log_in(*ALL).post(url("back_up"), {"database": "default"})
    assert response.streaming
    assert response.headers["X-Accel-Buffering"] == "no"
    pieces = [piece.decode() for piece in response]
    run = BackupRun.objects.get()
    assert (run.outcome, run.front, run.user) == ("succeeded", "admin", "ada")
    assert count_rows(shop, "shop_order") == Order.objects.count()
    steps = [piece for piece in pieces if "<progress" in piece]
    values = [int(re.search(r' value="(\d+)"', step)[1]) for step in steps]
    assert values == sorted(values)
    assert values[0] == 0
    assert f'value="{run.rows}"' in steps[-1]
    assert "copying shop.Order" in "".join(steps)
    assert f"Backed up {run.rows} rows" in pieces[-2]
    assert url("download", run.pk) in pieces[-2]
    assert "</html>" in pieces[-1]


def test_the_bar_does_not_grow_with_the_rows(shop):
    steps = (Progress(number, 1_000_000, "copying shop.Order") for number in range(1_000_001))
    assert len(list(thin_out(steps))) == PARTS + 1


def test_a_failed_backup_says_why_and_leaves_the_previous_one(shop):
    shop.write_text("my diary")
    page = text_of(log_in(*ALL).post(url("back_up"), {"database": "default"}))
    assert "is not a backup, and is not replaced" in page
    assert "</html>" in page
    run = BackupRun.objects.get()
    assert run.outcome == "failed"
    assert "is not a backup" in run.error
    assert shop.read_text() == "my diary"
    response = Client()
    response.force_login(User.objects.get())
    assert "is not a backup" in response.get(url("change", run.pk)).content.decode()


def test_a_browser_that_goes_away_leaves_the_previous_backup(shop):
    make_run(shop)
    before = shop.read_bytes()
    response = log_in(*ALL).post(url("back_up"), {"database": "default"})
    pieces = iter(response)
    while "copying shop.Order" not in next(pieces).decode():
        pass
    response.close()
    run = BackupRun.objects.latest()
    assert (run.outcome, run.error) == ("failed", "It was stopped before its end.")
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == [shop.name]


def test_a_receiver_that_forbids_it_is_heard(shop):
    def refuse(**kwargs):
        raise ValueError("The month is being closed.")

    signals.backup_started.connect(refuse)
    try:
        page = text_of(log_in(*ALL).post(url("back_up"), {"database": "default"}))
    finally:
        signals.backup_started.disconnect(refuse)
    assert "The month is being closed." in page
    assert not shop.exists()


def test_a_mistake_in_a_mechanism_is_shown_and_left_to_the_server(shop, settings):
    class Mistaken(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            raise LookupError("no such thing")

    settings.SQLITE_BACKUP = {"MECHANISM": Mistaken}
    pieces, response = [], log_in(*ALL).post(url("back_up"), {"database": "default"})
    with pytest.raises(LookupError):
        pieces.extend(piece.decode() for piece in response)
    response.close()
    assert "no such thing" in pieces[-2]
    assert "</html>" in pieces[-1]
    assert BackupRun.objects.get().outcome == "failed"


def test_the_transaction_of_a_request_is_not_held(shop, monkeypatch):
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
    page = text_of(log_in(*ALL).post(url("back_up"), {"database": "default"}))
    assert "Backed up" in page
    assert BackupRun.objects.get().outcome == "succeeded"


def test_each_database_has_a_file_of_its_own(shop, databases):
    databases.use("other")
    client = log_in(*ALL)
    text_of(client.post(url("back_up"), {"database": "default"}))
    before = shop.read_bytes()
    text_of(client.post(url("back_up"), {"database": "other"}))
    assert shop.read_bytes() == before
    assert BackupRun.objects.latest().file == str(shop.with_name("backup-other.sqlite3"))


def test_a_database_that_is_not_there_is_refused(shop):
    for database in ("backup", "nowhere"):
        response = log_in(*ALL).post(url("back_up"), {"database": database})
        assert not response.streaming
        assert "Select a valid choice" in response.content.decode()
        User.objects.all().delete()


def test_values_are_compared_where_that_is_asked_for(shop):
    page = text_of(log_in(*ALL).post(url("back_up"), {"database": "default", "verify": "on"}))
    assert "Every value was found equal." in page
    assert BackupRun.objects.get().verified


def test_pages_are_not_held_back_to_be_compressed(shop, settings):
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
    client = log_in(*ALL)
    response = client.post(
        url("back_up"), {"database": "default"}, headers={"Accept-Encoding": "gzip"}
    )
    assert "</html>" in text_of(response)


# The action


def run_action(client, name, model="shop_customer", pks=None):
    pks = pks or [Customer.objects.first().pk]
    data = {"action": name, "_selected_action": pks, "index": 0}
    return client.post(reverse(f"admin:{model}_changelist"), data)


@pytest.fixture
def action():
    """The action, offered by the whole site."""
    admin.site.add_action(backup_database)
    yield "backup_database"
    admin.site.disable_action("backup_database")
    del admin.site._global_actions["backup_database"]


def test_any_admin_offers_a_backup_of_its_database(shop, action):
    client = log_in(superuser=True)
    page = client.get(reverse("admin:shop_customer_changelist")).content.decode()
    assert "Back up the database of these customers" in page
    assert "Backed up" in text_of(run_action(client, action))
    assert count_rows(shop, "shop_order") == Order.objects.count()
    assert BackupRun.objects.get().user == "ada"


def test_the_action_asks_for_the_permission(shop, action):
    client = log_in("view_backuprun")
    User.objects.get().user_permissions.add(
        *Permission.objects.filter(content_type__app_label="shop")
    )
    assert run_action(client, action).status_code == 403
    assert not shop.exists()


PAGE = Path(__file__).parents[2] / "docs" / "admin.md"
(RECIPE,) = re.findall(
    r"^@admin\.register\(OrderLine\)\n(class [^`]*def get_actions[^`]*)^```",
    PAGE.read_text(),
    re.MULTILINE,
)


@pytest.mark.parametrize("codename", ["run_backup", "download_backup"])
def test_the_recipe_of_the_page_offers_the_action_to_those_who_may(shop, action, codename):
    scope = {"admin": admin, "backup_database": backup_database}
    exec(RECIPE, scope)
    log_in(codename)
    request = RequestFactory().get("/")
    request.user = User.objects.get()
    for actions in ([backup_database], []):
        model_admin = scope["OrderLineAdmin"](OrderLine, admin.site)
        model_admin.actions = actions
        assert (action in model_admin.get_actions(request)) is (codename == "run_backup")


def ask_site(user, where, **data):
    """Ask the project's own site, and return the page."""
    factory = RequestFactory()
    request = factory.post(f"/ops/{where}", data) if data else factory.get(f"/ops/{where}")
    request.user, request.session, request._dont_enforce_csrf_checks = user, {}, True
    request._messages = FallbackStorage(request)
    match = resolve(f"/ops/{where}")
    response = match.func(request, *match.args, **match.kwargs)
    return text_of(response) if response.streaming else response.render().content.decode()


def make_addresses(site):
    """Return the addresses of two sites: the usual one, and one of the project's own."""
    addresses = ModuleType("addresses")
    addresses.urlpatterns = [path("admin/", admin.site.urls), path("ops/", site.urls)]
    return addresses


def test_a_site_of_ones_own_has_the_runs(shop, settings):
    site = admin.AdminSite("ops")
    site.register(BackupRun, BackupRunAdmin)
    settings.ROOT_URLCONF = make_addresses(site)
    log_in(superuser=True)
    user = User.objects.get()
    page = ask_site(user, "django_sqlite_backup/backuprun/back-up/", database="default")
    run = BackupRun.objects.get()
    assert f'href="/ops/django_sqlite_backup/backuprun/{run.pk}/change/"' in page
    assert f'href="/ops/django_sqlite_backup/backuprun/{run.pk}/download/"' in page
    assert 'href="/admin/' not in page
    page = ask_site(user, "django_sqlite_backup/backuprun/")
    assert 'href="/ops/django_sqlite_backup/backuprun/back-up/"' in page
    assert 'href="/admin/' not in page


def test_a_site_without_the_runs_has_the_action(shop, settings):
    site = admin.AdminSite("ops")
    site.register(Customer, actions=[backup_database])
    settings.ROOT_URLCONF = make_addresses(site)
    log_in(superuser=True)
    data = {"action": "backup_database", "_selected_action": Customer.objects.first().pk}
    page = ask_site(User.objects.get(), "shop/customer/", **data)
    assert "Backed up" in page
    assert 'href="/admin/' not in page
    assert "backuprun" not in page.partition('id="content"')[2]


def test_wrong_settings_are_told_where_the_action_was_chosen(shop, action, settings):
    settings.SQLITE_BACKUP = {"MECHANISM": "nowhere.Nothing"}
    client = log_in(superuser=True)
    response = run_action(client, action)
    assert response.status_code == 302
    (message,) = messages_of(response)
    assert '"nowhere.Nothing", which cannot be imported' in message
    response = client.post(url("back_up"), {"database": "default"})
    assert (response.status_code, response.url) == (302, url("changelist"))


# What can be done with a backup


def test_a_download_is_the_file(shop, caplog):
    run = make_run(shop)
    caplog.set_level("INFO", "django_sqlite_backup")
    response = log_in("download_backup").get(url("download", run.pk))
    assert b"".join(response) == shop.read_bytes()
    assert response.headers["Content-Length"] == str(shop.stat().st_size)
    assert response.headers["Content-Disposition"] == f'attachment; filename="{shop.name}"'
    assert LogEntry.objects.get().change_message == "Downloaded"
    (record,) = [record for record in caplog.records if "Downloaded" in record.getMessage()]
    assert (record.run, record.user, record.file) == (run.pk, "ada", str(shop))


def test_a_download_that_is_only_asked_for_is_none(shop, caplog):
    run = make_run(shop)
    caplog.set_level("INFO", "django_sqlite_backup")
    caplog.clear()
    response = log_in("download_backup").head(url("download", run.pk))
    assert (response.status_code, b"".join(response)) == (200, b"")
    assert response.headers["Content-Length"] == str(shop.stat().st_size)
    assert list(LogEntry.objects.all()) == []
    assert caplog.messages == []


def test_a_later_backup_is_not_handed_out_as_an_earlier_one(shop):
    earlier, later = make_run(shop), make_run(shop)
    client = log_in(*ALL)
    response = client.get(url("download", earlier.pk))
    assert (response.status_code, response.url) == (302, url("change", earlier.pk))
    (message,) = messages_of(response)
    assert "a later backup has taken its place" in message
    assert b"".join(client.get(url("download", later.pk))) == shop.read_bytes()


@pytest.mark.parametrize("name", ["download", "inspect", "remove", "verify"])
def test_a_file_that_is_gone_is_an_error(shop, name):
    run = make_run(shop)
    shop.unlink()
    client = log_in(*ALL)
    response = (client.post if name in ("remove", "verify") else client.get)(url(name, run.pk))
    assert response.status_code == 302
    (message,) = messages_of(response)
    assert f'There is no file "{shop}" here any more.' in message


@pytest.mark.parametrize("name", ["download", "inspect", "remove", "verify"])
def test_what_left_no_backup_has_none(shop, name):
    run = BackupRun.objects.create(database="default", outcome="failed", file="/etc/passwd")
    client = log_in(*ALL)
    response = (client.post if name in ("remove", "verify") else client.get)(url(name, run.pk))
    (message,) = messages_of(response)
    assert "left no backup" in message


def test_no_file_is_handed_out_that_is_no_backup(shop):
    run = BackupRun.objects.create(database="default", outcome="succeeded", file="/etc/passwd")
    response = log_in(*ALL).get(url("download", run.pk))
    (message,) = messages_of(response)
    assert "is not a SQLite file" in message


def test_a_whole_backup_is_found_whole(shop):
    run = make_run(shop)
    (message,) = messages_of(log_in("view_backuprun").post(url("verify", run.pk)))
    assert "whole" in message
    assert LogEntry.objects.get().change_message == "Verified"


def test_a_changed_byte_is_found(shop):
    run = make_run(shop)
    files.overwrite(shop, shop.stat().st_size - 1, b"!")
    response = log_in("view_backuprun").post(url("verify", run.pk))
    (message,) = messages_of(response)
    assert "its checksum does not hold" in message
    assert not LogEntry.objects.exists()


def test_inspect_shows_the_rows_of_each_model(shop):
    run = make_run(shop)
    page = log_in("view_backuprun").get(url("inspect", run.pk)).content.decode()
    rows = dict(re.findall(r'<th scope="row">([\w.]+)</th>\s*<td[^>]*>([\d,]+)</td>', page))
    widths = dict(
        re.findall(
            r'<th scope="row">([\w.]+)</th>.*?<rect height="100%" width="([\d.]+)%"',
            page,
            re.DOTALL,
        )
    )
    orders = count_rows(shop, "shop_order")
    assert rows["shop.Order"] == str(orders)
    most = max(int(number.replace(",", "")) for number in rows.values())
    assert float(widths["shop.Order"]) == round(100 * orders / most, 2)
    assert max(map(float, widths.values())) == 100
    assert run.checksum in page


def test_inspect_obeys_no_markup_of_the_file(shop):
    run = make_run(shop)
    tables = files.read_manifest(shop)["tables"]
    tables["shop_order"]["label"] = "<script>alert(1)</script>"
    files.edit_manifest(shop, tables=tables)
    note_checksum(run, shop)
    page = log_in("view_backuprun").get(url("inspect", run.pk)).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_backup_is_removed_and_its_run_stays(shop):
    run = make_run(shop)
    client = log_in("delete_backup")
    assert str(shop) in client.get(url("remove", run.pk)).content.decode()
    assert shop.exists()
    client.post(url("remove", run.pk))
    assert not shop.exists()
    assert BackupRun.objects.get() == run
    assert LogEntry.objects.get().change_message == "Removed"


def test_a_later_backup_is_not_removed_as_an_earlier_one(shop):
    earlier, _ = make_run(shop), make_run(shop)
    (message,) = messages_of(log_in("delete_backup").post(url("remove", earlier.pk)))
    assert "a later backup" in message
    assert shop.exists()


# The list


def test_the_list_tells_at_a_glance(shop):
    client = log_in("view_backuprun")
    assert "no backup yet" in client.get(url("changelist")).content.decode()
    run = make_run(shop)
    BackupRun.objects.filter(pk=run.pk).update(created=timezone.now() - timedelta(hours=3))
    page = " ".join(client.get(url("changelist")).content.decode().split())
    assert '<li class="success"> <strong>default</strong>: backed up 3 hours ago' in page
    BackupRun.objects.create(database="default", outcome="failed", error="No space")
    page = " ".join(client.get(url("changelist")).content.decode().split())
    assert '<li class="warning"> <strong>default</strong>: backed up 3 hours ago' in page
    assert "One attempt has failed since." in page


def test_a_run_whose_process_died_is_lost(shop):
    process = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    gone = f"{process.stdout.decode().strip()}/1 on {describe_host()}"
    run = BackupRun.objects.create(database="default", outcome="running", process=gone)
    client = log_in("view_backuprun")
    assert f"Process {gone} died" in client.get(url("change", run.pk)).content.decode()
    assert client.get(url("progress", run.pk)).json()["over"]
    listed = client.get(url("changelist"), {"outcome__exact": "failed"}).content.decode()
    assert "1 backup run" in listed
    assert "default</strong>: no backup yet" in " ".join(listed.split())


def test_a_backup_that_was_removed_is_none_any_more(shop):
    run = make_run(shop)
    client = log_in("view_backuprun", "delete_backup", "download_backup")
    client.post(url("remove", run.pk))
    assert not shop.exists()
    page = " ".join(client.get(url("changelist")).content.decode().split())
    assert "default</strong>: no backup yet" in page
    page = client.get(url("change", run.pk)).content.decode()
    assert url("download", run.pk) not in page
    answer = client.get(url("download", run.pk), follow=True).content.decode()
    assert "is gone: it was removed" in answer


def test_a_backup_that_was_replaced_is_the_later_run_s(shop):
    first, second = make_run(shop), make_run(shop)
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.removed is not None
    assert second.removed is None


def test_the_list_is_shown_without_time_zones(shop, settings):
    settings.USE_TZ = False
    BackupRun.objects.create(database="default", outcome="failed", error="No space")
    assert "0\xa0minutes" in log_in("view_backuprun").get(url("changelist")).content.decode()


def test_a_backup_that_came_in_between_is_not_removed(shop):
    class Late(FileOutput):
        def check_identity(self, file):
            """The file is still that of the run."""

    run = make_run(shop)
    make_run(shop)
    later = shop.read_bytes()
    with pytest.raises(InvalidBackup, match="is not the file any more"):
        Late(run).delete()
    assert shop.read_bytes() == later


def test_a_run_of_another_process_is_followed(shop):
    run = BackupRun.objects.create(
        database="default",
        outcome="running",
        completed=1234,
        total=5000,
        description="copying it",
        process="1 on another host",
        started=timezone.now(),
    )
    client = log_in("view_backuprun")
    assert client.get(url("progress", run.pk)).json() == {
        "completed": 1234,
        "total": 5000,
        "over": False,
        "text": "24 % · 1,234 of 5,000 rows · copying it",
    }
    page = client.get(url("change", run.pk)).content.decode()
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert 'max="5000" value="1234"' in page


# Restore


@pytest.fixture
def restorable(settings):
    settings.SQLITE_BACKUP = {"ADMIN_RESTORE": True}


def test_restore_is_not_offered(shop):
    run = make_run(shop)
    client = log_in(superuser=True)
    assert url("restore", run.pk) not in client.get(url("change", run.pk)).content.decode()
    assert client.get(url("restore", run.pk)).status_code == 403
    assert client.post(url("restore", run.pk), {"alias": "default"}).status_code == 403


def test_restore_is_for_superusers(shop, restorable):
    assert (
        log_in(*ALL).post(url("restore", make_run(shop).pk), {"alias": "default"}).status_code
        == 403
    )


def test_restore_is_forbidden_by_allow_restore(shop, settings):
    settings.SQLITE_BACKUP = {"ADMIN_RESTORE": True, "ALLOW_RESTORE": False}
    run = make_run(shop)
    assert (
        log_in(superuser=True).post(url("restore", run.pk), {"alias": "default"}).status_code == 403
    )


def test_restore_shows_its_plan_and_wants_the_name(shop, restorable):
    client = log_in(superuser=True)
    run = make_run(shop)
    Review.objects.all().delete()
    page = client.get(url("restore", run.pk)).content.decode()
    assert "All of it is one transaction" in page
    assert re.search(r"shop.Review</th><td[^>]*>0</td><td[^>]*>4</td>", page)
    response = client.post(url("restore", run.pk), {"alias": "Default"})
    assert (
        "The database is &quot;default&quot;, and not &quot;Default&quot;"
        in response.content.decode()
    )
    assert not Review.objects.exists()


def test_a_restore_that_cannot_be_is_not_offered(shop, restorable):
    client = log_in(superuser=True)
    run = make_run(shop)
    newer = "(9999, 'shop', '9999_newer', '2026-01-01')"
    files.edit(shop, f"INSERT INTO django_migrations VALUES {newer}")
    manifest = files.read_manifest(shop)
    manifest["tables"]["django_migrations"]["rows"] += 1
    files.edit_manifest(shop, tables=manifest["tables"])
    note_checksum(run, shop)
    page = client.get(url("restore", run.pk)).content.decode()
    assert "9999_newer" in page
    assert 'class="errornote"' in page
    assert "Replace the rows" not in page


def test_restore_brings_the_rows_back(shop, restorable):
    client = log_in(superuser=True)
    run = make_run(shop)
    reviews = set(Review.objects.values_list())
    Review.objects.all().delete()
    page = text_of(client.post(url("restore", run.pk), {"alias": "default"}))
    assert "Restored" in page
    assert set(Review.objects.values_list()) == reviews
    run = BackupRun.objects.latest()
    assert (run.kind, run.outcome, run.front, run.user) == ("restore", "succeeded", "admin", "ada")


# ASGI


class Waiting(BackupMechanism):
    """Stops in the middle until it is told to go on."""

    goes_on = threading.Event()

    def copy_table_data(self, from_table, to_table):
        yield from super().copy_table_data(from_table, to_table)
        if to_table.label == "shop.Order":
            assert self.goes_on.wait(60)


def begin_asking(client, method, address, **data):
    """Ask the ASGI application as a server does; return what talks with it, and the body."""
    token = "x" * 32
    client.cookies["csrftoken"] = token
    body = urlencode({"csrfmiddlewaretoken": token, **data}).encode()
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = {
        "host": "testserver",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(body)),
        "cookie": cookies,
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": address,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return ApplicationCommunicator(ASGIHandler(), scope), {"type": "http.request", "body": body}


async def read_until(communicator, word):
    """Return the pieces up to the one that has the word."""
    pieces = []
    while not pieces or word not in pieces[-1]:
        message = await communicator.receive_output(60)
        pieces.append(message.get("body", b"").decode(errors="replace"))
    return pieces


def test_a_server_of_the_other_kind_sends_each_piece_when_it_is_there(shop, settings):
    settings.SQLITE_BACKUP = {"MECHANISM": Waiting}
    Waiting.goes_on.clear()
    client = log_in(*ALL)

    async def talk():
        communicator, body = begin_asking(client, "POST", url("back_up"), database="default")
        await communicator.send_input(body)
        # It waits after this one: had it to end first, nothing would come.
        before = await read_until(communicator, "copying shop.Order")
        Waiting.goes_on.set()
        after = await read_until(communicator, "</html>")
        await communicator.wait(60)
        return before, after

    before, after = asyncio.run(talk())
    assert "<!DOCTYPE html>" in "".join(before)
    assert "Backed up" in "".join(after)
    assert BackupRun.objects.get().outcome == "succeeded"


def test_a_browser_that_goes_away_from_it_leaves_the_previous_backup(shop, settings):
    make_run(shop)
    before = shop.read_bytes()
    settings.SQLITE_BACKUP = {"MECHANISM": Waiting}
    Waiting.goes_on.clear()
    client = log_in(*ALL)

    async def talk():
        communicator, body = begin_asking(client, "POST", url("back_up"), database="default")
        await communicator.send_input(body)
        await read_until(communicator, "copying shop.Order")
        await communicator.send_input({"type": "http.disconnect"})
        while not communicator.input_queue.empty():
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.1, Waiting.goes_on.set)
        await communicator.wait(60)

    asyncio.run(talk())
    run = BackupRun.objects.latest()
    assert (run.outcome, run.error) == ("failed", "It was stopped before its end.")
    assert shop.read_bytes() == before
    assert [path.name for path in shop.parent.iterdir()] == [shop.name]


def test_a_download_from_it_comes_in_pieces(shop):
    run = make_run(shop)
    client = log_in("download_backup")

    async def talk():
        communicator, body = begin_asking(client, "GET", url("download", run.pk))
        await communicator.send_input(body)
        sent = [await communicator.receive_output(60), await communicator.receive_output(60)]
        while sent[-1].get("more_body"):
            sent.append(await communicator.receive_output(60))
        await communicator.wait(60)
        return sent

    start, *pieces = asyncio.run(talk())
    assert (b"Content-Length", str(shop.stat().st_size).encode()) in start["headers"]
    bodies = [piece.get("body", b"") for piece in pieces]
    assert b"".join(bodies) == shop.read_bytes()
    assert max(map(len, bodies)) <= CHUNK
