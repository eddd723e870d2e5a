"""Whether the process that a run named is still there."""

import os
import re
import socket
from contextlib import suppress
from pathlib import Path

PROCESS = re.compile(r"(\d+)(?:/(\d*))? on (.+)", re.DOTALL)


def describe_process() -> str:
    """Return the number of this process, when it began, and its host.

    The number alone may be another process's tomorrow, and in a container it always is.
    """
    return f"{os.getpid()}/{read_start(os.getpid())} on {describe_host()}"


def describe_host() -> str:
    """Return the host's name, and which of its processes are seen: a container has its own.

    https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
    """
    with suppress(OSError):
        return f"{socket.gethostname()} {os.stat('/proc/self/ns/pid').st_ino}"
    return socket.gethostname()


def read_start(process: int) -> str:
    """Return when a process began, in ticks since the host did; empty where nobody can tell.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html, field 22; the name of the program,
    in parentheses, may hold anything.
    """
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    return ""


def is_dead(description: str) -> bool:
    """Return whether a described process has surely ended: only a process beside it can tell."""
    match = PROCESS.fullmatch(description)
    if match is None or match[3] != describe_host():
        return False
    number = int(match[1])
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        pass
    return bool(match[2]) and read_start(number) not in ("", match[2])
