"""The worked example of `docs/revisions.md` prints what the page says, to the letter."""

import re
import shlex
import shutil
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "revisions.md"
HOME = "/srv/library"


def read_examples():
    """Yield each command of the page's console blocks, with what it is said to print."""
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        for example in block.split("$ ")[1:]:
            command, _, output = example.partition("\n")
            yield command, output


def plain(text, folder):
    """Return what is printed with the page's own folder, age and duration."""
    text = text.replace(str(folder), HOME)
    text = re.sub(r"\d+ (seconds|minutes|hours|days) ago", "41 days ago", text)
    text = re.sub(r"^Backed up 2\S+,", "Backed up 2024-03-01T03:00:00+00:00,", text, flags=re.M)
    text = re.sub(r"in \d+\.\d s\.", "in 0.2 s.", text)
    text = re.sub(r"before-restore-\w+", "before-restore-20240411T080000Z", text)
    return text


def test_examples_print_what_the_page_says(sqlite_world):
    world = sqlite_world
    code = world.codes.get(5)
    shutil.copyfile(world.get_file(3), code.folder / "march.sqlite3")
    shutil.copyfile(world.get_file(6), code.folder / "tomorrow.sqlite3")
    world.begin(5)
    examples = list(read_examples())
    assert len(examples) >= 3
    for command, output in examples:
        _python, _manage, *argv = shlex.split(command)
        done = code.manage(*argv, database=world.database, cwd=code.folder)
        assert plain(done.stdout + done.stderr, code.folder) == output, command


def test_readme_shows_an_example_of_the_page():
    readme = (PAGE.parents[1] / "README.md").read_text()
    (shown,) = re.findall(r"^```text\n\$ (.*?)^```", readme, re.DOTALL | re.MULTILINE)
    command, _, output = shown.partition("\n")
    assert (command, output) in list(read_examples())
