"""A backup file compressed, then encrypted, and back again: always in streams.

What is made here opens with the stock tools: `age --decrypt`, then `zstd --decompress` or `gunzip`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, cast

from . import compression as compressions
from . import encryption
from .stored import StoredBackup
from .streams import Sink, copy


class Packing:
    """How backups are packed for a storage.

    Args:
        compression: `"zstd"`, `"gzip"`, or `""` for none.
        recipients: public keys of age or SSH; where there are any, backups are encrypted to them.

    Raises `ConfigurationError` where one of them cannot be used, or its library is not installed.
    """

    def __init__(self, compression: str = "", recipients: Sequence[str] = ()) -> None:
        compressions.check_compression(compression)
        self.compression = compression
        self.recipients = encryption.read_recipients(recipients)

    @property
    def is_encrypted(self) -> bool:
        """Whether only the owner of a private key can read what is packed."""
        return bool(self.recipients)

    @property
    def suffix(self) -> str:
        """What the name of a packed file ends with."""
        return compressions.SUFFIXES[self.compression] + encryption.SUFFIX * self.is_encrypted

    def pack(self, source: BinaryIO, work: BinaryIO) -> BinaryIO:
        """Return the packed file, at its start: the empty one, `work`, or the source itself."""
        if self.compression and self.is_encrypted:
            with working_file(Path(source.name).parent) as compressed:
                compressions.compress(source, Sink(compressed), self.compression)
                encryption.encrypt(rewind(compressed), Sink(work), self.recipients)
        elif self.compression:
            compressions.compress(source, Sink(work), self.compression)
        elif self.is_encrypted:
            encryption.encrypt(source, Sink(work), self.recipients)
        else:
            return rewind(source)
        return rewind(work)


def unpack(
    stored: StoredBackup, packed: BinaryIO, target: BinaryIO, identities: Sequence[Any]
) -> None:
    """Write the backup file that a packed one holds, and empty that one where it is in the way.

    Raises `InvalidBackup` where it does not hold what the description says.
    """
    with working_file(Path(target.name).parent) as decrypted:
        if stored.encrypted:
            encryption.decrypt(packed, Sink(decrypted), identities)
            # Not three copies at once.
            packed.truncate(0)
            packed = rewind(decrypted)
        if stored.compression:
            compressions.decompress(packed, Sink(target), stored.compression, stored.file_bytes)
        else:
            copied = copy(packed, Sink(target), stored.file_bytes)
            compressions.check_size(copied, stored.file_bytes)


@contextmanager
def working_file(folder: Path) -> Iterator[BinaryIO]:
    """Give a file without a name, readable by nobody else, that ends with its process."""
    with TemporaryFile(dir=folder, buffering=0) as file:
        yield cast(BinaryIO, file)


def rewind(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file
