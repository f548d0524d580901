"""The servers a comparison can drive: how each is started, with which key, in which class.

Class D: a 200 is on disk. Class B: a 200 is buffered, or lives in memory. A server is in a class
only by its own documented setting; what it really syncs is counted in ``bench.validity``.
For parity: one node, one drive, request logs and consoles off where there is a switch, plain HTTP
but in the TLS cells, where all show the same certificate.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import ClassVar

from bench import processes
from bench.certificate import Certificate, client_context
from bench.signing import Presigner, Target

CHECKOUT = Path(__file__).resolve().parents[1]
READY_SECONDS = 60
STOP_SECONDS = 15


class Absent(Exception):
    """This server cannot be had here; the text says why."""


class NotReady(Exception):
    """A server ended, or did not answer in time; the text holds the end of its log."""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback nobody listens on now, below the ephemeral range."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in found:
                found.append(port)
    return found


@dataclass(frozen=True)
class Site:
    """What a server is started with: its directory, its ports, D or B, and TLS if there is one."""

    directory: Path
    ports: list[int]
    durability: str
    certificate: Certificate | None = None


class Server(ABC):
    """One kind of server. ``classes`` maps D and B to what makes it so, for the report."""

    name: ClassVar[str]
    binary: ClassVar[str]
    classes: ClassVar[Mapping[str, str]]
    ports: ClassVar[int] = 1
    tls: ClassVar[bool] = True
    """It has TLS of its own."""
    ready: ClassVar[tuple[str, int]] = ("/", 200)
    """What it is asked until it is ready, signed, and what it says then: its buckets."""

    def __init__(self, path: str | None = None) -> None:
        """``path`` instead of ``binary`` on PATH. Raises ``Absent``."""
        found = path or shutil.which(self.binary)
        if found is None or not Path(found).exists():
            raise Absent(f"no {path or self.binary} {'there' if path else 'on PATH'}")
        self.path = str(Path(found).resolve())
        self.key = ("BENCHKEY00000001", "bench-secret-0000000000000000001")

    @abstractmethod
    def command(self, site: Site) -> list[str]:
        """Argument list; may first write files into the directory. S3 answers on the first port."""

    def environment(self, site: Site) -> Mapping[str, str]:
        return {}

    def after_start(self, site: Site) -> None:  # noqa: B027 - most servers need nothing
        """What must still be set once the process runs, on a fresh directory."""

    def version(self) -> str:
        said = subprocess.run(
            [self.path, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
        return next(iter((said.stdout + said.stderr).strip().splitlines()), "")


class S3gw(Server):
    """This checkout, or the one at the path given."""

    name, binary = "s3gw", sys.executable
    classes: ClassVar = {"D": "durability=commit", "B": "durability=interval"}

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path or str(CHECKOUT))

    def command(self, site: Site) -> list[str]:
        mode = {"D": "commit", "B": "interval"}[site.durability]
        given = ["serve", str(site.directory), "--listen", f"127.0.0.1:{site.ports[0]}"]
        settings = ["--durability", mode, "--log-level", "WARNING"]
        if site.certificate:
            settings += ["--tls-cert", str(site.certificate.chain)]
            settings += ["--tls-key", str(site.certificate.key)]
        return [*self._program(), *given, *settings]

    def environment(self, site: Site) -> Mapping[str, str]:
        return {
            "PYTHONPATH": self.path if Path(self.path).is_dir() else "",
            "S3GW_ROOT_ACCESS_KEY": self.key[0],
            "S3GW_ROOT_SECRET_KEY": self.key[1],
        }

    def version(self) -> str:
        if not Path(self.path).is_dir():
            return super().version()
        asked = ["git", "-C", self.path, "describe", "--always", "--dirty"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)
        return said.stdout.strip()

    def _program(self) -> list[str]:
        return [sys.executable, "-m", "gateway"] if Path(self.path).is_dir() else [self.path]


class Minio(Server):
    """Syncs content always and has no switch: class D only."""

    name = binary = "minio"
    classes: ClassVar = {"D": "default"}
    ports = 2

    def command(self, site: Site) -> list[str]:
        s3, console = (f"127.0.0.1:{port}" for port in site.ports)
        where = ["--address", s3, "--console-address", console]
        if site.certificate:
            where += ["--certs-dir", str(site.certificate.chain.parent)]
        return [self.path, "server", "--quiet", str(site.directory), *where]

    def environment(self, site: Site) -> Mapping[str, str]:
        return {
            "MINIO_ROOT_USER": self.key[0],
            "MINIO_ROOT_PASSWORD": self.key[1],
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "MINIO_SCANNER_SPEED": "slowest",
        }


class Versitygw(Server):
    """The posix backend: a file per object, never synced."""

    name = binary = "versitygw"
    classes: ClassVar = {"B": "default, posix"}

    def command(self, site: Site) -> list[str]:
        key = ["--access", self.key[0], "--secret", self.key[1]]
        listen = ["--port", f"127.0.0.1:{site.ports[0]}", "--keep-alive", "--quiet"]
        if site.certificate:
            listen += ["--cert", str(site.certificate.chain), "--key", str(site.certificate.key)]
        return [self.path, *key, *listen, "posix", str(site.directory)]


class Moto(Server):
    """Keeps all in memory."""

    name, binary = "moto", "moto_server"
    classes: ClassVar = {"B": "memory only"}

    def command(self, site: Site) -> list[str]:
        command = [self.path, "-H", "127.0.0.1", "-p", str(site.ports[0])]
        if site.certificate:
            command += ["-s", "-c", str(site.certificate.chain), "-k", str(site.certificate.key)]
        return command

    def version(self) -> str:
        return package_version(self.path, "moto")


def package_version(script: str, package: str) -> str:
    """Of a Python package, by a script installed with it; empty when it cannot be told."""
    ask = f"import importlib.metadata; print(importlib.metadata.version('{package}'))"
    python = str(Path(script).with_name("python"))
    said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return said.stdout.strip()


class Running:
    """A process we started: where it answers and how it is ended."""

    def __init__(
        self,
        server: Server,
        directory: Path,
        durability: str,
        certificate: Certificate | None = None,
    ) -> None:
        """Raises ``NotReady``."""
        self.server = server
        self.site = Site(directory, free_ports(server.ports), durability, certificate)
        fresh = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        tls = certificate is not None
        self.target = Target("127.0.0.1", self.site.ports[0], *server.key, tls=tls)
        self._log = directory.with_suffix(".log")
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                server.command(self.site),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **server.environment(self.site)},
                cwd=directory.parent,
                start_new_session=True,
            )
        self.pid = self._process.pid
        try:
            self._wait_for_port(self.site.ports[0])
            if fresh:
                server.after_start(self.site)
            self._wait_for_answer()
        except BaseException:
            self.kill()
            raise
        self.start_seconds = time.monotonic() - began
        """From nothing to the first signed answer."""

    def _tail(self) -> str:
        return f"{self.server.name}: {self._log.read_text(errors='replace')[-800:].strip()}"

    def _wait_for_port(self, port: int) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            time.sleep(0.01)
        raise NotReady(self._tail())

    def _wait_for_answer(self) -> None:
        """A signed request is the first thing a server must get right."""
        path, status = self.server.ready
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError, HTTPException):
                if status_of(self.target, "GET", path) == status:
                    return
            time.sleep(0.02)
        raise NotReady(self._tail())

    def stop(self) -> None:
        self._process.send_signal(SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """``kill -9`` for the process and all it started."""
        family = [each.pid for each in processes.tree(self.pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)
        self._process.wait()


def connect(target: Target, timeout: float = 60) -> HTTPConnection:
    """Opens nothing yet."""
    if target.tls:
        context = client_context()
        return HTTPSConnection(target.host, target.port, timeout=timeout, context=context)
    return HTTPConnection(target.host, target.port, timeout=timeout)


def status_of(target: Target, method: str, path: str) -> int:
    """One presigned request without a body; its status."""
    connection = connect(target, timeout=30)
    try:
        connection.request(method, Presigner(target).url_path(method, path))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@contextmanager
def running(
    server: Server, directory: Path, durability: str, certificate: Certificate | None = None
) -> Iterator[Running]:
    """A server on a fresh directory, stopped and wiped at the end."""
    process = Running(server, directory, durability, certificate)
    try:
        yield process
    finally:
        process.stop()
        shutil.rmtree(directory, ignore_errors=True)
