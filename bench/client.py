"""A closed-loop HTTP/1.1 client: each connection sends one ready-made request after the other."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import uvloop

_CHUNKED = -2
_HEAD = -1
STALL_SECONDS = 60
"""A server this late with its last answer has stopped."""


@dataclass(frozen=True)
class Result:
    """What one cell of the load came to."""

    requests: int
    seconds: float
    bytes_moved: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def megabytes_per_second(self) -> float:
        return self.bytes_moved / self.seconds / 1e6


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to send; ``bytes_moved`` is its body, or the body it should bring back."""

    wire: bytes
    bytes_moved: int = 0
    body: bytes | memoryview = b""
    head: bool = False
    """The answer has no body, whatever its Content-Length says."""


@dataclass(frozen=True)
class Load:
    """Every answer of a run: ``latencies`` in seconds, ``acknowledged`` the numbers answered."""

    seconds: float
    bytes_moved: int
    latencies: list[float]
    acknowledged: list[int]


class Refused(Exception):
    """An answer outside 2xx, or none at all; its text begins with what the server said."""


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole; counts bytes, keeps none."""

    def __init__(
        self,
        following: Callable[[], tuple[int, Request] | None],
        head: bool,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.following = following
        self.head = head
        self.tls = tls
        self.latencies: list[float] = []
        self.acknowledged: list[int] = []
        self.bytes_moved = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._left = _HEAD
        self._current: tuple[int, Request] | None = None
        self._began = 0.0
        self._chunk = 0
        """Bytes left of the current chunk and its line end."""
        self._closes = False
        self._reopening: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._reopening = None
        self._next()

    def _next(self) -> None:
        self._current = self.following()
        if self._current is None:
            self.transport.close()
            return
        request = self._current[1]
        self._began = perf_counter()
        self.transport.write(request.wire)
        if request.body:
            self.transport.write(request.body)

    def data_received(self, data: bytes) -> None:
        if self._left == _HEAD:
            data = self._buffer + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._buffer = data
                return
            if not data.startswith(b"HTTP/1.1 2"):
                self.done.set_exception(Refused(data[:600].decode("latin-1")))
                self.transport.abort()
                return
            assert self._current is not None
            self._buffer = b""
            bodiless = self.head or self._current[1].head
            low = data[:end].lower()
            self._left = 0 if bodiless else _length(low)
            self._closes = b"\r\nconnection: close" in low
            data = data[end + 4 :]
        if self._left == _CHUNKED:
            if not self._dechunked(self._buffer + data):
                return
            self._left = 0
        else:
            self._left -= len(data)
        if self._left == 0:
            self._answered()

    def _dechunked(self, data: bytes) -> bool:
        """Pass over the chunks in ``data``; true at the end of the last one."""
        at = 0
        while True:
            passed = min(self._chunk, len(data) - at)
            self._chunk -= passed
            at += passed
            end = data.find(b"\r\n", at)
            if self._chunk or end < 0 or (data[at:end] == b"0" and len(data) < end + 4):
                self._buffer = data[at:]
                return False
            if data[at:end] == b"0":
                self._buffer = b""
                return True
            self._chunk = int(data[at:end], 16) + 2
            at = end + 2

    def _answered(self) -> None:
        assert self._current is not None
        number, request = self._current
        self.latencies.append(perf_counter() - self._began)
        self.acknowledged.append(number)
        self.bytes_moved += request.bytes_moved
        self._left = _HEAD
        if self._closes:
            self._reopen()
        else:
            self._next()

    def _reopen(self) -> None:
        """Some servers close after each answer; the time that costs is theirs."""
        host, port = self.transport.get_extra_info("peername")
        self._current = None
        self.transport.abort()
        loop = asyncio.get_running_loop()
        self._reopening = loop.create_task(
            loop.create_connection(lambda: self, host, port, ssl=self.tls)
        )
        self._reopening.add_done_callback(self._reopened)

    def _reopened(self, opening: asyncio.Task[object]) -> None:
        error = opening.exception()
        if error is not None and not self.done.done():
            self.done.set_exception(error)

    def eof_received(self) -> None:
        """A server that leaves amid our request may never read the rest of it."""
        if self._current is not None and not self._closes and not self.done.done():
            self.done.set_exception(Refused("the server closed the connection"))
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reopening is None and not self.done.done():
            if self._current is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(exc or Refused("the server closed the connection"))


def _length(low: bytes) -> int:
    """Bytes of the body that follows a head in lower case, or ``_CHUNKED``."""
    at = low.find(b"\r\ncontent-length:")
    if at >= 0:
        return int(low[at + 17 :].partition(b"\r\n")[0])
    return _CHUNKED if b"\r\ntransfer-encoding: chunked" in low else 0


def load(
    host: str,
    port: int,
    requests: Callable[[int], Request],
    *,
    connections: int,
    seconds: float = 3.0,
    most: int = 10**9,
    head: bool = False,
    may_break: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Load:
    """Send ``requests(0)``, ``requests(1)``, ... for a time, or until ``most`` were sent.

    With ``may_break`` a connection that breaks has merely ended: its answers until then count.
    Raises ``Refused`` at the first answer outside 2xx, ``OSError``, which a stall is too.
    """

    async def send() -> Load:
        loop = asyncio.get_running_loop()
        began = perf_counter()
        sent = 0

        def following() -> tuple[int, Request] | None:
            nonlocal sent
            if sent >= most or perf_counter() - began > seconds:
                return None
            sent += 1
            return sent - 1, requests(sent - 1)

        def made_one() -> _Connection:
            return _Connection(following, head, tls)

        made = [
            (await loop.create_connection(made_one, host, port, ssl=tls))[1]
            for _ in range(connections)
        ]
        async with asyncio.timeout(seconds + STALL_SECONDS):
            await asyncio.gather(*(each.done for each in made), return_exceptions=may_break)
        return Load(
            seconds=perf_counter() - began,
            bytes_moved=sum(each.bytes_moved for each in made),
            latencies=[latency for each in made for latency in each.latencies],
            acknowledged=[number for each in made for number in each.acknowledged],
        )

    return uvloop.run(send())


def run(
    host: str,
    port: int,
    requests: Callable[[int], Request],
    *,
    connections: int,
    seconds: float = 3.0,
    most: int = 10**9,
    head: bool = False,
) -> Result:
    """``load``, summed up."""
    done = load(
        host, port, requests, connections=connections, seconds=seconds, most=most, head=head
    )
    latencies = sorted(done.latencies)
    return Result(
        requests=len(latencies),
        seconds=done.seconds,
        bytes_moved=done.bytes_moved,
        p50_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[int(len(latencies) * 0.99)] * 1e3,
    )
