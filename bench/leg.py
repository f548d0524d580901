"""One leg: one server on a fresh directory, all cells once, and the checks that make them count."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from bench import drive, processes, validity, wrk
from bench.calibration import Calibration, calibrate
from bench.cells import MIB, Cell
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
    survived: int | None = None
    rss_bytes: int = 0
    seconds: float = 0.0


def run(server: Server, durability: str, cells: Sequence[Cell], options: Options) -> Leg:
    """Never raises for what the server does wrong: that is in ``void``."""
    leg = Leg(server.name, durability, calibrate(options.out))
    directory = options.out / f"{server.name}-{durability}"
    shutil.rmtree(directory, ignore_errors=True)
    began = perf_counter()
    try:
        with running(server, directory, durability) as process:
            objects = _lay(process, cells, options)
            for cell in cells:
                options.say(f"  {server.name} {durability} {cell.name}")
                _cell(leg, process, cell, objects.get(cell.fixture, 0), options)
            leg.rss_bytes = processes.rss_bytes(process.pid)
            if options.check:
                _checks(leg, process, options)
    except (NotReady, Refused, OSError) as error:
        leg.void["server"] = str(error)
        options.say(f"  {server.name} {durability}: {error}")
    leg.seconds = perf_counter() - began
    return leg


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
                    laid=True,
                ),
                lambda: 0.0,
                lanes=1,
            )
    return {bucket: count for bucket, (_, count) in wanted.items()}


def _cell(leg: Leg, process: Running, cell: Cell, objects: int, options: Options) -> None:
    plan = drive.plan_of(cell, process.target, options.bodies, options.seconds, objects)
    ours = options.client == "own" or not wrk.can(cell)
    try:
        figure = (drive if ours else wrk).drive(plan, lambda: processes.cpu_seconds(process.pid))
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


def _checks(leg: Leg, process: Running, options: Options) -> None:
    plan = Plan(process.target, "PUT", CHECKS, 4096, 1, 0.0, options.bodies)
    try:
        leg.syncs = validity.count_syncs(process, plan)
    except (Refused, OSError) as error:
        leg.void["syncs"] = str(error)
    if leg.durability != "D":
        return
    try:
        leg.survived = validity.survives_kill(process, plan)
    except (validity.Wrong, NotReady, OSError) as error:
        leg.void["kill -9"] = str(error)
        options.say(f"    {leg.server} after kill -9: {error}")
