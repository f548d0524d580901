"""A short form of every gate of the bar."""

from pathlib import Path

import pytest

from tests.torture.bar import gates
from tests.torture.gate import Gate, Run

SEED = 1


@pytest.mark.parametrize("gate", gates().values(), ids=gates())
def test_the_gate_holds(gate: Gate, tmp_path: Path) -> None:
    if (why := gate.impossible()) is not None:
        pytest.skip(why)
    outcome = gate.run(Run(tmp_path, SEED, gate.short))
    assert not outcome.violations


@pytest.mark.parametrize(
    ("gate", "mutant"),
    [(gate, mutant) for gate in gates().values() for mutant in gate.mutants[:1]],
    ids=[f"{name}-{mutant}" for name, gate in gates().items() for mutant in gate.mutants[:1]],
)
def test_the_gate_catches_a_defect(gate: Gate, mutant: str, tmp_path: Path) -> None:
    """The first of its mutants; ``python -m tests.torture`` tries all of them."""
    if (why := gate.impossible()) is not None:
        pytest.skip(why)
    scale = gate.short if gate.mutant_scale is None else gate.mutant_scale
    assert gate.run(Run(tmp_path, SEED, scale, mutant)).violations
