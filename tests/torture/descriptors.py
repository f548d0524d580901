"""F31: idle connections without end against a server with few file descriptors."""

import contextlib
import os
import resource
import socket
import ssl

from bench.signing import Presigner, Target
from gateway import app, places
from tests.gateway.server_process import ServerProcess
from tests.torture.gate import Gate, Outcome, Run

SERVERS = ((64, ""), (64, "auto"), (128, ""), (256, ""))
"""Descriptors of each worker, and its setting ``tls``."""
SOCKETS = 2000
"""Connections that come at once, for each limit."""
MORE = 4
"""That come before each honest request."""
ROUNDS = 100
"""PUT and GET of the honest client meanwhile, of every size that is stored in its own way."""
SIZES = (100, 100_000, 3_000_000)
MOST_LINES = 50
"""Of the log, beside a line for each request."""
PATIENCE_SECONDS = 20.0
_VARIABLE = "TORTURE_DESCRIPTORS"
_SERVED = b"HTTP/1.1 200 "


class _Refused(Exception):
    """Not 200; its text is what came."""


def _connection(server: ServerProcess) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
    if not server.url.startswith("https"):
        return plain
    context = ssl.create_default_context(cafile=server.directory / "tls" / "cert.pem")
    return context.wrap_socket(plain, server_hostname="localhost")


def _asked(server: ServerProcess, wire: bytes, body: bytes = b"") -> bytes:
    """What comes back on a connection of its own."""
    with _connection(server) as connection:
        connection.sendall(wire.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1) + body)
        received = b""
        while data := connection.recv(1 << 20):
            received += data
    if not received.startswith(_SERVED):
        raise _Refused(repr(received[:300]))
    return received.partition(b"\r\n\r\n")[2]


class _Crowd:
    """Connections that ask for nothing; every third one begins to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._all: list[socket.socket] = []

    def grow(self, count: int) -> None:
        """By so many. Does not wait until they are accepted."""
        for _ in range(count):
            each = socket.socket()
            self._all.append(each)
            each.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                each.connect(("127.0.0.1", self._port))
            if len(self._all) % 3 == 0:
                with contextlib.suppress(OSError):
                    each.send(b"GET /half HTTP/1.1\r\n")

    def close(self) -> None:
        for each in self._all:
            each.close()


def _lap(
    server: ServerProcess, signer: Presigner, rounds: int, name: str, crowd: _Crowd | None = None
) -> list[str]:
    """What went wrong with honest requests, while the ``crowd`` grows."""
    wrong = []
    for number in range(rounds):
        if crowd is not None:
            crowd.grow(MORE)
        body = os.urandom(SIZES[number % len(SIZES)])
        path = f"/bucket/{name}-{number}"
        try:
            _asked(server, signer.wire("PUT", path, size=len(body)), body)
            if _asked(server, signer.wire("GET", path)) != body:
                wrong.append(f"{path}: other bytes")
        except (OSError, _Refused) as error:
            wrong.append(f"{path}: {error!r}")
    return wrong


def run(run: Run) -> Outcome:
    """Each limit with a server of its own: attacked, and after the attack."""
    violations: list[str] = []
    count, rounds = run.of(SOCKETS, 150), run.of(ROUNDS, len(SIZES))
    lines = 0
    servers = SERVERS if run.scale >= 1 else SERVERS[:1]
    for limit, tls in servers:
        mutant = f"{__name__}:{run.mutant or 'few_descriptors'}"
        settings = {_VARIABLE: str(limit), "S3GW_WORKERS": "1", "S3GW_TLS": tls}
        directory = run.directory / f"{limit}{tls}"
        with ServerProcess(directory, mutant=mutant, **settings).ready() as server:
            key, secret = server.said("access key"), server.said("secret")
            signer = Presigner(Target("127.0.0.1", server.port, key, secret))
            _asked(server, signer.wire("PUT", "/bucket"))
            with contextlib.closing(_Crowd(server.port)) as crowd:
                crowd.grow(count)
                wrong = _lap(server, signer, rounds, "attacked", crowd)
            wrong += _lap(server, signer, len(SIZES), "after")
            log = [line for line in server.err.text.splitlines() if "request_id=" not in line]
        violations += [f"{limit} descriptors {tls}: {each}" for each in wrong]
        if len(log) > MOST_LINES:
            violations.append(f"{limit} descriptors {tls}: {len(log)} lines in the log: {log[-1]}")
        lines = max(lines, len(log))
    figures = {"servers": len(servers), "sockets": count, "rounds": rounds, "log_lines": lines}
    return Outcome(figures, violations)


def few_descriptors() -> None:
    """As ``ulimit -n`` would."""
    limit = int(os.environ[_VARIABLE])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def no_limit_of_connections() -> None:
    """As many connections as there are descriptors, and more."""
    few_descriptors()
    app._room = lambda config: (1 << 20, app.BACKLOG)


def no_connection_gives_way() -> None:
    """Idle connections keep their places."""
    few_descriptors()
    places.Places._make_room = lambda places: False


GATE = Gate(
    name="F31 descriptors",
    bar="64 to 256 descriptors, 2,000 idle connections: honest clients served, no flood in the log",
    run=run,
    mutants=["no_connection_gives_way", "no_limit_of_connections"],
    short=0.03,
)
