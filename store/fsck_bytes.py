"""Fsck, fourth part: the bytes in segments against the digests they are known by.

Every leaf of every content and part is read from disk and hashed. While one is read, its bytes are
locked as a reader's are, so that a collector never takes them away; then what differs is damage.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import apsw
from msgspec import Struct

from store import files, unixfs
from store.database import one
from store.fsck_rows import Found, extents_of, profile_of
from store.records import Extent

_CONTENT = "SELECT id, cid, size, extents, leaves FROM content WHERE id {} ? AND id <= ?"
_PART = (
    "SELECT p.upload, p.number, b.profile, p.extents, p.leaves FROM part p"
    " JOIN upload u ON u.id = p.upload JOIN bucket b ON b.id = u.bucket"
    " WHERE (p.upload, p.number) {} (?, ?) AND p.seq <= ?"
)


def check(
    db: apsw.Connection, directory: Path, reached: int, progress: Callable[[int, int], None]
) -> Found:
    """Contents and parts up to change ``reached``. ``db`` is in no transaction."""
    total, done = total_bytes(db), 0

    def hashed(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    scan = Scan(directory / "segments", hashed)
    for run in runs(db, reached):
        yield from scan.check(run)


def total_bytes(db: apsw.Connection) -> int:
    """Of all contents and parts."""
    (total,) = one(db, "SELECT coalesce(sum(length), 0) FROM extent") or (0,)
    return int(total)


class Place(Struct, frozen=True, array_like=True):
    """How far a pass over contents, and then parts, has come."""

    content: int = 0
    """All contents up to this id."""
    upload: str | None = None
    """All contents, and the parts up to this one; ``None``: no part yet."""
    number: int = 0


BEGINNING = Place()


def runs(db: apsw.Connection, reached: int, after: Place = BEGINNING) -> Iterator["Run"]:
    """What is hashed, in order. ``db`` is in no transaction."""
    if after.upload is None:
        yield from _contents(db, reached, after.content)
    yield from _parts(db, reached, (after.upload or "", after.number))


class Run(Struct, frozen=True):
    """Bytes that are hashed leaf by leaf, and how to see whether they are still asked about."""

    place: Place
    where: str
    profile: unixfs.Profile
    extents: tuple[Extent, ...]
    leaves: bytes
    is_current: Callable[[], bool]


def _contents(db: apsw.Connection, reached: int, id: int) -> Iterator[Run]:
    while row := one(db, f"{_CONTENT.format('>')} ORDER BY id LIMIT 1", (id, reached)):
        id, cid, size, packed, leaves = row
        profile, extents = profile_of(cid, size, leaves), extents_of(packed)
        if profile and extents:  # else the check of the rows has reported it
            current = _same(db, _CONTENT.format("="), (id, reached), row)
            yield Run(Place(id), f"content {id}", profile, extents, leaves, current)


def _parts(db: apsw.Connection, reached: int, key: tuple[str, int]) -> Iterator[Run]:
    while row := one(db, f"{_PART.format('>')} ORDER BY 1, 2 LIMIT 1", (*key, reached)):
        *_, profile, packed, leaves = row
        key = (row[0], row[1])
        extents, by = extents_of(packed), unixfs.PROFILES.get(profile)
        if by and extents:
            current = _same(db, _PART.format("="), (*key, reached), row)
            where = f"part {key[1]} of upload {key[0]}"
            place = Place(0, *key)
            yield Run(place, where, by, extents, leaves, current)


def _same(
    db: apsw.Connection, query: str, bindings: Sequence[Any], row: tuple[Any, ...]
) -> Callable[[], bool]:
    return lambda: one(db, query, bindings) == row


class Scan:
    """Hashes one run after the other."""

    def __init__(
        self, segments: Path, hashed: Callable[[int], None], *, from_disk: bool = False
    ) -> None:
        """``hashed`` gets the bytes of each step; ``from_disk`` leaves what is in memory aside."""
        self._segments = segments
        self._hashed = hashed
        self._from_disk = from_disk

    def check(self, run: Run) -> Found:
        """All that is wrong with it; nothing when it is not asked about any more."""
        with ExitStack() as held:
            opened = self._hold(run.extents, held)
            # Changed or gone before it was locked: then it is not what is asked about any more.
            if not run.is_current():
                return
            if opened is None:
                size = sum(extent.length for extent in run.extents)
                yield "bytes", f"{run.where}: they are gone, or being freed", size
            else:
                yield from self._hash(run, opened)

    def _hold(
        self, extents: tuple[Extent, ...], held: ExitStack
    ) -> list[tuple[int, Extent]] | None:
        opened: dict[int, int] = {}
        for extent in extents:
            if extent.segment not in opened:
                try:
                    file = files.open_read(self._segments / f"{extent.segment:08d}.seg")
                except FileNotFoundError:
                    return None
                held.callback(os.close, file)
                opened[extent.segment] = file
            if not files.lock_shared(opened[extent.segment], extent.offset, extent.length):
                return None
            if self._from_disk:
                files.drop_cached(opened[extent.segment], extent.offset, extent.length)
        return [(opened[extent.segment], extent) for extent in extents]

    def _hash(self, run: Run, opened: list[tuple[int, Extent]]) -> Found:
        start: int | None = None  # of bad leaves, one after the other
        at = 0
        for number, (chunk, readable) in enumerate(_chunks(opened, run.profile.chunk)):
            digest = run.leaves[number * unixfs.DIGEST_BYTES : (number + 1) * unixfs.DIGEST_BYTES]
            good = readable and unixfs.leaf_digest(run.profile, chunk) == digest
            if good and start is not None:
                yield "leaf", f"{run.where}, bytes {start} to {at - 1}", at - start
                start = None
            elif not good and start is None:
                start = at
            at += len(chunk)
            self._hashed(len(chunk))
        if start is not None:
            yield "leaf", f"{run.where}, bytes {start} to {at - 1}", at - start


def _chunks(opened: list[tuple[int, Extent]], size: int) -> Iterator[tuple[memoryview, bool]]:
    """The bytes of all extents in chunks of ``size``, and whether each could be read whole.

    Each is overwritten by the next.
    """
    buffer = memoryview(bytearray(size))
    filled, readable = 0, True
    for file, extent in opened:
        done = 0
        while done < extent.length:
            count = min(size - filled, extent.length - done)
            into = buffer[filled : filled + count]
            readable = _read(file, into, extent.offset + done) and readable
            filled, done = filled + count, done + count
            if filled == size:
                yield buffer, readable
                filled, readable = 0, True
    if filled:
        yield buffer[:filled], readable


def _read(file: int, into: memoryview, offset: int) -> bool:
    done = 0
    while done < len(into):
        try:
            count = os.preadv(file, [into[done:]], offset + done)
        except OSError:
            return False
        if count == 0:
            return False
        done += count
    return True
