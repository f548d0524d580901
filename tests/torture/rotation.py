"""Rotation of the master key, killed at each of its steps: every secret opens, and it can go on."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from keys import master_key, rotation
from keys.kms import DEFAULT
from keys.table import MASTER_KEY_NAME, Table
from tests.torture.gate import Gate, Outcome, Run

POINTS = ("K1", "K2", "K3", "K4", "K5", "")
KEY = bytes(range(32))
_LIMIT_SECONDS = 60


class _Kept:
    """What must be readable whatever happens: secrets, and keys of objects that were wrapped."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._secrets: dict[str, str] = {}
        self._wrapped: list[tuple[str, bytes]] = []

    def more(self, number: int) -> None:
        """Another access key, another KMS key, and an object's key under each kind."""
        with closing(Table(self._directory)) as table:
            made = table.generate()
            self._secrets[made.key] = made.secret
            table.kms.create(f"k{number}")
            for name in ("", DEFAULT, f"k{number}"):
                self._wrapped.append((name, _wrapping(table, name).wrap(KEY, name.encode())))

    def check(self) -> None:
        """Raises whatever is raised for what does not open."""
        with closing(Table(self._directory)) as table:
            if {each.key: each.secret for each in table.all()} != self._secrets:
                raise AssertionError("other access keys than were made")
            for name, wrapped in self._wrapped:
                if _wrapping(table, name).unwrap(wrapped, name.encode()) != KEY:
                    raise AssertionError(f"another key of an object under {name!r}")


def _wrapping(table, name):
    return (
        table.kms.load(name)
        if name.startswith("k")
        else table.kms.known(name or "") or (table.kms.objects)
    )


def run(asked: Run) -> Outcome:
    """Each cycle is one rotation, killed at a step or not, and a look at everything after it."""
    directory, violations, killed = asked.directory / "data", [], 0
    kept, steps = _Kept(directory), random.Random(asked.seed)
    kept.more(0)
    cycles = asked.of(300, least=len(POINTS))
    points = [point for _ in range(cycles // len(POINTS) + 1) for point in _shuffled(steps)]
    for number, point in enumerate(points[:cycles], start=1):
        program = (
            ["tests.torture.mutated", f"{__name__}:{asked.mutant}"] if asked.mutant else ["gateway"]
        )
        ended = subprocess.run(
            [sys.executable, "-m", *program, "keys", "rotate-master", "--data-dir", str(directory)],
            env=os.environ | ({"S3GW_FAILPOINT": point} if point else {}),
            capture_output=True,
            text=True,
            timeout=_LIMIT_SECONDS,
        )
        killed += ended.returncode == -signal.SIGKILL
        if ended.returncode != (-signal.SIGKILL if point else 0):
            violations.append(f"{number} at {point}: ended with {ended.returncode} {ended.stderr}")
        try:
            kept.check()
            kept.more(number)
        except Exception as error:
            violations.append(f"{number} at {point}: {error!r}")
            break
    return Outcome({"cycles": cycles, "killed": killed}, violations)


def _shuffled(steps: random.Random) -> list[str]:
    return steps.sample(POINTS, len(POINTS))


def early() -> None:
    """A mutant: the key's file is replaced before what is sealed under it is committed."""
    whole = rotation._check

    def check(database: sqlite3.Connection, new: bytes) -> None:
        whole(database, new)
        path = Path(database.execute("PRAGMA database_list").fetchone()[2])
        key = path.with_name(MASTER_KEY_NAME)
        key.unlink()
        master_key.write(key, new)

    rotation._check = check


def forgotten() -> None:
    """A mutant: the keys of KMS and of objects stay under the old master key."""
    rotation._rewrap = lambda database, before, after, id: 0
    rotation._check = lambda database, new: None


GATE = Gate(
    name="master key rotation",
    bar="300 rotations killed at every step: every secret opens, and the next one succeeds",
    run=run,
    mutants=("early", "forgotten"),
    short=0.02,
)
