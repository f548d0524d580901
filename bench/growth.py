"""``python -m bench growth``: what an operation costs with ten thousand objects, and with millions.

The real server is filled over its socket with objects of 4 bytes whose names lie in no order, so
that each PUT lands anywhere in the index. At every size the last half of the fill is the PUT
figure; then the server is stopped, weighed and started again, once after ``kill -9``, and read:
each object at most once by GET and once by HEAD, for what is asked again is another matter.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM, signal

from bench import bodies, drive, growth_picture, processes, validity
from bench.calibration import machine
from bench.client import Refused
from bench.compare import OUT
from bench.drive import Plan
from bench.servers import Running, S3gw, status_of

BUCKET = "growth"
SIZE = 4
FILLERS = 256
"""Connections that fill: as many PUTs share a commit."""
CONNECTIONS = {"GET": 32, "HEAD": 32, "LIST": 4}
NOISE = 1.15
"""A figure may be this far above the law and still be within it."""


def scattered_key(number: int) -> str:
    """Names in no order; no two numbers below 2^32 share one, for the factor is odd."""
    return f"{number * 2_654_435_761 % (1 << 32):08x}"


@dataclass(frozen=True)
class Size:
    """What was measured with ``objects`` in the bucket. CPU is the server's, all processes."""

    objects: int
    put_us: float
    get_us: float
    head_us: float
    list_us: float
    puts_per_second: float
    database_bytes_per_object: float
    directory_bytes_per_object: float
    start_seconds: float
    start_after_kill_seconds: float
    peak_rss_bytes: int


FIGURES: Mapping[str, tuple[str, Callable[[Size], float]]] = {
    "PUT": ("us of CPU", lambda size: size.put_us),
    "GET": ("us of CPU", lambda size: size.get_us),
    "HEAD": ("us of CPU", lambda size: size.head_us),
    "LIST 1000": ("us of CPU", lambda size: size.list_us),
    "database": ("bytes/object", lambda size: size.database_bytes_per_object),
    "directory": ("bytes/object", lambda size: size.directory_bytes_per_object),
    "start": ("ms", lambda size: size.start_seconds * 1e3),
    "start after kill": ("ms", lambda size: size.start_after_kill_seconds * 1e3),
    "peak RSS": ("MB", lambda size: size.peak_rss_bytes / 1e6),
}


def excess(sizes: Sequence[Size], figure: Callable[[Size], float]) -> float:
    """How far the last size is above what a logarithm allows from the first; 1 is on it.

    A cost of ``a + b log n`` with no negative ``a`` grows at most as ``log n`` does.
    """
    first, last = sizes[0], sizes[-1]
    law = math.log(last.objects) / math.log(first.objects)
    return figure(last) / figure(first) / law


def table(sizes: Sequence[Size]) -> str:
    """A line for each figure, a column for each size, and whether the law holds."""
    lines = [f"{'objects':32}" + "".join(f"{size.objects:>12,}" for size in sizes)]
    for name, (unit, figure) in FIGURES.items():
        line = f"{name:18}{unit:14}" + "".join(f"{figure(size):>12,.0f}" for size in sizes)
        if len(sizes) > 1:
            over = excess(sizes, figure)
            verdict = "at most logarithmic" if over <= NOISE else "WORSE than logarithmic"
            line += f"  {verdict} ({over:.2f})"
        lines.append(line)
    rates = "".join(f"{size.puts_per_second:>12,.0f}" for size in sizes)
    return "\n".join([*lines, f"{'filled at':18}{'PUT/s':14}{rates}"])


def grow(
    directory: Path, pool: Path, counts: Sequence[int], seconds: float, say: Callable[[str], None]
) -> list[Size]:
    """Fill to each of ``counts`` (ascending) and measure there.

    Raises ``Refused``, ``NotReady``, ``Wrong``.
    """
    process = Running(S3gw(), directory, "D")
    try:
        if status_of(process.target, "PUT", f"/{BUCKET}") != 200:
            raise Refused("CreateBucket")
        plan = Plan(
            target=process.target,
            operation="PUT",
            bucket=BUCKET,
            size=SIZE,
            connections=FILLERS,
            seconds=24 * 3600,
            bodies=pool,
            stored=scattered_key,
            stores=scattered_key,
        )
        sizes: list[Size] = []
        filled = 0
        for count in counts:
            say(f"  {count:,}: fill")
            half = max(filled, count // 2)
            if half > filled:
                drive.drive(replace(plan, first=filled, most=half - filled))
            meter = processes.Meter(process.pid)
            filling = drive.drive(replace(plan, first=half, most=count - half), meter)
            filled = count
            say(f"  {count:,}: start and read")
            process, size = _measure(process, plan, count, seconds)
            plan = replace(plan, target=process.target)
            sizes.append(
                replace(
                    size,
                    put_us=_microseconds(filling),
                    puts_per_second=filling.per_second,
                    peak_rss_bytes=max(size.peak_rss_bytes, filling.server.peak_rss_bytes),
                )
            )
            say(table(sizes))
    finally:
        process.stop()
    return sizes


def _measure(process: Running, plan: Plan, count: int, seconds: float) -> tuple[Running, Size]:
    """Stop, weigh, start; kill, start; read. The server that runs then, and the size but PUT."""
    site = process.site
    process.kill()
    process = Running(process.server, site.directory, site.durability)
    after_kill = process.start_seconds
    process.stop()
    database = sum(path.stat().st_size for path in site.directory.glob("*.sqlite*"))
    whole = sum(path.stat().st_size for path in site.directory.rglob("*") if path.is_file())
    process = Running(process.server, site.directory, site.durability)
    reading = replace(
        plan, target=process.target, objects=count, scattered=True, seconds=seconds,
        warm_seconds=min(1.0, seconds / 4),
    )  # fmt: skip
    meter = processes.Meter(process.pid)
    cost, peaks = {}, []
    for operation, connections in CONNECTIONS.items():
        asked = replace(reading, operation=operation, connections=connections)
        if operation != "LIST":
            asked = replace(asked, most=count, warm_seconds=0.0)
        measured = drive.drive(asked, meter)
        cost[operation] = _microseconds(measured)
        peaks.append(measured.server.peak_rss_bytes)
    validity.read_back(reading, range(count), laid=True)
    return process, Size(
        objects=count,
        put_us=0.0,
        get_us=cost["GET"],
        head_us=cost["HEAD"],
        list_us=cost["LIST"],
        puts_per_second=0.0,
        database_bytes_per_object=database / count,
        directory_bytes_per_object=whole / count,
        start_seconds=process.start_seconds,
        start_after_kill_seconds=after_kill,
        peak_rss_bytes=max(peaks),
    )


def _microseconds(measured: drive.Measured) -> float:
    """Never less than one tick of the clock they are counted by."""
    spent = max(measured.server.cpu_seconds, 1 / processes.TICKS_PER_SECOND)
    return spent / measured.requests * 1e6


def main(given: list[str]) -> None:
    """Print the table; write growth.json and growth.svg."""
    parser = argparse.ArgumentParser(prog="bench growth", description=__doc__)
    parser.add_argument("--most", type=int, default=10**6, help="objects, a power of ten")
    parser.add_argument("--least", type=int, default=10**4, help="objects at the first size")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each read")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(given)
    counts = [asked.least]
    while counts[-1] * 10 <= asked.most:
        counts.append(counts[-1] * 10)
    signal(SIGTERM, lambda *_: sys.exit("ended"))  # the server is stopped on the way
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.out, prefix="growth-") as directory:
        pool = Path(directory, "bodies")
        bodies.fill(pool)
        sizes = grow(Path(directory, "data"), pool, counts, asked.seconds, _say)
    facts = {"made": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    written = {**facts, "version": S3gw().version(), "sizes": [asdict(size) for size in sizes]}
    (asked.out / "growth.json").write_text(json.dumps(written, indent=1))
    curves = {
        name: [(size.objects, figure(size)) for size in sizes]
        for name, (_, figure) in FIGURES.items()
    }
    (asked.out / "growth.svg").write_text(growth_picture.svg(curves))
    print(f"written: {asked.out}/growth.json, {asked.out}/growth.svg")


def _say(text: str) -> None:
    print(text, flush=True)
