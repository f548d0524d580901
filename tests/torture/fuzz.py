"""R8, in process: all that reads what strangers write, on a million inputs each."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.torture.fuzzing.campaign import campaigns
from tests.torture.fuzzing.targets import TARGETS
from tests.torture.gate import Gate, Outcome, Run

INPUTS = 1_000_000
"""For each target."""


def run(asked: Run) -> Outcome:
    """Inputs that violate something are left in the directory."""
    targets = list(TARGETS.values())
    prepare: Callable[[], object] = lambda: None  # noqa: E731
    if asked.mutant:
        names, prepare = MUTANTS[asked.mutant]
        targets = [TARGETS[name] for name in names.split()]
    reports = list(campaigns(targets, asked.seed, asked.of(INPUTS), prepare))
    for report in reports:
        for number, (name, data) in enumerate(report.found):
            if name.startswith("violation"):
                (asked.directory / f"{report.target}-{number}-{name}").write_bytes(data)
    inputs = sum(report.inputs for report in reports)
    seconds = sum(report.seconds for report in reports)
    return Outcome(
        {
            "targets": len(reports),
            "inputs": inputs,
            "kinds": sum(report.kinds for report in reports),
            "inputs_per_cpu_second": round(inputs / max(seconds, 1e-9)),
            "most_growth_bytes": max(report.growth_bytes for report in reports),
        },
        [text for report in reports for text in report.violations],
    )


# Each is put in in a process of its own, so nothing has to be undone.


def _unguarded_int() -> None:
    from gateway.auth import declared

    declared._length = lambda headers, name: (  # type: ignore[assignment]
        int(text) if (text := headers.get(name)) is not None else None
    )


def _half_compared() -> None:
    from gateway.auth import verify

    verify._same = lambda expected, given: expected[:16] == given[:16]


def _unchecked_chunk() -> None:
    from gateway.auth import aws_chunked

    aws_chunked._compare = lambda expected, signature: None


def _unbounded_line() -> None:
    """What comes instead of a line's end is kept, and more room is made than there was."""
    from gateway.auth.aws_chunked import AwsChunked

    take = AwsChunked._begin_chunk
    kept = []

    def begin(self: Any, line: bytes) -> None:
        take(self, line)
        kept.append(bytes(b"x" * min(self._left, 1 << 20)))

    AwsChunked._begin_chunk = begin  # type: ignore[method-assign]


def _backtracking() -> None:
    from gateway.policy import wildcards

    def compiled(parts: Any, wild: bool, ignore_case: bool) -> re.Pattern[str]:
        text = re.escape("".join(text for text, _ in parts))
        return re.compile(text.replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)

    wildcards._compiled = compiled  # type: ignore[assignment]


def _any_token() -> None:
    from gateway import naming
    from tests.torture.fuzzing import parameters

    def position(text: str) -> bytes:
        return naming.base64.b64decode(text + "===", b"-_")[4:]

    naming.token_position = position
    parameters.token_position = position


def _overflowing_date() -> None:
    from datetime import UTC, datetime

    from gateway.wire import text

    def read(said: str) -> datetime:
        moment = datetime.fromisoformat(said)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    text.read_iso_date = read


def _last_frame_unmarked() -> None:
    from gateway.encryption import frames

    frames._nonce = lambda index, last: index.to_bytes(12, "big")


def _off_by_one_range() -> None:
    from gateway import ranges

    requested = ranges.requested

    def one_more(text: str | None, size: int) -> ranges.Span | None:
        found = requested(text, size)
        return found and ranges.Span(found.start, found.length + (found.length == 3))

    ranges.requested = one_more


def _open_quote() -> None:
    from gateway.select import engine_sql, tables

    engine_sql.literal = tables.literal = lambda text: f"'{text}'"


MUTANTS: Mapping[str, tuple[str, Callable[[], object]]] = {
    "int() on a header": ("sigv4_header", _unguarded_int),
    "half of a signature is compared": ("sigv4_header sigv4_query sigv2", _half_compared),
    "chunk signatures are not compared": ("aws_chunked", _unchecked_chunk),
    "a decoder without a bound": ("aws_chunked", _unbounded_line),
    "wildcards that backtrack": ("policy", _backtracking),
    "tokens without a check sum": ("listing", _any_token),
    "dates that overflow": ("xml", _overflowing_date),
    "a last frame like any other": ("frames", _last_frame_unmarked),
    "a range with a byte too many": ("ranges", _off_by_one_range),
    "quotes that are not doubled": ("select_sql", _open_quote),
}

GATE = Gate(
    name="R8 fuzz, in process",
    bar="1,000,000 inputs each, only declared errors, no input over 2 s, +50 MB at most",
    run=run,
    mutants=tuple(MUTANTS),
    short=0.0005,
    mutant_scale=0.02,
)
