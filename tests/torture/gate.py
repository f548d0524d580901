"""What a gate is: a run that counts what it did and tells what it found wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What a gate is asked to do."""

    directory: Path
    """Empty, on a real disk, the gate's own; it may leave anything there."""
    seed: int
    scale: float
    """1.0 is the whole bar. A short form runs the same code on a fraction of it."""
    mutant: str = ""
    """Name of the defect that the product is to run with; empty for the product as it is."""

    def of(self, bar: int, least: int = 1) -> int:
        """The part of ``bar`` (cycles, inputs, seconds) that this run is to do."""
        return max(least, round(bar * self.scale))


@dataclass(frozen=True)
class Outcome:
    """What came of a run. It holds when there are no violations."""

    figures: Mapping[str, float]
    """Counts and times by name, unit in the name (``restart_p99_seconds``)."""
    violations: Sequence[str] = ()


@dataclass(frozen=True)
class Gate:
    """One row of the bar. ``run`` raises only when the gate itself is broken."""

    name: str
    bar: str
    """The figure to meet, in words: "1,000 cycles, 0 lost, 0 torn"."""
    run: Callable[[Run], Outcome]
    mutants: Sequence[str]
    """Every one must make ``run`` report a violation."""
    short: float
    """The scale of the short form in ``make test``: a few seconds."""
    mutant_scale: float | None = None
    """The scale at which mutants are surely caught; None: that of the run."""
    impossible: Callable[[], str | None] = lambda: None
    """Why it cannot run on this machine ("needs root"), or None. It then never counts as met."""
