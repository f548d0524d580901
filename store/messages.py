"""Messages about changes: queued in the transaction of the change, kept until they are delivered.

What they say, to whom, and how they are delivered is the gateway's business. Each queue is first
in, first out; a full one takes no more, so that a receiver that is gone cannot fill the disk.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

import apsw
from msgspec import Struct

from store.changes import Change, DropMessages, PutMessage
from store.database import every, one
from store.transaction import Commit, Transaction

log = logging.getLogger("s3gw.store")

MOST_WAITING = 100_000
"""In one queue."""

Announce = Callable[[int, Sequence[Change]], Iterable[tuple[str, bytes]]]
"""The changes of one commit and the lsn of the first -> queues, and what to put into them."""


class Message(Struct, frozen=True):
    """One message that waits."""

    number: int
    """Ascending within its queue."""
    body: bytes


def announce(transaction: Transaction, before: int, told: Announce) -> None:
    """Queue what is to be told of the changes after lsn ``before``, which are one commit's."""
    changes = transaction.changes[before - transaction.lsn :]
    for queue, body in list(told(before + 1, changes)):
        if _length(transaction.db, queue) >= MOST_WAITING:
            log.error("queue %s is full: a message about change %d is dropped", queue, before + 1)
        else:
            transaction.apply(PutMessage(queue, body))


def waiting(db: apsw.Connection, queue: str, limit: int) -> list[Message]:
    """The oldest of a queue, in order."""
    rows = every(
        db,
        "SELECT number, body FROM message WHERE queue = ? ORDER BY number LIMIT ?",
        (queue, limit),
    )
    return [Message(*row) for row in rows]


def _length(db: apsw.Connection, queue: str) -> int:
    """Numbers have no gaps, and only the oldest go."""
    ends = "SELECT {}(number) FROM message WHERE queue = ?"  # of two at once, SQLite reads all
    last = one(db, ends.format("max"), (queue,))
    first = one(db, ends.format("min"), (queue,))
    return last[0] - first[0] + 1 if last and first and last[0] is not None else 0


class Forget(Commit[None]):
    """Drop a queue's messages up to a number: they have been delivered."""

    def __init__(self, queue: str, last: int) -> None:
        self._change = DropMessages(queue, last)

    def decide(self, transaction: Transaction) -> None:
        transaction.apply(self._change)
