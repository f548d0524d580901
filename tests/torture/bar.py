"""The gates, in the order in which they run."""

from importlib import import_module

from tests.torture.gate import Gate

MODULES: tuple[str, ...] = (
    "kill",
    "crash_points",
    "power_cut",
    "bit_rot",
    "syscall_errors",
    "full_disk",
    "rotation",
    "attack",
    "timing",
    "audit",
    "secrets",
    "load",
    "soak",
    "exclusive",
    "slow_clients",
    "descriptors",
    "pipelining",
    "linearizability",
    "conditional",
    "gc_race",
    "clock",
    "model",
    "fuzz",
    "fuzz_wire",
    "upgrade",
    "memory",
)
"""Modules of this package, one for each gate: its ``GATE``."""


def gates() -> dict[str, Gate]:
    """Module name to gate."""
    return {name: import_module(f"tests.torture.{name}").GATE for name in MODULES}
