"""Compaction: what is left in a segment that is mostly trash is copied away, so that its file goes.

Holes give the bytes of trash back already where the file system can punch them; this gives back
the rest, and the files. In a process of its own, which appends to a segment of its own. A copy is
hashed before it is named; then the old place is trash, and the collector takes it when no reader is
left.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
from msgspec import Struct, structs

from store.changes import MoveContent
from store.content_rows import encode
from store.database import every, one
from store.engine import Engine
from store.errors import Damaged, NoSuchEntry
from store.failpoints import hit
from store.frontier import page_up
from store.fsck_bytes import Place, Scan, runs
from store.lock import FileLock
from store.pace import Pace
from store.records import Extent, Staged
from store.settings import Settings
from store.space import COMPACTOR
from store.transaction import Commit, Transaction


class Compacted(Struct, frozen=True):
    """What came of it."""

    segments: int
    """Looked at, since little of them was live."""
    moved_bytes: int
    left_bytes: int
    """What is damaged, and parts of uploads: they go by themselves."""


def candidates(db: apsw.Connection, directory: Path, below: float) -> Iterator[int]:
    """Sealed segments with a smaller live share than that, counted in whole pages."""
    for number, live in every(
        db,
        "SELECT number, (SELECT sum((length + 4095) / 4096 * 4096) FROM extent"
        " WHERE segment = number) FROM segment WHERE sealed",
    ):
        path = directory / "segments" / f"{number:08d}.seg"
        if live and path.exists() and live < below * page_up(path.stat().st_size):
            yield number


def compact(
    directory: Path,
    settings: Settings,
    *,
    below: float,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Compacted:
    """Empty all segments of which less than ``below`` (0 to 1) is live. Beside a server.

    May be killed at any point and repeated. Raises ``NoSpace``, ``Unavailable``, ``Damaged``.
    """
    lock = FileLock(directory, "compact.lock")
    try:
        with lock.held():
            return asyncio.run(_compact(directory, settings, below, clock))
    finally:
        lock.close()


async def _compact(
    directory: Path, settings: Settings, below: float, clock: Callable[[], int]
) -> Compacted:
    engine = Engine(directory, settings, COMPACTOR, clock)
    pace = Pace(settings.upkeep_bytes_per_second)
    looked = moved = left = 0
    try:
        for number in list(candidates(engine.db, directory, below)):
            looked += 1
            for owner, extent in _live(engine.db, number):
                if await _move(engine, directory, owner, extent, clock):
                    moved += extent.length
                    pace.spent(2 * extent.length)
                else:
                    left += extent.length
    finally:
        await asyncio.to_thread(engine.close)
    return Compacted(looked, moved, left)


def _live(db: apsw.Connection, segment: int) -> list[tuple[int, Extent]]:
    rows = every(
        db, 'SELECT owner, segment, "offset", length FROM extent WHERE segment = ?', (segment,)
    )
    return [(owner, Extent(*place)) for owner, *place in rows]


async def _move(
    engine: Engine, directory: Path, owner: int, extent: Extent, clock: Callable[[], int]
) -> bool:
    """False when it is no sound content's, or not any more."""
    run = next(runs(engine.db, owner, Place(owner - 1)), None)
    if run is None or run.place.content != owner or extent not in run.extents:
        return False
    try:
        staged = await engine.again(extent)
    except Damaged:
        return False
    hit("G3")
    at = run.extents.index(extent)
    moved = (*run.extents[:at], *staged.extents, *run.extents[at + 1 :])
    copied = structs.replace(run, extents=moved, is_current=lambda: True)
    if list(Scan(directory / "segments", lambda count: None).check(copied)):
        engine.discard(staged)
        return False
    try:
        await engine.submit(_Move(run.extents, MoveContent(owner, moved, clock()), staged), staged)
    except NoSuchEntry:
        return False
    hit("G5")
    return True


class _Move(Commit[None]):
    """Raises ``NoSuchEntry`` when the content has gone or been moved meanwhile."""

    def __init__(self, old: tuple[Extent, ...], change: MoveContent, staged: Staged) -> None:
        self._old = encode(old)
        self._change = change
        self.extents = staged.extents

    def decide(self, transaction: Transaction) -> None:
        there = "SELECT 1 FROM content WHERE id = ? AND extents = ?"
        if one(transaction.db, there, (self._change.content, self._old)) is None:
            raise NoSuchEntry(str(self._change.content))
        transaction.apply(self._change)
