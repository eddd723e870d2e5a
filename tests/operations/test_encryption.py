"""`operations.encryption`: what its files raise is not lost in the library."""

import errno
import io
import os

import pytest

from django_sqlite_backup import InvalidBackup
from django_sqlite_backup.operations.encryption import (
    decrypt,
    encrypt,
    read_identities,
    read_recipients,
)
from tests.keys import KeyPair

ERRORS = [KeyboardInterrupt(), OSError(errno.EIO, "The disk is broken"), InvalidBackup("of ours")]


class Broken(io.BytesIO):
    """A file that works for a while."""

    def __init__(self, error, data=b""):
        super().__init__(data)
        self.error = error
        self.calls = 0

    def count(self):
        self.calls += 1
        if self.calls > 3:
            raise self.error

    def read(self, size=-1):
        self.count()
        return super().read(size)

    def write(self, data):
        self.count()
        return super().write(data)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return KeyPair(tmp_path_factory.mktemp("key") / "key.txt")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("end", ["source", "target"])
def test_what_a_file_raises_is_raised(key, error, end):
    recipients, identities = read_recipients([key.recipient]), read_identities([key.path])
    data, sealed = os.urandom(1 << 20), io.BytesIO()
    encrypt(io.BytesIO(data), sealed, recipients)
    for work, source, keys in (
        (encrypt, data, recipients),
        (decrypt, sealed.getvalue(), identities),
    ):
        broken = Broken(error, source if end == "source" else b"")
        ends = (broken, io.BytesIO()) if end == "source" else (io.BytesIO(source), broken)
        with pytest.raises(type(error)) as raised:
            work(*ends, keys)
        assert raised.value is error
