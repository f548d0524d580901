"""UnixFS: the DAG that ``ipfs add`` makes of a file, from the digests of its leaves to its root.

Files only, balanced layout only, exact to the byte; directories are not made here. A file that
fits in one chunk is just its leaf. Takes no bytes of the file but to hash a leaf.
https://specs.ipfs.tech/unixfs/ and, for the profiles, https://specs.ipfs.tech/ipips/ipip-0499/
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from struct import Struct

from store import cid, digests

DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Profile:
    """How bytes become a DAG; the CID of the same bytes differs between profiles."""

    name: str
    cid_version: int
    chunk: int
    """Bytes under one leaf."""
    width: int
    """Links in a full node."""
    raw_leaves: bool
    """True: a leaf block is the chunk itself. False: a dag-pb File node around it."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("unixfs-v1-2025", cid_version=1, chunk=1 << 20, width=1024, raw_leaves=True),
        Profile("kubo-cidv1-256k", cid_version=1, chunk=1 << 18, width=174, raw_leaves=True),
        Profile("unixfs-v0-2015", cid_version=0, chunk=1 << 18, width=174, raw_leaves=False),
    )
}


def leaf_digest(profile: Profile, chunk: bytes | bytearray | memoryview) -> bytes:
    """SHA-256 of the leaf block that holds ``chunk``, which is not copied."""
    if profile.raw_leaves:
        return digests.of("sha256", chunk)
    before, after = _wrapping(len(chunk))
    hashed = sha256(before)
    hashed.update(chunk)
    hashed.update(after)
    return hashed.digest()


def leaf_count(profile: Profile, size: int) -> int:
    """How many leaves a file of ``size`` bytes has; an empty one has one, empty."""
    return max(1, -(-size // profile.chunk))


def root(profile: Profile, leaves: bytes, size: int) -> bytes:
    """The binary CID of a file of ``size`` bytes, given its leaf digests back to back.

    Raises ``ValueError`` when there are too few or too many of them.
    """
    found = leaf_cid(profile, leaves)
    if len(leaves) == DIGEST_BYTES and size <= profile.chunk:
        return found
    for node, _block in blocks(profile, leaves, size):
        found = node
    return found


def leaf_cid(profile: Profile, digest: bytes) -> bytes:
    """The binary CID of the leaf block with this digest."""
    return cid.raw(digest) if profile.raw_leaves else cid.dag_pb(digest, profile.cid_version)


def blocks(profile: Profile, leaves: bytes, size: int) -> Iterator[tuple[bytes, bytes]]:
    """All nodes above the leaves as (binary CID, dag-pb block): children first, the root last.

    None at all when the file is a single leaf. Raises ``ValueError`` as ``root``.
    """
    count = leaf_count(profile, size)
    if len(leaves) != count * DIGEST_BYTES:
        raise ValueError(f"{len(leaves)} bytes of leaf digests for a file of {size} bytes")
    level = _Level(
        digests=leaves,
        prefix=leaf_cid(profile, b""),
        whole=_leaf_span(profile, profile.chunk),
        last=_leaf_span(profile, size - (count - 1) * profile.chunk),
    )
    while len(level.digests) > DIGEST_BYTES:
        level = yield from _parents(profile, level)


@dataclass(frozen=True, slots=True)
class _Span:
    """What is under one link."""

    size: int
    """Bytes of the file."""
    tsize: int
    """Bytes of all blocks of the subtree."""


@dataclass(frozen=True, slots=True)
class _Level:
    """All nodes of one depth. Balanced layout makes them alike, all but the last."""

    digests: bytes
    prefix: bytes
    """What precedes the digest in their binary CIDs."""
    whole: _Span
    last: _Span


def _parents(profile: Profile, level: _Level) -> Generator[tuple[bytes, bytes], None, _Level]:
    """Yield the nodes above ``level``, return the level they make."""
    count = len(level.digests) // DIGEST_BYTES
    digests = []
    whole = last = level.last
    for start in range(0, count, profile.width):
        links = min(profile.width, count - start)
        is_last = start + links == count
        final = level.last if is_last else level.whole
        size = level.whole.size * (links - 1) + final.size
        block = _links(level, start, links, final) + _data(level, size, links, final)
        digest = sha256(block).digest()
        digests.append(digest)
        span = _Span(size, len(block) + level.whole.tsize * (links - 1) + final.tsize)
        if is_last:
            last = span
        else:
            whole = span
        yield cid.dag_pb(digest, profile.cid_version), block
    return _Level(b"".join(digests), cid.dag_pb(b"", profile.cid_version), whole, last)


def _links(level: _Level, start: int, links: int, final: _Span) -> bytes:
    # All but the last link of a node differ in the digest only, so one join writes them: 40 us
    # for 1,024 links where a loop takes 2 ms.
    digests = _digests(links).unpack_from(level.digests, start * DIGEST_BYTES)
    before, after = _around_digest(level.prefix, level.whole.tsize)
    last_before, last_after = _around_digest(level.prefix, final.tsize)
    alike = b"".join((before, (after + before).join(digests[:-1]), after)) if links > 1 else b""
    return b"".join((alike, last_before, digests[-1], last_after))


@lru_cache(maxsize=64)
def _digests(count: int) -> Struct:
    return Struct("32s" * count)


@lru_cache(maxsize=64)
def _around_digest(prefix: bytes, tsize: int) -> tuple[bytes, bytes]:
    """A dag-pb link around its digest. Name is written though empty, as Kubo does."""
    cid_bytes = len(prefix) + DIGEST_BYTES
    after = b"\x12\x00\x18" + _varint(tsize)
    hash_field = b"\x0a" + _varint(cid_bytes) + prefix
    link_bytes = len(hash_field) + DIGEST_BYTES + len(after)
    return b"\x12" + _varint(link_bytes) + hash_field, after


def _data(level: _Level, size: int, links: int, final: _Span) -> bytes:
    """The Data field of a node: a UnixFS File without bytes of its own. Blocksizes unpacked."""
    blocksizes = (b"\x20" + _varint(level.whole.size)) * (links - 1)
    file = b"".join((b"\x08\x02\x18", _varint(size), blocksizes, b"\x20", _varint(final.size)))
    return b"\x0a" + _varint(len(file)) + file


def _leaf_span(profile: Profile, size: int) -> _Span:
    if profile.raw_leaves:
        return _Span(size, size)
    before, after = _wrapping(size)
    return _Span(size, len(before) + size + len(after))


@lru_cache(maxsize=64)
def _wrapping(size: int) -> tuple[bytes, bytes]:
    """What a dag-pb File leaf has before and after its ``size`` bytes."""
    after = b"\x18" + _varint(size)
    before = b"\x08\x02" + (b"\x12" + _varint(size) if size else b"")
    return b"\x0a" + _varint(len(before) + size + len(after)) + before, after


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
