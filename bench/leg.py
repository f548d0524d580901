"""One leg: one server on a fresh directory, all cells once, and the checks that make them count."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from bench import drive, memory, processes, validity, wrk
from bench.calibration import Calibration, calibrate
from bench.cells import MIB, Cell
from bench.certificate import Certificate
from bench.client import Refused
from bench.drive import Measured, Plan
from bench.servers import NotReady, Running, Server, running, status_of

CHECKS = "checks"
"""The bucket of the sync count and the kill."""


@dataclass(frozen=True)
class Options:
    """How long, how many, with what."""

    out: Path
    bodies: Path
    certificate: Certificate
    seconds: float
    keys: int
    client: str
    check: bool
    say: Callable[[str], None]


@dataclass
class Leg:
    """What came of it; filled as it runs, so that a server which dies leaves what it had done."""

    server: str
    durability: str
    calibration: Calibration
    figures: dict[str, Measured] = field(default_factory=dict)
    void: dict[str, str] = field(default_factory=dict)
    """Cell, or check -> why it does not count."""
    read_back: dict[str, int] = field(default_factory=dict)
    syncs: validity.Syncs | None = None
    uncounted: str = ""
    """Why the syncs were not counted."""
    survived: int | None = None
    fresh_reads: int | None = None
    """Reads right after a write, on other connections, none of them stale."""
    rss_bytes: int = 0
    seconds: float = 0.0


def run(server: Server, durability: str, cells: Sequence[Cell], options: Options) -> Leg:
    """Never raises for what the server does wrong: that is in ``void``."""
    leg = Leg(server.name, durability, calibrate(options.out))
    began = perf_counter()
    plain = [cell for cell in cells if not cell.tls]
    secure = [cell for cell in cells if cell.tls]
    if plain or options.check:
        _serve(leg, server, plain, options, None)
    if secure and not server.tls:
        leg.void.update({cell.name: "no TLS of its own" for cell in secure})
    elif secure:
        _serve(leg, server, secure, options, options.certificate)
    leg.seconds = perf_counter() - began
    return leg


def _serve(
    leg: Leg,
    server: Server,
    cells: Sequence[Cell],
    options: Options,
    certificate: Certificate | None,
) -> None:
    """Start it once, run ``cells``; the checks too, unless it is the TLS listener's turn."""
    directory = options.out / f"{server.name}-{leg.durability}"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        with running(server, directory, leg.durability, certificate) as process:
            objects = _lay(process, cells, options)
            for cell in cells:
                options.say(f"  {server.name} {leg.durability} {cell.name}")
                _cell(leg, process, cell, objects.get(cell.fixture, 0), options)
            leg.rss_bytes = max(leg.rss_bytes, processes.rss_bytes(process.pid))
            if options.check and certificate is None:
                _checks(leg, process, cells, options)
    except (NotReady, Refused, OSError) as error:
        leg.void["server, TLS" if certificate else "server"] = str(error)
        options.say(f"  {server.name} {leg.durability}: {error}")


def _lay(process: Running, cells: Sequence[Cell], options: Options) -> dict[str, int]:
    """Make the buckets and the objects that are read; bucket -> how many objects."""
    wanted: dict[str, tuple[int, int]] = {}
    for cell in cells:
        _, before = wanted.get(cell.fixture, (0, 0))
        wanted[cell.fixture] = (cell.size, max(before, cell.objects(options.keys)))
    for bucket in [*wanted, CHECKS]:
        status = status_of(process.target, "PUT", f"/{bucket}")
        if status != 200:
            raise NotReady(f"CreateBucket {bucket}: {status}")
    for bucket, (size, count) in wanted.items():
        if count:
            drive.drive(
                Plan(
                    target=process.target,
                    operation="PUT",
                    bucket=bucket,
                    size=size,
                    connections=32 if size < MIB else 4,
                    seconds=600,
                    bodies=options.bodies,
                    most=count,
                    stores=drive.laid_key,
                ),
                lanes=1,
            )
    return {bucket: count for bucket, (_, count) in wanted.items()}


def _cell(leg: Leg, process: Running, cell: Cell, objects: int, options: Options) -> None:
    plan = drive.plan_of(cell, process.target, options.bodies, options.seconds, objects)
    ours = options.client == "own" or not wrk.can(cell)
    meter = processes.Meter(process.pid)
    if cell.fills_memory:
        memory.recycle()
    try:
        figure = drive.drive(plan, meter) if ours else wrk.drive(plan, meter)
        leg.read_back[cell.name] = _verify(plan, figure)
        leg.figures[cell.name] = figure
    except (Refused, validity.Wrong, OSError) as error:
        leg.void[cell.name] = str(error)
        options.say(f"    void: {str(error)[:300]}")


def _verify(plan: Plan, figure: Measured) -> int:
    """How many bodies were read back and hashed. Raises ``Wrong``."""
    if plan.operation == "PUT":
        return validity.read_back(plan, figure.acknowledged, laid=False)
    if plan.operation in ("LIST", "DELIMITER"):
        validity.list_page(plan)
        return 0
    if plan.operation == "DELETE":
        validity.gone(plan, figure.acknowledged)
        return 0
    return validity.read_back(plan, range(plan.objects), laid=True)


def _checks(leg: Leg, process: Running, cells: Sequence[Cell], options: Options) -> None:
    plan = Plan(process.target, "PUT", CHECKS, 4096, 1, 0.0, options.bodies)
    try:
        leg.fresh_reads = validity.no_stale_read(plan)
    except validity.Wrong as error:
        leg.void["fresh reads"] = str(error)
    try:
        leg.syncs = validity.count_syncs(process, plan)
    except (validity.Uncounted, Refused, OSError) as error:
        leg.uncounted = str(error)
    if leg.durability != "D":
        return
    if leg.syncs and not leg.syncs.proves(validity.SYNC_PUTS):
        why = f"not durable: {leg.syncs.calls} syncs in {validity.SYNC_PUTS} PUTs"
        leg.void.update({cell.name: why for cell in cells if cell.writes})
    try:
        leg.survived = validity.survives_kill(process, plan)
    except (validity.Wrong, NotReady, OSError) as error:
        leg.void["kill -9"] = str(error)
        options.say(f"    {leg.server} after kill -9: {error}")
