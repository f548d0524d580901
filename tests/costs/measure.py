"""CPU time of small pieces of work, so that a busy machine makes little difference.

Each figure is the least of several rounds, of the whole process's CPU time (threads included), and
stands in relation to a yardstick: plain work of the same kind whose rounds lie between its own.
"""

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import process_time

ROUNDS = 9
MORE_ROUNDS = 5 * ROUNDS
"""For a baseline, and for a step that seems too dear: load comes and goes within a second."""
MARGIN = 1.25
"""A step may cost this much more than its ratio in the baseline."""

Work = Callable[[], object]


@dataclass(frozen=True)
class Step:
    """One step of the hot path, and the yardstick it is measured by."""

    name: str
    work: Work
    times: int
    """Calls in a round, for a few milliseconds."""
    yardstick: Work
    yardstick_times: int
    before: Work = lambda: None
    """What each call needs; not measured."""


def ratio(step: Step, rounds: int = ROUNDS) -> float:
    """What one call of the step costs, in calls of its yardstick."""
    works, yardsticks = [], []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            works.append(_cost(step.work, step.times, step.before))
            yardsticks.append(_cost(step.yardstick, step.yardstick_times))
    finally:
        gc.enable()
    return min(works) / min(yardsticks)


def _cost(work: Work, times: int, before: Work = lambda: None) -> float:
    for _ in range(times):
        before()
    began = process_time()
    for _ in range(times):
        work()
    return (process_time() - began) / times


def too_dear(steps: Iterable[Step], baseline: dict[str, float]) -> dict[str, float]:
    """The steps above their baseline and the margin, by how much; each had a second chance."""
    found = {}
    for step in steps:
        limit = baseline[step.name] * MARGIN
        measured = ratio(step)
        if measured > limit:
            measured = min(measured, ratio(step, MORE_ROUNDS))
        if measured > limit:
            found[step.name] = measured / baseline[step.name]
    return found
