"""Intake: the way of one body into segments, hashed as it goes, in bounded memory.

Bytes are gathered in batches of 1 MiB. Of each batch one job in the pool makes the leaf digests and
writes it; the digests of the whole body need the batches in order, so they run beside it. A body
holds three batches at most, and all bodies of a worker 256.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from store import digests
from store.buffers import Buffers
from store.digests import Hasher
from store.extents import merged
from store.filling import Source
from store.pipeline import Pipeline
from store.records import Extent
from store.segments import Segments
from store.unixfs import Profile, leaf_digest

BATCH_BYTES = 1 << 20
"""A multiple of every profile's chunk."""
SMALL_BYTES = 64 << 10
"""What is hashed in less time than it takes to bring in a second thread."""

_STEP_BYTES = 8 << 20  # reserved at a time when the length is not known
_WRITEBACK_BATCHES = 8
_CORES = os.cpu_count() or 1
_SLOW = frozenset({"sha1", "sha256"})


class _Busy:
    bodies = 0
    """Being taken in by this process. While there are fewer than cores, each uses several."""


_busy = _Busy()
_buffers = Buffers(BATCH_BYTES, limit=256, keep=32)


class Intake:
    """``take`` a body, then ``keep``; or, at any time, ``abort``. One task's."""

    def __init__(
        self,
        profile: Profile,
        segments: Segments,
        pool: ThreadPoolExecutor,
        *,
        declared: int | None,
        wanted: frozenset[str],
    ) -> None:
        """``declared`` is the length the body claims to have; it may be wrong."""
        self._profile = profile
        self._segments = segments
        self._declared = declared or 0
        self._hashers = {name: digests.new(name) for name in wanted | {"md5"}}
        self._sha256_is_leaf = False
        self._pipeline = Pipeline(pool, most=3)
        self._buffer: bytearray | None = None
        self._witness: Hasher | None = None
        self._extents: list[Extent] = []
        self._used = 0  # bytes of the last extent
        self._leaves: list[bytes] = []
        self.size = 0
        """Bytes sent on; all of them once it has taken the body."""

    @property
    def leaves(self) -> bytes:
        """The leaf digests, back to back, once it has taken the body."""
        return b"".join(self._leaves)

    @property
    def digests(self) -> dict[str, bytes]:
        """The digests of the whole body by name, once it has taken it."""
        made = {name: hasher.digest() for name, hasher in self._hashers.items()}
        return made | {"sha256": self.leaves} if self._sha256_is_leaf else made

    async def take(self, source: Source) -> None:
        """All of a body; returns when it is hashed and written.

        Raises what the body, its witness and the disk raise: ``NoSpace``, ``Unavailable``.
        """
        self._witness = source.witness
        _busy.bodies += 1
        try:
            while not await self._take_batch(source):
                pass
            await self._pipeline.drain()
        finally:
            _busy.bodies -= 1

    def keep(self) -> tuple[Extent, ...]:
        """End the reservations: where the bytes are, neighbours in one."""
        last = len(self._extents) - 1
        kept = merged(
            [
                self._segments.shrink(reserved, self._used if number == last else reserved.length)
                for number, reserved in enumerate(self._extents)
            ]
        )
        self._extents = list(kept)
        return kept

    async def abort(self) -> None:
        """Leave nothing behind. Goes to its end even when cancelled; raises nothing."""
        await self._pipeline.settle()
        self._give_back()
        if self._extents:
            self._pipeline.start([partial(self._segments.abandon, self._extents)])
            await self._pipeline.settle()

    # --- one batch -----------------------------------------------------------------------------

    async def _take_batch(self, source: Source) -> bool:
        """Whether it was the last one."""
        self._buffer = await _buffers.take()
        with memoryview(self._buffer) as room:
            filled = await source.fill(room)
        only = not self._leaves and self._declared <= BATCH_BYTES
        ended = filled < BATCH_BYTES or (only and await source.ended())
        if filled:
            await self._send(filled, last=ended)
        self._give_back()
        return ended

    async def _send(self, filled: int, *, last: bool) -> None:
        await self._pipeline.ready()
        assert self._buffer is not None
        data = memoryview(self._buffer)[:filled]
        places = await self._place(data, last)
        number = len(self._leaves)
        self._leaves.append(b"")
        self.size += len(data)
        if number == 0 and last:
            self._reuse_leaf(len(data))
        write = partial(self._write, number, data, places)
        updates = [partial(_update, hashers, data) for hashers in self._groups()]
        done = partial(_buffers.give, self._buffer)
        if number == 0 and last and len(data) <= SMALL_BYTES:
            self._pipeline.start([partial(_one_by_one, (write, *updates))], done=done)
        elif _busy.bodies < _CORES:
            self._pipeline.start([write], updates, done=done)
        else:
            first = partial(_one_by_one, (write, updates[0]))
            self._pipeline.start([], [first, *updates[1:]], done=done)
        self._buffer = None

    def _give_back(self) -> None:
        if self._buffer is not None:
            _buffers.give(self._buffer)
            self._buffer = None

    def _reuse_leaf(self, size: int) -> None:
        """The only leaf of a body, when raw, is the body: its SHA-256 is known already."""
        if self._profile.raw_leaves and size <= self._profile.chunk:
            self._sha256_is_leaf = self._hashers.pop("sha256", None) is not None

    def _groups(self) -> list[list[Hasher]]:
        """What runs in one thread each: MD5, the slowest, with the CRCs; SHA-1 and SHA-256."""
        slow = [hasher for name, hasher in self._hashers.items() if name in _SLOW]
        if self._witness is not None:
            slow.append(self._witness)
        rest = [hasher for name, hasher in self._hashers.items() if name not in _SLOW]
        return [rest, slow] if slow else [rest]

    async def _place(self, data: memoryview, last: bool) -> list[tuple[Extent, int, memoryview]]:
        """Which bytes go where: (reservation, offset in it, bytes)."""
        places = []
        done = 0
        while done < len(data):
            if not self._extents or self._used == self._extents[-1].length:
                await self._reserve(len(data) - done, last)
            extent = self._extents[-1]
            count = min(len(data) - done, extent.length - self._used)
            places.append((extent, self._used, data[done : done + count]))
            self._used += count
            done += count
        return places

    async def _reserve(self, needed: int, last: bool) -> None:
        announced = self._declared - self.size
        step = needed if last or announced > 0 else _STEP_BYTES
        length = max(needed, announced, step)
        extent = self._segments.reserve_at_once(length)
        if extent is not None:
            self._extents.append(extent)
        else:  # a new segment must be made, and the disk waited for
            self._pipeline.start([lambda: self._extents.append(self._segments.reserve(length))])
            await self._pipeline.drain()
        self._used = 0

    def _write(
        self, number: int, data: memoryview, places: list[tuple[Extent, int, memoryview]]
    ) -> None:
        chunk = self._profile.chunk
        self._leaves[number] = b"".join(
            leaf_digest(self._profile, data[start : start + chunk])
            for start in range(0, len(data), chunk)
        )
        for extent, offset, piece in places:
            self._segments.write(extent, offset, piece)
        if number % _WRITEBACK_BATCHES == _WRITEBACK_BATCHES - 1:
            extent, offset, piece = places[-1]
            end = offset + len(piece)
            begin = max(0, end - _WRITEBACK_BATCHES * BATCH_BYTES)
            self._segments.start_writeback(extent, begin, end - begin)


def _update(hashers: list[Hasher], data: memoryview) -> None:
    for hasher in hashers:
        hasher.update(data)


def _one_by_one(jobs: tuple[Callable[[], None], ...]) -> None:
    for job in jobs:
        job()
