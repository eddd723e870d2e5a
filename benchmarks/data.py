"""The rows of each shape, made by a seed: the same on each engine and in each run.

python -m benchmarks.data PATH SHAPE ROWS
"""

import json
import random
import sqlite3
import sys
import uuid
from datetime import date, datetime, timedelta

DAY, MOMENT = date(2020, 1, 1), datetime(2020, 1, 1)
TEXT = "amber birch copper delta ember flint garnet harbor iris juniper kelp linen"
WORDS = TEXT.split()


def make_lines(chance, rows, customers):
    for number in range(1, rows + 1):
        yield (
            number,
            uuid.UUID(int=chance.getrandbits(128), version=4).hex,
            chance.randint(1, customers),
            f"R-{chance.getrandbits(60):015x}",
            " ".join(chance.choices(WORDS, k=13)),
            f"{chance.randint(0, 9_999_999) / 100:.2f}",
            chance.randint(-1000, 100_000),
            chance.random() * 1000,
            chance.random() < 0.5,
            str(DAY + timedelta(days=chance.randint(0, 3000))),
            str(MOMENT + timedelta(microseconds=chance.randint(0, 10**14))),
            json.dumps({"n": number, "tags": chance.choices(WORDS, k=2)})
            if number % 4 == 0
            else None,
        )


def make_customers(customers):
    return ((n, f"customer{n}@example.com", f"Customer {n}") for n in range(1, customers + 1))


def make_many(chance, rows):
    moment = str(MOMENT + timedelta(microseconds=1))
    numbers = range(1, rows + 1)
    return [(n, chance.choice(WORDS), chance.randint(0, 10**6), moment) for n in numbers]


def make_wide(chance, rows):
    for number in range(1, rows + 1):
        makers = (
            lambda: chance.choice(WORDS),
            lambda: chance.randint(0, 10**6),
            chance.random,
            lambda: str(MOMENT + timedelta(microseconds=chance.randint(0, 10**14))),
            lambda: f"{chance.randint(0, 10**9) / 1000:.3f}",
            lambda: chance.random() < 0.5,
        )
        yield (number, *(makers[n % len(makers)]() for n in range(59)))


def make_blobs(chance, rows):
    return ((number, chance.randbytes(1_000_000)) for number in range(1, rows + 1))


def fill(path, shape, rows):
    """Fill the tables of a migrated SQLite database."""
    chance = random.Random(shape)
    customers = min(rows, 50_000)
    tables = {
        "line": [
            ("customer", make_customers(customers)),
            ("line", make_lines(chance, rows, customers)),
        ],
        "many": [(f"many{number}", make_many(chance, rows // 400)) for number in range(400)],
        "wide": [("wide", make_wide(chance, rows))],
        "blob": [("blob", make_blobs(chance, rows))],
        "empty": [],
    }
    connection = sqlite3.connect(path)
    for name, made in tables[shape]:
        (width,) = connection.execute(f"SELECT count(*) FROM pragma_table_info('shapes_{name}')")
        marks = ", ".join("?" * width[0])
        connection.executemany(f"INSERT INTO shapes_{name} VALUES ({marks})", made)
    connection.commit()
    connection.close()


if __name__ == "__main__":
    fill(sys.argv[1], sys.argv[2], int(sys.argv[3]))
