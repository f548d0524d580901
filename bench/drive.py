"""Our own client in processes of its own: lays objects down, runs cells, counts what it costs."""

import multiprocessing
import resource
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.bodies import Bodies
from bench.cells import MIB, Cell
from bench.certificate import client_context
from bench.client import Load, Refused, Request, load
from bench.processes import NOTHING, Meter, Used
from bench.signing import Presigner, Target

LISTED = 1000
LIST_QUERY = {"encoding-type": "url", "list-type": "2", "max-keys": str(LISTED)}
SIGNED_AHEAD = 20_000
_MIX = "GHGPGHGHGDGHPGHGHDGP"  # 9 GET, 6 HEAD, 3 PUT, 2 DELETE, in turns
_STRIDE = 48_271  # prime to any count of objects that is a power of ten


def laid_key(number: int) -> str:
    """Ten names to a "directory", so that a listing by delimiter has prefixes to fold."""
    return f"{number // 10:05}/{number:07}"


def new_key(number: int) -> str:
    return f"o{number:08}"


@dataclass(frozen=True)
class Plan:
    """All a client process must know. ``objects`` lie in the bucket already: 0 .. objects - 1."""

    target: Target
    operation: str
    bucket: str
    size: int
    connections: int
    seconds: float
    bodies: Path
    objects: int = 0
    most: int = 10**9
    warm_seconds: float = 0.0
    stored: Callable[[int], str] = laid_key
    """The names of those objects."""
    stores: Callable[[int], str] = new_key
    """The names PUTs make, from number ``first`` on."""
    first: int = 0
    scattered: bool = False
    """Reads go everywhere among the objects, and pages begin anywhere."""
    beside: int = 0
    """So many connections send 64 MiB PUTs into the same bucket meanwhile."""
    in_header: bool = False
    """Reads are signed in a header."""


@dataclass(frozen=True)
class Measured:
    """One cell on one server, once. CPU seconds are of the measured time only."""

    requests: int
    seconds: float
    bytes_moved: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    client_cpu_seconds: float
    server: Used
    client: str
    beside_bytes_per_second: float = 0.0
    acknowledged: list[int] = field(default_factory=list, repr=False, compare=False)
    """Numbers of the bodies a PUT cell was told are stored."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def requests(plan: Plan, lane: int, lanes: int) -> Callable[[int], Request]:
    """What the connections of process ``lane`` send, from its first request to its last."""
    sign = Presigner(plan.target)
    bodies = Bodies(plan.bodies)
    path = f"/{plan.bucket}"

    def put(number: int) -> Request:
        number += plan.first
        wire = sign.wire("PUT", f"{path}/{plan.stores(number)}", size=plan.size)
        return Request(wire, plan.size, bodies.body(number, plan.size))

    def on_laid(method: str, number: int) -> Request:
        moved = plan.size if method == "GET" else 0
        signed = sign.in_header if plan.in_header else sign.wire
        wire = signed(method, f"{path}/{plan.stored(number)}")
        return Request(wire, moved, head=method == "HEAD")

    def page(number: int) -> Request:
        query = dict(LIST_QUERY)
        if plan.operation == "DELIMITER":
            query["delimiter"] = "/"
        if plan.scattered:
            query["start-after"] = plan.stored(number % plan.objects)
        return Request(sign.wire("GET", path, query))

    def mixed(n: int) -> Request:
        turn, slot = divmod(n, len(_MIX))
        kind = _MIX[slot]
        earlier = _MIX[:slot].count(kind)
        if kind in "GH":
            method = "GET" if kind == "G" else "HEAD"
            return on_laid(method, (n * lanes + lane) % plan.objects)
        if kind == "P":
            return put((turn * 3 + earlier) * lanes + lane)
        gone = (turn * 2 + earlier) * lanes + lane
        return Request(sign.wire("DELETE", f"{path}/{plan.stores(gone)}"))

    def first(n: int) -> Request:
        number = n * lanes + lane
        if plan.operation == "PUT":
            return put(number)
        if plan.operation == "DELETE":
            return on_laid("DELETE", number)
        if plan.scattered:
            number *= _STRIDE
        if plan.operation in ("LIST", "DELIMITER"):
            return page(number)
        return on_laid(plan.operation, number % plan.objects)

    if plan.operation == "MIXED":
        return mixed
    if plan.size >= MIB and plan.operation == "PUT":
        return first
    period = 10**9
    if not plan.scattered:
        period = {"PUT": period, "DELETE": period, "LIST": 1, "DELIMITER": 1}.get(
            plan.operation, max(1, plan.objects // lanes)
        )
    ahead = [first(n) for n in range(min(period, plan.most // lanes + 1, SIGNED_AHEAD))]

    def following(n: int) -> Request:
        n %= period
        return ahead[n] if n < len(ahead) else first(n)

    return following


def _serve(pipe: Connection, plan: Plan, lane: int, lanes: int) -> None:
    """One client process: warm up, say so, wait for the word, run, report."""
    mine = replace(
        plan,
        connections=plan.connections // lanes + (lane < plan.connections % lanes),
        most=plan.most // lanes + (lane < plan.most % lanes),
    )
    try:
        ask = requests(mine, lane, lanes)
        warm = _load(mine, ask, mine.warm_seconds) if mine.warm_seconds else Load(0, 0, [], [])
        pipe.send(None)
        pipe.recv()
        sent = len(warm.acknowledged)
        before = _cpu()
        done = _load(mine, lambda n: ask(n + sent), mine.seconds)
        cpu = _cpu() - before
    except (Refused, OSError) as error:
        pipe.send(str(error) or repr(error))
        return
    numbers = [n * lanes + lane for n in warm.acknowledged]
    numbers += [(n + sent) * lanes + lane for n in done.acknowledged]
    pipe.send((done.seconds, done.bytes_moved, array("d", done.latencies), numbers, cpu))


def _load(plan: Plan, ask: Callable[[int], Request], seconds: float) -> Load:
    return load(
        plan.target.host,
        plan.target.port,
        ask,
        connections=plan.connections,
        seconds=seconds,
        most=plan.most,
        tls=client_context() if plan.target.tls else None,
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def drive(plan: Plan, meter: Meter = NOTHING, lanes: int = 0) -> Measured:
    """Run one cell with ``lanes`` client processes. Raises ``Refused``."""
    lanes = lanes or (2 if plan.connections >= 8 else 1)
    work = [(plan, lane, lanes) for lane in range(lanes)]
    if plan.beside:
        large = replace(plan, operation="PUT", size=64 * MIB, connections=plan.beside, beside=0)
        work.append((large, 0, 1))
    context = multiprocessing.get_context("spawn")
    pipes: list[Connection] = []
    children = []
    for each in work:
        ours, theirs = context.Pipe()
        child = context.Process(target=_serve, args=(theirs, *each), daemon=True)
        child.start()
        theirs.close()
        pipes.append(ours)
        children.append(child)
    try:
        for pipe in pipes:
            _heard(pipe)
        meter.start()
        for pipe in pipes:
            pipe.send(True)
        parts = [_heard(pipe) for pipe in pipes]
        measured = _merged(parts[:lanes], meter.stop())
    finally:
        for child in children:
            child.kill()
            child.join()
    for seconds, moved, *_ in parts[lanes:]:
        measured = replace(measured, beside_bytes_per_second=moved / seconds)
    return measured


def _heard(pipe: Connection) -> Any:
    try:
        said = pipe.recv()
    except EOFError:
        raise Refused("a client process ended") from None
    if isinstance(said, str):
        raise Refused(said)
    return said


def _merged(parts: list[Any], server: Used) -> Measured:
    latencies = sorted(latency for part in parts for latency in part[2])
    if not latencies:
        raise Refused("not one answer in the time given")
    return Measured(
        requests=len(latencies),
        seconds=max(part[0] for part in parts),
        bytes_moved=sum(part[1] for part in parts),
        p50_ms=quantile_ms(latencies, 0.50),
        p90_ms=quantile_ms(latencies, 0.90),
        p99_ms=quantile_ms(latencies, 0.99),
        client_cpu_seconds=sum(part[4] for part in parts),
        server=server,
        client=f"own x{len(parts)}",
        acknowledged=[number for part in parts for number in part[3]],
    )


def quantile_ms(ordered: list[float], share: float) -> float:
    """``ordered`` in seconds, ascending, not empty."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


def plan_of(cell: Cell, target: Target, bodies: Path, seconds: float, objects: int) -> Plan:
    """The cell as one run: warmed up for a fifth of its time, never longer than its objects."""
    once = cell.operation == "DELETE"
    return Plan(
        target=target,
        operation=cell.operation,
        bucket=cell.fixture,
        size=cell.size,
        connections=cell.connections,
        seconds=seconds,
        bodies=bodies,
        objects=objects,
        most=objects if once else 10**9,
        warm_seconds=0.0 if once else min(1.0, seconds / 4),
        beside=cell.beside,
        in_header=cell.in_header,
    )
