"""R10: clients that send or read nothing, or next to nothing, and what an honest one has of it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench.signing import Presigner, Target
from gateway import app, config, wire_body
from tests.gateway.server_process import ServerProcess
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.honest import Asked, Honest, Lap, honest

EACH = 500
"""Slow heads, and slow bodies: half of them stall, the others send a byte a second."""
READERS = 50
"""Who ask for what does not fit into the buffers between, and never read it."""
SECONDS = 60.0
CLOSED_SECONDS = 30.0
SLACK_SECONDS = 2.0
"""For a machine that is busy, and 5 %: a stalled body is cut after exactly 30 s."""
MOST_TIMES_IDLE = 5.0
FLOOR_SECONDS = 0.05
"""A short form has too few answers for a p99."""
LARGE = 32 << 20
HEAD = b"PUT /open/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048576\r\n\r\n"
_ESTABLISHED = 1
_FOR_EVER = 1e9

Attacker = Callable[["_Life"], Awaitable[None]]


@dataclass
class _Attack:
    """One run of all attackers; ``unit`` stands for a second of the bar."""

    port: int
    unit: float
    lives: list[float] = field(default_factory=list)
    """Seconds from the last time that a connection deserved to live to its end."""
    outlived: int = 0
    until: float = 0.0

    @property
    def patience(self) -> float:
        return 1.05 * CLOSED_SECONDS * self.unit + SLACK_SECONDS

    async def keep_up(self, attacker: Attacker) -> None:
        """Attack anew after each end, until time is up."""
        while time.monotonic() < self.until:
            try:
                async with asyncio.timeout(None) as limit:
                    life = _Life(self.port, self.unit, limit, self.patience)
                    await attacker(life)
            except TimeoutError:
                self.outlived += 1
                return
            except OSError:
                pass  # cut, as it ought to be
            self.lives.append(time.monotonic() - life.began)


@dataclass
class _Life:
    """One connection of an attacker."""

    port: int
    unit: float
    limit: asyncio.Timeout
    patience: float
    began: float = field(default_factory=time.monotonic)

    def begin(self) -> None:
        """It is open, and its first bytes are sent: it ought to be closed in time from now on."""
        self.began = time.monotonic()
        self.limit.reschedule(asyncio.get_running_loop().time() + self.patience)


async def _slow_head(life: _Life) -> None:
    await _trickle(life, b"GET /open/o HTTP/1.1\r\nHost: localhost\r\n", b"x-slow: loris\r\n")


async def _slow_body(life: _Life) -> None:
    await _trickle(life, HEAD, b"x")


async def _stalled_body(life: _Life) -> None:
    await _trickle(life, HEAD + b"x" * 100, b"")


async def _trickle(life: _Life, start: bytes, more: bytes) -> None:
    """Until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", life.port)
    sent = 0
    try:
        writer.write(start)
        await writer.drain()
        life.begin()
        while True:
            try:
                async with asyncio.timeout(life.unit if more else None):
                    if not await reader.read(4096):
                        return
            except TimeoutError:
                writer.write(more[sent % len(more) :][:1])
                sent += 1
    finally:
        writer.transport.abort()


async def _never_reads(life: _Life) -> None:
    connection = socket.socket()
    with contextlib.closing(connection):
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("127.0.0.1", life.port))
        await loop.sock_sendall(connection, b"GET /open/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        life.begin()
        while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED:
            await asyncio.sleep(life.unit / 4)
            connection.send(b"\r\n")  # it is ended in silence: only this finds out


async def _attacked(attack: _Attack, each: int, readers: int, seconds: float) -> None:
    attack.until = time.monotonic() + seconds
    crowd: list[tuple[Attacker, int]] = [
        (_slow_head, each),
        (_slow_body, each // 2),
        (_stalled_body, each - each // 2),
        (_never_reads, readers),
    ]
    async with asyncio.TaskGroup() as group:
        for attacker, count in crowd:
            for _ in range(count):
                group.create_task(attack.keep_up(attacker))


def _settings(unit: float) -> dict[str, str]:
    """The limits that the product has by default, in seconds of the bar."""
    names = ("header_seconds", "body_idle_seconds", "body_grace_seconds")
    rows = config.Config.__dataclass_fields__
    return {f"S3GW_{name.upper()}": str(rows[name].default * unit) for name in names}


def run(run: Run) -> Outcome:
    """The honest client asks from before the attack to its end."""
    unit = min(run.scale, 1.0)
    mutant = f"{__name__}:{run.mutant}" if run.mutant else ""
    with ServerProcess(run.directory / "data", mutant=mutant, **_settings(unit)).ready() as server:
        s3 = server.client()
        body = bytes(range(256)) * 4
        s3.create_bucket(Bucket="open", ACL="public-read-write")
        s3.put_object(Bucket="open", Key="o", Body=body)
        s3.put_object(Bucket="open", Key="large", Body=bytes(LARGE))
        signer = Presigner(
            Target("127.0.0.1", server.port, server.said("access key"), server.said("secret"))
        )
        attack = _Attack(server.port, unit)
        with honest(Asked(server.port, signer.wire("GET", "/open/o"), body)) as client:
            idle = _idle(client, SECONDS * unit / 4)
            each, readers = run.of(EACH, 4), run.of(READERS, 2)
            asyncio.run(_attacked(attack, each, readers, SECONDS * unit))
            attacked = client.lap()
    return _judged(run, attack, idle, attacked, server.err.text)


def _idle(client: Honest, seconds: float) -> Lap:
    client.lap()
    time.sleep(seconds)  # it asks meanwhile
    return client.lap()


def _judged(run: Run, attack: _Attack, idle: Lap, attacked: Lap, log: str) -> Outcome:
    violations = []
    if attack.outlived:
        violations.append(f"{attack.outlived} connections still open after {attack.patience:g} s")
    violations += [f"honest: {each}" for each in idle.errors + attacked.errors]
    most = MOST_TIMES_IDLE * idle.p99
    if run.scale < 1:
        most = max(most, FLOOR_SECONDS)
    if attacked.p99 > most:
        violations.append(f"honest p99 {attacked.p99:.4f} s, idle {idle.p99:.4f} s")
    violations += [line for line in log.splitlines() if "ERROR" in line or "Traceback" in line][:3]
    figures = {
        "connections": len(attack.lives) + attack.outlived,
        "longest_seconds": round(max(attack.lives, default=0.0), 2),
        "honest_answers": len(attacked.seconds),
        "honest_p99_seconds": round(attacked.p99, 5),
        "idle_p99_seconds": round(idle.p99, 5),
    }
    return Outcome(figures, violations)


def no_deadline_of_bodies() -> None:
    """A body may stall and trickle for ever."""
    piece = wire_body.WireBody._piece

    async def patient(body: wire_body.WireBody) -> bytes:
        object.__setattr__(body._config, "body_idle_seconds", _FOR_EVER)
        object.__setattr__(body._config, "body_grace_seconds", _FOR_EVER)
        return await piece(body)

    wire_body.WireBody._piece = patient


def no_deadline_of_heads() -> None:
    """A head may take for ever."""
    app.Connection.drop = lambda connection: None


def no_deadline_of_readers() -> None:
    """An answer waits for its reader for ever."""
    app.TCP_USER_TIMEOUT = socket.TCP_NODELAY


GATE = Gate(
    name="R10 slow clients",
    bar="500 slow heads + 500 slow bodies for 60 s, all closed <= 30 s, honest GET p99 <= 5x idle",
    run=run,
    mutants=["no_deadline_of_bodies", "no_deadline_of_heads", "no_deadline_of_readers"],
    short=0.02,
    mutant_scale=0.02,
)
