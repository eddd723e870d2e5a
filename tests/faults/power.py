"""What a disk may hold after the power failed: replayed from the calls that a process made.

Only what was synced is sure: a write, a new name, a rename and a removal may each be there or not,
whatever came later, until `fsync` of the file or of the folder.
"""

import re
import subprocess
from dataclasses import dataclass, field

CALLS = (
    "openat,lseek,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,"
    "unlinkat,close"
)
LINE = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
ARGUMENT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"|(-?\w+)<((?:\\x[0-9a-f]{2})*)>|([^,\s"]+)')


@dataclass
class File:
    """The content of a file, what of it is sure, and the writes that are not."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    writes: list = field(default_factory=list)

    def write(self, offset, data):
        apply(self.content, offset, data)
        self.writes.append((offset, data))

    def truncate(self, size):
        self.content[size:] = bytes(max(0, size - len(self.content)))
        # As if all that came before were on the disk: SQLite syncs before it truncates.
        self.durable, self.writes = bytes(self.content), []

    def sync(self):
        self.durable, self.writes = bytes(self.content), []

    def after_crash(self, by_chance):
        """Return the content with some of the unsure writes; without `by_chance`, with none."""
        content = bytearray(self.durable)
        for offset, data in self.writes:
            if by_chance is not None and by_chance.random() < 0.5:
                apply(content, offset, data)
        return bytes(content)


def apply(content, offset, data):
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk:
    """One folder of files, and what the calls of a process do to it."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.names = {
            str(path): File(bytearray(path.read_bytes()), path.read_bytes())
            for path in folder.iterdir()
            if path.is_file()
        }
        self.durable_names = dict(self.names)
        self.changes = []
        """Names that are not sure yet, each with its file, or None where it is gone."""
        self.open = {}
        self.offsets = {}

    def rename(self, name, file):
        self.changes.append((name, file))
        self.set_name(self.names, name, file)

    def set_name(self, names, name, file):
        if file is None:
            names.pop(name, None)
        else:
            names[name] = file

    def do(self, call, arguments, result):
        """Repeat a call."""
        texts = [argument for argument in arguments if isinstance(argument, bytes)]
        if call == "openat":
            self.do_open(texts[-1].decode(), arguments[2], result)
        elif call == "unlink" and texts[0].decode() in self.names:
            self.rename(texts[0].decode(), None)
        elif call == "rename" and texts[0].decode() in self.names:
            old, new = (text.decode() for text in texts)
            file = self.names[old]
            # One change of the folder: never neither of the two names.
            self.rename(new, file)
            self.rename(old, None)
        elif arguments and arguments[0] in self.open:
            self.do_file(call, arguments, result)

    def do_open(self, name, flags, descriptor):
        self.open.pop(descriptor, None)
        if name == self.folder:
            self.open[descriptor] = None
        elif name.startswith(f"{self.folder}/"):
            if name not in self.names and "O_CREAT" in flags:
                self.rename(name, File())
            if name in self.names:
                self.open[descriptor], self.offsets[descriptor] = self.names[name], 0
                assert "O_TRUNC" not in flags

    def do_file(self, call, arguments, result):
        descriptor = arguments[0]
        file = self.open[descriptor]
        if call == "close":
            del self.open[descriptor]
        elif call == "lseek":
            self.offsets[descriptor] = result
        elif call == "write":
            file.write(self.offsets[descriptor], arguments[1])
            self.offsets[descriptor] += result
        elif call == "pwrite64":
            file.write(int(arguments[3]), arguments[1])
        elif call == "ftruncate":
            file.truncate(int(arguments[1]))
        elif file is None:
            self.durable_names, self.changes = dict(self.names), []
        else:
            file.sync()

    def after_crash(self, by_chance):
        """Return the bytes by name that may be found: without `by_chance`, what is sure."""
        names = dict(self.durable_names)
        for name, file in self.changes:
            if by_chance is not None and by_chance.random() < 0.5:
                self.set_name(names, name, file)
        return {name: file.after_crash(by_chance) for name, file in names.items()}


def trace(strace, path, command, **options):
    """Run a command and return its calls: name, arguments, and what the system answered."""
    arguments = ["-qq", "-y", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", path]
    done = subprocess.run([strace, *arguments, *command], check=False, **options)
    assert done.returncode == 0, done.stderr
    return list(filter(None, map(parse, path.read_text().splitlines())))


def parse(line):
    found = LINE.match(line)
    if not found or int(found[3].split()[0]) < 0:
        return None
    arguments = []
    for text, descriptor, _place, word in ARGUMENT.findall(found[2]):
        if descriptor:
            arguments.append(int(descriptor) if descriptor.isdigit() else descriptor)
        else:
            arguments.append(word or bytes.fromhex(text.replace("\\x", "")))
    return found[1], arguments, int(found[3])
