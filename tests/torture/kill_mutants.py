"""Defects that ``kill`` must catch, each put into a server before it starts."""

import os
import time
from typing import Any

import apsw

from store import files, space
from store.committer import Committer
from store.ledger import Ledger
from store.segments import Segments

SLOW_SECONDS = 0.004
"""What the disk takes for what is done too late."""


def bytes_after_commit() -> None:
    """The index is committed before the segment has the bytes, and both before the answer."""
    waiting: list[tuple[Any, int, bytes]] = []
    commit = Ledger.commit

    def write(self: Any, extent: Any, offset: int, data: Any) -> None:
        waiting.append((self.path(extent.segment), extent.offset + offset, bytes(data)))
        with self._lock:
            segment = self._writing[extent.segment]
            end = offset + len(data)
            segment.written[extent.offset] = max(end, segment.written[extent.offset])

    def late(self: Any, commits: Any) -> Any:
        outcomes = commit(self, commits)
        if waiting:
            time.sleep(SLOW_SECONDS)
        while waiting:
            path, offset, data = waiting.pop()
            file = files.open_write(path)
            files.pwrite_all(file, data, offset)
            os.close(file)
        return outcomes

    Segments.write = write  # type: ignore[method-assign]
    Ledger.commit = late  # type: ignore[method-assign]


class _Late:
    """A connection on which COMMIT waits until ``settle``, or the next transaction."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.owes: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, statement: str, *rest: Any) -> Any:
        if statement == "COMMIT":
            self.owes.append(lambda: self._db.execute("COMMIT"))
            return None
        if statement == "BEGIN IMMEDIATE":
            self.settle()
        return self._db.execute(statement, *rest)

    def settle(self) -> None:
        owed, self.owes = self.owes, []
        for each in owed:
            each()


def answer_before_commit() -> None:
    """The caller hears of it first; then come the commit and the journal."""
    init, append, answer = Ledger.__init__, Ledger._append, Committer._answer

    def made(self: Any, *given: Any) -> None:
        init(self, *given)
        self.db = _Late(self.db)

    def first(self: Any, waiters: Any, outcomes: Any) -> None:
        answer(self, waiters, outcomes)
        if self._ledger.db.owes:
            time.sleep(SLOW_SECONDS)
        self._ledger.db.settle()

    Ledger.__init__ = made  # type: ignore[method-assign]
    Ledger._append = lambda self, *given: self.db.owes.append(  # type: ignore[method-assign]
        lambda: append(self, *given)
    )
    Committer._answer = first  # type: ignore[method-assign]


def sweep_too_far() -> None:
    """At start, an open segment is cut off before the last bytes that have a name."""
    named = space._named
    space._named = lambda db, segment: named(db, segment)[:-1]


def take_others_segments() -> None:
    """A worker that starts goes on in the newest open segment, whoever writes it."""
    space.open_segments = lambda db, worker: space.all_open_segments(db)
    files.lock_file = lambda file: True
