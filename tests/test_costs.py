"""No step of the hot path has become dearer: its CPU time against the committed baseline."""

import pytest

from gateway.operations import listing_page
from tests.costs import baseline
from tests.costs.measure import MARGIN, Step, ratio, too_dear
from tests.costs.steps import interpreter, steps


@pytest.fixture(scope="module")
def every():
    with steps() as made:
        yield made


def test_no_step_costs_more_than_its_baseline(every):
    found = too_dear(every.values(), baseline.read())

    assert not found, f"{found} times the baseline; {MARGIN} is allowed, see tests/costs"


def test_every_step_has_a_baseline(every):
    assert every.keys() == baseline.read().keys()


def test_a_step_that_became_slower_is_caught(every, monkeypatch):
    objects = listing_page.objects

    def slower(*page, **said):
        for _ in range(3):
            written = objects(*page, **said)
        return written

    monkeypatch.setattr(listing_page, "objects", slower)

    step = every["list page"]
    assert list(too_dear([step], baseline.read())) == ["list page"]


def test_a_step_within_the_margin_passes_and_beyond_it_does_not():
    step = Step("work", interpreter, 2, interpreter, 2)

    assert ratio(step) == pytest.approx(1, rel=0.1)
    assert too_dear([step], {"work": 0.9}) == {}
    assert 1.1 < too_dear([step], {"work": 0.7})["work"] < 1.7
