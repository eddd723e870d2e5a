import pytest
from django.test import override_settings

from django_sqlite_backup import BackupMechanism, ConfigurationError
from django_sqlite_backup.conf import HOOKS, KEYS, load, make_mechanism, settings


class Own(BackupMechanism):
    pass


def everything(table):
    return True


def test_without_settings_there_are_defaults():
    assert (settings.mechanism, settings.hooks) == (BackupMechanism, {})
    assert (list(settings.exclude), list(settings.restore_exclude)) == ([], [])
    assert (settings.database, settings.backup, settings.allow_restore) == (
        "default",
        "backup",
        True,
    )


def test_every_setting_is_read_at_use():
    own = {
        "MECHANISM": f"{__name__}.Own",
        "BACKUP_TABLE_FILTER": f"{__name__}.everything",
        "EXCLUDE": ["shop"],
        "RESTORE_EXCLUDE": ["auth"],
        "DATABASE": "other",
        "BACKUP": "file",
        "ALLOW_RESTORE": False,
        "RECORD_HOST": True,
    }
    with override_settings(SQLITE_BACKUP=own):
        assert settings.mechanism is Own
        assert settings.hooks == {"backup_table_filter": everything}
        assert (settings.exclude, settings.restore_exclude) == (["shop"], ["auth"])
        assert (settings.database, settings.backup, settings.allow_restore) == (
            "other",
            "file",
            False,
        )
        assert settings.record_host
    assert settings.database == "default"


@pytest.mark.parametrize("value", [None, [], "text"])
def test_a_setting_that_is_no_dict_is_an_empty_one(value):
    with override_settings(SQLITE_BACKUP=value):
        assert settings.values == {}


def test_a_class_may_stand_for_its_path():
    with override_settings(SQLITE_BACKUP={"MECHANISM": Own}):
        assert settings.mechanism is Own


def test_none_is_no_hook():
    with override_settings(SQLITE_BACKUP={"MECHANISM": None, **dict.fromkeys(HOOKS)}):
        assert (settings.mechanism, settings.hooks) == (BackupMechanism, {})


def test_a_path_that_cannot_be_imported_is_named():
    with pytest.raises(ConfigurationError) as caught:
        load("MECHANISM", "nowhere.Mechanism")
    assert str(caught.value) == (
        'SQLITE_BACKUP["MECHANISM"] is "nowhere.Mechanism", which cannot be imported: '
        "No module named 'nowhere'."
    )


def test_hooks_take_the_place_of_methods():
    own = {"MECHANISM": Own, "RESTORE_TABLE_FILTER": everything}
    with override_settings(SQLITE_BACKUP=own):
        mechanism = make_mechanism("file", verify=True)
    assert type(mechanism) is Own
    assert (mechanism.filename, mechanism.verify) == ("file", True)
    assert mechanism.restore_table_filter is everything


def test_every_hook_is_a_method_that_subclasses_override():
    assert {name: getattr(BackupMechanism, name).__name__ for name in HOOKS.values()} == {
        name: name for name in HOOKS.values()
    }
    assert {*HOOKS} <= KEYS
