"""``python -m tests.torture [GATE...]``: one JSON line for each gate; 1 if one is not met."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.torture.bar import MODULES, gates
from tests.torture.gate import Gate, Outcome, Run

SHOWN = 5
"""Violations printed for a gate; their number is always there."""


@contextmanager
def scratch(parent: Path | None) -> Iterator[Path]:
    """An empty directory for one run, gone after it."""
    with tempfile.TemporaryDirectory(dir=parent, prefix="s3gw-torture-") as name:
        yield Path(name)


def _once(gate: Gate, asked: argparse.Namespace, scale: float, mutant: str = "") -> Outcome:
    with scratch(asked.directory) as directory:
        return gate.run(Run(directory, asked.seed, scale, mutant))


def _caught(gate: Gate, asked: argparse.Namespace) -> dict[str, bool]:
    scale = asked.scale if gate.mutant_scale is None else gate.mutant_scale
    return {each: bool(_once(gate, asked, scale, each).violations) for each in gate.mutants}


def line(name: str, gate: Gate, asked: argparse.Namespace) -> dict[str, object]:
    """What is printed of a gate; ``met`` says whether it held and caught all of its mutants."""
    told: dict[str, object] = {"gate": name, "name": gate.name, "bar": gate.bar, "seed": asked.seed}
    why = gate.impossible()
    if why is not None:
        return told | {"met": False, "impossible": why}
    start = time.monotonic()
    outcome = _once(gate, asked, asked.scale)
    told |= {"scale": asked.scale, "figures": dict(outcome.figures)}
    told |= {"seconds": round(time.monotonic() - start, 1), "violations": len(outcome.violations)}
    if outcome.violations:
        told["shown"] = list(outcome.violations[:SHOWN])
    caught = _caught(gate, asked) if asked.mutants else {}
    return told | {"mutants": caught, "met": not outcome.violations and all(caught.values())}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("gates", nargs="*", metavar="GATE", help=f"of {', '.join(MODULES)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is the whole bar")
    parser.add_argument("--directory", type=Path, help="on the disk that is to be tested")
    parser.add_argument("--no-mutants", dest="mutants", action="store_false")
    asked = parser.parse_args()
    known = gates()
    if unknown := set(asked.gates) - set(known):
        parser.error(f"no such gate: {', '.join(sorted(unknown))}")
    met = True
    for name in asked.gates or known:
        told = line(name, known[name], asked)
        print(json.dumps(told), flush=True)
        met = met and bool(told["met"])
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
