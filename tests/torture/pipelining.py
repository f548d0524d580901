"""Thousands of requests on one connection, sent without waiting: all answered, in order."""

import random
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gateway import fast_lane
from tests.gateway.server_process import ServerProcess
from tests.torture import resident
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.honest import Asked, Lap, honest

REQUESTS = 10_000
SIZES = (100, 5_000, 20_000, 400_000)
"""Of the objects that are read: from memory and disk, by the fast lane and by the general one."""
BODIES = (50, 3_000, 70_000, 300_000, 700_000)
"""Of PUTs: taken whole, by aiohttp, straight from the socket."""
MOST_BYTES = 64 << 20
MOST_SECONDS = 1.0
"""Of an honest request meanwhile."""
STALL_SECONDS = 20.0
SHORT_STALL_SECONDS = 3.0
"""In a short form, where no disk is filled."""
HOST = b"Host: localhost\r\n"

FIRST_BYTES = 100_000
AHEAD = b"PUT /open/first HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n"
AHEAD += b"Content-Length: %d\r\n\r\n" % FIRST_BYTES
LAST = 100
"""Small ones, which come together and are the last bytes that come."""

_Expected = tuple[int, bytes | None]
"""Status, and body where it is known."""
FIRST: tuple[bytes, _Expected] = (bytes(FIRST_BYTES), (200, b""))


def _content(number: int) -> bytes:
    return (b"%d " % number) * (SIZES[number % len(SIZES)] // 2)


def _get(number: int) -> bytes:
    return b"GET /open/%d HTTP/1.1\r\n" % number + HOST + b"\r\n"


def _requests(count: int, seed: int) -> Iterator[tuple[bytes, _Expected]]:
    rng = random.Random(seed)
    plain = b"%s /open/%s HTTP/1.1\r\n" + HOST
    for _ in range(count):
        kind = rng.random()
        if kind < 0.9:
            number = rng.choice([0, 0, 0, 1, 1, 2, 3] + [4] * 20 + [5, 6])
            yield _get(number), (200, _content(number))
        elif kind < 0.95:
            yield plain % (b"GET", b"none") + b"\r\n", (404, None)
        elif kind < 0.99:
            body = bytes(rng.choice(BODIES))
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            yield plain % (b"PUT", b"new%d" % rng.randrange(9)) + length + body, (200, b"")
        else:
            body = bytes(rng.choice(BODIES))
            head = b"PUT /closed/k HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
            yield head + body, (404, None)


class _Answers:
    """What comes back on one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""

    def next(self) -> tuple[int, bytes]:
        """Raises ``OSError``, ``EOFError``."""
        while b"\r\n\r\n" not in self._held:
            self._more()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        while len(self._held) < length:
            self._more()
        body, self._held = self._held[:length], self._held[length:]
        return int(head[9:12]), body

    def _more(self) -> None:
        data = self._connection.recv(1 << 20)
        if not data:
            raise EOFError
        self._held += data


def run(run: Run) -> Outcome:
    """One client that pipelines, one that does not."""
    mutant = f"{__name__}:{run.mutant}" if run.mutant else ""
    settings = {"S3GW_WORKERS": "1", "S3GW_DURABILITY": "none"}
    with ServerProcess(run.directory / "data", mutant=mutant, **settings).ready() as server:
        s3 = server.client()
        s3.create_bucket(Bucket="open", ACL="public-read-write")
        for number in range(7):
            s3.put_object(Bucket="open", Key=str(number), Body=_content(number), ACL="public-read")
        with honest(Asked(server.port, _get(0), _content(0))) as client:
            pid = server.process.pid
            base = resident.resident_bytes(pid)
            resident.forget_peak(pid)
            count = run.of(REQUESTS, 500)
            stall = STALL_SECONDS if run.scale >= 1 else SHORT_STALL_SECONDS
            answered, wrong = _pipelined(server.port, count, run.seed, stall)
            grown = resident.peak_bytes(pid) - base
            lap = client.lap()
    return _judged(count, answered, wrong, grown, lap)


def _pipelined(port: int, count: int, seed: int, stall: float) -> tuple[int, str]:
    """How many answers were as they ought to be, and what was wrong with the next."""
    requests = [FIRST, *_requests(count - LAST - 1, seed)]
    requests += [(_get(4), (200, _content(4)))] * LAST
    with (
        ThreadPoolExecutor(1) as pool,
        socket.create_connection(("127.0.0.1", port), timeout=stall) as connection,
    ):
        connection.sendall(AHEAD)
        connection.recv(100)  # 100-continue: it is read, and out of the queue
        sending = pool.submit(_send, connection, b"".join(wire for wire, _ in requests))
        answers = _Answers(connection)
        try:
            for number, (wire, (status, body)) in enumerate(requests):
                found = answers.next()
                if found[0] != status or body not in (None, found[1]):
                    return number, f"{wire[:60]!r}: {found[0]}, {found[1][:60]!r}"
        except (OSError, EOFError) as error:
            return number, repr(error)
        finally:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # ends the sending too
        sending.result()
    return count, ""


def _send(connection: socket.socket, wire: bytes) -> None:
    with suppress(OSError):  # it shows in the answers
        connection.sendall(wire)


def _judged(count: int, answered: int, wrong: str, grown: int, lap: Lap) -> Outcome:
    violations = [f"after {answered} answers: {wrong}"] if wrong else []
    if grown > MOST_BYTES:
        violations.append(f"memory grew by {grown} bytes")
    violations += [f"honest: {each}" for each in lap.errors]
    slowest = lap.seconds[-1] if lap.seconds else float("inf")
    if slowest > MOST_SECONDS:
        violations.append(f"an honest request took {slowest:.2f} s")
    figures = {
        "requests": count,
        "grown_mib": round(grown / (1 << 20), 1),
        "honest_answers": len(lap.seconds),
        "honest_slowest_seconds": round(slowest, 4),
    }
    return Outcome(figures, violations)


def stopped_parser() -> None:
    """A message that is taken out of the queue before it is whole counts for ever."""
    fast_lane.FastLane.taken = lambda connection, payload: None


def another_order() -> None:
    """The last that came overtakes the one before it."""
    received = fast_lane.FastLane.data_received

    def overtaken(connection: fast_lane.FastLane, data: bytes) -> None:
        received(connection, data)
        queue = connection._messages
        if len(queue) > 2:
            queue[-2], queue[-1] = queue[-1], queue[-2]

    fast_lane.FastLane.data_received = overtaken


GATE = Gate(
    name="10,000 pipelined requests",
    bar="10,000 requests on one connection, answers in order, <= base + 64 MiB, others served",
    run=run,
    mutants=["stopped_parser", "another_order"],
    short=0.05,
    mutant_scale=0.05,
)
