"""One database per engine, saved and loaded whole by the engine's own means."""

import difflib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from tests import oracle

MIGRATIONS = "django_migrations"


@dataclass(frozen=True)
class Content:
    """All that a database holds but the runs, in the engine's own words."""

    schema: str
    rows: Mapping[str, list]
    next_keys: Mapping[str, int]
    applied: list
    """Apps and names of the recorded migrations, whenever and in whatever order they ran."""

    def without(self, *tables):
        """Return the content without the rows of some tables."""
        return Content(
            self.schema,
            {name: rows for name, rows in self.rows.items() if name not in tables},
            {name: key for name, key in self.next_keys.items() if name not in tables},
            self.applied,
        )

    @property
    def undone(self):
        """What a transaction that is rolled back leaves as it was: no sequence of PostgreSQL's."""
        keys = {name: key for name, key in self.next_keys.items() if name != MIGRATIONS}
        return replace(self, next_keys=keys)

    def lines(self):
        yield from self.schema.splitlines()
        for name, rows in self.rows.items():
            yield from (f"{name}: {row}" for row in rows)
        yield from (f"next key of {name}: {key}" for name, key in sorted(self.next_keys.items()))
        yield from (f"applied: {line}" for line in self.applied)

    @property
    def lived(self):
        """What must be the same however the database came there: not when its migrations ran."""
        return self.without(MIGRATIONS)


class Store:
    """A database that tests may do anything to."""

    opener: type

    def __init__(self, settings, folder):
        self.settings = settings
        self.folder = folder
        self.saved = 0

    def read(self):
        with closing(self.opener(self.settings)) as engine:
            names = oracle.all_but_runs(engine)
            rows = {name: oracle.table_lines(engine, name, ()) for name in names}
            rows = {name: self.tidy_rows(lines) for name, lines in rows.items()}
            applied = [
                "\t".join(cell for cell in line.split("\t") if cell.startswith(("app=", "name=")))
                for line in rows.get(MIGRATIONS, [])
            ]
            schema = self.tidy(engine.schema_text())
            keys = {name: key for name, key in engine.next_keys().items() if name != oracle.RUNS}
            return Content(schema, rows, keys, sorted(applied))

    def tidy(self, schema):
        """Return the schema without what depends on the way that a table has come, by `migrate`."""
        return schema

    def tidy_rows(self, lines):
        return lines


class SqliteStore(Store):
    opener = oracle.Sqlite

    def read(self):
        with closing(self.opener(self.settings)) as engine:
            if not engine.table_names():
                # Without a first table there is no count of keys either.
                return Content("", {}, {}, [])
        return super().read()

    @property
    def path(self):
        return Path(self.settings["NAME"])

    def create(self):
        self.clear()

    def destroy(self):
        self.clear()

    def execute(self, *statements):
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def clear(self):
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        sqlite3.connect(self.path).close()

    def save(self):
        self.saved += 1
        saved = self.folder / f"saved{self.saved}.sqlite3"
        # Through SQLite: a process that was killed may have left a journal behind.
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema")
        shutil.copyfile(self.path, saved)
        return saved

    def load(self, saved):
        self.clear()
        shutil.copyfile(saved, self.path)

    def tidy(self, schema):
        """Return the definitions with their columns sorted.

        Where `migrate` makes a table anew, its columns get the order that they have in Django's
        state, and there a renamed field is the last one.
        """
        return "\n".join(map(self.sort_columns, schema.splitlines()))

    def sort_columns(self, definition):
        if not definition.startswith("CREATE TABLE"):
            return definition
        head, _, body = definition.partition("(")
        # Only at the top level does a comma come before a quoted name.
        return f"{head}({', '.join(sorted(body.removesuffix(')').split(', ')))})"

    def tidy_rows(self, lines):
        return sorted("\t".join(sorted(line.split("\t"))) for line in lines)


class PostgresqlStore(Store):
    opener = oracle.Postgresql

    def execute(self, *statements):
        self.administer(";".join(statements), self.settings["NAME"])

    def administer(self, statement, name="postgres"):
        with closing(self.opener({**self.settings, "NAME": name})) as server:
            server.connection.rollback()
            server.connection.autocommit = True
            server.connection.execute(statement)

    def create(self):
        self.administer(f"CREATE DATABASE {self.settings['NAME']}")

    def destroy(self):
        self.administer(f"DROP DATABASE IF EXISTS {self.settings['NAME']} WITH (FORCE)")

    def clear(self):
        with closing(self.opener(self.settings)) as engine:
            names = ", ".join(map(oracle.quoted, engine.table_names()))
        if names:
            # Tables only: to drop and make a whole database waits for a checkpoint.
            self.administer(f"DROP TABLE {names} CASCADE", self.settings["NAME"])

    def save(self):
        settings = self.settings
        command = [
            "pg_dump",
            "--inserts",
            f"--host={settings['HOST']}",
            f"--dbname={settings['NAME']}",
        ]
        command += [f"--port={settings['PORT'] or 5432}", f"--username={settings['USER']}"]
        dump = subprocess.run(
            command,
            env={**os.environ, "PGPASSWORD": settings["PASSWORD"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        # For psql only: a random word.
        return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)

    def load(self, saved):
        self.clear()
        self.administer(f"BEGIN; {saved} COMMIT;", self.settings["NAME"])


class MysqlStore(Store):
    opener = oracle.Mysql

    def execute(self, *statements):
        self.administer(*statements, name=self.settings["NAME"])

    def administer(self, *statements, name="mysql"):
        with closing(self.opener({**self.settings, "NAME": name})) as server:
            server.query("SET foreign_key_checks = 0, unique_checks = 0")
            for statement in statements:
                server.query(statement)
            server.connection.commit()

    def create(self):
        self.administer(f"CREATE DATABASE {self.settings['NAME']} CHARACTER SET utf8mb4")

    def destroy(self):
        self.administer(f"DROP DATABASE IF EXISTS {self.settings['NAME']}")

    def clear(self):
        with closing(self.opener(self.settings)) as engine:
            names = ", ".join(f"`{name}`" for name in engine.table_names())
        if names:
            self.administer(f"DROP TABLE {names}", name=self.settings["NAME"])

    def save(self):
        """Return the statements that make the database again."""
        statements = []
        with closing(self.opener(self.settings)) as engine:
            for name in engine.table_names():
                statements.append(engine.definition(name))
                literals = [
                    "(" + ", ".join(map(self.to_literal, row)) + ")"
                    for row in engine.query(f"SELECT * FROM `{name}`")
                ]
                if literals:
                    statements.append(f"INSERT INTO `{name}` VALUES {', '.join(literals)}")
        return statements

    def to_literal(self, cell):
        return "NULL" if cell is None else oracle.quoted(cell.replace("\\", "\\\\"), "'")

    def load(self, saved):
        self.clear()
        self.administer(*saved, name=self.settings["NAME"])

    def tidy(self, schema):
        """Return the definitions with their keys sorted, and those of foreign keys without a name.

        Their order is that of their making, and such a key has its first constraint's name or its
        last one's: it depends on whether a dump has made it explicit.
        """
        schema = re.sub(r"^  KEY `\w+_fk_\w+`", "  KEY", schema, flags=re.MULTILINE)
        lines = [line.rstrip(",") for line in schema.splitlines()]
        tables, table = [], []
        for line in lines:
            if line.startswith(("  KEY", "  UNIQUE KEY", "  CONSTRAINT")):
                table.append(line)
            else:
                tables += sorted(table)
                table = []
                tables.append(line)
        return "\n".join(tables)


STORES = {"sqlite": SqliteStore, "postgresql": PostgresqlStore, "mysql": MysqlStore}


def check_same(is_, should_be, about=""):
    """Fail, and show the lines in which two contents differ, unless they are the same."""
    lines = difflib.unified_diff(
        list(should_be.lines()), list(is_.lines()), "should be", "is", lineterm="", n=0
    )
    difference = "\n".join(lines)
    assert not difference, f"{about}\n{difference}"
