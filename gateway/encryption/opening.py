"""Bytes on their way out: of an encrypted object only the frames that are asked for are read."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from gateway.encryption import frames
from gateway.encryption.frames import SALT_BYTES, Cipher, Frame
from gateway.encryption.object_keys import unwrapped
from gateway.operation import Call
from gateway.ranges import Span
from keys.wrapping import WrappingKey
from store.apply import ANNOTATIONS
from store.records import Attributes, Entry, ObjectPart, Part
from store.store import Outgoing

AnyPart = TypeVar("AnyPart", ObjectPart, Part)
QUICK_BYTES = 256 * 1024
"""What takes less time than a thread takes to begin."""
QUICK_PARTS = 500
"""What is looked through in less than a millisecond."""


def parts(call: Call, entry: Entry) -> Sequence[ObjectPart]:
    """As ``Store.parts``, with the sizes that clients see."""
    found = call.store.parts(entry)
    return found if entry.attributes.encryption is None else [shown(part) for part in found]


def shown(part: AnyPart) -> AnyPart:
    """An encrypted part with the size of its plaintext."""
    return replace(part, size=frames.opened_size(part.size))


def with_stored(kept: Attributes, parts: Sequence[Part]) -> Attributes:
    """The attributes of an object made of these parts, whose sizes are those that clients see."""
    if kept.encryption is None:
        return kept
    stored = sum(frames.sealed_size(part.size) for part in parts)
    return replace(kept, encryption=replace(kept.encryption, stored=stored))


async def opened(
    call: Call, entry: Entry, span: Span, customer: WrappingKey | None
) -> bytes | Outgoing:
    """As ``Store.open``, of the plaintext. ``customer``: the client's key, if it gave one.

    Raises as ``unwrapped`` and ``Store.open``; ``Damaged``, then or later, when a frame is not
    what was written.
    """
    if not span.length:
        return b""
    record = entry.attributes.encryption
    if record is None:
        return call.store.open(entry, span.start, span.length)
    # An annotation's key is bound to the bucket of its object.
    bucket = call.bucket.id if entry.bucket == ANNOTATIONS else entry.bucket
    key = await unwrapped(call, bucket, record, customer)
    found = call.store.parts(entry)
    if len(found) > QUICK_PARTS:
        first, rest, end = await asyncio.to_thread(_wanted, found, entry.size, span)
    else:
        first, rest, end = _wanted(found, entry.size, span)
    length = end.at + end.sealed - first.at
    reading = Reading(key, first, rest)
    salt = call.store.open(entry, first.run.at, SALT_BYTES)
    if isinstance(salt, bytes):
        content = call.store.open(entry, first.at, length)
        assert isinstance(content, bytes)
        reading.begin(salt)
        return reading.open(bytearray(content))
    try:
        content = call.store.open(entry, first.at, length)
    except BaseException:
        salt.close()
        raise
    assert isinstance(content, Outgoing)
    return Opened(reading, salt, content, span.length)


def _wanted(
    found: Sequence[ObjectPart], size: int, span: Span
) -> tuple[Frame, Iterator[Frame], Frame]:
    """Of the frames that hold ``span``: the first, all after it, and the last."""
    numbered = [(part.number, frames.opened_size(part.size)) for part in found] or [(0, size)]
    wanted = frames.frames(frames.runs(numbered), span.start, span.length)
    end = frames.frames(frames.runs(numbered), span.start + span.length - 1, 1)
    return next(wanted), wanted, next(end)


class Reading:
    """Consecutive frames of an object being opened. Any thread's, one at a time."""

    def __init__(self, key: bytes, first: Frame, rest: Iterator[Frame]) -> None:
        self._key = key
        self._frame: Frame | None = first
        self._rest = rest
        self._run = first.run
        self._at = first.at  # of the next stored byte
        self._cipher: Cipher | None = None

    def begin(self, salt: bytes) -> None:
        """``salt``: of the run the first frame is in. Those of later runs come between frames."""
        self._cipher = Cipher(self._key, salt, self._run.part)

    def open(self, stored: bytearray) -> bytes:
        """The plaintext of the frames that are whole in ``stored``, which loses them."""
        pieces = []
        done = 0
        with memoryview(stored) as view:
            while (frame := self._frame) is not None:
                begin = frame.at - self._at
                if begin + frame.sealed > len(view):
                    break
                if frame.run is not self._run:
                    self._run = frame.run
                    at = frame.run.at - self._at
                    self.begin(bytes(view[at : at + SALT_BYTES]))
                done = begin + frame.sealed
                pieces.append(self._opened(frame, view[begin:done]))
                self._frame = next(self._rest, None)
        del stored[:done]
        self._at += done
        return b"".join(pieces)

    def _opened(self, frame: Frame, sealed: memoryview) -> bytes:
        assert self._cipher is not None
        data = self._cipher.open(frame.number, sealed, last=frame.last)
        return data if frame.take == len(data) else data[frame.skip : frame.skip + frame.take]


class Opened(Outgoing):
    """The plaintext of some frames, as they come from the disk: at most a few MiB are held."""

    def __init__(self, reading: Reading, salt: Outgoing, content: Outgoing, size: int) -> None:
        self._reading = reading
        self._salt = salt
        self._content = content
        self.size = size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ``Damaged``."""
        self._reading.begin(b"".join([piece async for piece in self._salt]))
        stored = bytearray()
        async for piece in self._content:
            stored += piece
            if len(stored) > QUICK_BYTES:
                data = await asyncio.to_thread(self._reading.open, stored)
            else:
                data = self._reading.open(stored)
            if data:
                yield data

    def close(self) -> None:
        self._salt.close()
        self._content.close()
