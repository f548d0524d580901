"""The master key file: 64 hex digits that seal every secret.

Losing it loses all access keys, and all objects under SSE-S3 and SSE-KMS.
"""

import contextlib
import hashlib
import os
import secrets
import stat
from pathlib import Path

from keys.errors import MasterKeyRefused

LENGTH_BYTES = 32
_FILE_LIMIT = 4096


def read(path: Path) -> bytes:
    """The 32 bytes in ``path``.

    Raises ``MasterKeyRefused`` when it is missing, not ours, readable by others or malformed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise MasterKeyRefused(f"cannot read the master key {path}: {error.strerror}") from error
    try:
        _check(path, os.fstat(descriptor))
        text = os.read(descriptor, _FILE_LIMIT)
    finally:
        os.close(descriptor)
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != LENGTH_BYTES:
        raise MasterKeyRefused(f"master key {path} is malformed: it must be 64 hex digits")
    return key


def key_id(key: bytes) -> str:
    """Tells master keys apart without giving anything of them away."""
    return hashlib.sha256(b"s3gw master key id\0" + key).hexdigest()[:16]


def create(path: Path) -> None:
    """Write a new key, mode 0400. Not an error when a file is there already: it is left alone.

    The name appears only once the whole key is on disk, so a crash leaves a key or none.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write(draft, secrets.token_bytes(LENGTH_BYTES))
        with contextlib.suppress(FileExistsError):  # another process was first: its key holds
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def write(path: Path, key: bytes) -> None:
    """Make the file of a key, mode 0400; on disk but for its name. Raises ``FileExistsError``."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o400), "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise MasterKeyRefused(f"master key {path} is not a regular file")
    if status.st_uid != os.geteuid():
        raise MasterKeyRefused(f"master key {path} belongs to another user")
    if status.st_mode & 0o077:
        raise MasterKeyRefused(f"master key {path} is open to others: chmod 0400 {path}")


def sync_directory(path: Path) -> None:
    """Wait until the names in it are on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
