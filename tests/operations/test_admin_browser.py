"""The admin in a real browser: click, progress, download, permissions; phone, dark, keyboard.

With `SCREENSHOTS=1` the pictures of the documentation are taken anew.
"""

import os
import re
from pathlib import Path

import pytest

from tests import browser, files
from tests.operations.test_tasks import TASKS, WORKER
from tests.shops import ROOT

IMAGES = ROOT / "docs" / "images"
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
RUNS = "django_sqlite_backup/backuprun/"
ALL = ("view_backuprun", "run_backup", "download_backup", "delete_backup")
POLICY = """
    class Policy:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            response = self.get_response(request)
            response["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
            return response

    MIDDLEWARE = [*MIDDLEWARE, "own_settings.Policy"]
"""
"""Nothing inline, in this policy."""


@pytest.fixture(scope="module")
def chromium():
    with browser.launched() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def site(chromium, tmp_path_factory):
    """The server of all tests of this module."""
    site = browser.Site(tmp_path_factory.mktemp("site"), browser.GATED + POLICY)
    site.add_user("root", superuser=True)
    site.add_user("operator", *ALL)
    site.add_user("onlooker", "view_backuprun")
    with site.running() as site.admin:
        yield site


@pytest.fixture
def open_page(chromium, site):
    """A function that logs somebody in, in a browser of its own, and returns the list's page."""
    contexts = []
    clear(site)

    def open_page(name="operator", path=RUNS, **options):
        contexts.append(chromium.new_context(**{"locale": "en-US", **options}))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: note(page, message))
        browser.log_in(page, site.admin, name)
        page.goto(site.admin + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    site.gate.unlink(missing_ok=True)


def note(page, message):
    # The testproject has no icon.
    if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
        page.complaints.append(message.text)


def clear(site):
    """Leave no run, and no backup."""
    site.gate.unlink(missing_ok=True)
    site.project.backup.unlink(missing_ok=True)
    execute(site, "DELETE FROM django_sqlite_backup_backuprun")


def execute(site, *statements):
    # The ORM is not for a process in which an event loop runs, as that of the browser does.
    return files.execute(site.project.live, *statements)


def get_runs(site):
    return execute(site, "SELECT outcome, error FROM django_sqlite_backup_backuprun ORDER BY id")


def add_run(site, **values):
    """Add a run of another host, which is heard of now."""
    values = {
        "kind": "'backup'",
        "front": "'task'",
        "user": "'ada'",
        "database": "'default'",
        "file": "''",
        "storage": "''",
        "outcome": "'running'",
        **dict.fromkeys(["created", "started", "heard"], "datetime('now')"),
        "checksum": "''",
        "verified": "0",
        "partial": "0",
        "completed": "10",
        "total": "100",
        "description": "'copying shop.Order'",
        "process": "'1 on another host'",
        "error": "''",
        "task": "''",
        **values,
    }
    names = ", ".join(f'"{name}"' for name in values)
    row = ", ".join(values.values())
    execute(site, f"INSERT INTO django_sqlite_backup_backuprun ({names}) VALUES ({row})")


def begin(page):
    """Click from the list to a backup that has begun."""
    page.click("text=Back up now")
    page.click("input[value='Back up now']", no_wait_after=True)


def shown_progress(page):
    """Return the only progress that is shown, and its text."""
    visible = page.locator(".backup-step:visible")
    assert visible.count() == 1
    bar = visible.locator("progress")
    return int(bar.get_attribute("value")), visible.inner_text().strip()


def download(page):
    with page.expect_download() as waiting:
        page.click("text=Download")
    return Path(waiting.value.path()).read_bytes()


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
def test_a_backup_is_made_with_a_bar_that_moves(site, open_page, script):
    page = open_page(java_script_enabled=script)
    site.gate.touch()
    begin(page)
    page.wait_for_selector("text=copying shop.Order >> visible=true")
    value, text = shown_progress(page)
    assert 0 < value < int(page.locator("progress:visible").get_attribute("max"))
    assert re.match(r"\d+ % · [\d,]+ of [\d,]+ rows · copying shop.Order", text)
    assert not site.project.backup.exists()

    site.gate.unlink()
    page.wait_for_selector(".backup-result")
    assert page.locator(".backup-step:visible").count() == 0
    assert re.search(r"Backed up [\d,]+ rows", page.inner_text(".backup-result"))
    assert download(page) == site.project.backup.read_bytes()
    assert get_runs(site) == [("succeeded", "")]
    assert page.complaints == []


def test_a_browser_that_goes_away_leaves_the_previous_backup(site, open_page):
    page = open_page()
    begin(page)
    page.wait_for_selector(".backup-result")
    before = site.project.backup.read_bytes()

    page.goto(site.admin + RUNS)
    site.gate.touch()
    begin(page)
    page.wait_for_selector("text=copying shop.Order >> visible=true")
    page.close()
    browser.wait_until(site.was_left)
    site.gate.unlink()
    browser.wait_until(lambda: get_runs(site)[-1][0] != "running")
    assert get_runs(site)[-1] == ("failed", "It was stopped before its end.")
    assert site.project.backup.read_bytes() == before


def test_each_page_follows_the_admins_policy(site, open_page):
    page = open_page("root")
    begin(page)
    page.wait_for_selector(".backup-result")
    for name in ("See this run", "Inspect", "Backup of default, Succeeded", "Restore"):
        page.click(f"#content a:has-text('{name}'), .breadcrumbs a:has-text('{name}')")
    page.goto(site.admin + RUNS)
    assert page.complaints == []


def test_an_onlooker_sees_the_runs_and_no_more(site, open_page):
    begin(open_page())
    browser.wait_until(lambda: get_runs(site) and get_runs(site)[-1][0] == "succeeded")
    page = open_page("onlooker")
    assert page.locator("text=Back up now").count() == 0
    page.click("#result_list tbody a")
    page.wait_for_selector("text=Inspect")
    for name in ("Download", "Remove", "Restore"):
        assert page.locator(f".object-tools >> text={name}").count() == 0
    for path in ("back-up/", "1/download/"):
        assert page.request.get(site.admin + RUNS + path).status in (403, 404)


def test_a_run_of_a_worker_is_followed_by_the_script(site, open_page):
    add_run(site)
    page = open_page()
    page.click("#result_list tbody a")
    page.wait_for_selector(".backup-step")
    assert shown_progress(page) == (10, "10 % · 10 of 100 rows · copying shop.Order")
    execute(site, "UPDATE django_sqlite_backup_backuprun SET completed = 60")
    page.wait_for_selector("text=60 % · 60 of 100 rows")
    assert shown_progress(page)[0] == 60
    execute(
        site, "UPDATE django_sqlite_backup_backuprun SET outcome = 'failed', error = 'No space.'"
    )
    page.wait_for_selector(".errornote >> text=No space.")
    assert page.locator("progress").count() == 0
    assert page.complaints == []


def follow(open_page):
    """Return the page of a run that goes on, and the list of what its script asks."""
    page, asked = open_page(), []
    page.on("request", lambda request: note_asking(request, asked))
    page.click("#result_list tbody a")
    page.wait_for_selector(".backup-step")
    page.wait_for_load_state()
    browser.wait_until(lambda: page.wait_for_timeout(10) or asked)
    return page, asked


def note_asking(request, asked):
    if request.url.endswith("/progress/"):
        asked.append(request)


def test_whose_session_has_ended_logs_in_and_follows_on(site, open_page):
    add_run(site)
    page, asked = follow(open_page)
    page.context.clear_cookies()
    page.wait_for_selector("#id_password")
    asked.clear()
    page.wait_for_timeout(1500)
    assert asked == []
    page.fill("#id_username", "operator")
    page.fill("#id_password", browser.PASSWORD)
    page.click("input[type=submit]")
    page.wait_for_selector(".backup-step")
    browser.wait_until(lambda: page.wait_for_timeout(10) or len(asked) > 1)
    # Another time is as good as the first.
    page.context.clear_cookies()
    page.wait_for_selector("#id_password")
    assert page.complaints == []


def test_what_is_no_progress_is_not_asked_for_again(site, open_page):
    add_run(site)
    page, asked = follow(open_page)
    page.route("**/progress/", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    loads = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    asked.clear()
    browser.wait_until(lambda: page.wait_for_timeout(10) or len(asked) == 2)
    page.wait_for_timeout(2500)
    assert (len(asked), len(loads)) == (2, 1)


def test_a_server_that_is_away_for_a_moment_is_asked_again(site, open_page):
    add_run(site)
    page, asked = follow(open_page)
    loads = []
    page.on("load", lambda loaded: loads.append(loaded.url))
    page.route("**/progress/", lambda route: route.fulfill(status=503), times=2)
    asked.clear()
    browser.wait_until(lambda: page.wait_for_timeout(10) or len(asked) > 2)
    execute(site, "UPDATE django_sqlite_backup_backuprun SET completed = 60")
    page.wait_for_selector("text=60 % · 60 of 100 rows")
    assert loads == []


def test_a_run_of_a_worker_is_followed_without_a_script(site, open_page):
    add_run(site)
    page = open_page(java_script_enabled=False)
    page.click("#result_list tbody a")
    execute(site, "UPDATE django_sqlite_backup_backuprun SET completed = 60")
    page.wait_for_selector("text=60 % · 60 of 100 rows")


def test_a_worker_makes_the_backup_while_its_page_follows(chromium, tmp_path):
    pytest.importorskip("django_tasks_db")
    site = browser.Site(tmp_path, browser.GATED + TASKS + POLICY)
    # Else nobody could write how far it is while SQLite is read.
    files.execute(site.project.live, "PRAGMA journal_mode = WAL")
    assert site.project.run("migrate", "-v0").code == 0
    site.add_user("operator", *ALL)
    site.project.backup.unlink()
    site.gate.touch()
    with site.running() as admin, chromium.new_context(locale="en-US") as context:
        page = context.new_page()
        browser.log_in(page, admin, "operator")
        page.goto(admin + RUNS)
        begin(page)
        page.wait_for_selector("text=Waiting for a worker.")
        assert page.url.endswith("/change/")
        with site.working(*WORKER):
            page.wait_for_selector("text=copying shop.Order")
            assert not site.project.backup.exists()
            site.gate.unlink()
            page.wait_for_selector("input[value=Verify]")
        assert page.locator("progress").count() == 0
        assert download(page) == site.project.backup.read_bytes()


def test_a_keyboard_is_enough(site, open_page):
    page = open_page()
    tab_to(page, "Back up now")
    page.keyboard.press("Enter")
    page.wait_for_url("**/back-up/")
    tab_to(page, "Back up now")
    page.keyboard.press("Enter")
    page.wait_for_selector(".backup-result")
    tab_to(page, "See this run")
    page.keyboard.press("Enter")
    page.wait_for_url("**/change/")
    tab_to(page, "Verify")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=every byte is as it was made")


def tab_to(page, name):
    """Press the tabulator until what has the focus is called so."""
    for _ in range(100):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.innerText || document.activeElement.value")
        if (focused or "").strip().lower() == name.lower():
            return
    pytest.fail(f'No tabulator leads to "{name}".')


PAGES = ["", "back-up/", "{run}/change/", "{run}/inspect/", "{run}/remove/", "{run}/restore/"]


def find_run(site):
    ((run,),) = execute(site, "SELECT max(id) FROM django_sqlite_backup_backuprun")
    return run


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_all_of_it(site, open_page, path):
    page = open_page("root", **PHONE)
    begin(page)
    page.wait_for_selector(".backup-result")
    page.goto(site.admin + RUNS + path.format(run=find_run(site)))
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_in(site, open_page, scheme):
    add_run(site, outcome="'failed'", error="'No space.'")
    page = open_page("root", color_scheme=scheme)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
    seen = [*look(page, ".backup-outcome, .backup-standings li")]
    begin(page)
    page.wait_for_selector(".backup-result")
    seen += look(page, ".backup-result li, .backup-links a")
    page.goto(f"{site.admin}{RUNS}{find_run(site)}/inspect/")
    seen += look(page, ".backup-facts dd, .backup-chart td")
    page.goto(f"{site.admin}{RUNS}{find_run(site)}/remove/")
    seen += look(page, ".backup-danger")
    assert len(seen) > 10
    # https://www.w3.org/TR/WCAG22/#contrast-minimum
    assert [(text, ratio) for text, ratio in seen if ratio < 4.5] == []


LOOK = """elements => elements.map(element => {
    const parse = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => {
        const [r, g, b] = parse(color).slice(0, 3).map(part => {
            part /= 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let behind = element;
    while (behind.parentElement && parse(getComputedStyle(behind).backgroundColor)[3] === 0)
        behind = behind.parentElement;
    const one = light(getComputedStyle(element).color);
    const other = light(getComputedStyle(behind).backgroundColor);
    return [element.innerText || element.value,
            (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)];
})"""


def look(page, selector):
    """Return the text of each element, and its contrast with what is behind it."""
    return page.locator(selector).evaluate_all(LOOK)


HIDE = """folder => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode())
        walker.currentNode.data = walker.currentNode.data.replaceAll(folder, '/srv/shop');
}"""


class Camera:
    """Takes the pictures, without the folder of the test in them."""

    def __init__(self, site, page, scheme):
        self.site, self.page, self.scheme = site, page, scheme

    def go(self, path):
        self.page.goto(self.site.admin + RUNS + path)

    def take(self, name):
        if self.scheme == "dark" and name not in ("list", "inspect"):
            return
        self.page.evaluate(HIDE, str(self.site.project.folder))
        self.page.screenshot(path=IMAGES / f"admin-{name}-{self.scheme}.png")


@pytest.mark.skipif("SCREENSHOTS" not in os.environ, reason="SCREENSHOTS is not set")
def test_pictures_for_the_documentation(site, open_page):
    IMAGES.mkdir(exist_ok=True)
    days = {number: f"datetime('now', '-{number} days')" for number in (2, 3)}
    for number, outcome, error in ((3, "succeeded", ""), (2, "failed", "No space.")):
        values = {"outcome": f"'{outcome}'", "error": f"'{error}'", "created": days[number]}
        done = {"rows": "421", "bytes": "454656", "seconds": "0.1", "user": "'cron'"}
        add_run(site, **values, **(done if outcome == "succeeded" else {}))
    for scheme in ("light", "dark"):
        page = open_page("root", color_scheme=scheme, viewport={"width": 1280, "height": 640})
        camera = Camera(site, page, scheme)
        site.gate.touch()
        begin(page)
        page.wait_for_selector("text=copying shop.Order >> visible=true")
        camera.take("progress")
        site.gate.unlink()
        page.wait_for_selector(".backup-result")
        run = find_run(site)
        for name in ("change", "inspect", "restore"):
            camera.go(f"{run}/{name}/")
            camera.take(name)
        camera.go("")
        camera.take("list")
    Camera(site, open_page("root", **PHONE), "phone").take("list")
