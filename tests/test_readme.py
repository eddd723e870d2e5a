"""The examples of the README and of the docs are run.

Each document is a story in a small project: a Python block that begins with `# name.py` is added
to that file, other Python blocks are run, and so is each `$` line of a console block, whose output
must be what the block shows (numbers and paths aside; `...` stands for any number of lines).
"""

import ast
import dataclasses
import inspect
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from django_sqlite_backup import BackupMechanism, manifest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference.md"
FILE_FORMAT = ROOT / "docs" / "file-format.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCS = [
    REFERENCE,
    FILE_FORMAT,
    ARCHITECTURE,
    ROOT / "docs" / "retention.md",
    ROOT / "docs" / "admin.md",
    ROOT / "docs" / "signals.md",
]
PACKAGE = ROOT / "django_sqlite_backup"

SETTINGS = """
from pathlib import Path

BASE_DIR = Path(__file__).parent
SECRET_KEY = "only for this test"
DEBUG = True
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
"""
SET_UP = "import django\n\ndjango.setup()\n\n"


class Project:
    """A small project with a filled shop, as a reader of the README may have one."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, *arguments):
        """Run Python in the project and return what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "settings",
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "testproject")]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def copy(self, folder):
        shutil.copytree(self.folder, folder)
        return Project(folder)

    def follow(self, document):
        """Do all that a document shows."""
        for language, text in get_blocks(document):
            if language == "python":
                self.follow_python(text)
            elif language == "console":
                self.follow_console(text)

    def follow_python(self, text):
        if named := re.match(r"# (\w+\.py)\n", text):
            with open(self.folder / named[1], "a") as file:
                file.write(f"\n{text}")
        else:
            assert "No backup" not in self.run("-c", SET_UP + text)

    def follow_console(self, text):
        for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
            program, *arguments = shlex.split(command)
            assert program == "python"
            pattern = re.escape(plain(expected)).replace(re.escape("..."), r"(?s:.*)")
            assert re.fullmatch(pattern, plain(self.run(*arguments)))


def get_blocks(document):
    """Return the language and the text of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL)


def plain(text):
    """Return a text without what differs from run to run: paths, numbers, units of size."""
    text = re.sub(r'"[^"\n]*\.sqlite3"', '"FILE"', text.replace("\xa0", " "))
    text = re.sub(r"fingerprint \w+|\d[\d:T+-]{20,}", "X", text)
    return re.sub(r"\d[\d.,]*( bytes| [KMG]B)?", "N", text)


@pytest.fixture(scope="module")
def new_project(tmp_path_factory):
    """A project that has not heard of this package yet."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / "settings.py").write_text(SETTINGS)
    (project.folder / "manage.py").write_text(MANAGE)
    project.run("manage.py", "migrate", "--verbosity=0")
    project.run("manage.py", "fill_shop", "--rows=500")
    return project


@pytest.fixture(scope="module")
def followed_project(new_project, tmp_path_factory):
    """The project of somebody who did all that the README shows."""
    project = new_project.copy(tmp_path_factory.mktemp("followed") / "project")
    project.follow(README)
    return project


def fetch(path, query):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def test_readme_is_followed_to_the_end(followed_project):
    followed_project.run("manage.py", "check", "--fail-level=WARNING")
    count = "SELECT count(*) FROM shop_order"
    (live,) = fetch(followed_project.folder / "db.sqlite3", count)
    assert live > (0,)
    assert fetch(followed_project.folder / "before-the-import.sqlite3", count) == [live]


def test_subclass_of_the_readme_does_what_it_says(followed_project):
    path = followed_project.folder / "backup.sqlite3"
    tables = {name for (name,) in fetch(path, "SELECT name FROM sqlite_master")}
    assert "django_session" not in tables
    assert fetch(path, "SELECT DISTINCT birthday FROM shop_customer") == [(None,)]


@pytest.mark.parametrize("document", DOCS, ids=lambda document: document.name)
def test_examples_of_a_document_run(document, new_project, tmp_path):
    project = new_project.copy(tmp_path / "project")
    install = next(text for language, text in get_blocks(README) if language == "python")
    project.follow_python(install)
    project.run("manage.py", "sqlitebackup")
    project.follow(document)


def test_stranger_finds_a_damaged_file(new_project, tmp_path):
    project = new_project.copy(tmp_path / "project")
    project.follow_python(next(t for language, t in get_blocks(README) if language == "python"))
    project.run("manage.py", "sqlitebackup")
    project.follow(FILE_FORMAT)
    path = project.folder / "backup.sqlite3"
    content = path.read_bytes()
    place = content.index(b"@example") + 2
    path.write_bytes(content[:place] + b"E" + content[place + 1 :])
    assert project.run("read_backup.py", path.name).splitlines()[0] == "damaged"


def test_modules_import_only_from_the_layers_above():
    (layers,) = (text for language, text in get_blocks(ARCHITECTURE) if not language)
    order = layers.split()
    for module in order:
        path = PACKAGE / f"{module.replace('.', '/')}.py"
        path = path if path.exists() else path.with_suffix("") / "__init__.py"
        for imported in get_imports(path):
            if imported in order:
                assert order.index(imported) < order.index(module), f"{module}: {imported}"


def get_imports(path):
    """Return the modules of the package that a module of it needs to be imported."""
    parents = path.relative_to(PACKAGE).parent.parts
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*parents[: len(parents) + 1 - node.level], *(node.module or "").split(".")]
            names = [] if node.module else [alias.name for alias in node.names]
            yield ".".join(filter(None, base))
            yield from (".".join(filter(None, [*base, name])) for name in names)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith(f"{PACKAGE.name}."):
            yield node.module.removeprefix(f"{PACKAGE.name}.")


@pytest.mark.parametrize("name", inspect.signature(BackupMechanism).parameters)
def test_every_argument_of_the_mechanism_is_documented(name):
    assert f"\n| `{name}` |" in REFERENCE.read_text()


@pytest.mark.parametrize("field", dataclasses.fields(manifest.Manifest), ids=lambda f: f.name)
def test_every_key_of_the_manifest_is_documented(field):
    assert re.search(rf"^\| .*`{field.name}`.* \|", FILE_FORMAT.read_text(), re.MULTILINE)
