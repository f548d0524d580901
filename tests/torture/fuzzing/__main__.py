"""``python -m tests.torture.fuzzing [TARGET...]``: a line for each; ``--keep`` adds to the corpus.

What is kept are the shortest inputs found that end in a way no input of the corpus does.
"""

import argparse
import json
import re
import sys
from dataclasses import asdict
from hashlib import sha256

from tests.torture.fuzzing.campaign import campaigns, ending
from tests.torture.fuzzing.target import CORPUS, Target
from tests.torture.fuzzing.targets import TARGETS

MOST_FILE_BYTES = 2048
MOST_READ_BYTES = 4096
"""Longer ones take too long to shorten."""


def kind(target: Target, data: bytes) -> object:
    """How an input ends; violations too."""
    try:
        return target.run(data)
    except Exception as error:
        return ending(error)


def shortened(target: Target, data: bytes) -> bytes:
    """With all left out that makes no difference."""
    wanted = kind(target, data)
    size = len(data) // 2
    while size:
        at = 0
        while at < len(data):
            less = data[:at] + data[at + size :]
            if kind(target, less) == wanted:
                data = less
            else:
                at += size
        size //= 2
    return data


def keep(target: Target, found: list[tuple[str, bytes]]) -> int:
    """How many were new."""
    known = {kind(target, data) for data in target.corpus()}
    kept = 0
    for name, data in found:
        if len(data) > MOST_READ_BYTES or kind(target, data) in known:
            continue
        known.add(kind(target, data))
        data = shortened(target, data)
        if len(data) <= MOST_FILE_BYTES:
            directory = CORPUS / target.name
            directory.mkdir(parents=True, exist_ok=True)
            plain = re.sub(r"[^A-Za-z-]", "", name)
            (directory / f"{plain}-{sha256(data).hexdigest()[:8]}").write_bytes(data)
            kept += 1
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fuzzing", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    wanted = [TARGETS[name] for name in asked.targets or TARGETS]
    failed = False
    for report in campaigns(wanted, asked.seed, asked.inputs):
        told = asdict(report) | {"found": len(report.found)}
        if asked.keep:
            told["kept"] = keep(TARGETS[report.target], report.found)
        print(json.dumps(told, ensure_ascii=False), flush=True)
        failed = failed or bool(report.violations)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
