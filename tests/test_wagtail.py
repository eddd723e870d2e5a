"""Wagtail, with its own migrations, pages, images and users, from each engine to each engine.

Every command runs in a process of its own, on a site whose settings are `wagtail_project`'s.
"""

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings

from tests import engines, oracle

pytestmark = pytest.mark.slow

MANAGE = Path(__file__).parent / "wagtail_project" / "manage.py"
RUN = f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
ALIASES = {engine: alias for alias, engine in engines.ALIASES.items()}
OPENERS = {"sqlite": oracle.Sqlite, "postgresql": oracle.Postgresql, "mysql": oracle.Mysql}
# The search index has other columns on each engine, and Wagtail makes it again from the pages.
SEARCH_INDEX = "wagtailsearch"
CROSSINGS = [(one, other) for one in engines.ENGINES for other in engines.ENGINES if one != other]

SITE_QUERIES = {
    "pages": "SELECT id, path, depth, numchild, title, draft_title, url_path, "
    "CASE WHEN live THEN 1 ELSE 0 END, first_published_at FROM wagtailcore_page",
    "blog pages": "SELECT page_ptr_id, date, body, author_id, image_id FROM home_blogpage",
    "tags": "SELECT content_object_id, name FROM home_blogpagetag "
    "JOIN taggit_tag ON taggit_tag.id = tag_id",
    "revisions": "SELECT id, object_id, created_at, content FROM wagtailcore_revision",
    "users": "SELECT id, username, email, password, date_joined FROM auth_user",
    "images": "SELECT id, title, file, width, focal_point_x, uploaded_by_user_id, created_at "
    "FROM wagtailimages_image",
    "sites": "SELECT hostname, site_name, root_page_id FROM wagtailcore_site",
    # `migrate` adds this one on SQLite, where the search index has a second table.
    "content types": "SELECT id, app_label, model FROM django_content_type "
    "WHERE model <> 'sqliteftsindexentry'",
}


class Site:
    """A Wagtail site on one engine: migrated, filled, and backed up."""

    def __init__(self, engine, folder):
        self.engine = engine
        self.file = folder / f"{engine}.sqlite3"
        self.database = dict(settings.DATABASES[ALIASES[engine]])
        self.database.pop("TEST", None)
        self.database["NAME"] = f"test_sqlite_backup_wagtail_{RUN}"
        if engine == "sqlite":
            self.database["NAME"] = str(folder / "live.sqlite3")

    def make(self, seed):
        self.administer("CREATE DATABASE {}")
        self.manage("migrate", "--verbosity=0")
        self.manage("fill_site", f"--seed={seed}")
        self.backed_up = json.loads(self.manage("sqlitebackup", "--format=json"))
        self.text = self.read_text()
        self.rows = self.read_rows()
        with closing(OPENERS[self.engine](self.database)) as engine:
            self.next_page = engine.next_keys()["wagtailcore_page"]

    def administer(self, statement):
        """Run a statement on the site's database from outside of it."""
        if self.engine == "sqlite":
            return
        elsewhere = {"postgresql": "postgres", "mysql": "mysql"}[self.engine]
        with closing(OPENERS[self.engine]({**self.database, "NAME": elsewhere})) as server:
            server.connection.rollback()
            if self.engine == "postgresql":
                # There a database is not made inside a transaction.
                server.connection.autocommit = True
            server.connection.cursor().execute(statement.format(self.database["NAME"]))

    def manage(self, *arguments):
        """Run a command and return what it prints."""
        done = subprocess.run(
            [sys.executable, MANAGE, *arguments],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "settings",
                "PYTHONPATH": str(MANAGE.parents[2]),
                "WAGTAIL_DATABASE": json.dumps(self.database, default=str),
                "WAGTAIL_BACKUP": str(self.file),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def read_text(self):
        """Map each table to the engine's own text of its rows."""
        with closing(OPENERS[self.engine](self.database)) as engine:
            # FTS5 keeps its segments in further tables, which equal indexes fill differently.
            names = [name for name in oracle.all_but_runs(engine) if "_fts_" not in name]
            return {name: oracle.table_lines(engine, name, ()) for name in names}

    def read_rows(self):
        """Map each of `SITE_QUERIES` to its rows as the driver gives them, in one spelling."""
        with closing(OPENERS[self.engine](self.database)) as engine:
            query = engine.query if self.engine == "mysql" else engine.connection.execute
            return {
                what: sorted("\t".join(map(spelled, row)) for row in query(sql))
                for what, sql in SITE_QUERIES.items()
            }


def spelled(value):
    """Return one text for what three drivers spell differently."""
    text = json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    if text.startswith(("{", "[")):
        return oracle.canonical_json(text)
    return text.removesuffix("+00:00").removesuffix(".000000")


@pytest.fixture(scope="module")
def get_site(tmp_path_factory):
    """A function from an engine to its site, made at the first call."""
    made, begun = {}, []

    def get_site(engine):
        if reason := engines.why_not(engine):
            is_failure = os.environ.get("CI") and engine in engines.wanted()
            refuse = pytest.fail if is_failure else pytest.skip
            refuse(f"{engine} is not tested: {reason}")
        if engine not in made:
            if engine in [site.engine for site in begun]:
                pytest.fail(f"The site on {engine} could not be made: see the first failure.")
            begun.append(Site(engine, tmp_path_factory.mktemp(engine)))
            begun[-1].make(seed=engines.ENGINES.index(engine))
            made[engine] = begun[-1]
        return made[engine]

    yield get_site
    for site in begun:
        site.administer("DROP DATABASE IF EXISTS {}")


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_site_comes_back_to_its_own_engine_with_every_value(engine, get_site):
    site = get_site(engine)
    site.manage("flush", "--no-input")
    flushed = site.read_text()
    site.manage("sqliterestore", "--no-input", "--verify")
    assert flushed["wagtailcore_page"] == []
    assert site.read_text() == site.text


@pytest.mark.parametrize(("from_engine", "to_engine"), CROSSINGS)
def test_site_moves_to_another_engine(from_engine, to_engine, get_site):
    origin, target = get_site(from_engine), get_site(to_engine)
    restore = ["sqliterestore", "--no-input", f"--file={origin.file}"]
    target.manage(*restore, f"--exclude={SEARCH_INDEX}")
    assert target.read_rows() == origin.rows
    grown = json.loads(target.manage("grow_site"))
    assert grown == {
        "problems": [[], [], [], [], []],
        "pages": len(origin.rows["pages"]) + 1,
        # Not that of the page which was deleted last.
        "key": origin.next_page,
    }
