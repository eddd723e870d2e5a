"""What the other processes do; they have Django's settings of the tests."""

import random
import select
import sys
import time

from django.db import Error, connections, transaction

from django_sqlite_backup import BackupMechanism
from shop.models import Category


def say(text):
    print(text, flush=True)  # noqa: T201


def is_told_to_end():
    return bool(select.select([sys.stdin], [], [], 0)[0])


def run(alias, kind, path, *labels):
    """Begin a run, go on when told to, and say when it is done."""
    mechanism = BackupMechanism(path, database=alias, labels=labels, migrate=False)
    steps = getattr(mechanism, kind)()
    next(steps)
    say("ready")
    sys.stdin.readline()
    for _ in steps:
        pass
    say("done")


def insert(alias):
    """Insert categories one after the other until told to end; say which are committed."""
    connections[alias].ensure_connection()
    say("ready")
    number = 0
    while not is_told_to_end():
        number += 1
        try:
            Category.objects.using(alias).create(name=str(number), slug=f"written-{number}")
        except Error:
            # A writer waits or fails: a new connection, where the old one is of no use.
            connections[alias].close()
        else:
            say(number)
        # Who waits for SQLite's lock only looks now and then whether it is free.
        time.sleep(0.005)


def move_money(alias, seed, pause):
    """Move money between two rows, and between two tables, until told to end."""
    chance = random.Random(seed)
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT min(id), max(id) FROM shop_payment")
        payments = [("shop_payment", "amount", key) for key in cursor.fetchone()]
        cursor.execute("SELECT min(id), max(id) FROM shop_product")
        products = [("shop_product", "price", key) for key in cursor.fetchone()]
    say("ready")
    moves, refused, slowest = 0, 0, 0.0
    while not is_told_to_end():
        pair = chance.sample(payments + products, 2)
        amount = chance.randint(1, 100)
        begun = time.monotonic()
        try:
            move(alias, amount, *pair)
            moves += 1
        except Error:
            refused += 1
        slowest = max(slowest, time.monotonic() - begun)
        time.sleep(pause)
    say(f"{moves} {refused} {slowest}")


def move(alias, amount, *pair):
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        for sign, (table, column, key) in zip((-1, 1), pair, strict=True):
            cursor.execute(
                f"UPDATE {table} SET {column} = {column} + %s WHERE id = %s", [sign * amount, key]
            )
