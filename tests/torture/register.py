"""One key as its clients saw it: their operations with times, and whether one order explains them.

An S3 key is a register with PUT, DELETE, GET and writes on a condition. A history is linearizable
when each operation can be given one instant between its request and its answer such that, in the
order of these instants, every answer is the right one (Herlihy and Wing 1990). The search is Wing
and Gong's with Lowe's memory of configurations (https://www.cs.ox.ac.uk/people/gavin.lowe/LinearizabiltyTesting/).
What was asked and never answered may happen at any time after, or never.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

NEVER = 1 << 62
"""Later than any instant."""
_UNSEEN = -1
"""In the place of all values that no answer depends on."""


class Verb(Enum):
    GET = "GET"
    PUT = "PUT"
    PUT_IF_ABSENT = "PUT, If-None-Match: *"
    PUT_IF_MATCH = "PUT, If-Match"
    DELETE = "DELETE"


class Answer(Enum):
    DONE = "done"
    FAILED = "412"
    """There is an object, and it is not as the condition wants it."""
    MISSING = "404"
    """There is none. Of a GET this is DONE with None."""
    UNKNOWN = "unknown"


_REFUSED = frozenset({Answer.FAILED, Answer.MISSING})


@dataclass(frozen=True, slots=True)
class Op:
    """Asked at ``invoked`` and answered at ``returned``, in any unit of one clock."""

    verb: Verb
    invoked: int
    returned: int = NEVER
    answer: Answer = Answer.DONE
    value: int | None = None
    """Written, by no other operation; or read, None when there was nothing."""
    match: int | None = None
    """The value that If-Match names."""


History = Sequence[Op]
State = int | None


def after(state: State, op: Op) -> tuple[bool, State]:
    """Whether the answer is right in ``state``, and the state that follows."""
    if op.verb is Verb.GET:
        return op.value == state, state
    if op.verb is Verb.DELETE:
        return True, None
    absent = op.verb is Verb.PUT_IF_ABSENT
    holds = op.verb is Verb.PUT or (state is None if absent else state == op.match)
    if op.answer is Answer.UNKNOWN:
        return True, op.value if holds else state
    if op.answer is Answer.DONE:
        return holds, op.value
    if op.answer is Answer.MISSING:
        return not absent and state is None, state
    return state is not None and not holds, state


def linearizable(history: History, most: int = 200_000) -> bool | None:
    """``None``: not known after looking at ``most`` configurations. Starts with no object."""
    ops = sorted(_condensed(history), key=lambda op: op.invoked)
    owed = sum(1 << i for i, op in enumerate(ops) if op.answer is not Answer.UNKNOWN)
    waiting: list[tuple[int, State]] = [(0, None)]
    seen: set[tuple[int, State]] = set()
    while waiting:
        done, state = waiting.pop()
        done, ready = _settled(ops, done, state)
        if done & owed == owed:
            return True
        if (done, state) in seen:
            continue
        if len(seen) == most:
            return None
        seen.add((done, state))
        # The one that must be first is looked at first.
        for i in sorted(ready, key=lambda i: -ops[i].returned):
            right, following = after(state, ops[i])
            if right and (following != state or ops[i].answer is not Answer.UNKNOWN):
                waiting.append((done | 1 << i, following))
    return False


def _settled(ops: Sequence[Op], done: int, state: State) -> tuple[int, list[int]]:
    """With all that changes nothing, ever, and is right already; and which may be next.

    An order in which one of them comes later stays one when it comes first, so no choice is lost.
    """
    while True:
        ready = _ready(ops, done)
        idle = 0
        for i in ready:
            mute = ops[i].verb is Verb.GET or ops[i].answer in _REFUSED
            if mute and after(state, ops[i])[0]:
                idle |= 1 << i
        if not idle:
            return done, ready
        done |= idle


def _ready(ops: Sequence[Op], done: int) -> list[int]:
    """Those that were asked before any other that is left was answered."""
    ready = []
    soonest = NEVER
    for i in range((~done & (done + 1)).bit_length() - 1, len(ops)):
        if done >> i & 1:
            continue
        op = ops[i]
        if op.invoked > soonest:
            break
        soonest = min(soonest, op.returned)
        ready.append(i)
    return ready


def _condensed(history: History) -> list[Op]:
    """With one value for all that nobody read or named: fewer configurations differ."""
    seen = {op.value for op in history if op.verb is Verb.GET} | {op.match for op in history}
    return [
        op
        if op.value is None or op.value in seen
        else Op(op.verb, op.invoked, op.returned, op.answer, _UNSEEN, op.match)
        for op in history
    ]


class Writes:
    """What reads of one history are held against, each in logarithmic time.

    Finds less than ``linearizable`` and is never too slow: reads of values that were not written,
    not yet written, or certainly overwritten, and absence where something certainly is.
    """

    def __init__(self, history: History) -> None:
        self._written = {
            op.value: op
            for op in history
            if op.value is not None and op.verb is not Verb.GET and _took(op, unknown=True)
        }
        sure = [op for op in history if op.verb is not Verb.GET and _took(op, unknown=False)]
        self._changes = _Latest([(op.returned, op.invoked) for op in sure])
        self._puts = _Latest(
            [(op.returned, op.invoked) for op in sure if op.verb is not Verb.DELETE]
        )
        deletes = [op for op in history if op.verb is Verb.DELETE]
        self._deletes = _Latest([(op.invoked, op.returned) for op in deletes])

    def wrong(self, read: Op) -> str | None:
        """What is wrong with what it read."""
        if read.value is None:
            put = self._puts.before(read.invoked)
            deleted = self._deletes.before(read.returned + 1)
            if put is not None and (deleted is None or deleted < put):
                return f"reads nothing at {read.invoked}, after a PUT that nothing deleted"
            return None
        written = self._written.get(read.value)
        if written is None:
            return f"reads {read.value}, which was never written"
        if written.invoked > read.returned:
            return f"reads {read.value} before it was written"
        change = self._changes.before(read.invoked)
        if change is not None and change > written.returned:
            return f"reads {read.value} at {read.invoked}, which was overwritten before"
        return None


def _took(op: Op, *, unknown: bool) -> bool:
    return op.answer is Answer.DONE or (unknown and op.answer is Answer.UNKNOWN)


class _Latest:
    """Pairs of instants: the greatest second one among those whose first is early enough."""

    def __init__(self, pairs: list[tuple[int, int]]) -> None:
        pairs.sort()
        self._firsts = [first for first, _ in pairs]
        self._greatest = list(accumulate((second for _, second in pairs), max))

    def before(self, instant: int) -> int | None:
        at = bisect_left(self._firsts, instant)
        return self._greatest[at - 1] if at else None


def stale_reads(history: History) -> list[str]:
    """What ``Writes`` finds in it."""
    writes = Writes(history)
    reads = (writes.wrong(op) for op in history if op.verb is Verb.GET)
    return [wrong for wrong in reads if wrong is not None]
