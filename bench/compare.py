"""``python -m bench compare``: every S3 server that can be had here, side by side.

Servers take turns, never run together: A B C C B A, so that a drift of the machine meets all.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import bodies, certificate, leg, picture, table
from bench.calibration import machine
from bench.cells import Cell, chosen
from bench.leg import Leg, Options
from bench.peers import KINDS, present
from bench.servers import CHECKOUT, Server
from bench.summary import OURS, Table, geometric_mean, of_best, ratio, tabulate

OUT = CHECKOUT / "bench" / "out"
CLASSES = ("D", "B")


def order(servers: Sequence[Server], legs: int) -> list[Server]:
    """``legs`` rounds, each second one backwards."""
    return [
        server
        for n in range(legs)
        for server in (servers if n % 2 == 0 else list(reversed(servers)))
    ]


def paths(given: Sequence[str]) -> dict[str, str]:
    """``minio=/opt/minio`` -> where that server is. Raises ``ValueError``."""
    known = {kind.name for kind in KINDS}
    found: dict[str, str] = {}
    for each in given:
        name, equals, path = each.partition("=")
        if name not in known or not equals or not path:
            raise ValueError(f"{each!r} is not NAME=PATH with a name of {', '.join(sorted(known))}")
        found[name] = path
    return found


def compare(
    servers: Sequence[Server], cells: Sequence[Cell], classes: str, legs: int, options: Options
) -> list[Table]:
    """Run it all; a table for each class that has servers."""
    tables = []
    for durability in classes:
        able = [server for server in servers if durability in server.classes]
        ran: list[Leg] = []
        for server in order(able, legs):
            first = all(each.server != server.name for each in ran)
            mine = Options(**{**options.__dict__, "check": options.check and first})
            ran.append(leg.run(server, durability, cells, mine))
        if ran:
            tables.append(tabulate(durability, ran))
    return tables


def document(
    tables: Sequence[Table], cells: Sequence[Cell], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """All of it, for a machine: figures, ratios, and every leg as it was."""
    return {
        **facts,
        "machine": machine(),
        "classes": {
            each.durability: {
                "figures": {
                    s: {c: asdict(f) for c, f in m.items()} for s, m in each.figures.items()
                },
                "ratios": {p: {c.name: ratio(each, p, c.name) for c in cells} for p in each.peers},
                "geometric_mean": {
                    p: geometric_mean(ratio(each, p, c.name) for c in cells) for p in each.peers
                },
                "of_best": {c.name: of_best(each, c.name) for c in cells},
                "void": each.void,
                "unsteady": sorted(each.unsteady),
                "dropped_legs": each.dropped,
                "legs": [_plain(one) for legs in each.legs.values() for one in legs],
            }
            for each in tables
        },
    }


def _plain(one: Leg) -> dict[str, Any]:
    plain = asdict(one)
    for figure in plain["figures"].values():
        del figure["acknowledged"]
    return plain


def arguments() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(prog="bench compare", description=__doc__)
    options.add_argument("--seconds", type=float, default=5.0, help="of each cell")
    options.add_argument("--legs", type=int, default=2, help="times each server runs")
    options.add_argument("--cells", default="*", help="patterns, by comma: get-*,put-4k-c1")
    options.add_argument("--classes", default="".join(CLASSES), help="D: on disk, B: buffered")
    options.add_argument("--servers", default="", help="only these, by comma")
    options.add_argument("--server", action="append", default=[], metavar="NAME=PATH")
    options.add_argument("--keys", type=int, default=10_000, help="4 KiB objects laid down")
    options.add_argument("--client", choices=("auto", "own"), default="auto", help="auto: wrk")
    options.add_argument("--no-checks", action="store_true", help="no syncs, kill -9, stale reads")
    options.add_argument("--out", type=Path, default=OUT)
    return options


def main(given: list[str]) -> None:
    """Print the tables; write compare.json and compare.svg."""
    parser = arguments()
    asked = parser.parse_args(given)
    try:
        cells = chosen(asked.cells)
        servers, absent = present(paths(asked.server))
    except ValueError as error:
        parser.error(str(error))
    if asked.servers:
        wanted = {OURS, *asked.servers.split(",")}
        servers = [each for each in servers if each.name in wanted]
        absent = {name: why for name, why in absent.items() if name in wanted}
    print("present:", ", ".join(each.name for each in servers), flush=True)
    for name, why in absent.items():
        print(f"absent: {name} ({why})", flush=True)
    versions = {server.name: server.version() for server in servers}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # servers are stopped on the way
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=asked.out, prefix="run-") as directory:
        pool = Path(directory, "bodies")
        bodies.fill(pool)
        options = Options(
            out=Path(directory),
            bodies=pool,
            certificate=certificate.make(Path(directory, "certificate")),
            seconds=asked.seconds,
            keys=asked.keys,
            client=asked.client,
            check=not asked.no_checks,
            say=lambda text: print(text, flush=True),
        )
        tables = compare(servers, cells, asked.classes, asked.legs, options)
    report(tables, cells, servers, absent, versions, asked)


def report(
    tables: Sequence[Table],
    cells: Sequence[Cell],
    servers: Sequence[Server],
    absent: Mapping[str, str],
    versions: Mapping[str, str],
    asked: argparse.Namespace,
) -> None:
    for each in tables:
        settings = {s.name: s.classes.get(each.durability, "") for s in servers}
        print(f"\n{table.figures(each, cells)}\n\n{table.costs(each, cells)}\n")
        print(table.checks(each, versions, settings))
    for name, why in absent.items():
        print(f"absent: {name} ({why})")
    facts = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": asked.seconds,
        "legs": asked.legs,
        "keys": asked.keys,
        "versions": versions,
        "absent": absent,
    }
    (asked.out / "compare.json").write_text(json.dumps(document(tables, cells, facts), indent=1))
    (asked.out / "compare.svg").write_text(picture.svg(tables, cells))
    print(f"written: {asked.out}/compare.json, {asked.out}/compare.svg")
