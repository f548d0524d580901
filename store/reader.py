"""Reader: the bytes of one object on their way out, or on their way into another one."""

import asyncio
import os
import threading
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

from store import files
from store.errors import Damaged
from store.extents import within
from store.leaves import BLOCK_BYTES, Expected, Leaves
from store.records import Extent
from store.segments import Segments

PIECE_BYTES = BLOCK_BYTES

_scratch = threading.local()


class Outgoing:
    """``size`` bytes on their way out, in pieces. ``close`` it."""

    size: int

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the bytes. May be called again."""
        raise NotImplementedError


class Reader(Outgoing):
    """``length`` bytes from ``start`` on, in order, at most 1 MiB at a time. Is itself a ``Body``.

    Holds a shared lock on what it reads, so the collector never takes it away; ``close`` it.
    """

    digests: frozenset[str] = frozenset()

    def __init__(
        self,
        segments: Segments,
        extents: Sequence[Extent],
        start: int,
        length: int,
        pool: ThreadPoolExecutor,
        leaves: Leaves | None = None,
    ) -> None:
        """``start`` counts from the first byte of ``extents``, taken as one run.

        Without ``leaves`` nothing is hashed. Raises ``Damaged`` when the extents do not reach that
        far, or are not there any more.
        """
        self.is_sparse = False
        """A run begins with bytes that are on no disk: they were given back, or never were."""
        self._files: dict[int, int] = {}
        self._pool = pool
        self._leaves = leaves
        self._extents = extents
        self._begins = [0, *accumulate(extent.length for extent in extents)]
        self._start = start
        self.size = length
        if start + length > self._begins[-1]:
            raise Damaged(f"{extents} hold no {length} bytes from {start} on")
        if leaves is not None:
            start, end = _blocks(start, start + length, self._begins[-1])
            length = end - start
        try:
            for run in within(extents, start, length):
                self._hold(segments, run)
        except BaseException:
            self.close()
            raise

    def _hold(self, segments: Segments, run: Extent) -> None:
        if run.segment not in self._files:
            self._files[run.segment] = segments.open(run.segment)
        if not files.lock_shared(self._files[run.segment], run.offset, run.length):
            raise Damaged(f"{run} is being freed")
        if files.is_hole(self._files[run.segment], run.offset):
            self.is_sparse = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ``Damaged`` when the disk cannot give what was written."""
        loop = asyncio.get_running_loop()
        at, end = self._start, self._start + self.size
        while at < end:
            block = at // BLOCK_BYTES
            count = min(end, (block + 1) * BLOCK_BYTES) - at
            piece = None
            if self._leaves is None or self._leaves.is_sound(block):
                piece = self._cached(at, count)
            if piece is None:
                expected = None if self._leaves is None else self._leaves.expected(block)
                piece = await loop.run_in_executor(self._pool, self._cold, at, count, expected)
                if self._leaves is not None and expected is not None:
                    self._leaves.found_sound(block)
            at += len(piece)
            yield piece

    def _cached(self, at: int, count: int) -> bytes | None:
        """What is in memory from there on, or ``None``.

        A thread would cost 50 us, waiting for a disk would hold the loop.
        """
        run = next(self._runs(at, count))
        buffer: memoryview | None = getattr(_scratch, "buffer", None)
        if buffer is None:
            buffer = _scratch.buffer = memoryview(bytearray(PIECE_BYTES))
        got = files.read_cached(self._files[run.segment], buffer[: run.length], run.offset)
        if got == 0:
            raise Damaged(f"segment {run.segment} ends before {run.offset}")
        return None if got is None else bytes(buffer[:got])

    def _cold(self, at: int, count: int, expected: Expected | None) -> bytes:
        """All ``count`` bytes, of one block, which is read and hashed whole."""
        if expected is None:
            return self._read(at, count)
        begin, end = _blocks(at, at + count, self._begins[-1])
        block = self._read(begin, end - begin)
        expected.check(block)
        return block[at - begin : at - begin + count]

    def _read(self, at: int, count: int) -> bytes:
        pieces: list[bytes] = []
        for run in self._runs(at, count):
            # Looked up each time: another file may get the number of a closed one.
            file = self._files[run.segment]
            pieces.append(files.read(file, run.length, run.offset))
            if len(pieces[-1]) != run.length:
                raise Damaged(f"segment {run.segment} ends before {run.offset + run.length}")
            files.read_ahead(file, run.offset + run.length, PIECE_BYTES)
        return b"".join(pieces)

    def _runs(self, at: int, count: int) -> Iterator[Extent]:
        first = bisect_right(self._begins, at) - 1
        return within(self._extents[first:], at - self._begins[first], count)

    def verify(self, digests: Mapping[str, bytes]) -> None:
        """A copy has nothing to be compared with."""

    def close(self) -> None:
        """Let go of the bytes. May be called again."""
        while self._files:
            os.close(self._files.popitem()[1])

    def __del__(self) -> None:
        self.close()


def _blocks(start: int, end: int, size: int) -> tuple[int, int]:
    """The range with the rest of the blocks that it begins and ends in."""
    return start // BLOCK_BYTES * BLOCK_BYTES, min(-(-end // BLOCK_BYTES) * BLOCK_BYTES, size)
