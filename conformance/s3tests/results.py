"""What came of the items: as lists that are committed, as a table, and against one another."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from conformance.s3tests.areas import AREAS, BONUS, COMMIT, STRICT


@dataclass(frozen=True, slots=True)
class Result:
    """One item. ``outcome`` is pytest's: passed, failed, skipped."""

    item: str
    kind: str
    area: str
    outcome: str


def read(file: Path) -> list[Result]:
    """A list that ``write`` wrote; empty without one."""
    found = []
    area = ""
    for line in file.read_text().splitlines() if file.exists() else ():
        if line.startswith("## "):
            area = line.removeprefix("## ")
        elif line and not line.startswith("#"):
            outcome, kind, item = line.split(maxsplit=2)
            found.append(Result(item, kind, area, outcome))
    return found


def write(file: Path, results: Iterable[Result], compat: str) -> None:
    """One line an item, by area."""
    order = list(AREAS)
    lines = [
        f"# ceph/s3-tests {COMMIT}, compat={compat}.",
        "# Written by python -m conformance.s3tests; outcome, kind (areas.py), item.",
    ]
    ordered = sorted(results, key=lambda each: (order.index(each.area), each.item))
    for area, within in groupby(ordered, key=lambda each: each.area):
        lines += ["", f"## {area}"]
        lines += [f"{each.outcome:8}{each.kind:8}{each.item}" for each in within]
    file.write_text("\n".join(lines) + "\n")


def differences(listed: Iterable[Result], found: Iterable[Result]) -> list[str]:
    """A line for each item whose outcome is not the listed one; empty when the list is true."""
    before = {each.item: each.outcome for each in listed}
    now = {each.item: each.outcome for each in found}
    return [
        f"{item}: listed as {before.get(item, 'nothing')}, now {now.get(item, 'not there')}"
        for item in sorted({*before, *now})
        if before.get(item) != now.get(item)
    ]


def table(rgw: Collection[Result], aws: Collection[Result]) -> str:
    """Markdown: what counts by area, and what passes of it."""
    counted = [each for each in rgw if each.kind != BONUS]
    strict = [each for each in aws if each.kind == STRICT]
    rows = [
        (area, [e for e in counted if e.area == area], [e for e in strict if e.area == area])
        for area in AREAS
    ]
    bonus = [each for each in rgw if each.kind == BONUS]
    rows += [("**total**", counted, strict)]
    rows += [("bonus, on top", bonus, [each for each in aws if each.kind == BONUS])]
    return "\n".join(
        [
            "| area | items | passed, `compat=rgw` | of them AWS's | passed, `compat=aws` |",
            "|---|---:|---:|---:|---:|",
            *(
                f"| {name} | {len(all_)} | {passed(all_)} | {len(awss)} | {passed(awss)} |"
                for name, all_, awss in rows
            ),
        ]
    )


def summary(results: Collection[Result]) -> str:
    """``697 of 697, AWS's 592 of 592, bonus 25 of 29``."""
    of = [
        [each for each in results if each.kind != BONUS],
        [each for each in results if each.kind == STRICT],
        [each for each in results if each.kind == BONUS],
    ]
    counted, strict, bonus = (f"{passed(each)} of {len(each)}" for each in of)
    return f"{counted}, AWS's {strict}, bonus {bonus}"


def passed(results: Iterable[Result]) -> int:
    """How many."""
    return sum(each.outcome == "passed" for each in results)
