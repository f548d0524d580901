"""The engine of the fuzzing, and everything it has ever found, again."""

import mmap
from random import Random

import pytest

from tests.torture.fuzzing import campaign
from tests.torture.fuzzing.campaign import Campaign, campaigns
from tests.torture.fuzzing.mutation import Mutation
from tests.torture.fuzzing.target import Target, must
from tests.torture.fuzzing.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_nothing_in_the_corpus_violates_anything(target: Target):
    corpus = target.corpus()
    report = Campaign(target, 1).run(len(corpus))

    assert report.inputs == len(corpus) > 0
    assert report.violations == []
    assert report.kinds > 1


def test_there_are_more_targets_than_the_bar_asks_for():
    assert len(TARGETS) >= 12


def test_the_same_seed_makes_the_same_inputs():
    def some(seed: int) -> list[bytes]:
        mutation = Mutation(Random(seed), (b"word",), 100)
        mutation.add(b"GET /a?b=1 c")
        return [mutation.next() for _ in range(500)]

    assert some(1) == some(1) != some(2)
    assert all(len(data) <= 100 for data in some(3))
    assert len(set(some(1))) > 300


def _raises(data: bytes) -> object:
    if len(data) > 3:
        raise KeyError(data)
    return len(data)


def _hangs(data: bytes) -> object:
    while data.startswith(b"hang"):
        pass
    return ""


HELD: list[mmap.mmap] = []


def _grows(data: bytes) -> object:
    pages = mmap.mmap(-1, 100_000)  # what malloc gives may be memory that this process had before
    pages.write(b"x" * 100_000)  # zeros might take none
    HELD.append(pages)
    return ""


def _breaks(data: bytes) -> object:
    must(not data, "not nothing", data)
    return ""


def _dies(data: bytes) -> object:
    raise SystemExit


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (_raises, "KeyError"),
        (_hangs, "more than 0.2 s"),
        (_grows, "grew by"),
        (_breaks, "not nothing"),
        (_dies, "SystemExit"),
    ],
)
def test_what_goes_wrong_is_told(run, told, monkeypatch):
    monkeypatch.setattr(campaign, "HANG_SECONDS", 0.2)
    target = Target("x", run, (b"a",), seeds=lambda: (b"hang", b"x"))
    (report,) = campaigns([target], 1, 3000)

    assert any(told in text for text in report.violations)
