"""A stream encrypted to public keys, and decrypted by private ones: age, by the library pyrage.

The format is that of https://age-encryption.org/v1, so the stock tool reads what is made here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django_sqlite_backup.exceptions import ConfigurationError, InvalidBackup, StorageError

from .extras import load_module
from .streams import Readable

SUFFIX = ".age"
"""What encryption adds to the name."""
PRIVATE_SSH_KEY = b"-----BEGIN"
"""How a private key of SSH begins; anything else is a file of age identities."""
PROTECTED = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
"""How an identity file begins that is itself encrypted."""
LARGEST_IDENTITY = 1 << 20


def load_age() -> Any:
    """Return the library."""
    return load_module(["pyrage"], "age")


def read_recipients(texts: Sequence[str]) -> list[Any]:
    """Return public keys of age (`age1…`) or SSH (`ssh-…`).

    Raises `ConfigurationError` for anything else.
    """
    return [read_recipient(text.strip()) for text in texts]


def read_recipient(text: str) -> Any:
    age = load_age()
    kind = age.ssh if text.startswith("ssh-") else age.x25519
    try:
        return kind.Recipient.from_str(text)
    except age.RecipientError as error:
        # Not the text: it may be a private key that was put there by mistake.
        raise ConfigurationError(
            f'SQLITE_BACKUP["ENCRYPTION"]["recipients"] has a text of {len(text)} characters that '
            'is no public key: it should begin with "age1", as age-keygen prints it, or with '
            '"ssh-ed25519" or "ssh-rsa". A private key has no business there.'
        ) from error


def read_identities(paths: Sequence[str | Path]) -> list[Any]:
    """Return the private keys of files as `age-keygen` makes them, or of SSH."""
    return [identity for path in paths for identity in read_identity_file(Path(path))]


def read_identity_file(path: Path) -> list[Any]:
    age = load_age()
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST_IDENTITY)
    except OSError as error:
        raise ConfigurationError(
            f'The identity file "{path}" cannot be read: {error.strerror}.'
        ) from error
    if content.startswith(PROTECTED):
        raise ConfigurationError(
            f'The identity file "{path}" is itself encrypted. Decrypt it as you use it: '
            f"--identity <(age --decrypt {path})."
        )
    try:
        found = parse_identities(age, content)
    except (age.IdentityError, ValueError):
        # Without the cause: it may quote a private key.
        found = []
    if not found:
        raise ConfigurationError(
            f'"{path}" is no identity file. It should be what age-keygen wrote, or a private key '
            "of SSH without a passphrase."
        )
    return found


def parse_identities(age: Any, content: bytes) -> list[Any]:
    if content.startswith(PRIVATE_SSH_KEY):
        return [age.ssh.Identity.from_buffer(content)]
    lines = [line.strip() for line in content.decode().splitlines()]
    return [age.x25519.Identity.from_str(line) for line in lines if line and line[0] != "#"]


def encrypt(source: Readable, target: Any, recipients: Sequence[Any]) -> None:
    """Write what is read, encrypted to all recipients: any of them can read it."""
    age = load_age()
    watched = Watched(source, target)
    try:
        age.encrypt_io(watched, watched, recipients)
    except (age.EncryptError, OSError) as error:
        raise StorageError(f"It cannot be encrypted: {error}.") from error
    finally:
        watched.raise_own()


def decrypt(source: Readable, target: Any, identities: Sequence[Any]) -> None:
    """Write what is read, decrypted.

    What was written is worthless until all of it is: only the end proves the whole. Raises
    `ConfigurationError` where no identity fits, `InvalidBackup` where it is not what was encrypted.
    """
    if not identities:
        raise ConfigurationError(
            "It is encrypted: give the identity file of one of its recipients (--identity FILE)."
        )
    age = load_age()
    watched = Watched(source, target)
    try:
        age.decrypt_io(watched, watched, identities)
    except (age.DecryptError, OSError) as error:
        if "matching keys" in str(error):
            raise ConfigurationError(
                "None of the identities opens it: it is encrypted to other recipients. Give the "
                "identity file of one of them (--identity FILE)."
            ) from error
        raise InvalidBackup(
            f"It cannot be decrypted ({error}): it was damaged, cut short or tampered with. Use "
            "another backup."
        ) from error
    finally:
        watched.raise_own()


class Watched:
    """Source and target of the library, which forgets what the files raised, ^C too."""

    def __init__(self, source: Readable, target: Any) -> None:
        self.source, self.target = source, target
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> Any:
        return self.watch(self.source.read, size)

    def write(self, data: bytes) -> Any:
        return self.watch(self.target.write, data)

    def flush(self) -> None:
        self.watch(self.target.flush)

    def watch(self, call: Callable[..., Any], *arguments: Any) -> Any:
        if self.error:
            raise self.error
        try:
            return call(*arguments)
        except BaseException as error:
            self.error = error
            raise

    def raise_own(self) -> None:
        """Raise what the files raised, if they did."""
        if self.error:
            raise self.error
