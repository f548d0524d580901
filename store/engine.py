"""Engine: what one worker runs to keep a store - connections, threads, segments - and their order.

The verbs are ``store.store``'s; here is what they all need, how it starts and how it ends.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import ParamSpec, TypeVar

import apsw
import msgspec

from store import space
from store.chores import Chores
from store.collector import Collector
from store.committer import Committer
from store.database import FILE, open_reader, refusal
from store.errors import Damaged
from store.failpoints import hit
from store.inflight import InFlight
from store.leaves import Leaves, Seen
from store.ledger import Ledger
from store.messages import Announce
from store.reader import PIECE_BYTES, Reader
from store.records import Body, Extent, Staged
from store.segments import Segments
from store.settings import Settings
from store.stage import stage, stage_at_once
from store.transaction import Commit
from store.unixfs import Profile

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger("s3gw.store")


class Engine:
    """Built on the running loop, which it serves. ``close`` it on another thread."""

    def __init__(
        self, directory: Path, settings: Settings, worker: int, clock: Callable[[], int]
    ) -> None:
        """Raises ``Unavailable``."""
        self._settings = settings
        self._worker = worker
        self._announce: Announce | None = None
        self._active: int | None = None
        self._full: int | None = None
        self.db = open_reader(directory / FILE)
        self._ledger = Ledger(directory, settings.durability)
        self.segments = Segments(directory, settings, worker, self._new_segment)
        self._pool = ThreadPoolExecutor(
            (os.cpu_count() or 1) + 2, "s3gw-hash", initializer=_step_back
        )
        self._committer = Committer(self._ledger, self.segments, settings.durability)
        self._in_flight = InFlight(self._seal)
        self._seen = Seen()
        self.collector = Collector(
            directory, settings, self.segments, self._committer, self._ledger
        )
        self._chores = Chores(directory, settings)
        self._committer.start()
        try:
            self._resume()
        except BaseException:
            self.close()
            raise
        if worker == 0:
            self.collector.start(clock, self._chores.look)

    def announcing(self, announce: Announce) -> "Engine":
        """The same, for commits that are announced too. Not to be closed.

        Shallow: all that changes in an engine is changed by callbacks of the one it was made from.
        """
        other = copy(self)
        first = self._announce
        other._announce = (
            announce
            if first is None
            else lambda lsn, changes: [*first(lsn, changes), *announce(lsn, changes)]
        )
        return other

    def close(self) -> None:
        """Blocks until all that was submitted is done."""
        self.collector.close()
        self._chores.close()
        self._pool.shutdown()
        self._committer.close()
        self.segments.close()
        self._ledger.close()
        self.db.close()

    # --- bytes ---------------------------------------------------------------------------------

    async def stage(self, body: Body, profile: Profile) -> Staged:
        """See ``Store.stage``."""
        staged = stage_at_once(body, profile, self._settings)
        if staged is not None:
            return staged
        token = self._in_flight.begin()
        try:
            staged = await stage(body, profile, self.segments, self._settings, self._pool)
        except BaseException:
            self._in_flight.end(token)
            raise
        hit("P1")
        if staged.extents:
            self._in_flight.hold(token, staged)
        else:
            self._in_flight.end(token)
        return staged

    async def again(self, extent: Extent) -> Staged:
        """The same bytes once more, in this worker's segment; of the rest only their place is said.

        Raises ``Damaged`` when they cannot be read or are being freed, ``NoSpace``,
        ``Unavailable``.
        """
        token = self._in_flight.begin()
        try:
            extents = await self.in_pool(self._copy, extent)
        except BaseException:
            self._in_flight.end(token)
            raise
        staged = Staged(extent.length, b"", "", {}, b"", extents=extents)
        self._in_flight.hold(token, staged)
        return staged

    def _copy(self, extent: Extent) -> tuple[Extent, ...]:
        made: list[Extent] = []
        done = 0
        held = self.reader([extent], 0, extent.length)
        try:
            while done < extent.length:
                made.append(fresh := self.segments.reserve(extent.length - done))
                for at in range(0, fresh.length, PIECE_BYTES):
                    count = min(PIECE_BYTES, fresh.length - at)
                    piece = Extent(extent.segment, extent.offset + done + at, count)
                    self.segments.write(fresh, at, self.read(piece))
                done += self.segments.shrink(fresh, fresh.length).length
        except BaseException:
            self.segments.abandon(made)
            raise
        finally:
            held.close()
        return tuple(made)

    async def placed(self, staged: Staged) -> Staged:
        """The same bytes in a segment, however few. In the pool: reserving may have to wait for
        the committer, so the committer must never reserve."""
        if not staged.body:
            return staged
        token = self._in_flight.begin()
        try:
            extent = await self.in_pool(self._place, staged.body)
        except BaseException:
            self._in_flight.end(token)
            raise
        moved = msgspec.structs.replace(staged, body=None, extents=(extent,))
        self._in_flight.hold(token, moved)
        return moved

    def _place(self, data: bytes) -> Extent:
        extent = self.segments.reserve(len(data))
        try:
            self.segments.write(extent, 0, data)
        except BaseException:
            self.segments.abandon([extent])
            raise
        return self.segments.shrink(extent, extent.length)

    def discard(self, staged: Staged) -> None:
        """See ``Store.discard``."""
        token = self._in_flight.release(staged)
        if token is not None:
            self._pool.submit(self.segments.abandon, staged.extents)
            self._in_flight.end(token)

    def reader(
        self,
        extents: Sequence[Extent],
        start: int,
        length: int,
        content: tuple[int, bytes] | None = None,
    ) -> Reader:
        """``content``: id and CID of the one whose bytes these are; without, none is hashed."""
        leaves = None
        if content is not None and extents:  # without any it is in quarantine, which Reader says
            size = sum([extent.length for extent in extents])
            leaves = Leaves(self.db, self._seen, *content, size)
        return Reader(self.segments, extents, start, length, self._pool, leaves)

    def read(self, extent: Extent) -> bytes:
        """All of it, in one call; off the loop. Raises ``Damaged`` when it is cut short."""
        file = self.segments.open(extent.segment)
        try:
            data = os.pread(file, extent.length, extent.offset)
        finally:
            os.close(file)
        if len(data) != extent.length:
            raise Damaged(f"{extent} has {len(data)} bytes")
        return data

    # --- work ----------------------------------------------------------------------------------

    def submit(self, commit: Commit[T], staged: Staged | None = None) -> "asyncio.Future[T]":
        """Have it committed. ``staged`` is handed over: it is named, or given back, by then.

        Raises ``ValueError`` when that was done before: its bytes may be live by now.
        """
        if self._announce is not None:
            commit.announce = self._announce
        if staged is None or not staged.extents:
            return self._committer.submit(commit)
        token = self._in_flight.release(staged)
        if token is None:
            raise ValueError("staged bytes are committed once")
        try:
            return self._committer.submit(commit)
        finally:
            self._in_flight.end(token)

    async def in_pool(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run it in a hashing thread. What the disk does to it is the store's error."""
        try:
            return await asyncio.wrap_future(self._pool.submit(call, *args, **kwargs))
        except (OSError, apsw.Error) as error:
            refused = refusal(error)
            if refused is None:
                raise
            raise refused from error

    # --- segments ------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Go on in the segment this worker last wrote to; seal those it left before."""
        open_ones = space.open_segments(self.db, self._worker)
        # The newest first: when another process writes it, nothing must be touched.
        for number in reversed(open_ones):
            space.sweep(self.db, number, self.segments.path(number))
        for number in open_ones[:-1]:
            self._seal(number)
        for number in open_ones[-1:]:
            try:
                self.segments.start(number, space.end_of(self.db, number))
            except Damaged:
                log.exception("segment %d is damaged and sealed", number)
                self._seal(number)
            else:
                self._active = number

    def _new_segment(self) -> int:
        """Called by ``Segments``, off the loop and never twice at a time, when one is full."""
        number = self._committer.run(space.MakeSegment(self._worker))
        if self._settings.durability == "interval":
            self._ledger.sync()  # a file must never be there without its row
        hit("P5")
        # The one that is full now may still be reserved in until ``Segments`` has the new one; the
        # one before it is past that.
        if self._full is not None:
            self._in_flight.full(self._full)
        self._full, self._active = self._active, number
        return number

    def _seal(self, segment: int) -> None:
        self._committer.post(space.Seal(segment))


def _step_back() -> None:
    # Hashing must not keep the event loop waiting for a core.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
