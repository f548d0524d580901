"""The committed ratios: ``baseline.toml``, written by ``python -m tests.costs``."""

import tomllib
from pathlib import Path

FILE = Path(__file__).with_name("baseline.toml")
_HEAD = """\
# What each step of the hot path costs, in calls of its yardstick (tests/costs/steps.py).
# Written by: python -m tests.costs
"""


def read() -> dict[str, float]:
    return dict(tomllib.loads(FILE.read_text()))


def write(ratios: dict[str, float]) -> None:
    lines = [f'"{name}" = {ratio:.4g}\n' for name, ratio in ratios.items()]
    FILE.write_text(_HEAD + "".join(lines))
