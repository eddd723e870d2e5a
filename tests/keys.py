"""Keys made by the stock tools, and the tools themselves."""

import os
import re
import shutil
import subprocess

import pytest


def use_tool(name):
    """Return the path of a stock tool, or skip the test (with `CI` set: fail)."""
    path = shutil.which(name)
    if path is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse(f"{name} is not installed")
    return path


def run_tool(name, *arguments, **options):
    """Run a stock tool and return what it writes to standard output, in bytes."""
    command = [use_tool(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


class KeyPair:
    """A key of age: the path of the identity file, and the recipient."""

    def __init__(self, path):
        run_tool("age-keygen", "-o", path)
        self.path = path
        self.recipient = re.search(r"age1\w+", path.read_text())[0]


def make_ssh_key(path, passphrase=""):
    """Make a key of SSH and return its public half."""
    run_tool("ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path)
    return path.with_name(f"{path.name}.pub").read_text().strip()
