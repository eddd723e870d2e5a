"""What an engine itself says is in its tables, with none of the package's or Django's conversions.

Each engine writes its own text: PostgreSQL by `COPY`, MariaDB and MySQL by the text protocol that
`mariadb --batch` prints, SQLite by `quote()`. Each call opens a connection of its own, so it sees
what is committed. A row is a line of `column=text`, with no `=text` where the column is NULL. A
long text is cut and ends with its length and digest, so that a failing comparison can be read.
"""

import hashlib
import json
import os
import re
import sqlite3
import subprocess
from contextlib import closing

from django.db import connections

LONGEST = 2000
RUNS = "django_sqlite_backup_backuprun"
"""The table of runs: each command adds a row to it, also one that changes nothing."""
COPY_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
# How MySQL writes the types whose plain text would lose something; QUOTE() escapes what it must.
MYSQL_CELLS = {
    **dict.fromkeys(("char", "varchar", "enum", "set", "json"), "QUOTE({})"),
    **dict.fromkeys(("tinytext", "text", "mediumtext", "longtext"), "QUOTE({})"),
    **dict.fromkeys(("binary", "varbinary", "bit", "point", "geometry"), "HEX({})"),
    **dict.fromkeys(("tinyblob", "blob", "mediumblob", "longblob"), "HEX({})"),
    # Its own text has six digits of it.
    "float": "{} * 1e0",
}


def table_text(alias, table_name, json_columns=()):
    """Return the table's rows as sorted lines; `json_columns` in one canonical form."""
    with closing(open_engine(alias)) as engine:
        return table_lines(engine, table_name, json_columns)


def database_text(alias, tables=None, json_columns=None):
    """Map table names to their `table_text`: of `tables`, or of every table but that of runs.

    `json_columns` maps table names to the columns whose JSON text engines format differently.
    """
    json_columns = json_columns or {}
    with closing(open_engine(alias)) as engine:
        names = all_but_runs(engine) if tables is None else tables
        return {name: table_lines(engine, name, json_columns.get(name, ())) for name in names}


def next_keys(alias):
    """Map each table with a counted key, but that of runs, to the key that its next row gets."""
    with closing(open_engine(alias)) as engine:
        return {name: key for name, key in engine.next_keys().items() if name != RUNS}


def all_but_runs(engine):
    return [name for name in engine.table_names() if name != RUNS]


def schema_text(alias):
    """Return the engine's own definition of the whole database, without what it counts."""
    with closing(open_engine(alias)) as engine:
        return engine.schema_text()


def open_engine(alias):
    engines = {"sqlite": Sqlite, "postgresql": Postgresql, "mysql": Mysql}
    return engines[connections[alias].vendor](connections[alias].settings_dict)


def table_lines(engine, table_name, json_columns):
    columns = engine.columns(table_name)
    return sorted(
        "\t".join(
            cell_text(engine, column, text, column in json_columns)
            for column, text in zip(columns, row, strict=True)
        )
        for row in engine.rows(table_name)
    )


def cell_text(engine, column, text, is_json):
    if text is None:
        return column
    return f"{column}={shortened(canonical_json(engine.plain(text)) if is_json else text)}"


def canonical_json(text):
    """One text for equal JSON."""
    return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)


def shortened(text):
    if len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text[:80]}... {len(text)} characters, sha256 {digest}"


def quoted(name, mark='"'):
    return mark + name.replace(mark, mark * 2) + mark


class Sqlite:
    # quote() stops at the first NUL of a text.
    cell = (
        "CASE WHEN typeof({0}) = 'text' AND instr({0}, char(0)) "
        "THEN 'text ' || hex(CAST({0} AS BLOB)) ELSE typeof({0}) || ' ' || quote({0}) END"
    )

    def __init__(self, settings):
        self.connection = sqlite3.connect(settings["NAME"])
        self.close = self.connection.close

    def table_names(self):
        return sorted(
            name
            for (name,) in self.connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        )

    def columns(self, table_name):
        query = f"PRAGMA table_xinfo({quoted(table_name)})"
        return [row[1] for row in self.connection.execute(query)]

    def rows(self, table_name):
        cells = [self.cell.format(quoted(column)) for column in self.columns(table_name)]
        for row in self.connection.execute(f"SELECT {', '.join(cells)} FROM {quoted(table_name)}"):
            yield [None if text == "null NULL" else text for text in row]

    def plain(self, text):
        literal = text.removeprefix("text ")
        if literal.startswith("'"):
            return literal[1:-1].replace("''", "'")
        return bytes.fromhex(literal).decode()

    def next_keys(self):
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'"
        counted = dict(self.connection.execute("SELECT name, seq FROM sqlite_sequence"))
        return {name: counted.get(name, 0) + 1 for (name,) in self.connection.execute(query)}

    def schema_text(self):
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"
        return "\n".join(sql for (sql,) in self.connection.execute(query))


class Postgresql:
    settings = (
        "SET timezone = 'UTC'",
        "SET datestyle = 'ISO'",
        "SET intervalstyle = 'postgres'",
        "SET extra_float_digits = 3",
        "SET bytea_output = 'hex'",
        "SET lc_monetary = 'C'",
    )

    def __init__(self, settings):
        import psycopg

        self.arguments = {
            "host": settings["HOST"],
            "port": str(settings["PORT"] or 5432),
            "user": settings["USER"],
            "dbname": settings["NAME"],
        }
        self.password = settings["PASSWORD"]
        self.connection = psycopg.connect(
            **self.arguments, password=self.password or None, client_encoding="UTF8"
        )
        for statement in self.settings:
            self.connection.execute(statement)
        self.close = self.connection.close

    def copy(self, query):
        """Yield the lines of `COPY`, each as its cells."""
        with self.connection.cursor().copy(f"COPY ({query}) TO STDOUT") as copy:
            text = b"".join(copy).decode()
        for line in text.split("\n")[:-1]:
            yield [None if cell == r"\N" else cell for cell in line.split("\t")]

    def table_names(self):
        query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        return [self.plain(name) for (name,) in self.copy(query)]

    def columns(self, table_name):
        literal = quoted(quoted(table_name), "'")
        query = (
            f"SELECT attname FROM pg_attribute WHERE attrelid = {literal}::regclass "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
        return [self.plain(name) for (name,) in self.copy(query)]

    def rows(self, table_name):
        return self.copy(f"SELECT * FROM {quoted(table_name)}")

    def plain(self, text):
        return re.sub(r"\\(.)", lambda match: COPY_ESCAPES.get(match[1], match[1]), text)

    def next_keys(self):
        query = (
            "SELECT owner.relname, sequence.oid::regclass FROM pg_class sequence "
            "JOIN pg_depend ON pg_depend.objid = sequence.oid AND deptype IN ('a', 'i') "
            "JOIN pg_class owner ON owner.oid = refobjid WHERE sequence.relkind = 'S'"
        )
        return {
            self.plain(table): self.next_key(self.plain(sequence))
            for table, sequence in self.copy(query)
        }

    def next_key(self, sequence):
        query = f"SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END FROM {sequence}"
        ((key,),) = self.copy(query)
        return int(key)

    def schema_text(self):
        arguments = [f"--{name}={value}" for name, value in self.arguments.items()]
        dump = subprocess.run(
            ["pg_dump", "--schema-only", *arguments],
            env={**os.environ, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        # A random word that pg_dump writes into each dump.
        return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)


class Mysql:
    def __init__(self, settings):
        import MySQLdb

        self.connection = MySQLdb.connect(
            host=settings["HOST"],
            port=int(settings["PORT"] or 3306),
            user=settings["USER"],
            password=settings["PASSWORD"],
            database=settings["NAME"],
            charset="utf8mb4",
            # No converters: every value as the text that the server sent.
            conv={},
        )
        self.query("SET time_zone = '+00:00'")
        self.close = self.connection.close

    def query(self, query):
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(query)
            return [[decoded(cell) for cell in row] for row in cursor.fetchall()]

    def table_names(self):
        query = "SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'"
        return sorted(name for name, _ in self.query(query))

    def types(self, table_name):
        literal = quoted(table_name.replace("\\", r"\\"), "'")
        return dict(
            self.query(
                "SELECT column_name, data_type FROM information_schema.columns WHERE "
                f"table_schema = DATABASE() AND table_name = {literal} ORDER BY ordinal_position"
            )
        )

    def columns(self, table_name):
        return list(self.types(table_name))

    def rows(self, table_name):
        cells = [
            MYSQL_CELLS.get(data_type, "{}").format(quoted(column, "`"))
            for column, data_type in self.types(table_name).items()
        ]
        for row in self.query(f"SELECT {', '.join(cells)} FROM {quoted(table_name, '`')}"):
            # QUOTE() gives the word NULL, without quotes, for NULL.
            yield [None if cell == "NULL" else cell for cell in row]

    def plain(self, text):
        escapes = {"0": "\0", "Z": "\x1a"}
        return re.sub(r"\\(.)", lambda match: escapes.get(match[1], match[1]), text[1:-1])

    def next_keys(self):
        names = [row[0] for row in self.query("SHOW TABLE STATUS WHERE Auto_increment IS NOT NULL")]
        return {name: self.next_key(name) for name in names}

    def next_key(self, table_name):
        counted = re.search(r"\bAUTO_INCREMENT=(\d+)", self.definition(table_name))
        return int(counted[1]) if counted else 1

    def definition(self, table_name):
        return self.query(f"SHOW CREATE TABLE {quoted(table_name, '`')}")[0][1]

    def schema_text(self):
        names = sorted(row[0] for row in self.query("SHOW TABLES"))
        text = "\n".join(map(self.definition, names))
        return re.sub(r" AUTO_INCREMENT=\d+", "", text)


def decoded(cell):
    return cell.decode() if isinstance(cell, bytes) else cell
