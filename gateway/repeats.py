"""Repeats: reads that come again byte for byte, as those of public objects and presigned URLs do.

What follows from the bytes of a head alone is found out once: the question it asks, who asks, and
that the signature is right. What may be another the next time is asked each time: the clock, the
access key, the limits, the state of the store. Nothing is decided here: what is not answered from
memory at once goes through the pipeline, which made the answer.

A head with an Authorization field never comes again: its date and signature are new each time.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime

import msgspec
from aiohttp.http_parser import RawRequestMessage
from msgspec import Struct

from gateway import cors, trace
from gateway.auth import presigned
from gateway.auth.verify import mechanisms, verify
from gateway.errors import S3Error
from gateway.head import Head
from gateway.operation import find
from gateway.operations import OPERATIONS
from gateway.refusal import refusal
from gateway.remembered import Question, question
from gateway.response import Response
from gateway.serve import Gateway, finished, parse
from gateway.trace import Trace
from keys.access_key import AccessKey

MOST_HEAD = 2048
"""Longest head that is kept."""
MOST_BYTES = 16 << 20
"""Of heads, in each worker."""
_MOST_ONCE = 1 << 15
"""How many heads that came once are told from new ones."""
_OVERHEAD = 768
"""Of a head, beside its bytes."""


class _Signed(Struct, frozen=True):
    """By which key, and from when to when that counts."""

    key: AccessKey
    since: datetime
    until: datetime


class Repeat(Struct, frozen=True):
    """What the bytes of a head come to."""

    head: Head
    """Without its fields and its sender."""
    asked: Question
    signed: _Signed | None
    """``None``: anonymous."""
    extra: list[tuple[str, str]]
    """Of the answer, what the pipeline adds to it."""


class Repeats:
    """The oldest go when there are too many."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._repeats: dict[bytes, Repeat] = {}
        self._bytes = 0
        self._once: set[int] = set()

    def find(self, data: bytes) -> Repeat | None:
        """``data`` is a whole head and nothing else, if it is here."""
        return self._repeats.get(data)

    def answer(self, repeat: Repeat, peer: str) -> tuple[Response, bytes, Trace] | None:
        """Response, bytes of its body, and what to log, as of ``serve``; ``None``: ask that."""
        gateway, signed, asked = self._gateway, repeat.signed, repeat.asked
        if signed is not None and (
            gateway.keys.find(asked.caller) is not signed.key
            or not signed.since <= gateway.clock() <= signed.until
        ):
            return None
        state = gateway.store.state()
        known = None if state is None else gateway.remembered.find(asked, state, gateway.store)
        if known is None:
            return None
        story = Trace(trace.new_id(), peer=peer)
        story.operation, story.caller, story.bucket = asked.operation, asked.caller, asked.bucket
        if gateway.auditing is not None:
            story.audited, story.key = gateway.auditing.request, asked.key
        if gateway.limits is not None:
            try:
                gateway.limits.request(peer)
                gateway.limits.caller(asked.caller, peer)
            except S3Error as error:
                known = refusal(error, repeat.head, story)
        assert isinstance(known.body, bytes)
        return finished(known, story, repeat.extra), known.body, story

    def notice(self, data: bytes, message: RawRequestMessage, head: Head) -> None:
        """Keep what comes a second time, of at most ``MOST_HEAD`` bytes. ``message`` is the last in
        ``data``, as ``head`` says it, and was answered 200 from memory."""
        if "authorization" in message.headers or self._gateway.proxies is not None:
            return  # of the latter the sender is in a field
        mark = hash(data)
        if mark not in self._once:
            if len(self._once) >= _MOST_ONCE:
                self._once.clear()
            self._once.add(mark)
        elif data not in self._repeats and _spelled(message) == data:
            with suppress(S3Error):  # the clock or a key is another by now
                repeat = _read(self._gateway, head)
                if repeat is not None:
                    self._keep(data, repeat)

    def _keep(self, data: bytes, repeat: Repeat) -> None:
        self._repeats[data] = repeat
        self._bytes += len(data) + _OVERHEAD
        while self._bytes > MOST_BYTES:
            oldest = next(iter(self._repeats))
            del self._repeats[oldest]
            self._bytes -= len(oldest) + _OVERHEAD


class _NoBody:
    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""


def _read(gateway: Gateway, head: Head) -> Repeat | None:
    """``None``: too much of it is new each time. Raises ``S3Error``."""
    request = parse(gateway.config, head, _NoBody())
    found = mechanisms(request)
    if found not in ([], ["presigned"]):
        return None
    key = verify(request, gateway.keys, gateway.config, gateway.clock()).caller.access_key
    signed = None if key is None else _Signed(key, *presigned.window(request.query))
    asked = question(find(request, OPERATIONS).name, key.key if key else "", request)
    if asked is None:
        return None
    return Repeat(
        msgspec.structs.replace(head, headers=[], peer=""),
        asked,
        signed,
        cors.headers(request, gateway.config),
    )


def _spelled(message: RawRequestMessage) -> bytes:
    """The head as most clients spell it. Bytes that are equal to it say this and nothing else,
    whatever came on the connection before them."""
    fields = b"".join([b"%b: %b\r\n" % field for field in message.raw_headers])
    target = message.path.encode("utf-8", "surrogateescape")
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (message.method.encode(), target, fields)
