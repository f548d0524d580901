"""Receiving: the rest of a large body straight from the socket into the memory that wants it.

aiohttp's own way copies every byte three times. While the body flows, this protocol stands in its
connection's place; it never reads beyond the body, and then gives the connection back with a fresh
parser. Knows nothing of what the bytes mean. Leans on aiohttp's insides: a test guards each.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from aiohttp import StreamReader, web
from aiohttp.http_parser import HttpRequestParser

LEAST_BYTES = 256 * 1024
"""Below this much left, changing places costs more than it saves."""

_GONE = "the client has gone"
_NOTHING = memoryview(b"")
_waste = memoryview(bytearray(LEAST_BYTES))


def take_over(
    request: web.BaseRequest, idle_seconds: float, too_slow: Callable[[int], bool]
) -> "Receiving | None":
    """The rest of the request's body, or ``None`` where aiohttp must go on with it.

    So it must under TLS: uvloop's goes on reading for a protocol that has paused it, and there is
    little to save where every byte is copied by the decryption.
    ``too_slow`` is asked, while it waits, with how many bytes the running ``fill`` has got.
    """
    content, connection = request.content, request.protocol
    if request.content_length is None or request.transport is None or request.secure:
        return None
    left = request.content_length - content.total_bytes
    # What aiohttp has taken off the socket must have gone all the way to its reader first.
    pending = content._buffer or connection._reading_paused or connection._buffer_paused
    if left < LEAST_BYTES or pending or content.exception() or request._message.upgrade:
        return None
    return Receiving(connection, content, left, idle_seconds, too_slow)


class Receiving(asyncio.BufferedProtocol):
    """``fill`` until it gives nothing, or ``release``."""

    def __init__(
        self,
        connection: web.RequestHandler,
        content: StreamReader,
        left: int,
        idle_seconds: float,
        too_slow: Callable[[int], bool],
    ) -> None:
        self._connection = connection
        self._content = content
        self._left = left
        self._idle_seconds = idle_seconds
        self._too_slow = too_slow
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, connection.transport)
        self._into = _NOTHING
        self._filled = 0
        self._last = 0.0
        self._turn: asyncio.Future[None] | None = None
        self._lost = False
        self._wasting = False
        self._transport.pause_reading()
        self._transport.set_protocol(self)

    async def fill(self, into: memoryview) -> int:
        """Put the next bytes of the body into ``into``: all that fit, or all that are left.

        Raises ``TimeoutError`` when the client stalls or is too slow, ``ConnectionError`` when it
        has gone.
        """
        if not self._left:
            return 0
        if self._lost:
            raise ConnectionResetError(_GONE)
        self._into, self._filled = into[: self._left], 0
        self._last = self._loop.time()
        self._turn = self._loop.create_future()
        self._watch = self._loop.call_later(self._idle_seconds, self._look)
        self._transport.resume_reading()
        try:
            await self._turn
        finally:
            self._watch.cancel()
            self._turn, self._into = None, _NOTHING
            if self._left:
                self._transport.pause_reading()
        return self._filled

    def release(self) -> None:
        """Nobody wants the rest: it is thrown away as it comes, and then the connection goes on."""
        if self._left and not self._lost:
            self._wasting = True
            self._transport.resume_reading()

    def _look(self) -> None:
        if self._turn is None or self._turn.done():
            return
        left = self._last + self._idle_seconds - self._loop.time()
        if left <= 0 or self._too_slow(self._filled):
            self._turn.set_exception(TimeoutError())
        else:
            self._watch = self._loop.call_later(left, self._look)

    def _give_back(self) -> None:
        if self._lost or self._connection.transport is None:
            return
        connection = self._connection
        # The old parser still waits for what went past it.
        connection._parser = HttpRequestParser(
            connection,
            self._loop,
            connection._read_bufsize,
            max_line_size=connection.max_line_size,
            max_field_size=connection.max_field_size,
            max_headers=connection.max_headers,
            payload_exception=web.RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=connection._max_msg_queue_size,
        )
        self._transport.set_protocol(connection)
        self._content.feed_eof()  # and reading goes on

    # --- called by the transport ---------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        return _waste[: self._left] if self._wasting else self._into[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._left -= nbytes
        self._filled += nbytes
        self._last = self._loop.time()
        full = not self._wasting and self._filled == len(self._into)
        if full or not self._left:
            self._transport.pause_reading()
        if full and self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
        if not self._left:
            self._loop.call_soon(self._give_back)  # not in the transport's own reading

    def eof_received(self) -> None:
        """The body is cut: the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._turn is not None and not self._turn.done():
            self._turn.set_exception(exc or ConnectionResetError(_GONE))
        self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
