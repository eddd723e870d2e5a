import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import registry
from django.test import override_settings

from django_sqlite_backup import checks
from django_sqlite_backup.checks import (
    check_readability,
    check_retention,
    check_router,
    check_settings,
)
from django_sqlite_backup.conf import KEYS
from django_sqlite_backup.conf import settings as own_settings

PACKAGE = Path(checks.__file__).parent
ROOT = Path(checks.__file__).parents[1]


def found(**own):
    """Return id, message and hint of what is found in a `SQLITE_BACKUP`."""
    with override_settings(SQLITE_BACKUP=own):
        return [(m.id.removeprefix("sqlite_backup."), m.msg, m.hint) for m in check_settings()]


def test_the_checks_are_registered():
    assert {check_settings, check_router} <= registry.registry.registered_checks


def test_the_settings_of_the_tests_are_in_order():
    assert [*check_settings(), *check_router()] == []


def test_no_settings_are_in_order():
    assert found() == []


SAID_IN_TWO_WAYS = {"E004", "E009", "E012"}
"""Ids of one mistake for which a check has two messages, or finds it in two steps."""


def find_places():
    """Map each id to where it stands in the source: the function, and how often."""
    places = defaultdict(Counter)
    for path in sorted(PACKAGE.glob("**/checks.py")):
        for function in ast.parse(path.read_text()).body:
            for node in ast.walk(function):
                if isinstance(node, ast.keyword) and node.arg == "id":
                    name = f"{path.relative_to(PACKAGE)}: {function.name}"
                    places[ast.literal_eval(node.value).removeprefix("sqlite_backup.")][name] += 1
    return places


def test_ids_are_unique():
    places = find_places()
    assert {code: where for code, where in places.items() if len(where) > 1} == {}
    repeated = {code: where.total() for code, where in places.items() if where.total() > 1}
    assert repeated == dict.fromkeys(SAID_IN_TWO_WAYS, 2)


def test_each_id_has_one_row_of_documentation():
    pages = [page.read_text() for page in ROOT.glob("docs/*.md")]
    documented = re.findall(r"^\| `sqlite_backup\.(\w+)` \|", "\n".join(pages), re.MULTILINE)
    assert sorted(documented) == sorted(find_places())


@pytest.mark.parametrize("value", [None, ["EXCLUDE"], "text"])
def test_e001_no_dict(value):
    with override_settings(SQLITE_BACKUP=value):
        (message,) = check_settings()
    assert message.id == "sqlite_backup.E001"
    assert message.msg == f"SQLITE_BACKUP is {value!r}, and should be a dict."


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("EXCLUDES", 'Did you mean "EXCLUDE"?'),
        ("exclude", 'Did you mean "EXCLUDE"?'),
        ("MECANISM", 'Did you mean "MECHANISM"?'),
        (7, f"Known: {', '.join(sorted(KEYS))}."),
    ],
)
def test_e002_an_unknown_key(key, hint):
    with override_settings(SQLITE_BACKUP={key: 1}):
        (message,) = check_settings()
    assert (message.id, message.msg, message.hint) == (
        "sqlite_backup.E002",
        f'SQLITE_BACKUP has no key "{key}".',
        hint,
    )


@pytest.mark.parametrize("key", ["MECHANISM", *checks.HOOKS])
def test_e003_a_bad_dotted_path(key):
    assert found(**{key: "shop.models.Nothing"}) == [
        (
            "E003",
            f'SQLITE_BACKUP["{key}"] is "shop.models.Nothing", which cannot be imported: '
            'Module "shop.models" does not define a "Nothing" attribute/class.',
            None,
        )
    ]


@pytest.mark.parametrize("key", checks.HOOKS)
def test_e004_a_hook_that_cannot_be_called(key):
    message = f'SQLITE_BACKUP["{key}"] is True, which cannot be called.'
    assert found(**{key: True}) == [("E004", message, None)]


def test_e004_a_mechanism_that_is_none():
    message = "SQLITE_BACKUP[\"MECHANISM\"] is <class 'str'>, and no subclass of BackupMechanism."
    assert found(MECHANISM=str) == [("E004", message, None)]


def test_e005_a_live_alias_that_is_missing():
    message = 'SQLITE_BACKUP["DATABASE"]: DATABASES has no alias "oter". Did you mean "other"?'
    assert found(DATABASE="oter") == [("E005", message, None)]


def test_e006_a_backup_alias_that_is_missing():
    message = 'SQLITE_BACKUP["BACKUP"] is "bakup", which DATABASES lacks.'
    assert found(BACKUP="bakup") == [("E006", message, None)]


def test_e007_a_backup_alias_of_another_engine():
    if "postgresql" not in settings.DATABASES:
        pytest.skip("psycopg is not installed")
    message = (
        'The alias "postgresql" has the engine django.db.backends.postgresql, and a backup is a '
        "SQLite file. Give the alias the engine django.db.backends.sqlite3, or name a file "
        "(--file)."
    )
    assert found(BACKUP="postgresql") == [("E007", message, None)]


def test_e008_the_backup_is_the_live_database():
    (code, message, _) = found(DATABASE="other", BACKUP="other")[0]
    path = settings.DATABASES["other"]["NAME"]
    assert code == "E008"
    assert message == f'"{path}" is the live database "other" itself. Name another file.'


@pytest.mark.parametrize("key", ["EXCLUDE", "RESTORE_EXCLUDE"])
@pytest.mark.parametrize("labels", ["shop", None, 7, [1], {"shop": 1}])
def test_e009_labels_that_are_no_list(key, labels):
    message = f'SQLITE_BACKUP["{key}"] is {labels!r}, and should be a list of labels.'
    assert found(**{key: labels}) == [("E009", message, None)]


@pytest.mark.parametrize("key", ["EXCLUDE", "RESTORE_EXCLUDE"])
def test_e009_a_wrong_label(key):
    message = (
        f'SQLITE_BACKUP["{key}"]: No app or model is called "shop.Ordr". Did you mean "shop.order"'
    )
    ((code, found_message, _),) = found(**{key: ["shop", "shop.Ordr"]})
    assert code == "E009"
    assert found_message.startswith(message)


def test_all_mistakes_are_found_at_once():
    assert [
        code for code, *_ in found(TYPO=1, MECHANISM="no.where", EXCLUDE="shop", BACKUP="x")
    ] == [
        "E002",
        "E003",
        "E009",
        "E006",
    ]


OTHER_ROUTERS = ["zoo.routers.ZooRouter"]


def test_w001_nothing_keeps_migrate_off():
    with override_settings(DATABASE_ROUTERS=OTHER_ROUTERS):
        (message,) = check_router()
    assert (message.id, message.msg, message.hint) == (
        "sqlite_backup.W001",
        'Nothing keeps migrate and the test runner off the alias "backup".',
        'Put "django_sqlite_backup.routers.BackupRouter" first in DATABASE_ROUTERS.',
    )


class Greedy:
    def allow_migrate(self, db, app_label, **hints):
        return True


def test_w001_another_router_is_asked_first():
    own = "django_sqlite_backup.routers.BackupRouter"
    with override_settings(DATABASE_ROUTERS=[f"{__name__}.Greedy", own]):
        assert [message.id for message in check_router()] == ["sqlite_backup.W001"]
    with override_settings(DATABASE_ROUTERS=[own, f"{__name__}.Greedy"]):
        assert check_router() == []


def test_w001_is_not_about_an_alias_that_is_not_there():
    with override_settings(DATABASE_ROUTERS=[], SQLITE_BACKUP={"BACKUP": "none"}):
        assert check_router() == []


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "[] is no dict of rules, such as {'daily': 7}."),
        ({"daily": "7"}, '"7" is no number of backups for "daily". Write one, or "unlimited".'),
        ({"dayly": 7}, 'There is no rule "dayly". Did you mean "daily"?'),
        ({"last": 0}, "No rule keeps a backup. Name one, such as {'last': 3, 'daily': 7}."),
    ],
)
def test_e015_retention_that_says_nothing(rules, message):
    assert found(RETENTION=rules) == [("E015", f'SQLITE_BACKUP["RETENTION"]: {message}', None)]


def test_retention_that_is_in_order():
    rules = {"last": 3, "daily": 7, "weekly": 4, "monthly": 12, "yearly": 2, "within": "48h"}
    assert found(RETENTION=rules) == []


@pytest.mark.parametrize(
    ("own", "ids"),
    [
        ({}, []),
        ({"RETENTION": {"last": 3}}, []),
        ({"STORAGE": "backups", "RETENTION": {"last": 3}}, []),
        ({"STORAGE": "backups"}, ["sqlite_backup.W005"]),
    ],
)
def test_w005_a_storage_that_fills_up(own, ids):
    with override_settings(SQLITE_BACKUP=own):
        assert [message.id for message in check_retention()] == ids


def test_the_check_of_the_retention_is_made_of_deployments():
    assert check_retention in registry.registry.deployment_checks


SWITCHES = ("ALLOW_RESTORE", "RECORD_HOST", "BACKUP_BEFORE_MIGRATE", "ADMIN_RESTORE")


@pytest.mark.parametrize("value", ["False", "0", "no", 1])
def test_a_switch_from_the_environment_allows_nothing(value):
    with override_settings(SQLITE_BACKUP=dict.fromkeys(SWITCHES, value)):
        assert not own_settings.allow_restore
        assert not own_settings.record_host
        assert not own_settings.admin_restore


@pytest.mark.parametrize("key", SWITCHES)
def test_e020_a_switch_that_is_neither_on_nor_off(key):
    with override_settings(SQLITE_BACKUP={key: "no"}):
        (message,) = check_settings()
    assert message.id == "sqlite_backup.E020"
    assert message.msg == f"SQLITE_BACKUP[\"{key}\"] is 'no', and should be True or False."


def test_w010_fields_that_the_orm_cannot_read_from_the_file(alias, tmp_path):
    with override_settings(SQLITE_BACKUP={"DATABASE": alias}):
        (message,) = check_readability(databases=[alias])
        assert check_readability(databases=None) == []
        assert check_readability(databases=["other"]) == []
    assert message.id == "sqlite_backup.W010"
    named = set(re.search("every value of (.*)\\.$", message.msg)[1].split(", "))
    assert "zoo.LargeDecimal.value" in named
    assert "shop.Payment.amount" not in named
