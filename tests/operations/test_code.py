"""`operations.code`: the revision of a backup against that of the code."""

import pytest

from django_sqlite_backup.operations.code import CodeRevision, Comparison

AUTH = "0012_alter_user_first_name_max_length"


@pytest.fixture(scope="module")
def code():
    return CodeRevision()


@pytest.fixture
def last(code):
    """The last migrations of each app, as a backup of today records them."""
    return {label: [name for _, name in keys] for label, keys in code.last.items()}


def test_backup_of_today_is_as_the_code(code, last):
    assert last["auth"] == [AUTH]
    assert code.compare(last) == Comparison()
    assert str(code.compare(last)) == "as the code"


def test_older_one_is_behind(code, last):
    found = code.compare({**last, "auth": ["0011_update_proxy_permissions"]})
    assert found == Comparison(behind=("auth",))
    assert str(found) == "behind in auth"


def test_app_that_is_new_is_behind(code, last):
    del last["sites"], last["auth"]
    assert str(code.compare(last)) == "behind in auth, sites"


def test_newer_one_is_ahead(code, last):
    found = code.compare({**last, "auth": ["0013_later"], "shop": []})
    assert found == Comparison(behind=("shop",), ahead=("auth",))
    assert str(found) == "ahead in auth, behind in shop"


def test_app_that_is_gone_is_passed_over(code, last):
    assert code.compare({**last, "blog": ["0007_last"]}) == Comparison()


def test_backup_that_records_nothing_is_not_compared(code):
    assert code.compare({}) is None
