"""Joining the parts of an upload into one object: its extents, leaves and CID. Moves no byte.

Runs in a hashing thread. Parts whose size is a multiple of the profile's chunk give their leaves
as they are; from the first that is not, the bytes are read back, compared with the leaves of their
part, and hashed again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from store import unixfs
from store.content_rows import decode_extents
from store.database import Row, one, open_reader, snapshot
from store.errors import Damaged, NoSuchUpload, PartChanged
from store.extents import merged, within
from store.records import Extent, ObjectPart, Part
from store.uploads import decode_checksums

Read = Callable[[Extent], bytes]
"""The bytes of an extent of at most one chunk."""


class Joined(Struct, frozen=True):
    """What an object made of these parts is."""

    size: int
    cid: bytes
    leaves: bytes
    extents: tuple[Extent, ...]
    parts: tuple[ObjectPart, ...]


class _Row(Struct, frozen=True):
    part: ObjectPart
    extents: tuple[Extent, ...]
    leaves: bytes


def join(database: Path, profile: unixfs.Profile, parts: Sequence[Part], read: Read) -> Joined:
    """All ``parts``, at least one, are of one upload.

    Raises ``NoSuchUpload``, ``PartChanged``, ``Damaged`` when bytes read are not the part's.
    """
    rows = _rows(database, parts)
    full = [row for row in rows if row.part.size]
    size = sum(row.part.size for row in full)
    extents = merged(extent for row in full for extent in row.extents)
    leaves = _leaves(profile, full, read) if full else unixfs.leaf_digest(profile, b"")
    cid = unixfs.root(profile, leaves, size)
    return Joined(size, cid, leaves, extents, tuple(row.part for row in rows))


def _rows(database: Path, parts: Sequence[Part]) -> list[_Row]:
    upload = parts[0].upload
    with closing(open_reader(database)) as db, snapshot(db):
        if one(db, _IN_PROGRESS, (upload,)) is None:
            raise NoSuchUpload(upload)
        return [_row(one(db, _PART, (upload, p.number, p.seq)), p) for p in parts]


_IN_PROGRESS = "SELECT 1 FROM upload WHERE id = ? AND completed_etag IS NULL"
_PART = (
    "SELECT size, checksums, extents, leaves FROM part WHERE upload = ? AND number = ? AND seq = ?"
)


def _row(row: Row | None, part: Part) -> _Row:
    if row is None:
        raise PartChanged(part.number)
    size, checksums, extents, leaves = row
    shown = ObjectPart(part.number, size, decode_checksums(checksums))
    return _Row(shown, decode_extents(extents), leaves)


def _leaves(profile: unixfs.Profile, rows: Sequence[_Row], read: Read) -> bytes:
    uneven = (n for n, row in enumerate(rows[:-1]) if row.part.size % profile.chunk)
    first = next(uneven, len(rows) - 1)
    kept = [row.leaves for row in rows[:first]]
    if first == len(rows) - 1:
        return b"".join((*kept, rows[-1].leaves))
    whole = rows[first].part.size // profile.chunk
    kept.append(rows[first].leaves[: whole * unixfs.DIGEST_BYTES])
    rest = bytearray()
    for chunk in _chunks(profile, rows[first:], whole, read):
        rest += chunk
        if len(rest) >= profile.chunk:
            kept.append(unixfs.leaf_digest(profile, rest[: profile.chunk]))
            del rest[: profile.chunk]
    if rest:
        kept.append(unixfs.leaf_digest(profile, rest))
    return b"".join(kept)


def _chunks(
    profile: unixfs.Profile, rows: Sequence[_Row], first: int, read: Read
) -> Iterator[bytes]:
    """The parts' bytes as they were hashed when they came, from chunk ``first`` on."""
    for row in rows:
        for number in range(first, unixfs.leaf_count(profile, row.part.size)):
            start = number * profile.chunk
            length = min(profile.chunk, row.part.size - start)
            data = b"".join(read(piece) for piece in within(row.extents, start, length))
            at = number * unixfs.DIGEST_BYTES
            if unixfs.leaf_digest(profile, data) != row.leaves[at : at + unixfs.DIGEST_BYTES]:
                raise Damaged(f"part {row.part.number}, bytes {start} to {start + length - 1}")
            yield data
        first = 0
