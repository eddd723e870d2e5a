"""Which tables are copied, and what must not happen to their rows on the way."""

import tracemalloc

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connections
from django.db.models import signals

from django_sqlite_backup import BackupError, BackupMechanism
from tests import oracle
from tests.copying import back_up, file_tables, quoted_file_rows, restore, statements, unchanged
from zoo import fill
from zoo import models as zoo

PORTABLE = pytest.mark.parametrize("portable", [False, True], ids=["fast", "portable"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "backup.sqlite3"


def test_file_has_every_table_of_the_zoo_and_no_other(alias, path):
    back_up(alias, path, "zoo", "zoo_postgresql" if alias == "postgresql" else "zoo")

    expected = {model._meta.db_table for model in fill.zoo_models(alias)}
    assert set(file_tables(path)) == expected | {"django_migrations"}


@pytest.mark.parametrize(
    "table", ["zoo_view", "zoo_nothing", "zoo_elsewhere", "zoo_keeper", "zoo_busyplace"]
)
def test_what_has_no_table_here_is_not_in_the_file(alias, path, table):
    back_up(alias, path)

    assert table not in file_tables(path)


def test_whole_file_has_the_tables_of_every_app(alias, path):
    report = back_up(alias, path)

    assert {"auth_user", "auth_group_permissions", "django_content_type", "django_site"} <= set(
        file_tables(path)
    )
    assert "zoo.Shared" in report.rows
    assert "zoo.SharedToo" not in report.rows


@PORTABLE
def test_table_that_no_model_knows_is_named_in_a_warning(alias, path, portable):
    quote = connections[alias].ops.quote_name
    name = quote("left 'over'")

    with statements(alias, [f"CREATE TABLE {name} (id integer)"], [f"DROP TABLE {name}"]):
        report = back_up(alias, path, portable=portable)

    assert "left 'over'" in " ".join(report.warnings)
    assert "left 'over'" not in file_tables(path)


def test_column_that_no_field_knows_is_named_in_a_warning(alias, path):
    fill.clear(alias)
    create = ["ALTER TABLE zoo_tag ADD COLUMN unheard_of integer"]

    with statements(alias, create, ["ALTER TABLE zoo_tag DROP COLUMN unheard_of"]):
        report = back_up(alias, path, "zoo.Tag")

    assert "unheard_of" in " ".join(report.warnings)


def test_model_without_a_table_is_all_that_an_ordinary_backup_warns_of(alias, path):
    assert back_up(alias, path).warnings == [
        "Models without a table here, so without rows in the backup: zoo.Nothing."
    ]


@PORTABLE
def test_rows_that_managers_hide_are_copied(alias, path, portable):
    fill.clear(alias)
    fill.add(alias, zoo.SoftDeleted, (1, "visible", False), (2, "hidden", True))
    back_up(alias, path, "zoo.SoftDeleted", portable=portable)
    assert len(quoted_file_rows(path, "zoo_softdeleted")) == 2

    with unchanged(alias, "zoo_softdeleted"):
        restore(alias, path, "zoo.SoftDeleted", portable=portable)


@PORTABLE
def test_moments_that_fields_set_by_themselves_are_kept(filled, path, portable):
    back_up(filled, path, "zoo.Stamped", "zoo.Defaulted", portable=portable)

    with unchanged(filled, "zoo_stamped", "zoo_defaulted"):
        restore(filled, path, "zoo.Stamped", "zoo.Defaulted", portable=portable)

    (line,) = oracle.table_text(filled, "zoo_stamped")
    assert "1999-12-31 23:59:59.123456" in line


@PORTABLE
def test_no_signal_of_a_model_is_sent(filled, path, portable):
    sent = []

    def note(sender, **kwargs):
        # Django reads its own table of migrations as any model.
        if sender.__module__.startswith("zoo"):
            sent.append(sender)

    kinds = ["pre_init", "post_init", "pre_save", "post_save", "pre_delete", "post_delete"]
    kinds.append("m2m_changed")
    for kind in kinds:
        getattr(signals, kind).connect(note)
    try:
        back_up(filled, path, "zoo", portable=portable)
        restore(filled, path, "zoo", portable=portable)
    finally:
        for kind in kinds:
            getattr(signals, kind).disconnect(note)

    assert sent == []


@PORTABLE
def test_content_types_are_replaced_and_their_caches_cleared(alias, path, portable):
    manager = ContentType.objects.db_manager(alias)
    with unchanged(alias, "django_content_type", "auth_permission"):
        back_up(alias, path, portable=portable)
        manager.create(app_label="gone", model="since")
        tag = manager.get_for_model(zoo.Tag)
        manager.filter(pk=tag.pk).update(model="renamed")
        ContentType.objects.clear_cache()
        manager.get(pk=tag.pk)
        manager.get_for_id(tag.pk)

        restore(alias, path, portable=portable, migrate=True)

        assert manager.get_for_id(tag.pk).model == "tag"
        assert manager.get_for_model(zoo.Tag).pk == tag.pk


def test_what_a_failed_restore_read_of_content_types_is_forgotten(alias, path):
    """Its rows are rolled back, and the process goes on."""
    manager = ContentType.objects.db_manager(alias)

    class Failing(BackupMechanism):
        def copy_table_data(self, from_table, to_table):
            yield from super().copy_table_data(from_table, to_table)
            first = manager.order_by("pk").first()
            manager.filter(pk=first.pk).update(model="other")
            manager.get_for_id(first.pk)
            raise ValueError("no reason")

    back_up(alias, path, "contenttypes")
    before = list(manager.order_by("pk").values_list("pk", "model"))
    options = {"database": alias, "labels": ["contenttypes"], "migrate": False}
    with pytest.raises(BackupError, match="no reason"):
        list(Failing(path, **options).restore())
    found = [manager.get_for_id(pk) for pk, _ in before]
    assert [(content_type.pk, content_type.model) for content_type in found] == before


def test_cache_of_sites_is_cleared(alias, path):
    if alias != "default":
        pytest.skip("Django keeps sites of the default database only")
    Site.objects.get_or_create(pk=1, defaults={"domain": "example.com", "name": "example.com"})
    Site.objects.clear_cache()
    back_up(alias, path)
    domain = Site.objects.get_current().domain
    Site.objects.filter(pk=1).update(domain="other.example")
    Site.objects.clear_cache()
    assert Site.objects.get_current().domain == "other.example"

    restore(alias, path)

    assert Site.objects.get_current().domain == domain


@PORTABLE
def test_table_of_300_columns_is_copied(filled, path, portable):
    back_up(filled, path, "zoo.Wide", portable=portable)
    assert oracle.table_text(filled, "zoo_wide")[0].count("\t") == 299

    with unchanged(filled, "zoo_wide"):
        restore(filled, path, "zoo.Wide", portable=portable)


@PORTABLE
def test_generated_columns_are_in_the_file_and_computed_anew(filled, path, portable):
    back_up(filled, path, "zoo.Generated", portable=portable)
    assert "integer 1600000000" in str(quoted_file_rows(path, "zoo_generated"))

    with unchanged(filled, "zoo_generated"):
        restore(filled, path, "zoo.Generated", portable=portable)


def test_empty_tables_are_emptied_and_stay_empty(alias, path):
    fill.clear(alias)
    back_up(alias, path, "zoo.Empty", "zoo.OneColumn")
    fill.add(alias, zoo.Empty, (1, "since"))
    fill.add(alias, zoo.OneColumn, (1,))

    restore(alias, path, "zoo.Empty", "zoo.OneColumn")

    assert oracle.database_text(alias, ["zoo_empty", "zoo_onecolumn"]) == {
        "zoo_empty": [],
        "zoo_onecolumn": [],
    }


MEGABYTE = 1 << 20
SIZES = [40 * MEGABYTE, *([10] * 500), *([3 * MEGABYTE] * 10), *([0] * 500), 12 * MEGABYTE]


@pytest.fixture
def uneven(alias):
    """Rows of 40 MB beside rows of ten bytes; MariaDB takes no statement above 16 MB."""
    fill.clear(alias)
    limit = 7 * MEGABYTE if alias == "mysql" else SIZES[0]
    for key, size in enumerate((min(size, limit) for size in SIZES), start=1):
        value = key.to_bytes(4) * (size // 4)
        fill.add(alias, zoo.Binary, {"id": key, "value": value, "maybe": None})
    yield alias
    fill.clear(alias)


def test_rows_of_very_uneven_size_come_back_in_bounded_memory(uneven, path):
    before = oracle.table_text(uneven, "zoo_binary")
    tracemalloc.start()
    try:
        back_up(uneven, path, "zoo.Binary")
        _, of_backup = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        restore(uneven, path, "zoo.Binary")
        _, of_restore = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert oracle.table_text(uneven, "zoo_binary") == before
    # The largest row in its forms: bytes, hexadecimal digits, a line, what is being sent.
    assert of_backup < 3 * SIZES[0]
    assert of_restore < 9 * SIZES[0]
