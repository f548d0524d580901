"""``python -m bench workers``: what a second worker process brings, and that it lies to nobody.

One worker and two take turns on the same cells; after each, many connections read right after
every acknowledged write, whichever worker they came to.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench import bodies, certificate, leg, processes, validity
from bench.calibration import machine
from bench.cells import Cell, chosen
from bench.compare import OUT, order
from bench.drive import Plan
from bench.leg import CHECKS, Options
from bench.servers import S3gw, Site, running, status_of
from bench.summary import Table, tabulate
from bench.table import value

CELLS = "put-4k-c32,get-4k-c32,head-4k-c32,list-1000-c4,put-64m-c4,get-64m-c4"
ROUNDS, CONNECTIONS = 200, 16


class Workers(S3gw):
    """This checkout with a count of worker processes, by which it is named."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.name = f"{count} worker{'s' if count > 1 else ''}"  # type: ignore[misc]

    def command(self, site: Site) -> list[str]:
        return [*super().command(site), "--workers", str(self.count)]


def turns(counts: Sequence[int], cells: Sequence[Cell], legs: int, options: Options) -> Table:
    """Each count, then all backwards, and so on; durable."""
    servers = order([Workers(count) for count in counts], legs)
    return tabulate("D", [leg.run(server, "D", cells, options) for server in servers])


def stale_reads(count: int, options: Options) -> tuple[int, int]:
    """Reads after writes, none of them stale, and how many processes answered. Raises ``Wrong``."""
    with running(Workers(count), options.out / "fresh", "D") as process:
        status_of(process.target, "PUT", f"/{CHECKS}")
        before = {each.pid: each.cpu_seconds for each in processes.tree(process.pid)}
        plan = Plan(process.target, "PUT", CHECKS, 0, 1, 0.0, options.bodies)
        reads = validity.no_stale_read(plan, ROUNDS, CONNECTIONS)
        after = processes.tree(process.pid)
        busy = [each for each in after if each.cpu_seconds - before.get(each.pid, 0.0) > 0.1]
    return reads, len(busy)


def text(table: Table, cells: Sequence[Cell], counts: Sequence[int]) -> str:
    """Each figure, and how many times the first count's it is; server CPU by operation."""
    names = [Workers(count).name for count in counts]
    lines = [f"{'cell':16}{'unit':>5}" + "".join(f"{n:>12}{'times':>7}{'us':>9}" for n in names)]
    for cell in cells:
        line = f"{cell.name:16}{cell.unit:>5}"
        alone = table.figures[names[0]].get(cell.name)
        for name in names:
            figure = table.figures[name].get(cell.name)
            if figure is None or alone is None:
                line += f"{'void':>12}{'-':>7}{'-':>9}"
                continue
            times = figure.score / alone.score
            line += f"{value(cell, figure):>12,.0f}{times:>7.2f}{figure.server_us:>9,.0f}"
        lines.append(line)
    return "\n".join(lines)


def main(given: list[str]) -> None:
    """Print the table; write workers.json."""
    parser = argparse.ArgumentParser(prog="bench workers", description=__doc__)
    parser.add_argument("--counts", default="1,2", help="worker processes, by comma")
    parser.add_argument("--cells", default=CELLS)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each cell")
    parser.add_argument("--legs", type=int, default=2, help="times each count runs")
    parser.add_argument("--keys", type=int, default=10_000, help="4 KiB objects laid down")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(given)
    counts = [int(count) for count in asked.counts.split(",")]
    cells = chosen(asked.cells)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # servers are stopped on the way
    asked.out.mkdir(parents=True, exist_ok=True)
    fresh = {}
    with tempfile.TemporaryDirectory(dir=asked.out, prefix="run-") as directory:
        options = Options(
            out=Path(directory),
            bodies=Path(directory, "bodies"),
            certificate=certificate.make(Path(directory, "certificate")),
            seconds=asked.seconds,
            keys=asked.keys,
            client="auto",
            check=False,
            say=lambda text: print(text, flush=True),
        )
        bodies.fill(options.bodies)
        for count in counts:
            fresh[count] = stale_reads(count, options)
        table = turns(counts, cells, asked.legs, options)
    print(f"\n{text(table, cells, counts)}")
    for count, (reads, answered) in fresh.items():
        print(f"{count}: {reads} reads right after a write, none stale; {answered} processes busy")
    written = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "version": S3gw().version(),
        "figures": {s: {c: asdict(f) for c, f in m.items()} for s, m in table.figures.items()},
        "void": table.void,
        "fresh": {count: {"reads": r, "processes": p} for count, (r, p) in fresh.items()},
    }
    (asked.out / "workers.json").write_text(json.dumps(written, indent=1))
    print(f"written: {asked.out}/workers.json")
