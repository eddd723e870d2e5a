"""Rows for the zoo: the same on every engine (`fill`), and what one engine alone holds."""

import datetime as dt
import uuid
from contextlib import contextmanager
from decimal import Decimal

from django.apps import apps
from django.db import connections, models, transaction

from . import models as zoo
from .fields import Colour
from .values import INT32, TEXTS, VALUES

try:
    from django.db.models import JSONNull
except ImportError:  # Django 5.2

    def JSONNull():
        return models.Value(None, models.JSONField())


OLD = dt.datetime(1999, 12, 31, 23, 59, 59, 123_456, tzinfo=dt.UTC)
UUIDS = [uuid.UUID(int=number) for number in (1, 2, 2**128 - 1)]


def fill(alias):
    """Insert the rows that every engine can hold: the same call makes the same database on each.

    So a database that was filled by this is the oracle for one restored from another engine.
    """
    with rows_in_any_order(alias):
        fill_types(alias)
        fill_keys(alias)
        fill_relations(alias)
        fill_names(alias)
        fill_custom(alias)
        fill_tables(alias)
    reset_sequences(alias)
    delete_newest(alias)


@contextmanager
def rows_in_any_order(alias):
    """One transaction with no foreign key enforced before its end."""
    connection = connections[alias]
    with connection.constraint_checks_disabled(), transaction.atomic(using=alias):
        yield
        connection.check_constraints()


def add(alias, model, *rows):
    """Insert rows past every manager. `rows` are dicts, or tuples in the order of the columns."""
    names = [field.attname for field in model._meta.concrete_fields if not field.generated]
    instances = [
        model(**(row if isinstance(row, dict) else dict(zip(names, row, strict=False))))
        for row in rows
    ]
    models.QuerySet(model, using=alias).bulk_create(instances, batch_size=500)


def add_child(alias, model, *rows):
    """Insert only the child's own row of a model with parents, which `bulk_create` cannot."""
    for row in rows:
        model(**row).save_base(raw=True, force_insert=True, using=alias)


def execute(alias, *statements):
    """Run raw SQL, in which no parameter is looked for, so that `%` means itself."""
    with connections[alias].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def fill_types(alias):
    """Every value in both columns, then NULL in the one that takes it."""
    for name, values in VALUES.items():
        # `bulk_create` would count the large ones together into one packet too many.
        for key, value in enumerate(values, start=1):
            add(alias, getattr(zoo, name), {"id": key, "value": value, "maybe": value})
        add(alias, getattr(zoo, name), {"id": 1000, "value": values[0], "maybe": None})
    add(alias, zoo.Json, {"id": 1001, "value": JSONNull(), "maybe": JSONNull()})
    # The field itself writes the empty text for None.
    execute(alias, "UPDATE zoo_file SET maybe = NULL WHERE id = 1000")


def fill_keys(alias):
    add(alias, zoo.SmallAutoKey, (1, "one"), (32_000, "large"))
    add(alias, zoo.AutoKey, (-5, "negative"), (1, "one"), (7, "seven"), (9, "deleted"))
    add(alias, zoo.BigAutoKey, (1, "one"), (2**60, "large"))
    add(alias, zoo.Emptied, (1, "deleted"), (2, "deleted"))
    add(alias, zoo.IntegerKey, (0, "zero"), (-1, "negative"), (INT32, "large"))
    add(alias, zoo.CharKey, ("a",), ("b c",), ("é%s'\"\\",), ("0",), ("",))
    add(alias, zoo.UuidKey, (UUIDS[0], UUIDS[2]), (UUIDS[1], UUIDS[1]), (UUIDS[2], None))
    add(alias, zoo.OneToOneKey, ("b c", "blank"), ("é%s'\"\\", "odd"))
    add(alias, zoo.OneToOneKeyOfKey, ("é%s'\"\\",))
    add(
        alias,
        zoo.CompositeKey,
        {"tenant_id": "a", "number": 1, "name": "first"},
        {"tenant_id": "a", "number": 2, "name": "second"},
        {"tenant_id": "b c", "number": 1, "name": "other"},
    )
    add(alias, zoo.Country, (3, "NL", "Nederland"), (1, "DE", "Deutschland"))
    add(alias, zoo.City, (1, "NL", UUIDS[0], "Utrecht"), (2, "DE", None, "Köln"))
    add(alias, zoo.Word, (1, "straat"), (2, "weg"))


def fill_relations(alias):
    add(alias, zoo.Node, (1, 3, 2), (2, None, 2), (3, 2, 1), (4, 4, 4))
    add(alias, zoo.Driver, (1, 2), (2, None))
    add(alias, zoo.Car, (1, 2), (2, 1))
    add(alias, zoo.Chicken, (1, 2), (2, 1))
    add(alias, zoo.Egg, (1, 1), (2, 2))
    add(alias, zoo.Tag, (1, "tall"), (2, "small"))
    add(alias, zoo.Article, (1,), (2,))
    article = zoo.Article
    add(alias, article.tags.through, (1, 1, 2), (2, 2, 1), (5, 1, 1))
    add(alias, article.renamed_tags.through, (1, 2, 2))
    add(alias, article.friends.through, (1, 1, 2), (2, 2, 1))
    add(alias, article.follows.through, (1, 2, 1), (2, 2, 2))
    add(alias, article.char_keys.through, (1, 1, "b c"), (2, 1, "é%s'\"\\"))
    add(alias, zoo.Member, (1, "Ada"), (2, "Bram"))
    add(alias, zoo.Club, (1, "Chess"))
    joined = dt.date(2001, 2, 3)
    add(alias, zoo.Membership, (1, 1, 1, joined, Decimal("12.50")), (2, 1, 2, joined, None))
    add(alias, zoo.Trust, (1, 1, 2), (2, 2, 2))
    add(alias, zoo.Place, (1, "a park"), (2, "De Kas"), (3, "Da Mario"))
    add_child(
        alias, zoo.Restaurant, {"place_ptr_id": 2, "stars": 3}, {"place_ptr_id": 3, "stars": -1}
    )
    add_child(alias, zoo.Pizzeria, {"parent_id": 3, "oven": "wood"})
    add(alias, zoo.HeadKeeper, (1, "Noor", joined))
    add(alias, zoo.Cage, (1, 1))


def fill_names(alias):
    quote = connections[alias].ops.quote_name
    add(alias, zoo.Reserved, (1, "from", 1, None, 2, 7, 8), (2, "where", 2, 3, None, 1, 1))
    add(alias, zoo.MixedCase, (1, 1, "Mixed"))
    add(alias, zoo.Spaced, (1, "one", None), (2, "two", 1))
    add(alias, zoo.Quoted, (1, "it's", "[b]", "\\"))
    add(alias, zoo.NonAscii, (1, "Größe", "名前"))
    columns = ", ".join(map(quote, ["id", "100%", "%s"]))
    execute(alias, f"INSERT INTO {quote('zoo_50%s')} ({columns}) VALUES (1, '100%', '%s')")


def fill_custom(alias):
    add(alias, zoo.Words, (1, None), (2, []), (3, ["a", "b"]), (4, ["", " "]))
    add(alias, zoo.Secret, (1, None), (2, ""), (3, "geheim 🦓"), (4, b"\x00\xff not by the field"))
    add(alias, zoo.Paint, (1, Colour.RED, None), (2, Colour.GREEN, "mauve"), (3, "", "RED "))
    add(alias, zoo.Money, (1, Decimal("12.34"), "EUR"), (2, None, "usd"), (3, Decimal("-1"), "ÄÖÜ"))
    add(alias, zoo.Stamped, {"id": 1})
    models.QuerySet(zoo.Stamped, using=alias).update(
        created=OLD, changed=OLD + dt.timedelta(days=1), day=OLD.date(), hour=OLD.time()
    )
    add(alias, zoo.Defaulted, (1, "named", 1, OLD), (2, "", None, OLD))
    add(alias, zoo.Generated, (1, 40_000, "straße é"), (2, -3, ""))
    if zoo.VirtuallyGenerated in zoo_models(alias):
        add(alias, zoo.VirtuallyGenerated, (1, 21), (2, -1))
    add(alias, zoo.Constrained, (1, "a", 1, 5, ""), (2, "A ", 2, 9, "x"), (3, "b", 2, 4, "y"))
    add(alias, zoo.SoftDeleted, (1, "visible", False), (2, "hidden", True))


def fill_tables(alias):
    add(alias, zoo.OneColumn, (1,), (2,), (40,))
    kinds = [lambda n: -n, lambda n: TEXTS[n % 5][:5], lambda n: n / 7]
    full = {f"c{number}": kinds[number % 3](number) for number in range(299)}
    add(alias, zoo.Wide, {"id": 1, **full}, {"id": 2})
    add(alias, zoo.Shared, (1, "one", 1), (2, "two", 2))
    add(alias, zoo.Unmanaged, (1, "one", OLD), (2, None, OLD))
    add(alias, zoo.LegacyOwner, (1, "owner"), (2, "owns nothing"))
    add(alias, zoo.LegacyItem, (1, 1), (2, 1))


def insert(alias, table, key, *values):
    """Insert a row of SQL literals into a table with two columns besides its key."""
    execute(alias, f"INSERT INTO {table} VALUES ({', '.join([str(key), *values])})")


def insert_twice(alias, table, *values):
    """Insert rows that hold the same SQL literal in both columns of a model of `types`."""
    for key, value in enumerate(values, start=2000):
        insert(alias, table, key, value, value)


def fill_special(alias):
    """Insert, by raw SQL, values that this engine holds and that some other one cannot."""
    fill = {
        "postgresql": fill_postgresql_values,
        "mysql": fill_mysql_values,
        "sqlite": fill_sqlite_values,
    }[connections[alias].vendor]
    with rows_in_any_order(alias):
        fill(alias)
    reset_sequences(alias)


def fill_large_decimals(alias):
    """More than the 15 digits that SQLite's numbers keep."""
    insert_twice(
        alias,
        "zoo_largedecimal",
        "12345678901234567.89",
        "-99999999999999999999.9999999999",
        "0.1234567891",
        "1234567.1234567891",
    )
    insert_twice(alias, "zoo_wholedecimal", "99999999999999999999", "-9007199254740993")


def fill_distinct_words(alias):
    """Keys that MySQL's usual collations take for one and the same."""
    words = ["straße", "strasse", "a", "A", "A ", "á"]
    for key, word in enumerate(words, start=10):
        execute(alias, f"INSERT INTO zoo_word VALUES ({key}, '{word}')")
    execute(alias, "INSERT INTO zoo_charkey VALUES ('A')", "INSERT INTO zoo_charkey VALUES ('a ')")


def fill_postgresql_values(alias):
    fill_large_decimals(alias)
    fill_distinct_words(alias)
    insert_twice(alias, "zoo_price", "'NaN'")
    insert(alias, "zoo_largedecimal", 3000, "'NaN'", "NULL")
    insert_twice(alias, "zoo_float", "'NaN'", "'Infinity'", "'-Infinity'", "'-0'")
    insert_twice(
        alias,
        "zoo_datetime",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 12:00:00.5+00 BC'",
        "'12000-01-01 00:00:00.000001+00'",
    )
    insert_twice(alias, "zoo_date", "'infinity'", "'-infinity'", "'0044-03-15 BC'", "'12000-01-01'")
    insert_twice(alias, "zoo_time", "'24:00:00'")
    insert_twice(
        alias,
        "zoo_duration",
        "'1 month'",
        "'1 year 2 months -3 days 04:05:06.789'",
        "'24:00:00'",
        "'-1 day +23:59:59'",
        "'-00:00:01'",
        "'-30 days'",
        "'178000000 years'",
    )
    insert_twice(alias, "zoo_ipaddress", "'10.0.0.0/8'", "'192.0.2.1/24'", "'2001:db8::/32'")
    insert_twice(alias, "zoo_json", "'1e400'", "'[1e308, -0.0, 1.10]'", "'1.0'")
    execute(alias, "INSERT INTO zoo_money VALUES (2000, NULL, 'a')")
    execute(alias, "INSERT INTO zoo_autokey VALUES (0, 'zero')")


def fill_mysql_values(alias):
    fill_large_decimals(alias)
    # Only for this session: keys of 0, and dates that are none.
    execute(alias, "SET @saved_mode = @@sql_mode", "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
    try:
        fill_lax_mysql_values(alias)
    finally:
        execute(alias, "SET sql_mode = @saved_mode")


def fill_lax_mysql_values(alias):
    insert_twice(alias, "zoo_positivesmallinteger", "65535")
    insert_twice(alias, "zoo_positiveinteger", "4294967295")
    insert_twice(alias, "zoo_positivebiginteger", "9223372036854775808", "18446744073709551615")
    insert_twice(alias, "zoo_boolean", "2", "-1")
    nul = r"'NUL \0 and \0'"
    insert_twice(alias, "zoo_text", nul, r"'\0'")
    insert_twice(alias, "zoo_char", nul, r"'\0'")
    insert_twice(alias, "zoo_date", "'0000-00-00'", "'2024-00-00'", "'2024-02-00'", "'0000-01-01'")
    insert_twice(alias, "zoo_datetime", "'0000-00-00'", "'0000-01-01 01:02:03.000004'")
    insert_twice(alias, "zoo_time", "'838:59:59'", "'-01:00:00.000001'", "'24:00:00'")
    insert_twice(alias, "zoo_json", "'[1e308, -0.0, 1.10]'", '\'{"a" : 1, "a": 2}\'')
    execute(alias, "INSERT INTO zoo_autokey VALUES (0, 'zero')")
    execute(
        alias,
        "INSERT INTO zoo_mysqltypes VALUES (1, 2024, b'101010101010', 'it''s', 'a,c', "
        "'2024-10-27 00:30:00.125', 16777215, x'00ff', x'00010200', 0.1, POINT(1.5, -2))",
        "INSERT INTO zoo_mysqltypes (id, choice, choices) VALUES (2, 'b, c', '')",
        "INSERT INTO zoo_mysqltypes (id) VALUES (3)",
    )


def fill_sqlite_values(alias):
    fill_distinct_words(alias)
    insert_twice(alias, "zoo_text", "'NUL ' || char(0) || ' and ' || char(0)", "char(0)")
    insert_twice(alias, "zoo_char", "char(97, 0, 98)", "printf('%.5000c', 'x')")
    insert_twice(alias, "zoo_slug", "printf('%.500c', 'x')")
    insert_twice(alias, "zoo_float", "9e999", "-9e999")
    insert_twice(alias, "zoo_smallinteger", "9223372036854775807")
    insert_twice(alias, "zoo_price", "5", "123456789012.34")
    insert_twice(alias, "zoo_json", "'[1e308, -0.0, 1.10]'", "'\"\\u0000\"'", "'{\"a\" : 1}'")
    execute(alias, "INSERT INTO zoo_autokey VALUES (0, 'zero')")


def fill_postgresql(alias):
    """Fill `zoo_postgresql`, which is there on PostgreSQL only."""
    from zoo_postgresql.fill import fill_arrays, fill_own_types, fill_ranges

    with rows_in_any_order(alias):
        fill_arrays(alias)
        fill_ranges(alias)
        fill_own_types(alias)
    reset_sequences(alias)


def delete_newest(alias):
    """Leave sequences that are ahead of the rows."""
    models.QuerySet(zoo.AutoKey, using=alias).filter(pk=9).delete()
    models.QuerySet(zoo.Emptied, using=alias).delete()


def zoo_models(alias):
    """Every model of the zoo with a table of its own on this alias, automatic ones included."""
    names = set(connections[alias].introspection.table_names())
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in ("zoo", "zoo_postgresql")
        and not model._meta.proxy
        and model not in (zoo.SharedToo, zoo.View)
        and model._meta.db_table in names
    ]


def reset_sequences(alias):
    """Move PostgreSQL's sequences past the explicit keys, as the other engines do by themselves.

    Django's `sequence_reset_sql` is of no use: it leaves a quote in a table's name unescaped.
    """
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for model in zoo_models(alias):
            for field in model._meta.local_fields:
                if isinstance(field, models.AutoField):
                    reset_sequence(connection, cursor, model._meta.db_table, field.column)


def reset_sequence(connection, cursor, table, column):
    table = connection.ops.quote_name(table)
    cursor.execute(f"SELECT max({connection.ops.quote_name(column)}) FROM {table}")
    (newest,) = cursor.fetchone()
    if newest is not None:
        cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [table, column, newest])


def clear(alias):
    """Empty the zoo and set its keys back to the first."""
    connection = connections[alias]
    tables = [model._meta.db_table for model in zoo_models(alias)]
    quoted = [connection.ops.quote_name(table) for table in tables]
    if connection.vendor == "postgresql":
        execute(alias, f"TRUNCATE {', '.join(quoted)} RESTART IDENTITY CASCADE")
        return
    with connection.constraint_checks_disabled():
        if connection.vendor == "mysql":
            execute(alias, *(f"TRUNCATE {table}" for table in quoted))
        else:
            with transaction.atomic(using=alias):
                execute(alias, *(f"DELETE FROM {table}" for table in quoted))
                with connection.cursor() as cursor:
                    forget = "DELETE FROM sqlite_sequence WHERE name = %s"
                    cursor.executemany(forget, [(table,) for table in tables])
