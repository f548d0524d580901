"""A closed-loop HTTP/1.1 client: each connection sends one ready-made request after the other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import uvloop


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


@dataclass(frozen=True)
class Request:
    """One request, ready to send; ``bytes_moved`` is its body, or the body it should bring back."""

    wire: bytes
    bytes_moved: int = 0
    body: bytes = b""


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is whole; counts bytes, keeps none."""

    def __init__(self, following: Callable[[], Request | None], head: bool) -> None:
        self.following = following
        self.head = head
        self.latencies: list[float] = []
        self.bytes_moved = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._left = -1
        self._current: Request | None = None
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self._next()

    def _next(self) -> None:
        self._current = self.following()
        if self._current is None:
            self.transport.close()
            return
        self._began = perf_counter()
        self.transport.write(self._current.wire)
        if self._current.body:
            self.transport.write(self._current.body)

    def data_received(self, data: bytes) -> None:
        if self._left < 0:
            self._buffer += data
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith((b"HTTP/1.1 2",)):
                self.done.set_exception(RuntimeError(self._buffer[:600].decode("latin-1")))
                self.transport.abort()
                return
            self._buffer = b""
            self._left = _length(head) - len(rest) if not self.head else 0
        else:
            self._left -= len(data)
        if self._left == 0:
            assert self._current is not None
            self.latencies.append(perf_counter() - self._began)
            self.bytes_moved += self._current.bytes_moved
            self._left = -1
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            if self._current is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(exc or RuntimeError("the server closed the connection"))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


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
    """Send ``requests(0)``, ``requests(1)``, ... for a time; raises when one is refused."""

    async def load() -> Result:
        loop = asyncio.get_running_loop()
        began = perf_counter()
        sent = 0

        def following() -> Request | None:
            nonlocal sent
            if sent >= most or perf_counter() - began > seconds:
                return None
            sent += 1
            return requests(sent - 1)

        made = [
            (await loop.create_connection(lambda: _Connection(following, head), host, port))[1]
            for _ in range(connections)
        ]
        await asyncio.gather(*(connection.done for connection in made))
        took = perf_counter() - began
        latencies = sorted(each for connection in made for each in connection.latencies)
        return Result(
            requests=len(latencies),
            seconds=took,
            bytes_moved=sum(connection.bytes_moved for connection in made),
            p50_ms=latencies[len(latencies) // 2] * 1e3,
            p99_ms=latencies[int(len(latencies) * 0.99)] * 1e3,
        )

    return uvloop.run(load())
