"""Incremental hashes by name, and CRCs joined without the bytes they were made of.

Names are the store's (``crc64nvme``), digests are raw bytes, CRCs big-endian as S3 writes them.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

import hashlib
import zlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

from awscrt import checksums  # type: ignore[import-untyped]  # ships no py.typed

Buffer = bytes | bytearray | memoryview


class Hasher(Protocol):
    """Fed in order; ``digest`` may be asked at any time."""

    def update(self, data: Buffer, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, step: Callable[[Buffer, int], int], width: int) -> None:
        self._step = step
        self._width = width
        self._value = 0

    def update(self, data: Buffer, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width, "big")


class _XxHash:
    """https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md, seed 0, big-endian."""

    def __init__(self, running: checksums.XXHash) -> None:
        self._running = running

    def update(self, data: Buffer, /) -> None:
        self._running.update(bytes(data))  # it takes nothing else

    def digest(self) -> bytes:
        return bytes(self._running.finalize())


# zlib's CRC32 is twice as fast as awscrt's; awscrt's CRC32C and CRC64NVME run at memory speed.
_CRCS: dict[str, tuple[Callable[[Buffer, int], int], int]] = {
    "crc32": (zlib.crc32, 4),
    "crc32c": (checksums.crc32c, 4),
    "crc64nvme": (checksums.crc64nvme, 8),
}
"""By name, and their width in bytes."""
_NEW: dict[str, Callable[[], Hasher]] = {
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "xxhash64": lambda: _XxHash(checksums.XXHash.new_xxhash64()),
    "xxhash3": lambda: _XxHash(checksums.XXHash.new_xxhash3_64()),
    "xxhash128": lambda: _XxHash(checksums.XXHash.new_xxhash3_128()),
    **{name: partial(_Crc, *crc) for name, crc in _CRCS.items()},
}

_COMBINE: dict[str, Callable[[int, int, int], int]] = {
    "crc32": checksums.combine_crc32,
    "crc32c": checksums.combine_crc32c,
    "crc64nvme": checksums.combine_crc64nvme,
}

NAMES = frozenset(_NEW)

_HASHLIB = NAMES & hashlib.algorithms_guaranteed
_ALONE_BYTES = 2047
"""With one byte more at a time, hashlib lets other threads run (HASHLIB_GIL_MINSIZE)."""
_SHORT_BYTES = 4 * _ALONE_BYTES
"""Hashed in less time than it takes to get the interpreter back from the committer, which would be
let in with each hash of a small PUT: 6 us of its CPU time."""


def new(name: str) -> Hasher:
    """A fresh hasher. Raises ``KeyError`` for a name that is not in ``NAMES``."""
    return _NEW[name]()


def of(name: str, data: Buffer) -> bytes:
    """The digest of bytes that are all there. Raises as ``new``."""
    crc = _CRCS.get(name)
    if crc is not None:
        step, width = crc
        return step(data, 0).to_bytes(width, "big")
    hasher = _NEW[name]()
    if name in _HASHLIB and len(data) <= _SHORT_BYTES:
        for at in range(0, len(data), _ALONE_BYTES):
            hasher.update(data[at : at + _ALONE_BYTES])
    else:
        hasher.update(data)
    return hasher.digest()


def combine(name: str, first: bytes, second: bytes, second_size: int) -> bytes:
    """The CRC of two runs of bytes back to back, from their CRCs and the second one's length.

    Raises ``KeyError`` for anything but the three CRCs: no other hash can be joined.
    """
    joined = _COMBINE[name](
        int.from_bytes(first, "big"), int.from_bytes(second, "big"), second_size
    )
    return joined.to_bytes(len(first), "big")
