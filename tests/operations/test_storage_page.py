"""`docs/storage.md` is followed, on a real S3 server and with the stock tools."""

import os
import re
import subprocess
import sys

import pytest

from tests import test_readme
from tests.keys import use_tool
from tests.s3 import OPTIONS, serving

PAGE = test_readme.ROOT / "docs" / "storage.md"
NAME = re.compile(r"default-\d{8}T\d{6}Z-[0-9a-f]{8}")
KEY = re.compile(r"age1\w{58}")


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path) as server:
        yield server


@pytest.fixture
def project(new_project, tmp_path, monkeypatch, server):
    """A project that has followed the README, where boto3 finds keys and server by itself."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", OPTIONS["region_name"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OPTIONS["access_key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OPTIONS["secret_key"])
    project = new_project.copy(tmp_path / "project")
    blocks = test_readme.get_blocks(test_readme.README)
    project.follow_python(next(text for language, text in blocks if language == "python"))
    return project


new_project = test_readme.new_project


def run(project, command):
    """Run a line as a reader's shell would."""
    (project.folder / "bin").mkdir(exist_ok=True)
    python = project.folder / "bin" / "python"
    if not python.exists():
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "settings",
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{test_readme.ROOT}:{test_readme.ROOT / 'testproject'}",
    }
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=project.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stderr}"
    return done.stdout + done.stderr * (command.startswith("age-keygen"))


def plain(text):
    return test_readme.plain(NAME.sub("NAME", text))


def test_page_is_followed(project, server):
    for tool in ("age", "zstd"):
        use_tool(tool)
    blocks = test_readme.get_blocks(PAGE)
    (install, settings, keygen, backup, restore, by_hand, folder) = (text for _, text in blocks)
    assert "[s3,zstd,age]" in install
    printed = run(project, keygen.removeprefix("$ ").splitlines()[0])
    with open(project.folder / "settings.py", "a") as file:
        file.write(KEY.sub(KEY.search(printed)[0], settings))
    for shown in (backup, restore):
        command, expected = re.fullmatch(r"\$ (.*)\n(.*\n)", shown).groups()
        assert plain(run(project, command)) == plain(expected)
    (name, sidecar) = server.names()
    assert sidecar == f"{name}.json"
    assert name.startswith("shop/default-")
    assert name.endswith(".sqlite3.zst.age")
    for key in re.findall(r"`(\w+)`", PAGE.read_text().split("in the clear:")[1].split(". So")[0]):
        assert f'"{key}"' in server.read(sidecar).decode()
    (project.folder / "default.sqlite3.zst.age").write_bytes(server.read(name))
    run(project, by_hand)
    data = (project.folder / "default.sqlite3").read_bytes()
    assert data == (project.folder / "backup.sqlite3").read_bytes()
    run(project, "python manage.py check --fail-level WARNING")
    (project.folder / "key.txt").unlink()
    changed = folder.replace("/mnt/backups", str(project.folder / "disk"))
    with open(project.folder / "settings.py", "a") as file:
        file.write(changed)
    run(project, "python manage.py sqlitebackup --storage")
    (name, sidecar) = sorted(path.name for path in (project.folder / "disk").iterdir())
    assert (project.folder / "disk" / name).stat().st_mode & 0o777 == 0o600
