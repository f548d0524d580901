"""Processes that are killed at a named point of their work, and where they can be."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.store.crash.plan import MIXED, History, plan

ROOT = Path(__file__).parents[3]
STEPS = 14

PUTS = ("put", "large", "copy", "delete")
PARTS = ("multipart", "multipart", "large")
SPACE = ("large", "large", "delete", "collect", "put")

POINTS = {
    "P1": (MIXED, (1, 20, 50)),
    "P2": (PUTS, (1, 10, 25)),
    "P3": (MIXED, (3, 30, 60)),
    "P4": (MIXED, (3, 30, 60)),
    "P5": (PARTS, (1, 4, 10)),
    "P6": (PARTS, (1, 4, 10)),
    "J1": (MIXED, (3, 30, 60)),
    "M1": (PARTS, (1, 15, 50)),
    "M2": (PARTS, (1, 15, 50)),
    "M3": (PARTS, (1, 7, 15)),
    "M4": (PARTS, (1, 7, 15)),
    "M5": (PARTS, (1, 7, 15)),
    "D1": (PUTS, (1, 4, 8)),
    "D2": (PUTS, (1, 4, 8)),
    "G1": (SPACE, (1, 3, 6)),
    "G2": (SPACE, (1, 6, 12)),
    "G6": (SPACE, (1, 2, 3)),
    "G7": (SPACE, (1, 2, 3)),
}
"""Failpoint to what is being done, and the how-manieth times to be killed at."""


class NotKilledError(Exception):
    """It came to its end without coming by the failpoint."""


def child(verb: str, directory: Path, *words: object, killed_at: str | None) -> list[tuple]:
    """Run the process until it ends as it must; its acknowledgements."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    if killed_at:
        environment |= {"S3GW_FAILPOINT": killed_at}
    command = [
        sys.executable,
        "-m",
        "tests.store.crash.child",
        verb,
        str(directory),
        *map(str, words),
    ]
    done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=False)
    if killed_at and done.returncode == 0:
        assert not killed_at.endswith(":0"), "never came by it"
        raise NotKilledError(killed_at)
    assert done.returncode == (-signal.SIGKILL if killed_at else 0), done.stderr.decode()
    lines = done.stdout.splitlines()
    return [(lane, step, tuple(what)) for lane, step, what in map(json.loads, lines)]


def crashed(directory: Path, seed: int, verbs: tuple[str, ...], point: str) -> History:
    """``point`` as ``P3:30``. Commits share transactions, so that it may be passed less often."""
    steps = plan(seed, STEPS, verbs)
    try:
        acks = child("serve", directory, seed, STEPS, 0, *verbs, killed_at=point)
    except NotKilledError:
        name, _, count = point.partition(":")
        shutil.rmtree(directory)
        return crashed(directory, seed, verbs, f"{name}:{int(count) // 2}")
    return History(steps, acks)
