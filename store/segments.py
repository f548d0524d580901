"""Segments: append-only files of nothing but bytes, ``segments/00000001.seg`` and on.

Each worker appends to one active segment; what the bytes mean is in the database. Every upload
reserves a range of its own first, so uploads interleave and yet each one's bytes are contiguous.
"""

import logging
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from time import thread_time_ns

from store import files, spare
from store.errors import Damaged, StoreError, Unavailable
from store.files import Buffer
from store.frontier import PAGE_BYTES, Frontier, page_up
from store.page_cache import PageCache
from store.records import Extent
from store.segment_files import SegmentFiles
from store.settings import Settings

log = logging.getLogger("s3gw.store")


class _Segment:
    """A file this process writes. It stays open until all that was reserved in it is on disk."""

    __slots__ = ("file", "number", "sealed", "syncing", "unsynced", "written")

    def __init__(self, number: int, file: int) -> None:
        self.number = number
        self.file = file
        self.sealed = False
        self.written: dict[int, int] = {}
        """Offset of each reservation to how many of its bytes may have been written."""
        self.unsynced = False
        """Bytes were kept since the last sync began."""
        self.syncing = Lock()


class Segments:
    """The segment files of a data directory, and the one this worker appends to. Thread-safe.

    ``reserve``, ``sync``, ``abandon`` and ``punch`` wait for the disk; the loop uses the others.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        worker: int,
        new_segment: Callable[[], int],
    ) -> None:
        """``directory`` is the data directory.

        ``new_segment`` makes a number no segment ever had, durably. It is called in the thread
        that reserves, never in two at a time, and only once nothing can be reserved any more in
        the segment before.
        """
        self._directory = directory
        self._files = SegmentFiles(directory)
        self._worker = worker
        self._new_segment = new_segment
        self._most = settings.segment_bytes // PAGE_BYTES * PAGE_BYTES
        self._lock = Lock()  # guards what follows; never held while the disk works
        self._active: _Segment | None = None
        self._frontier = Frontier(0, 0)
        self._writing: dict[int, _Segment] = {}
        self._failed: set[int] = set()
        self._rolling = Lock()
        self._page_cache = PageCache()

    def require_room(self, length: int = 0) -> None:
        """See ``store.spare``."""
        spare.require(self._directory, length)

    def path(self, number: int) -> Path:
        return self._files.path(number)

    def start(self, number: int, position: int) -> None:
        """Go on with a segment this worker had; without, the first reservation makes one.

        ``position`` is the end of the last range any row names, rows of the trash included: what
        is above it is cut off. Raises ``Damaged`` when the file is shorter, ``Unavailable`` when
        another process writes it.
        """
        try:
            file = self._files.resume(number, position)
        except FileNotFoundError:
            if position:
                raise Damaged(f"segment {number} is gone") from None
            file = self._files.create(number)
        self._activate(_Segment(number, file), position)

    def close(self) -> None:
        """Nothing may be in progress. Syncs nothing."""
        with self._lock:
            for segment in self._writing.values():
                os.close(segment.file)
            self._writing.clear()
            self._active = None

    # --- a body on its way in ------------------------------------------------------------------

    def reserve(self, length: int) -> Extent:
        """A range of ``length`` bytes, or of as many as a segment can ever hold.

        Rolls to a new segment when the active one has no room, and then waits for the disk and
        for ``new_segment``: never call it in the thread that answers that.
        End it with ``shrink`` or ``abandon``. Raises ``NoSpace``, ``Unavailable``.
        """
        while True:
            full = self._active
            extent = self.reserve_at_once(length)
            if extent is not None:
                return extent
            self._roll(full)

    def reserve_at_once(self, length: int) -> Extent | None:
        """As ``reserve``, but ``None`` when that would wait for the disk."""
        if length <= 0:
            raise ValueError(length)
        length = min(length, self._most)
        with self._lock:
            active = self._active
            if active is None or active.sealed:
                return None
            offset = self._frontier.take(length)
            if offset is None:
                return None
            active.written[offset] = 0
            return Extent(active.number, offset, length)

    def write(self, extent: Extent, offset: int, data: Buffer) -> None:
        """Write at ``offset`` of a reservation. Raises ``NoSpace``, ``Unavailable``."""
        end = offset + len(data)
        if offset < 0 or end > extent.length:
            raise ValueError(f"{offset}-{end} is outside of {extent}")
        self.require_room(len(data))
        with self._lock:
            segment = self._writing[extent.segment]
            self._refuse_failed(segment.number)
            segment.written[extent.offset] = max(end, segment.written[extent.offset])
        stays = self._page_cache.admits(len(data))
        began = thread_time_ns()
        try:
            files.pwrite_all(segment.file, data, extent.offset + offset, stays=stays)
        except Unavailable:
            self._poison(segment)
            raise
        if stays:
            self._page_cache.charge(len(data), thread_time_ns() - began)

    def start_writeback(self, extent: Extent, offset: int, length: int) -> None:
        """Have bytes of a reservation written soon, so that ``sync`` is short. Never fails."""
        with self._lock:
            segment = self._writing[extent.segment]
        files.start_writeback(segment.file, extent.offset + offset, length)

    def shrink(self, extent: Extent, used: int) -> Extent:
        """End a reservation: keep its first ``used`` bytes, all that was written, if not more.

        Waits for the disk only when more was written than is kept.
        """
        self._end(extent, used)
        return Extent(extent.segment, extent.offset, used)

    def abandon(self, extents: Iterable[Extent]) -> None:
        """Free bytes that never got a name: of reservations, or of ended ones. Never fails."""
        for extent in extents:
            try:
                if self._is_reserved(extent):
                    self._end(extent, 0)
                else:
                    # Never rewound: then abandoning twice would free what another one wrote here.
                    self._files.free(extent.segment, extent.offset, extent.length)
            except (StoreError, OSError):
                log.exception("worker %d could not free %s", self._worker, extent)

    # --- what is on disk -----------------------------------------------------------------------

    def sync(self, numbers: Iterable[int]) -> None:
        """Wait until all that was written to these segments is on disk.

        Raises ``NoSpace``, ``Unavailable``; then no byte of that segment that is not yet named may
        ever be acknowledged, and every later ``sync`` of it raises too. A segment this process
        does not write is on disk already.
        """
        for number in sorted(set(numbers)):
            with self._lock:
                segment = self._writing.get(number)
                if segment is None:
                    self._refuse_failed(number)
                    continue
            self._sync(segment)

    def open(self, number: int) -> int:
        """A descriptor to read a segment, its own description. The caller closes it.

        Raises ``Damaged`` when there is no such file.
        """
        return self._files.open(number)

    def punch(self, extent: Extent) -> bool:
        """Free the bytes of an extent that no row names. False while a reader holds it.

        Not an error when the segment is gone, nor when the file system cannot free ranges.
        Raises ``Unavailable``.
        """
        return self._files.free(extent.segment, extent.offset, extent.length)

    # --- inside --------------------------------------------------------------------------------

    def _roll(self, full: _Segment | None) -> None:
        with self._rolling:
            if self._active is not full:
                return  # somebody else did it while this thread waited
            if full is not None:
                # Before the number is asked for: from then on nothing is reserved in this one.
                with self._lock:
                    full.sealed = True
            self._activate(self._create(), 0)
            self._retire_idle()

    def _create(self) -> _Segment:
        while True:
            number = self._new_segment()
            # Bytes that the database has forgotten are not ours to overwrite: take the next.
            with suppress(FileExistsError):
                return _Segment(number, self._files.create(number))

    def _activate(self, segment: _Segment, position: int) -> None:
        with self._lock:
            self._active, self._frontier = segment, Frontier(position, self._most)
            self._writing[segment.number] = segment

    def _is_reserved(self, extent: Extent) -> bool:
        with self._lock:
            segment = self._writing.get(extent.segment)
            return segment is not None and extent.offset in segment.written

    def _end(self, extent: Extent, used: int) -> None:
        with self._lock:
            segment = self._writing[extent.segment]
            written = segment.written[extent.offset]
        kept = page_up(used)
        try:
            if written > kept:
                self._files.free(extent.segment, extent.offset + kept, extent.length - kept)
        finally:
            # Only now may another upload have the range: freeing it later would free its bytes.
            with self._lock:
                del segment.written[extent.offset]
                segment.unsynced |= used > 0
                if segment is self._active:
                    self._frontier.give_back(extent.offset, extent.length, used)

    def _sync(self, segment: _Segment) -> None:
        # One at a time: two syncs of one file share one report of an error between them.
        with segment.syncing:
            with self._lock:
                failed = segment.number in self._failed
                gone = segment.number not in self._writing
                segment.unsynced = False
            try:
                if not (failed or gone):
                    files.sync(segment.file)
            except StoreError:
                self._poison(segment)
                raise
            finally:
                self._retire(segment)
            self._refuse_failed(segment.number)

    def _retire(self, segment: _Segment) -> None:
        with self._lock:
            # What ended while it was synced may not be on disk: its own commit syncs it.
            done = segment.sealed and not segment.written and not segment.unsynced
            if done and self._writing.pop(segment.number, None) is not None:
                os.close(segment.file)

    def _retire_idle(self) -> None:
        """Close sealed segments that nobody committed to since; one is left at most per roll."""
        with self._lock:
            idle = [s for s in self._writing.values() if s.sealed and not s.written]
        for segment in idle:
            try:
                self._sync(segment)
            except StoreError:
                log.exception("segment %d could not be synced", segment.number)

    def _poison(self, segment: _Segment) -> None:
        with self._lock:
            segment.sealed = True
            self._failed.add(segment.number)
        log.error("segment %d failed and is sealed (worker %d)", segment.number, self._worker)

    def _refuse_failed(self, number: int) -> None:
        if number in self._failed:
            raise Unavailable(f"segment {number} failed earlier")
