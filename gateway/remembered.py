"""Answers to plain reads, kept for as long as what they were made from is as it was.

A read that says nothing beyond bucket, key and checksum mode is answered from these alone, the
caller, the store and the settings; so the same question to the same state has the same answer.
That the state is the same is ``Store.state``'s to say (``store.walindex`` has the proof). When it
is another, the rows of the bucket and of the object's current version are all that counts: the
first is compared, of the second its ``seq``, which no other version ever has and which changes
with everything about it. Nothing is decided here: an answer is what the pipeline made of the same
question, refusals aside.

Not for buckets whose policy may ask for the time or the address, nor for browsers (CORS).
"""

from typing import NamedTuple

from msgspec import Struct

from gateway.naming import key_bytes
from gateway.operation import INERT
from gateway.request import Request
from gateway.response import Response
from store.records import Bucket, Entry
from store.store import Store

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


class _Known(Struct):
    answer: Response
    state: bytes
    """The last in which it was the answer."""
    bucket: Bucket
    seq: int | None
    """Of the object's entry; ``None``: no other state will do."""


class Remembered:
    """The oldest go when there are too many."""

    def __init__(self) -> None:
        self._answers: dict[Question, _Known] = {}
        self._bytes = 0

    def find(self, asked: Question, state: bytes, store: Store) -> Response | None:
        """To be sent, not to be changed. ``state`` is that of ``store``, asked a moment ago."""
        known = self._answers.get(asked)
        if known is None:
            return None
        if known.state != state:
            bucket = store.bucket(asked.bucket)
            if bucket is None or known.seq is None or bucket != known.bucket:
                return None
            if store.seq(bucket, key_bytes(asked.key)) != known.seq:
                return None
            if store.state() == state:
                known.state = state
        return known.answer

    def keep(
        self, asked: Question, state: bytes, answer: Response, bucket: Bucket, entry: Entry | None
    ) -> None:
        """``answer`` was made from ``state`` and from no other: asked before and after.

        It is about ``entry`` in ``bucket``. One that is encrypted depends on keys as well, which
        are not in the store.
        """
        if not isinstance(answer.body, bytes) or answer.status != 200:
            return
        if not {name for name, _ in answer.headers} >= _TOLD:
            return
        answer.settle()
        seq = entry.seq if entry is not None and entry.attributes.encryption is None else None
        self._forget(asked)
        self._answers[asked] = _Known(answer, state, bucket, seq)
        self._bytes += _weight(answer)
        while self._bytes > MOST_BYTES:
            self._forget(next(iter(self._answers)))

    def _forget(self, asked: Question) -> None:
        known = self._answers.pop(asked, None)
        if known is not None:
            self._bytes -= _weight(known.answer)


def _weight(answer: Response) -> int:
    assert isinstance(answer.body, bytes)
    return len(answer.body) + 2 * len(answer.lines) + _OVERHEAD
