"""Measure backup and restore against what a user would run instead, and print a Markdown table.

    python benchmarks/run.py --shape line --rows 1000000 --engine postgresql --runs 3

Each command is a process of its own, from start-up to exit; the commands take turns, so a machine
that slows down slows all of them. Time is by the clock, memory the peak of the process itself, not
of the server. Figures are medians; a ratio is the median of the ratios of the turns. `--rows` are
those of the shape `line`; the other shapes shrink and grow with it.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import peers  # noqa: E402

ROWS = {"line": 1_000_000, "many": 8_000, "wide": 20_000, "blob": 2_000, "empty": 0}
LEAST = {"many": 400}
"""A row for each of its models."""


def measure(command, environment):
    """Run a command and return its seconds and the peak of its memory in megabytes."""
    started = time.perf_counter()
    with open(os.devnull, "w") as nowhere:
        actions = [(os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1)]
        child = os.posix_spawnp(command[0], command, environment, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def take_turns(commands, runs, before):
    """Return the measurements of each command, by its name: once around, then once more, …"""
    measured = {name: [] for name in commands}
    for _ in range(runs):
        for name, (command, detail) in commands.items():
            environment = before(detail)
            measured[name].append(measure(command, environment))
    return measured


def print_rows(engine, work, rows, measured, sizes):
    """Print a line of the table for each command; ratios are ours to theirs."""
    ours = [seconds for seconds, _ in next(iter(measured.values()))]
    for name, figures in measured.items():
        seconds = [figure[0] for figure in figures]
        ratio = statistics.median(mine / its for mine, its in zip(ours, seconds, strict=True))
        print(
            f"| {engine.shape} | {rows:,} | {engine.name} | {work} | {name} |"
            f" {statistics.median(seconds):.2f} | {ratio:.2f} |"
            f" {statistics.median(figure[1] for figure in figures):.0f} | {sizes.get(name, '')} |",
            flush=True,
        )


def choose(commands, peers_too):
    """Return all commands, or the first, which is ours."""
    return commands if peers_too else dict(list(commands.items())[:1])


def prepare(engine, rows, folder):
    """Make the source database: filled as SQLite, then restored to the engine."""
    origin = peers.SQLite("sqlite", engine.shape, folder)
    origin.create("source")
    # In a process of its own: the memory of this one would count as that of its children.
    filling = [*peers.PYTHON_MODULE, "benchmarks.data", origin.database("source"), engine.shape]
    subprocess.run([*filling, str(rows)], check=True)
    if engine.name != "sqlite":
        engine.create("source")
        origin.manage("source", "sqlitebackup", "--file", engine.path("ours"))
        engine.manage("source", "sqliterestore", "--no-input", "--file", engine.path("ours"))
        origin.drop("source")


def run(engine, rows, runs, folder, peers_too):
    """Measure one engine and one shape."""
    prepare(engine, rows, folder)

    def before_backup(suffix):
        if suffix:
            Path(engine.path(suffix)).unlink(missing_ok=True)
        return engine.environment("source")

    commands = choose(engine.backups(rows), peers_too)
    measured = take_turns(commands, runs, before_backup)
    sizes = {
        name: f"{os.path.getsize(engine.path(suffix)) / 1e6:.1f}"
        for name, (_, suffix) in commands.items()
        if suffix
    }
    print_rows(engine, "backup", rows, measured, sizes)

    def before_restore(migrate):
        engine.create("target", migrate=migrate)
        return engine.environment("target")

    commands = choose(engine.restores(rows), peers_too)
    print_rows(engine, "restore", rows, take_turns(commands, runs, before_restore), {})
    for database in ("source", "target"):
        engine.drop(database)


def describe_versions(engines):
    versions = [
        # Not imported: the memory of this process would count as that of its children.
        *(f"{name} {version(name)}" for name in ("django-sqlite-backup", "Django")),
        f"Python {platform.python_version()}",
        *(peers.ENGINES[name].describe_version() for name in engines),
        f"{os.cpu_count()} cores",
        f"{datetime.now(UTC):%Y-%m-%d}",
    ]
    return ", ".join(versions)


def scale(shape, rows):
    """Return the rows of a shape where `line` has so many."""
    return max(LEAST.get(shape, 0), round(ROWS[shape] * rows / ROWS["line"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shape", action="append", choices=ROWS, help="default: all")
    parser.add_argument("--engine", action="append", choices=peers.ENGINES, help="default: all")
    parser.add_argument("--rows", type=int, default=ROWS["line"], help="rows of line")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-peers", action="store_true", help="measure our own commands only")
    options = parser.parse_args()
    engines = [name for name in options.engine or peers.ENGINES if peers.ENGINES[name].answers()]
    print(f"{describe_versions(engines)}; {options.runs} runs\n")
    print("| shape | rows | engine | work | command | s | ours to it | MB of memory | MB of file |")
    print("|---|---|---|---|---|---|---|---|---|")
    for shape in options.shape or ROWS:
        for name in engines:
            with tempfile.TemporaryDirectory() as folder:
                engine = peers.ENGINES[name](name, shape, Path(folder))
                rows = scale(shape, options.rows)
                run(engine, rows, options.runs, Path(folder), peers_too=not options.no_peers)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    main()
