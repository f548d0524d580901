"""WireBody: the body of one HTTP request as it comes off the wire, within its time limits.

Its first pieces come from aiohttp; the rest of a large one straight from the socket.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from gateway.config import Config
from gateway.errors import IncompleteBody, RequestTimeout
from gateway.receiving import Receiving, take_over

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_CUT = (ConnectionError, web.PayloadAccessError, web.RequestPayloadError)


class WireBody:
    """The body of one aiohttp request; asks for it (100-continue) only when it is first read."""

    def __init__(self, request: web.BaseRequest, config: Config) -> None:
        self._request = request
        self._config = config
        self._expects = request.headers.get("Expect", "").lower() == "100-continue"
        # Of a coding nobody knows it cannot be said where it ends.
        self._broken = request.headers.get("Transfer-Encoding", "chunked").lower() != "chunked"
        self._started: float | None = None
        self._receiving: Receiving | None = None
        self._left = memoryview(b"")
        self.received = 0

    @property
    def abandoned(self) -> bool:
        """The rest will not come (the client waits for leave to send it, has stalled, or sends no
        HTTP): no use in waiting for it, and the connection cannot be used again."""
        if self._expects and self._request.body_exists:
            return True
        return self._broken or self._request.content.exception() is not None

    # No generator: one that is not read to its end keeps its last piece until it is collected.
    def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ``RequestTimeout`` on a stalled or too slow body, ``IncompleteBody`` on a cut."""
        return self

    async def __anext__(self) -> bytes:
        data = await self._piece()
        if not data:
            raise StopAsyncIteration
        return data

    async def fill(self, into: memoryview) -> int:
        """A ``store.filling.Fill``, after any number of pieces. Raises as iterating does."""
        filled = 0
        while filled < len(into):
            if not self._left:
                if self._receiving is None:
                    self._receiving = self._take_over()
                if self._receiving is not None:
                    return filled + await self._receive(self._receiving, into[filled:])
                self._left = memoryview(await self._piece())
                if not self._left:
                    break
            count = min(len(self._left), len(into) - filled)
            into[filled : filled + count] = self._left[:count]
            self._left = self._left[count:]
            filled += count
        return filled

    def release(self) -> None:
        """The request is answered: what has not been read of its body goes to waste."""
        receiving, self._receiving = self._receiving, None  # which has a way back to this
        if receiving is not None:
            receiving.release()

    async def _piece(self) -> bytes:
        if self._expects:
            self._expects = False
            writer: Any = self._request.writer
            await writer.write(CONTINUE)
            writer.output_size = 0
        if self._started is None:
            self._started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._config.body_idle_seconds):
                data = await self._request.content.readany()
        except TimeoutError:
            self._broken = True
            raise RequestTimeout from None
        except _CUT as error:
            error.__traceback__ = None  # aiohttp keeps the error with the request: a circle
            raise IncompleteBody from error
        except RuntimeError as error:  # the client left before anybody waited for more
            if self._request.protocol.connected:
                raise
            raise IncompleteBody from error
        self._count(len(data))
        return data

    def _take_over(self) -> Receiving | None:
        if self._started is None:  # nothing was asked for yet
            return None
        return take_over(self._request, self._config.body_idle_seconds, self._too_slow)

    async def _receive(self, receiving: Receiving, into: memoryview) -> int:
        try:
            filled = await receiving.fill(into)
        except TimeoutError:
            self._broken = True
            raise RequestTimeout from None
        except ConnectionError as error:
            raise IncompleteBody from error
        self._count(filled)
        return filled

    def _count(self, more: int) -> None:
        self.received += more
        if more and self._too_slow(0):
            self._broken = True
            raise RequestTimeout

    def _too_slow(self, more: int) -> bool:
        """With ``more`` bytes that are not counted yet."""
        assert self._started is not None
        elapsed = asyncio.get_running_loop().time() - self._started
        elapsed -= self._config.body_grace_seconds
        least = elapsed * self._config.body_bytes_per_second
        return elapsed > 0 and self.received + more < least
