"""Answers to plain reads, kept for as long as the store is in the state they were made from.

A read that says nothing beyond bucket, key and checksum mode is answered from these alone, the
caller, the store and the settings; so the same question to the same state has the same answer.
That the state is the same is ``Store.state``'s to say (``store.walindex`` has the proof). Nothing
is decided here: an answer is what the pipeline made of the same question, refusals aside.

Not for buckets whose policy may ask for the time or the address, nor for browsers (CORS).
"""

from typing import NamedTuple

from gateway.operation import INERT
from gateway.request import Request
from gateway.response import Response

MOST_BYTES = 64 << 20
"""Of bodies and heads, in each worker."""
INDIFFERENT = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "connection",
        "date",
        "host",
        "user-agent",
        "x-amz-checksum-mode",  # part of the question
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-user-agent",
    }
)
"""Fields that a read may have and be plain; any other may mean something."""
_TOLD = frozenset({"Content-Length", "Content-Type"})
"""Else they are found out as it goes out."""
_OVERHEAD = 1024
"""Of an answer, beside its bytes."""


class Question(NamedTuple):
    """What is asked, and by whom: the caller's id, empty when anonymous."""

    operation: str
    caller: str
    bucket: str
    key: str
    checksum_mode: str | None


def question(operation: str, caller: str, request: Request) -> Question | None:
    """``None``: not a plain one."""
    headers, query = request.headers, request.query
    if request.bucket is None or request.key is None or not headers.names <= INDIFFERENT:
        return None
    if query.pairs and not query.names <= INERT:
        return None
    mode = headers.get("x-amz-checksum-mode")
    return Question(operation, caller, request.bucket, request.key, mode)


class Remembered:
    """The oldest go when there are too many, all go when the store changes."""

    def __init__(self) -> None:
        self._state = b""
        self._answers: dict[Question, Response] = {}
        self._bytes = 0

    def find(self, asked: Question, state: bytes) -> Response | None:
        """To be sent, not to be changed."""
        return self._answers.get(asked) if state == self._state else None

    def keep(self, asked: Question, state: bytes, answer: Response) -> None:
        """``answer`` was made from ``state`` and from no other: asked before and after."""
        if not isinstance(answer.body, bytes) or answer.status != 200:
            return
        if not {name for name, _ in answer.headers} >= _TOLD:
            return
        if state != self._state:
            self._answers, self._bytes, self._state = {}, 0, state
        if asked in self._answers:
            return
        answer.settle()
        self._bytes += _weight(answer)
        self._answers[asked] = answer
        while self._bytes > MOST_BYTES:
            self._bytes -= _weight(self._answers.pop(next(iter(self._answers))))


def _weight(answer: Response) -> int:
    assert isinstance(answer.body, bytes)
    return len(answer.body) + 2 * len(answer.lines) + _OVERHEAD
