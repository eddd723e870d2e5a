"""What is measured: our commands, and what a user would run instead, for each engine."""

import os
import shutil
import sqlite3
import subprocess
import sys

BIN = os.path.dirname(sys.executable)
PYTHON_MODULE = [sys.executable, "-m"]
MANAGE = [*PYTHON_MODULE, "django"]
PYTHON = [sys.executable, "-c"]
VACUUM = "import sqlite3, sys;sqlite3.connect(sys.argv[1]).execute('VACUUM INTO ?', sys.argv[2:])"
ONLINE = "import sqlite3, sys;sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))"
SLOW_ROWS = {"blob": 100}
"""Above this many rows (otherwise 100,000) dumpdata and loaddata are left out: they take memory and
time (loaddata: over twenty minutes a million)."""

FLOORED = ("empty", "many")
"""Where few rows are copied: what any command of the project costs is measured as well, and the
`migrate` that ends a restore, with nothing to apply."""


def ask(command):
    """Return what a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Engine:
    """One engine: its databases `source` and `target`, and the commands of its peers."""

    def __init__(self, name, shape, folder):
        self.name, self.shape, self.folder = name, shape, folder

    def environment(self, database):
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "BENCHMARK_ENGINE": self.name,
            "BENCHMARK_SHAPE": self.shape,
            "BENCHMARK_NAME": self.database(database),
        }

    @classmethod
    def answers(cls):
        """Return whether the server and its tools are there; say so where they are not."""
        try:
            return bool(cls.describe_version())
        except (OSError, StopIteration, subprocess.CalledProcessError) as error:
            print(f"{cls.__name__} is left out: {error}", file=sys.stderr)
            return False

    def database(self, name):
        return f"sqlite_backup_benchmark_{name}"

    def path(self, name):
        return str(self.folder / f"{self.name}-{self.shape}.{name}")

    def manage(self, database, *arguments):
        """Run a command of the project, outside the measurement."""
        environment = self.environment(database)
        subprocess.run(
            [*MANAGE, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
        )

    def create(self, database, migrate=True):
        self.drop(database)
        self.make(database)
        if migrate:
            self.manage(database, "migrate", "--run-syncdb", "--verbosity=0")

    def backups(self, rows):
        """Return the commands that back up, by name, ours first; each with the file it makes."""
        ours = [*MANAGE, "sqlitebackup", "--file", self.path("ours")]
        commands = {"sqlitebackup": (ours, "ours"), **self.own_backups()}
        if self.shape in FLOORED:
            commands["manage.py check"] = ([*MANAGE, "check"], None)
        if self.is_for_fixtures(rows):
            dump = [*MANAGE, "dumpdata", "--output", self.path("json")]
            commands["dumpdata"] = (dump, "json")
        return commands

    def restores(self, rows):
        """Return the commands that restore, by name, ours first; each with whether it migrates."""
        ours = [*MANAGE, "sqliterestore", "--no-input", "--file", self.path("ours")]
        commands = {"sqliterestore": (ours, True), **self.own_restores()}
        if self.shape in FLOORED:
            commands["manage.py migrate"] = ([*MANAGE, "migrate", "--verbosity=0"], True)
        if self.is_for_fixtures(rows):
            load = [*MANAGE, "loaddata", self.path("json")]
            commands["loaddata"] = (load, True)
        return commands

    def is_for_fixtures(self, rows):
        return self.shape != "empty" and rows <= SLOW_ROWS.get(self.shape, 100_000)

    def copy_to_sqlite(self, dialect):
        """Return the peer that makes a SQLite file too, where it is installed."""
        program = shutil.which("db-to-sqlite", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
        if program is None or self.shape == "empty":
            return {}
        settings = self.settings()
        login = settings["USER"] + (f":{settings['PASSWORD']}" if settings["PASSWORD"] else "")
        host = settings["HOST"] + (f":{settings['PORT']}" if settings["PORT"] else "")
        url = f"{dialect}://{login}@{host}/{self.database('source')}"
        return {"db-to-sqlite": ([program, "--all", url, self.path("copied")], "copied")}

    def settings(self):
        from benchmarks.settings import ENGINES

        return ENGINES[self.name]


class SQLite(Engine):
    @classmethod
    def describe_version(cls):
        return f"SQLite {sqlite3.sqlite_version}"

    def database(self, name):
        return self.path(f"{name}.sqlite3")

    def make(self, database):
        pass

    def drop(self, database):
        for suffix in ("", "-wal", "-shm", "-journal"):
            if os.path.exists(self.database(database) + suffix):
                os.unlink(self.database(database) + suffix)

    def own_backups(self):
        live, copy = self.database("source"), self.path("vacuum")
        return {
            "VACUUM INTO": ([*PYTHON, VACUUM, live, copy], "vacuum"),
            "online backup": ([*PYTHON, ONLINE, live, self.path("online")], "online"),
        }

    def own_restores(self):
        command = [*PYTHON, ONLINE, self.path("online"), self.database("target")]
        return {"online backup": (command, False)}


class PostgreSQL(Engine):
    def make(self, database):
        subprocess.run(["createdb", *self.login(), self.database(database)], check=True)

    def drop(self, database):
        drop = ["dropdb", "--if-exists", "--force", *self.login(), self.database(database)]
        subprocess.run(drop, check=True, capture_output=True)

    @classmethod
    def describe_version(cls):
        return (
            f"PostgreSQL {ask(['psql', *cls.login(), '-Atc', 'SHOW server_version', 'postgres'])}"
        )

    @classmethod
    def login(cls):
        from benchmarks.settings import ENGINES

        settings = ENGINES["postgresql"]
        port = ["-p", settings["PORT"]] if settings["PORT"] else []
        return ["-h", settings["HOST"], *port, "-U", settings["USER"]]

    def own_backups(self):
        source = [*self.login(), self.database("source")]
        return {
            "pg_dump -Fc": (["pg_dump", "-Fc", "-f", self.path("dump"), *source], "dump"),
            "pg_dump -Fp": (["pg_dump", "-Fp", "-f", self.path("sql"), *source], "sql"),
            **self.copy_to_sqlite("postgresql+psycopg"),
        }

    def own_restores(self):
        target = [*self.login(), "-d", self.database("target")]
        return {"pg_restore": (["pg_restore", *target, self.path("dump")], False)}


class MySQL(Engine):
    def make(self, database):
        self.execute(f"CREATE DATABASE {self.database(database)} CHARACTER SET utf8mb4")

    def drop(self, database):
        self.execute(f"DROP DATABASE IF EXISTS {self.database(database)}")

    @classmethod
    def describe_version(cls):
        version = ask([cls.client("mariadb", "mysql"), *cls.login(), "-Ne", "SELECT version()"])
        return version if "MariaDB" in version else f"MySQL {version}"

    def execute(self, sql):
        subprocess.run([self.client("mariadb", "mysql"), *self.login(), "-e", sql], check=True)

    @classmethod
    def client(cls, *names):
        return next(filter(None, map(shutil.which, names)))

    @classmethod
    def login(cls):
        from benchmarks.settings import ENGINES

        settings = ENGINES["mysql"]
        port = [f"--port={settings['PORT']}"] if settings["PORT"] else []
        return ["-h", settings["HOST"], *port, "-u", settings["USER"]]

    def own_backups(self):
        dump = self.client("mariadb-dump", "mysqldump")
        options = ["--single-transaction", "--hex-blob", f"--result-file={self.path('sql')}"]
        command = [dump, *self.login(), *options, self.database("source")]
        return {"mariadb-dump": (command, "sql"), **self.copy_to_sqlite("mysql")}

    def own_restores(self):
        client = " ".join([self.client("mariadb", "mysql"), *self.login()])
        command = ["sh", "-c", f"{client} {self.database('target')} < {self.path('sql')}"]
        return {"mariadb <": (command, False)}


ENGINES = {"sqlite": SQLite, "postgresql": PostgreSQL, "mysql": MySQL}
