"""Joining the parts of an upload into one object: its extents, leaves and CID. Moves no byte.

Runs in a hashing thread. Parts whose size is a multiple of the profile's chunk give their leaves
as they are; from the first that is not, the bytes are read back and hashed again.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from store import unixfs
from store.content_rows import decode_extents
from store.database import Row, one, open_reader, snapshot
from store.errors import NoSuchUpload, PartChanged
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
    """All ``parts``, at least one, are of one upload. Raises ``NoSuchUpload``, ``PartChanged``."""
    rows = _rows(database, parts)
    full = [row for row in rows if row.part.size]
    size = sum(row.part.size for row in full)
    extents = merged(extent for row in full for extent in row.extents)
    if full:
        leaves = _leaves(profile, full, extents, size, read)
    else:
        leaves = unixfs.leaf_digest(profile, b"")
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


def _leaves(
    profile: unixfs.Profile,
    rows: Sequence[_Row],
    extents: tuple[Extent, ...],
    size: int,
    read: Read,
) -> bytes:
    kept: list[bytes] = []
    done = 0
    for row in rows:
        if done + row.part.size == size:
            return b"".join((*kept, row.leaves))
        whole = row.part.size // profile.chunk
        kept.append(row.leaves[: whole * unixfs.DIGEST_BYTES])
        done += whole * profile.chunk
        if row.part.size % profile.chunk:
            break
    for start in range(done, size, profile.chunk):
        length = min(profile.chunk, size - start)
        data = b"".join(read(piece) for piece in within(extents, start, length))
        kept.append(unixfs.leaf_digest(profile, data))
    return b"".join(kept)
