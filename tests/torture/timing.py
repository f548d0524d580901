"""R20: how long a refusal takes tells nothing of a secret, nor of whose key it is.

Two kinds of wrong requests are verified in random order, as dudect does: while the times of both
come from one distribution, Welch's t stays small however often they are compared. Cropped samples
count too, since what is slow for other reasons hides a small difference.
https://eprint.iacr.org/2016/1123
"""

import gc
import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from statistics import fmean, variance

from gateway.auth import verify
from gateway.config import Config
from gateway.errors import InvalidAccessKeyId, S3Error
from gateway.request import Request
from keys.access_key import AccessKey
from keys.table import Table
from tests.gateway.auth.signed import NOW, resend, sign, sign_v2
from tests.torture.gate import Gate, Outcome, Run

MOST_T = 4.5
SAMPLES = 100_000
BATCH = 250
"""Requests that are made before they are timed."""
CROPS = 10
LEAST_CROPPED = 1000

KEYS = 16
"""Of each kind, one in a batch: where one of them stands in a table is an accident."""
WARM = 50
"""Requests of a batch that are not timed: they find its key in no cache."""

Kind = Sequence[Callable[[], Request]]
"""Makes requests, all wrong in the same way."""


def _wrong(version: str, key: str, secret: str, at: int = 0) -> Callable[[], Request]:
    """A request whose signature is right but for the character ``at``."""
    aws = {"v4": sign, "v2": sign_v2}[version](key=key, secret=secret)
    text = aws.headers["Authorization"]
    place = len(text) - LENGTH[version] + at
    other = "0" if text[place] != "0" else "1"
    whole = text[:place] + other + text[place + 1 :]
    return partial(resend, aws, lambda headers: headers.update(authorization=whole))


LENGTH = {"v4": 64, "v2": 28}
LAST = {"v4": 63, "v2": 26}
"""The last character of base64 is always a sign of its end."""


def _pairs(table: Table) -> dict[str, tuple[Kind, Kind]]:
    """What must take the same time, by name."""
    made, disabled = ([table.generate() for _ in range(KEYS)] for _ in range(2))
    for each in disabled:
        table.disable(each.key)
    pairs: dict[str, tuple[Kind, Kind]] = {}
    for version in LENGTH:
        first = [_wrong(version, each.key, each.secret) for each in made]
        last = [_wrong(version, each.key, each.secret, LAST[version]) for each in made]
        off = [_wrong(version, each.key, each.secret) for each in disabled]
        unknown = [_wrong(version, each.key[::-1], each.secret) for each in made]
        pairs |= {
            f"{version}_first_or_last_byte": (first, last),
            f"{version}_known_or_unknown_key": (first, unknown),
            f"{version}_disabled_or_unknown_key": (off, unknown),
        }
    return pairs


def _times(pair: tuple[Kind, Kind], table: Table, samples: int, seed: int) -> list[list[int]]:
    """Nanoseconds of each refusal, of both kinds."""
    draw, config = random.Random(seed), Config()
    taken: list[list[int]] = [[], []]
    for batch in range(math.ceil(samples / (BATCH - WARM))):
        kinds = [number % 2 for number in range(BATCH)]
        draw.shuffle(kinds)
        requests = [(kind, pair[kind][batch % KEYS]()) for kind in kinds]
        of_batch: list[list[int]] = [[], []]
        gc.disable()
        try:
            for kind, request in requests:
                start = time.perf_counter_ns()
                with suppress(S3Error):
                    verify.verify(request, table, config, NOW)
                of_batch[kind].append(time.perf_counter_ns() - start)
        finally:
            gc.enable()
        for all_of_it, times in zip(taken, of_batch, strict=True):
            all_of_it += times[WARM // 2 :]
    return taken


def welch(one: Sequence[float], other: Sequence[float]) -> float:
    """Welch's t of two samples, without its sign."""
    spread = variance(one) / len(one) + variance(other) / len(other)
    return abs(fmean(one) - fmean(other)) / math.sqrt(spread) if spread else 0.0


def leak(one: Sequence[int], other: Sequence[int]) -> float:
    """The largest t of the samples whole, and without the slowest half, quarter, eighth..."""
    found = [welch(one, other)]
    pool = sorted([*one, *other])
    for crop in range(1, CROPS + 1):
        most = pool[int(len(pool) * (1 - 0.5**crop)) - 1]
        fast = [[each for each in times if each <= most] for times in (one, other)]
        if min(map(len, fast)) >= min(LEAST_CROPPED, len(one) // 4):
            found.append(welch(*fast))
    return max(found)


def _early_exit() -> None:
    """Signatures compared character by character, up to the first that differs."""

    def same(expected: str, given: str) -> bool:
        for one, other in zip(expected, given, strict=False):
            if one != other:
                return False
        return len(expected) == len(given)

    verify._same = same


def _unknown_at_once() -> None:
    """A key id that nobody has is refused before anything is signed."""
    whole = verify._find

    def find(key_id: str, keys: Table) -> AccessKey:
        if keys.find(key_id) is None:
            raise InvalidAccessKeyId(AWSAccessKeyId=key_id)
        return whole(key_id, keys)

    verify._find = find


MUTANTS = {"early-exit": _early_exit, "unknown-at-once": _unknown_at_once}


@contextmanager
def _product(mutant: str):
    """The product with a defect in it, and then without."""
    kept = verify._same, verify._find
    if mutant:
        MUTANTS[mutant]()
    try:
        yield
    finally:
        verify._same, verify._find = kept


def _run(run: Run) -> Outcome:
    table = Table(run.directory)
    figures, wrong = {}, []
    samples = run.of(SAMPLES)
    try:
        with _product(run.mutant):
            for name, pair in _pairs(table).items():
                figures[name] = t = round(leak(*_times(pair, table, samples, run.seed)), 2)
                if t >= MOST_T:
                    wrong.append(f"{name}: t = {t} over {samples} samples")
    finally:
        table.close()
    return Outcome({"samples": samples, **figures}, wrong)


GATE = Gate(
    name="R20 timing",
    bar="Welch t < 4.5 over 10^5 samples: wrong first or last byte, known or unknown key",
    run=_run,
    mutants=tuple(MUTANTS),
    short=0.02,
    mutant_scale=0.02,
)
