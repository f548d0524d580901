"""An honest client in a process of its own: a GET every few milliseconds, timed and compared."""

import contextlib
import multiprocessing
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from time import perf_counter

PACE_SECONDS = 0.005
PATIENCE_SECONDS = 20.0
FRESH = 10
"""Every so many requests it opens a new connection."""


@dataclass(frozen=True)
class Asked:
    """What it is to ask for, and what has to come back."""

    port: int
    wire: bytes
    body: bytes


@dataclass(frozen=True)
class Lap:
    """What happened since the last one."""

    seconds: list[float]
    """Of each answer, in order of length."""
    errors: list[str]

    @property
    def p99(self) -> float:
        return self.seconds[len(self.seconds) * 99 // 100] if self.seconds else float("inf")


class Honest:
    """Asks until its ``with`` block ends."""

    def __init__(self, ours: Connection) -> None:
        self._ours = ours

    def lap(self) -> Lap:
        """All since the last one; at least one answer."""
        self._ours.send(None)
        lap: Lap = self._ours.recv()
        return lap


@contextlib.contextmanager
def honest(asked: Asked) -> Iterator[Honest]:
    """A client that has had its first answer."""
    context = multiprocessing.get_context("spawn")  # nothing of the attackers' is in its way
    ours, its = context.Pipe()
    process = context.Process(target=_ask, args=(asked, its), daemon=True)
    process.start()
    its.close()
    try:
        client = Honest(ours)
        client.lap()
        yield client
    finally:
        ours.close()
        process.join()


def _ask(asked: Asked, told: Connection) -> None:
    connection: socket.socket | None = None
    seconds: list[float] = []
    errors: list[str] = []
    count = 0
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            began = perf_counter()
            try:
                if connection is None:
                    connection = socket.create_connection(
                        ("127.0.0.1", asked.port), timeout=PATIENCE_SECONDS
                    )
                connection.sendall(asked.wire)
                _compare(connection, asked.body)
                seconds.append(perf_counter() - began)
            except (OSError, ValueError) as error:
                errors.append(repr(error))
                connection = None
            count += 1
            if connection is not None and count % FRESH == 0:
                connection.close()
                connection = None
            if told.poll(PACE_SECONDS) and (seconds or errors):
                told.recv()
                told.send(Lap(sorted(seconds), errors))
                seconds, errors = [], []


def _compare(connection: socket.socket, body: bytes) -> None:
    received = b""
    while not received.endswith(body) or b"\r\n\r\n" not in received:
        data = connection.recv(1 << 20)
        if not data:
            raise ValueError(f"cut after {received[:200]!r}")
        received += data
        if len(received) > len(body) + 4096:
            break
    if not received.startswith(b"HTTP/1.1 200 ") or not received.endswith(b"\r\n\r\n" + body):
        raise ValueError(f"{received[:200]!r}")
