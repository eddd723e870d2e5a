"""What is public is documented, and what is documented is there."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from django.core.management import load_command_class

import django_sqlite_backup
from django_sqlite_backup import BackupMechanism, exceptions
from django_sqlite_backup.conf import KEYS

PACKAGE = Path(django_sqlite_backup.__file__).parent
ROOT = PACKAGE.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMANDS = sorted(
    path.stem
    for path in (PACKAGE / "management" / "commands").glob("*.py")
    if path.stem != "__init__"
)
# Django gives them to every command and documents them.
DJANGOS_FLAGS = {"help", "version", "verbosity", "settings", "pythonpath", "traceback"} | {
    "no-color",
    "force-color",
    "skip-checks",
}


def documentation():
    return "\n".join(page.read_text() for page in PAGES if page.exists())


def flags():
    for command in COMMANDS:
        parser = load_command_class("django_sqlite_backup", command).create_parser("", command)
        for action in parser._actions:
            for flag in action.option_strings:
                if flag.startswith("--") and flag[2:] not in DJANGOS_FLAGS:
                    yield command, flag


def hooks():
    tree = ast.parse((PACKAGE / "mechanism.py").read_text())
    (mechanism,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return [
        node.name
        for node in mechanism.body
        if isinstance(node, ast.FunctionDef)
        and not node.name.startswith("_")
        and not node.decorator_list
    ]


def check_ids():
    source = "\n".join(path.read_text() for path in PACKAGE.glob("**/checks.py"))
    return re.findall(r'id="(sqlite_backup\.\w+)"', source)


@pytest.mark.parametrize("name", django_sqlite_backup.__all__)
def test_every_public_name_is_documented(name):
    assert re.search(rf"\b{name}\b", documentation())


@pytest.mark.parametrize(("command", "flag"), sorted(flags()))
def test_every_flag_is_documented(command, flag):
    assert re.search(rf"(?<![\w-]){flag}(?![\w-])", documentation())
    assert re.search(rf"\b{command}\b", documentation())


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_setting_is_documented(key):
    assert re.search(rf"\b{key}\b", documentation())


@pytest.mark.parametrize("check", sorted(set(check_ids())))
def test_every_check_is_documented(check):
    assert check in documentation()


@pytest.mark.parametrize("method", hooks())
def test_every_method_of_the_mechanism_is_documented(method):
    assert re.search(rf"\b{method}\b", documentation())
    assert getattr(BackupMechanism, method).__doc__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text()))
    assert [link for link in links if not resolves(page, link)] == []


@pytest.mark.parametrize("index", ["README.md", "docs/index.md"])
def test_every_page_is_linked(index):
    index = ROOT / index
    links = re.findall(r"\]\(([^)\s#]+)", without_code(index.read_text()))
    linked = {(index.parent / link).resolve() for link in links}
    assert set((ROOT / "docs").glob("*.md")) - linked <= {index}


def test_every_image_is_shown():
    shown = re.findall(r"!\[[^\]]+\]\(images/([^)]+)\)", documentation())
    assert sorted(set(shown)) == sorted(path.name for path in (ROOT / "docs/images").iterdir())


def resolves(page, link):
    if re.match(r"\w+:", link):
        return True
    name, _, anchor = link.partition("#")
    target = (page.parent / name) if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page):
    """Return the anchors that the headings of a page get."""
    headings = re.findall(r"^#+ +(.+?) *$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def test_every_flag_in_the_documentation_is_there():
    known = {flag for _, flag in flags()} | {f"--{flag}" for flag in DJANGOS_FLAGS}
    lines = re.findall(r"manage\.py (sqlite\w+)([^`\n|]*)", documentation())
    assert {command for command, _ in lines} <= set(COMMANDS)
    used = {flag for _, rest in lines for flag in re.findall(r"(?<![\w-])--[\w-]+", rest)}
    assert used - known == set()


def test_every_setting_in_the_documentation_is_there():
    named = re.findall(r'SQLITE_BACKUP\["(\w+)"\]', documentation())
    assert set(named) <= KEYS


# The package


def test_the_exports_are_sorted_and_complete():
    public = {
        name
        for name, value in vars(django_sqlite_backup).items()
        if not name.startswith("_") and not isinstance(value, type(ast))
    }
    exported = django_sqlite_backup.__all__
    assert exported == sorted(exported)
    assert set(exported) == public | {"__version__"}


def test_every_error_is_exported_and_in_the_tree():
    errors = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, exceptions.BackupError)
    }
    assert errors <= set(django_sqlite_backup.__all__)
    assert [name for name in errors if name not in exceptions.__doc__] == []


def test_the_package_only_exports_at_its_top():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    kinds = {type(node).__name__ for node in tree.body}
    assert kinds == {"Expr", "ImportFrom", "Assign"}


def test_no_module_is_longer_than_250_lines():
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.glob("**/*.py")}
    assert {str(path): length for path, length in lengths.items() if length > 250} == {}


def test_every_module_says_what_it_is():
    modules = [
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in PACKAGE.glob("**/*.py")
        if path.name != "_version.py" and path.read_text()
    ]
    assert [module.__name__ for module in modules if not module.__doc__] == []


def test_every_check_in_the_documentation_is_there():
    assert set(re.findall(r"sqlite_backup\.[EW]\d+", documentation())) <= set(check_ids())
