"""R3: a process dies at each named point of its work; what it had acknowledged is there after.

The points are those of ``store.failpoints``, the ten invariants those of ``tests/store/crash``. A
point of a store at work is hit by verbs in four lanes; one of a start or a chore, after a crash.
"""

import asyncio
import random
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from unittest import mock

from store import outbox
from store.database import FILE
from tests.store.crash.check import violations
from tests.store.crash.killing import POINTS, STEPS, NotKilledError, child, crashed
from tests.store.crash.plan import MIXED, History, plan
from tests.torture.gate import Gate, Outcome, Run

SEEDS = 20
_SPARSE = ("large", "large", "delete", "delete", "collect", "put")

CHORES = {
    "S1": ("recover", 1),
    "S2": ("recover", 1),
    "S3": ("recover", 1),
    "S4": ("replay", 3),
    "R1": ("rebuild", 1),
    "R2": ("rebuild", 1),
    "B1": ("backup", 1),
    "B2": ("backup", 1),
    "T1": ("trim", 1),
    "G3": ("compact", 2),
    "G5": ("compact", 2),
    "A1": ("adopt", 1),
    "A2": ("adopt", 1),
    "A3": ("adopt", 1),
}
"""Failpoint to the chore that is killed at it, and how often it may come by."""


class _Job:
    """One crash, the restart, and what is wrong then."""

    def __init__(self, run: Run, point: str, seed: int) -> None:
        self._directory = run.directory / f"{point}-{seed}"
        self._point = point
        self._seed = seed
        self._lies = run.mutant == "acknowledged_early"
        self._chance = random.Random(f"{run.seed} {point} {seed}")

    def violations(self, counts: Counter[str]) -> list[str]:
        try:
            history = self._at_work() if self._point in POINTS else self._at_a_chore(counts)
            found = asyncio.run(violations(self._directory, history, killed=True))
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)
        counts["crashes"] += 1
        return [f"{self._point}, seed {self._seed}: {each}" for each in found]

    def _at_work(self) -> History:
        verbs, counts = POINTS[self._point]
        at = f"{self._point}:{self._chance.randint(1, max(counts))}"
        if self._lies:
            acks = child("lie", self._directory, self._seed, STEPS, 0, *verbs, killed_at=at)
            return History(plan(self._seed, STEPS, verbs), acks)
        return crashed(self._directory, self._seed, verbs, at)

    def _at_a_chore(self, counts: Counter[str]) -> History:
        chore, most = CHORES[self._point]
        verbs = _SPARSE if chore == "compact" else MIXED
        history = crashed(self._directory, self._seed, verbs, f"P4:{self._chance.randint(20, 40)}")
        words = [self._directory.with_suffix(".backup")] if chore == "backup" else []
        if chore == "replay":
            chore = "recover"
            for path in self._directory.glob(f"{FILE}*"):
                path.unlink()
        try:
            at = f"{self._point}:{self._chance.randint(1, most)}"
            child(chore, self._directory, *words, killed_at=at)
        except NotKilledError:
            counts["passed_by"] += 1
        # To adopt is a person's decision, which no start takes for them; and the compactor, who may
        # be at work while a server starts, looks after its own segment.
        if chore in {"adopt", "compact"}:
            child(chore, self._directory, killed_at=None)
        return history


_MUTANTS: dict[str, tuple[str, Callable[[], AbstractContextManager[object]]]] = {
    "acknowledged_early": ("P3", nullcontext),
    "journal_is_not_completed": ("J1", partial(mock.patch.object, outbox, "top_up")),
}
"""Name to the point at which it shows, and what to do."""


def _run(run: Run) -> Outcome:
    jobs = [(point, seed) for seed in range(SEEDS) for point in (*POINTS, *CHORES)]
    change: Callable[[], AbstractContextManager[object]] = nullcontext
    if run.mutant:
        only, change = _MUTANTS[run.mutant]
        jobs = [(point, seed) for point, seed in jobs if point == only]
    else:
        random.Random(run.seed).shuffle(jobs)
    counts: Counter[str] = Counter()
    found: list[str] = []
    with change():
        for point, seed in jobs[: run.of(len(jobs))]:
            found += _Job(run, point, seed + 1000 * run.seed).violations(counts)
    return Outcome({"points": len({point for point, _ in jobs}), **counts}, found)


GATE = Gate(
    name="named crash points",
    bar="every point, 20 seeds each, 0 violations",
    run=_run,
    mutants=list(_MUTANTS),
    short=0.01,
    mutant_scale=0.2,
)
