"""The checker of histories, beside one that tries every order."""

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture.register import (
    NEVER,
    Answer,
    Op,
    Verb,
    linearizable,
    stale_reads,
)

DONE, FAILED, MISSING, UNKNOWN = Answer.DONE, Answer.FAILED, Answer.MISSING, Answer.UNKNOWN
ANSWERS = {
    Verb.GET: [DONE],
    Verb.PUT: [DONE, UNKNOWN],
    Verb.DELETE: [DONE, UNKNOWN],
    Verb.PUT_IF_ABSENT: [DONE, FAILED, UNKNOWN],
    Verb.PUT_IF_MATCH: [DONE, FAILED, MISSING, UNKNOWN],
}


@st.composite
def histories(draw):
    """At most six operations, most of which overlap."""
    ops = []
    for number in range(draw(st.integers(1, 6))):
        verb = draw(st.sampled_from(Verb))
        answer = draw(st.sampled_from(ANSWERS[verb]))
        invoked = draw(st.integers(0, 8))
        returned = NEVER if answer is UNKNOWN else invoked + draw(st.integers(1, 6))
        known = st.sampled_from([None, *range(number + 1)])
        value = {Verb.GET: draw(known), Verb.DELETE: None}.get(verb, number)
        match = draw(st.integers(0, 5)) if verb is Verb.PUT_IF_MATCH else None
        ops.append(Op(verb, invoked, returned, answer, value, match))
    return ops


def explained(order) -> bool:
    """Every answer is the right one if this is what happened, one after the other."""
    there = None
    for op in order:
        matches = {Verb.PUT_IF_ABSENT: there is None, Verb.PUT_IF_MATCH: there == op.match}
        holds = matches.get(op.verb, True)
        if op.verb is Verb.GET:
            if there != op.value:
                return False
        elif (
            (op.answer is FAILED and (holds or there is None))
            or (op.answer is MISSING and there is not None)
            or (op.answer is DONE and not holds)
        ):
            return False
        elif holds and op.answer in (DONE, UNKNOWN):
            there = None if op.verb is Verb.DELETE else op.value
    return True


def in_time(order) -> bool:
    """None comes before one that was over when it was asked."""
    return all(first.invoked <= second.returned for first, second in combinations(order, 2))


def explainable(history) -> bool:
    """By any order, with any choice of what happened of the unknown."""
    owed = [op for op in history if op.answer is not UNKNOWN]
    open_ones = [op for op in history if op.answer is UNKNOWN]
    return any(
        in_time(order) and explained(order)
        for count in range(len(open_ones) + 1)
        for chosen in combinations(open_ones, count)
        for order in permutations([*owed, *chosen])
    )


@settings(max_examples=200, deadline=None)
@given(histories())
def test_the_search_says_what_trying_everything_says(history):
    assert linearizable(history) is explainable(history)


@settings(max_examples=200, deadline=None)
@given(histories())
def test_a_stale_read_is_in_no_linearizable_history(history):
    if stale_reads(history):
        assert not explainable(history)


def get(value, invoked, returned):
    return Op(Verb.GET, invoked, returned, value=value)


def put(value, invoked, returned=NEVER):
    answer = UNKNOWN if returned is NEVER else DONE
    return Op(Verb.PUT, invoked, returned, answer, value)


STALE = {
    "old": [put(1, 0, 1), put(2, 2, 3), get(1, 4, 5)],
    "lost": [put(1, 0, 1), get(None, 2, 3)],
    "deleted": [put(1, 0, 1), Op(Verb.DELETE, 2, 3), get(1, 4, 5)],
    "never written": [get(1, 4, 5)],
    "from the future": [get(1, 0, 1), put(1, 2, 3)],
    "a refused write": [
        put(1, 0, 1),
        Op(Verb.PUT_IF_ABSENT, 2, 3, FAILED, 2),
        get(2, 4, 5),
    ],
}


@pytest.mark.parametrize("history", STALE.values(), ids=STALE)
def test_both_checks_find(history):
    assert linearizable(history) is False
    assert len(stale_reads(history)) == 1


WRONG = {
    "two winners": [Op(Verb.PUT_IF_ABSENT, 0, 9, value=n) for n in (1, 2)],
    "no winner": [Op(Verb.PUT_IF_ABSENT, 0, 9, FAILED, n) for n in (1, 2)],
    "back and forth": [put(1, 0, 9), put(2, 0, 9), get(1, 1, 2), get(2, 3, 4), get(1, 5, 6)],
    "a match that is not": [put(1, 0, 1), Op(Verb.PUT_IF_MATCH, 2, 3, value=2, match=3)],
}


@pytest.mark.parametrize("history", WRONG.values(), ids=WRONG)
def test_the_search_finds(history):
    assert linearizable(history) is False
    assert not stale_reads(history)


RIGHT = {
    "a write that was cut off comes late": [put(1, 0), get(None, 1, 2), get(1, 3, 4)],
    "or never": [put(1, 0), get(None, 1, 2), get(None, 3, 4)],
    "readers during a write": [put(1, 0, 9), get(None, 1, 2), get(1, 3, 4)],
    "a delete of nothing and of something": [
        Op(Verb.DELETE, 0, 9),
        put(1, 1, 2),
        get(None, 10, 11),
    ],
}


@pytest.mark.parametrize("history", RIGHT.values(), ids=RIGHT)
def test_neither_finds_fault_with(history):
    assert linearizable(history) is True
    assert not stale_reads(history)


def test_a_search_that_takes_too_long_is_no_answer():
    many = [Op(Verb.PUT, 0, 100, value=n) for n in range(12)]

    assert linearizable([*many, get(99, 0, 100)], most=100) is None
