"""Reader: the bytes of one object on their way out, or on their way into another one.

Not checked against their hashes here: that is the scrubber's part.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from store import files
from store.errors import Damaged
from store.extents import within
from store.records import Extent
from store.segments import Segments

PIECE_BYTES = 1 << 20

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
    ) -> None:
        """``start`` counts from the first byte of ``extents``, taken as one run.

        Raises ``Damaged`` when they do not reach that far, or are not there any more.
        """
        self._files: dict[int, int] = {}
        self._pool = pool
        self._runs = list(within(extents, start, length))
        self.size = length
        if sum(run.length for run in self._runs) != length:
            raise Damaged(f"{extents} hold no {length} bytes from {start} on")
        try:
            for run in self._runs:
                self._hold(segments, run)
        except BaseException:
            self.close()
            raise

    def _hold(self, segments: Segments, run: Extent) -> None:
        if run.segment not in self._files:
            self._files[run.segment] = segments.open(run.segment)
        if not files.lock_shared(self._files[run.segment], run.offset, run.length):
            raise Damaged(f"{run} is being freed")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ``Damaged`` when the disk cannot give what was written."""
        loop = asyncio.get_running_loop()
        for run in self._runs:
            done = 0
            while done < run.length:
                # Looked up each time: another file may get the number of a closed one.
                file = self._files[run.segment]
                offset, count = run.offset + done, min(PIECE_BYTES, run.length - done)
                piece = _cached(file, offset, count)
                if piece is None:
                    piece = await loop.run_in_executor(self._pool, _cold, file, offset, count)
                if not piece:
                    raise Damaged(f"segment {run.segment} ends before {offset}")
                done += len(piece)
                yield piece

    def verify(self, digests: Mapping[str, bytes]) -> None:
        """A copy has nothing to be compared with."""

    def close(self) -> None:
        """Let go of the bytes. May be called again."""
        while self._files:
            os.close(self._files.popitem()[1])

    def __del__(self) -> None:
        self.close()


def _cached(file: int, offset: int, count: int) -> bytes | None:
    """What is in memory of a range, or ``None``; a thread would cost 50 us, a disk the loop."""
    buffer: memoryview | None = getattr(_scratch, "buffer", None)
    if buffer is None:
        buffer = _scratch.buffer = memoryview(bytearray(PIECE_BYTES))
    got = files.read_cached(file, buffer[:count], offset)
    return None if got is None else bytes(buffer[:got])


def _cold(file: int, offset: int, count: int) -> bytes:
    data = files.read(file, count, offset)
    files.read_ahead(file, offset + count, PIECE_BYTES)
    return data
