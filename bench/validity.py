"""What must hold for a figure to count: bodies read back, pages in order, no stale read, syncs,
a kill -9.
"""

import random
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory
from time import sleep
from urllib.parse import unquote

from bench import processes
from bench.bodies import Bodies
from bench.cells import MIB
from bench.client import Request, load
from bench.drive import LIST_QUERY, LISTED, Plan, laid_key, new_key
from bench.servers import Running, connect, status_of
from bench.signing import Presigner, Target

READ_BACK = 50
READ_BACK_BYTES = 256 * MIB
SYNC_PUTS = 100
_SYNC_CALL = re.compile(r"\b(fsync|fdatasync|syncfs|sync_file_range|msync|sync)\(")
_SYNC_OPEN = re.compile(r"\bopenat\(.*O_D?SYNC")


class Wrong(Exception):
    """A server said 2xx and did not do it."""


def body_of(target: Target, path: str, query: dict[str, str] | None = None) -> bytes:
    """One GET. Raises ``Wrong`` when it is not answered by 200."""
    connection = connect(target)
    try:
        connection.request("GET", Presigner(target).url_path("GET", path, query))
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise Wrong(f"GET {path}: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise Wrong(f"GET {path}: {answer.status} {body[:200]!r}")
    return body


class Uncounted(Exception):
    """Syncs cannot be counted here; the text says why."""


def read_back(plan: Plan, numbers: Iterable[int], *, laid: bool, most: int = READ_BACK) -> int:
    """Hash a sample of what was acknowledged: at most ``most`` bodies, at most 256 MiB.

    Answers how many. Raises ``Wrong``.
    """
    known = list(numbers)
    bodies = Bodies(plan.bodies)
    count = min(len(known), most, max(2, READ_BACK_BYTES // plan.size))
    for number in random.sample(known, count):
        path = f"/{plan.bucket}/{(plan.stored if laid else plan.stores)(number)}"
        if sha256(body_of(plan.target, path)).hexdigest() != bodies.digest(number, plan.size):
            raise Wrong(f"{path} is not what was stored")
    return count


def list_page(plan: Plan) -> None:
    """The page asked for must hold the right names in the right order. Raises ``Wrong``."""
    if plan.operation == "DELIMITER":
        query, tag = {**LIST_QUERY, "delimiter": "/"}, b"<Prefix>([^<]+/)</Prefix>"
        wanted = [f"{n:05}/" for n in range((plan.objects + 9) // 10)][:LISTED]
    else:
        query, tag = LIST_QUERY, b"<Key>([^<]+)</Key>"
        wanted = [laid_key(n) for n in range(plan.objects)][:LISTED]
    page = body_of(plan.target, f"/{plan.bucket}", query)
    found = [unquote(name.decode()) for name in re.findall(tag, page)]
    if found != wanted:
        raise Wrong(f"a page of {len(found)} names in place of {len(wanted)}, or out of order")


def gone(plan: Plan, numbers: Iterable[int]) -> None:
    """A sample of what was deleted must be missing. Raises ``Wrong``."""
    known = list(numbers)
    for number in random.sample(known, min(len(known), READ_BACK)):
        path = f"/{plan.bucket}/{laid_key(number)}"
        if status_of(plan.target, "GET", path) != 404:
            raise Wrong(f"{path} was deleted and is there")


def no_stale_read(plan: Plan, rounds: int = 50, connections: int = 8) -> int:
    """After each acknowledged write every other connection must see it; how many reads that were.

    Many connections, because each may have a worker process of its own behind it, with caches of
    its own. They write in turns. Raises ``Wrong``.
    """
    sign = Presigner(plan.target)
    path = f"/{plan.bucket}/fresh"
    get, put, delete = (sign.url_path(method, path) for method in ("GET", "PUT", "DELETE"))
    page = sign.url_path("GET", f"/{plan.bucket}", {**LIST_QUERY, "prefix": "fresh"})
    everyone = [connect(plan.target) for _ in range(connections)]
    reads = 0
    try:
        for n, writer in zip(range(rounds), cycle(everyone), strict=False):
            body = f"round {n}".encode()
            _asked(writer, "PUT", put, body)
            for reader in everyone:
                if _asked(reader, "GET", get) != (200, body):
                    raise Wrong(f"a stale GET after PUT {n}")
                if b"<Key>fresh</Key>" not in _asked(reader, "GET", page)[1]:
                    raise Wrong(f"a stale listing after PUT {n}")
            _asked(writer, "DELETE", delete)
            for reader in everyone:
                if _asked(reader, "GET", get)[0] != 404:
                    raise Wrong(f"a stale GET after DELETE {n}")
            reads += 3 * connections
    except (OSError, HTTPException) as error:
        raise Wrong(f"stale reads: {error!r}") from error
    finally:
        for each in everyone:
            each.close()
    return reads


def _asked(
    connection: HTTPConnection, method: str, path: str, body: bytes = b""
) -> tuple[int, bytes]:
    connection.request(method, path, body or None)
    answer = connection.getresponse()
    return answer.status, answer.read()


@dataclass(frozen=True)
class Syncs:
    """What strace saw during 100 PUTs of 4 KiB, one after the other."""

    calls: int
    synced_opens: int
    """Files opened with O_SYNC or O_DSYNC: each of their writes is a sync too."""

    def proves(self, puts: int) -> bool:
        """Enough for each of ``puts`` that ran one after the other to be on disk."""
        return self.calls + self.synced_opens >= puts


def parse_strace(text: str) -> Syncs:
    """Counts calls, not their resumptions."""
    lines = text.splitlines()
    return Syncs(
        calls=sum(bool(_SYNC_CALL.search(line)) for line in lines),
        synced_opens=sum(bool(_SYNC_OPEN.search(line)) for line in lines),
    )


def count_syncs(running: Running, plan: Plan, puts: int = SYNC_PUTS) -> Syncs:
    """A sync by io_uring is not seen. Raises ``Uncounted``."""
    if shutil.which("strace") is None:
        raise Uncounted("no strace on PATH")
    with TemporaryDirectory() as directory:
        out = Path(directory, "out")
        family = [f"-p{each.pid}" for each in processes.tree(running.pid)]
        traced = "trace=fsync,fdatasync,syncfs,sync_file_range,msync,sync,openat"
        strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", traced, "-e", "signal=none", "-o", str(out), *family],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        sleep(0.5)  # it says nowhere when it has attached
        if strace.poll() is not None:
            raise Uncounted("strace may not attach here")
        try:
            load(
                plan.target.host,
                plan.target.port,
                _puts(plan),
                connections=1,
                seconds=30,
                most=puts,
            )
        finally:
            strace.send_signal(SIGINT)
            strace.wait()
        return parse_strace(out.read_text(errors="replace"))


def survives_kill(running: Running, plan: Plan) -> int:
    """``kill -9`` amid PUTs, start again, read all that was acknowledged; how many that were.

    It proves that no answer ran ahead of the kernel, not of the disk: that is what the syncs are
    counted for. Raises ``Wrong``, ``NotReady``.
    """
    killer = threading.Timer(0.5, running.kill)
    killer.start()
    target = plan.target
    acknowledged = load(
        target.host, target.port, _puts(plan), connections=8, seconds=30, may_break=True
    ).acknowledged
    killer.join()
    if not acknowledged:
        raise Wrong("not one PUT was answered before the kill")
    again = Running(running.server, running.site.directory, running.site.durability)
    try:
        moved = replace(plan, target=again.target)
        return read_back(moved, acknowledged, laid=False, most=len(acknowledged))
    finally:
        again.stop()


def _puts(plan: Plan) -> Callable[[int], Request]:
    sign, bodies = Presigner(plan.target), Bodies(plan.bodies)

    def put(number: int) -> Request:
        wire = sign.wire("PUT", f"/{plan.bucket}/{new_key(number)}", size=plan.size)
        return Request(wire, plan.size, bodies.body(number, plan.size))

    return put
