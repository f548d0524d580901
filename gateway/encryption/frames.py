"""Frames: a run of bytes encrypted so that any piece of it opens by itself. Pure.

    salt (32 bytes) | frame 0 | frame 1 | ... | last frame

A frame is 64 KiB of plaintext under AES-256-GCM with its tag; only the last one is shorter. The key
is made of the object's key, the salt and the number of the part (HKDF), so no two runs share one,
and a nonce is the frame's index with a mark on the last: a frame that was changed, moved, repeated,
taken from another run, or made the last one, does not open. This is STREAM of Hoang, Reyhanitabar,
Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance".

An object that was put whole is one run, of part 0; one of a multipart upload a run for each part.
"""

import secrets
from collections.abc import Iterator
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.wrapping import derived
from store.errors import Damaged

FRAME_BYTES = 64 * 1024
TAG_BYTES = 16
SALT_BYTES = 32
SEALED_FRAME_BYTES = FRAME_BYTES + TAG_BYTES


def frame_count(size: int) -> int:
    """Of ``size`` bytes of plaintext. No bytes are one empty frame."""
    return max(1, -(-size // FRAME_BYTES))


def sealed_size(size: int) -> int:
    """How many bytes ``size`` bytes of plaintext become."""
    return SALT_BYTES + size + frame_count(size) * TAG_BYTES


def opened_size(sealed: int) -> int:
    """The reverse of ``sealed_size``."""
    framed = sealed - SALT_BYTES
    return framed - -(-framed // SEALED_FRAME_BYTES) * TAG_BYTES


class Cipher:
    """The key of one run at work. Any thread's, one at a time."""

    def __init__(self, key: bytes, salt: bytes, part: int) -> None:
        self._aead = AESGCM(derived(key, f"s3gw frames 1 part {part}", salt))

    def seal(self, index: int, data: bytes | memoryview, *, last: bool) -> bytes:
        return self._aead.encrypt(_nonce(index, last), data, None)

    def open(self, index: int, frame: bytes | memoryview, *, last: bool) -> bytes:
        """Raises ``Damaged``."""
        try:
            return self._aead.decrypt(_nonce(index, last), frame, None)
        except (InvalidTag, ValueError) as error:
            raise Damaged(f"frame {index} does not open") from error


def _nonce(index: int, last: bool) -> bytes:
    return index.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


class Sealing:
    """One run being made: ``seal`` its bytes in any pieces, then ``finish``."""

    def __init__(self, key: bytes, part: int = 0) -> None:
        self._salt: bytes | None = secrets.token_bytes(SALT_BYTES)
        self._cipher = Cipher(key, self._salt, part)
        self._index = 0
        self._rest = bytearray()

    def seal(self, data: bytes | bytearray | memoryview) -> bytes:
        """What can be said of the run so far. Which frame is the last is not known before the end,
        so a full one is held back until there is more."""
        self._rest += data
        full = max(0, (len(self._rest) - 1) // FRAME_BYTES)
        with memoryview(self._rest) as view:
            sealed = [self._begin(), *self._frames(view, full)]
        del self._rest[: full * FRAME_BYTES]
        return b"".join(sealed)

    def finish(self) -> bytes:
        return self._begin() + self._cipher.seal(self._index, bytes(self._rest), last=True)

    def _begin(self) -> bytes:
        salt, self._salt = self._salt, None
        return salt or b""

    def _frames(self, view: memoryview, count: int) -> Iterator[bytes]:
        for start in range(0, count * FRAME_BYTES, FRAME_BYTES):
            yield self._cipher.seal(self._index, view[start : start + FRAME_BYTES], last=False)
            self._index += 1


class Run(NamedTuple):
    """One run of an object and where it is."""

    part: int
    size: int
    """Of its plaintext."""
    start: int
    """Of its plaintext in the object's."""
    at: int
    """Of its salt in the stored bytes."""


class Frame(NamedTuple):
    """What is needed of one frame to answer a range."""

    run: Run
    number: int
    skip: int
    """Bytes of its plaintext before the range."""
    take: int
    """Bytes of its plaintext in the range."""

    @property
    def last(self) -> bool:
        return self.number == frame_count(self.run.size) - 1

    @property
    def at(self) -> int:
        """In the stored bytes."""
        return self.run.at + SALT_BYTES + self.number * SEALED_FRAME_BYTES

    @property
    def sealed(self) -> int:
        """Its length, tag included."""
        return min(FRAME_BYTES, self.run.size - self.number * FRAME_BYTES) + TAG_BYTES


def runs(parts: list[tuple[int, int]]) -> Iterator[Run]:
    """``(number, size of the plaintext)`` of each part, in the order they are stored."""
    start = at = 0
    for number, size in parts:
        yield Run(number, size, start, at)
        start, at = start + size, at + sealed_size(size)


def frames(found: Iterator[Run], start: int, length: int) -> Iterator[Frame]:
    """The frames that hold ``[start, start + length)`` of the plaintext, in order."""
    for run in found:
        begin = max(start, run.start) - run.start
        end = min(start + length, run.start + run.size) - run.start
        for index in range(begin // FRAME_BYTES, -(-end // FRAME_BYTES) if begin < end else 0):
            first = index * FRAME_BYTES
            skip = max(begin - first, 0)
            yield Frame(run, index, skip, min(end - first, FRAME_BYTES) - skip)
        if run.start + run.size >= start + length:
            return
