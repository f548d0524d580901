"""Leaves of a content on their way out, hashed before they are believed.

A process hashes each block when it first reads it, and whenever it had to come from the disk; what
it has hashed and is still in memory goes out as it is. Rot is then found by the first who reads it,
not only by the scrubber.
"""

from contextlib import closing

import apsw
from msgspec import Struct

from store import unixfs
from store.database import one, snapshot
from store.errors import Damaged

BLOCK_BYTES = 1 << 20
"""Whole leaves under every profile, so that a block can be judged by itself."""

_MOST_BYTES = 16 << 20
_ENTRY_BYTES = 150
"""What Python needs for an entry of ``Seen``, about."""


class Seen:
    """Which blocks of which contents this process has found sound: a bit each.

    Takes 16 MiB at most, 1 MiB for some 8,000 objects; then the oldest are forgotten.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}
        self._bytes = 0

    def blocks(self, content: int, size: int) -> bytearray:
        """Those of one content, to be read and set."""
        found = self._blocks.get(content)
        if found is None:
            found = self._blocks[content] = bytearray(-(-size // (BLOCK_BYTES * 8)))
            self._bytes += len(found) + _ENTRY_BYTES
            while self._bytes > _MOST_BYTES and len(self._blocks) > 1:
                oldest = next(iter(self._blocks))
                self._bytes -= len(self._blocks.pop(oldest)) + _ENTRY_BYTES
        return found


class Expected(Struct, frozen=True):
    """The digests of the leaves of one block."""

    where: str
    profile: unixfs.Profile
    digests: bytes

    def check(self, block: bytes) -> None:
        """Raises ``Damaged``. Takes 0.6 ms a MiB: for the pool."""
        view, step = memoryview(block), self.profile.chunk
        found = [
            unixfs.leaf_digest(self.profile, view[at : at + step])
            for at in range(0, len(block), step)
        ]
        if b"".join(found) != self.digests:
            raise Damaged(self.where)


class Leaves:
    """The leaves of one content. For the event loop, but for what it gives to the pool."""

    def __init__(
        self, db: apsw.Connection, seen: Seen, content: int, cid: bytes, size: int
    ) -> None:
        """``size``: of what is stored, which is more than the object's when that is encrypted."""
        self._db = db
        self._content = content
        self._cid = cid
        self._size = size
        self._sound = seen.blocks(content, size)

    def is_sound(self, block: int) -> bool:
        """This process has hashed it."""
        return bool(self._sound[block >> 3] & 1 << (block & 7))

    def found_sound(self, block: int) -> None:
        """It was hashed just now."""
        self._sound[block >> 3] |= 1 << (block & 7)

    def expected(self, block: int) -> Expected | None:
        """What it must be; ``None`` when the content was deleted since the reader was made: its
        bytes are held, but its row has gone. Raises ``Damaged`` when the row is another's."""
        where = f"block {block} of content {self._content}"
        with snapshot(self._db):
            row = one(self._db, _CONTENT, (self._content,))
            if row is None:
                return None
            profile = _profile(self._cid, self._size, row[2] // unixfs.DIGEST_BYTES)
            if profile is None or row[:2] != (self._cid, self._size):
                raise Damaged(where)
            digests = self._digests(block, BLOCK_BYTES // profile.chunk)
        return Expected(where, profile, digests)

    def _digests(self, block: int, leaves: int) -> bytes:
        # Not by SELECT: an object of 5 TiB has 160 MiB of them.
        with closing(self._db.blob_open("main", "content", "leaves", self._content, False)) as blob:
            blob.seek(block * leaves * unixfs.DIGEST_BYTES)
            return blob.read(leaves * unixfs.DIGEST_BYTES)


_CONTENT = "SELECT cid, size, length(leaves) FROM content WHERE id = ?"


def _profile(cid: bytes, size: int, leaves: int) -> unixfs.Profile | None:
    version = 0 if len(cid) == 34 else 1
    for profile in unixfs.PROFILES.values():
        if profile.cid_version == version and unixfs.leaf_count(profile, size) == leaves:
            return profile
    return None
