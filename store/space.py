"""The verbs on segments: making one, sealing it, and where a worker goes on after a restart."""

import os
from pathlib import Path

import apsw

from store import files
from store.changes import NewSegment, SealSegment
from store.database import every, one
from store.errors import Unavailable
from store.frontier import page_up
from store.transaction import Commit, Transaction

COMPACTOR = 1_000_000
"""The worker whose segments compaction fills: none that serves has such a number."""


class MakeSegment(Commit[int]):
    """Returns the number of a new segment, which no segment ever had before."""

    def __init__(self, worker: int) -> None:
        self._change = NewSegment(worker)

    def decide(self, transaction: Transaction) -> int:
        return transaction.apply(self._change)


class Seal(Commit[None]):
    """Not an error when the segment is sealed or gone."""

    def __init__(self, segment: int) -> None:
        self._change = SealSegment(segment)

    def decide(self, transaction: Transaction) -> None:
        open_row = "SELECT 1 FROM segment WHERE number = ? AND sealed = 0"
        if one(transaction.db, open_row, (self._change.segment,)) is not None:
            transaction.apply(self._change)


def open_segments(db: apsw.Connection, worker: int) -> list[int]:
    """Unsealed segments of one worker, oldest first."""
    rows = every(
        db, "SELECT number FROM segment WHERE worker = ? AND sealed = 0 ORDER BY number", (worker,)
    )
    return [number for (number,) in rows]


def all_open_segments(db: apsw.Connection) -> list[int]:
    """Of all workers that serve. The compactor, who may be at work, looks after its own."""
    query = "SELECT number FROM segment WHERE sealed = 0 AND worker <> ?"
    return [number for (number,) in every(db, query, (COMPACTOR,))]


def end_of(db: apsw.Connection, segment: int) -> int:
    """Where the bytes that have a row end; what lies beyond belongs to nobody."""
    return max((end for _, end in _named(db, segment)), default=0)


def ends(db: apsw.Connection) -> list[tuple[int, int]]:
    """Each segment, and where the bytes that an object or a part has in it end; 0: it has none."""
    last = 'SELECT "offset" + length FROM extent WHERE segment = number ORDER BY "offset" DESC'
    return [
        (number, end)
        for number, end in every(db, f"SELECT number, coalesce(({last} LIMIT 1), 0) FROM segment")
    ]


def sweep(db: apsw.Connection, segment: int, path: Path) -> None:
    """Give back the bytes of an open segment that no row names: its writer is gone.

    Not an error when the file is not there. Raises ``Unavailable``, also when it has a writer.
    """
    try:
        file = files.open_write(path)
    except FileNotFoundError:
        return
    try:
        if not files.lock_file(file):
            raise Unavailable(f"segment {segment} is written by another process")
        at = 0
        for start, end in _named(db, segment):
            if start > at:
                files.punch(file, at, start - at)
            at = page_up(end)
        end = end_of(db, segment)
        if os.fstat(file).st_size > end:
            files.truncate(file, end)
    finally:
        os.close(file)


def _named(db: apsw.Connection, segment: int) -> list[tuple[int, int]]:
    """Start and end of all that has a row, the trash included, in order."""
    rows = every(
        db,
        'SELECT "offset", "offset" + length FROM extent WHERE segment = ?'
        ' UNION ALL SELECT "offset", "offset" + length FROM trash WHERE segment = ? ORDER BY 1',
        (segment, segment),
    )
    return [(start, end) for start, end in rows]
