"""What can happen to a store, one value each: the vocabulary of the change journal.

A change is complete: with the database as it was before, it says what the database is after
(``store.apply``), without a look at a clock. Each takes one ``lsn``, which is also the ``seq``,
``id`` or ``number`` of the row it makes, so none is ever used twice.

Encoded as MessagePack arrays. A field is only ever added at the end, with a default.
"""

import msgspec
from msgspec import Struct

from store.records import Attributes, Extent, ObjectLock, ObjectPart


class Inline(Struct, frozen=True, array_like=True, tag="inline"):
    """The bytes themselves. ``None`` in the outbox: they are in ``body``, or superseded."""

    data: bytes | None


class Placed(Struct, frozen=True, array_like=True, tag="placed"):
    """Fresh bytes in segments; when their CID is known already, they become trash at once."""

    extents: tuple[Extent, ...]
    leaves: bytes


class Known(Struct, frozen=True, array_like=True, tag="known"):
    """The content that has the entry's CID, whose bytes are there already."""


class PutBucket(Struct, frozen=True, array_like=True, tag="PutBucket"):
    name: str
    owner: str
    path: str
    created: int
    acl: str
    region: str
    profile: str
    config: dict[str, bytes] = {}
    versioning: str = ""
    lock: ObjectLock | None = None


class SetBucketAcl(Struct, frozen=True, array_like=True, tag="SetBucketAcl"):
    bucket: int
    acl: str


class DropBucket(Struct, frozen=True, array_like=True, tag="DropBucket"):
    """An empty bucket goes, and with it its uploads."""

    bucket: int
    time: int


class PutEntry(Struct, frozen=True, array_like=True, tag="PutEntry"):
    bucket: int
    key: bytes
    size: int
    cid: bytes
    etag: str
    modified: int
    owner: str
    attributes: Attributes
    source: Inline | Placed | Known
    parts: tuple[ObjectPart, ...] = ()
    versioning: str = ""
    """Its bucket's at that moment: what becomes of the version that was current."""


class DropEntry(Struct, frozen=True, array_like=True, tag="DropEntry"):
    bucket: int
    key: bytes
    time: int


class PutUpload(Struct, frozen=True, array_like=True, tag="PutUpload"):
    id: str
    bucket: int
    key: bytes
    owner: str
    created: int
    attributes: Attributes
    checksum_algorithm: str | None
    checksum_type: str | None


class PutPart(Struct, frozen=True, array_like=True, tag="PutPart"):
    upload: str
    number: int
    size: int
    etag: str
    modified: int
    checksums: dict[str, str]
    extents: tuple[Extent, ...]
    leaves: bytes


class CompleteUpload(Struct, frozen=True, array_like=True, tag="CompleteUpload"):
    """``entry`` takes over the bytes of the parts ``numbers``; those of all others become trash."""

    upload: str
    numbers: tuple[int, ...]
    entry: PutEntry


class DropUpload(Struct, frozen=True, array_like=True, tag="DropUpload"):
    """Aborted, or completed long ago."""

    upload: str
    time: int


class NewSegment(Struct, frozen=True, array_like=True, tag="NewSegment"):
    worker: int


class SealSegment(Struct, frozen=True, array_like=True, tag="SealSegment"):
    """No byte will ever be added to it."""

    segment: int


class DropSegment(Struct, frozen=True, array_like=True, tag="DropSegment"):
    """Its file is gone."""

    segment: int


class DropTrash(Struct, frozen=True, array_like=True, tag="DropTrash"):
    """The bytes have been given back to the file system."""

    extents: tuple[Extent, ...]


class SetBucketConfig(Struct, frozen=True, array_like=True, tag="SetBucketConfig"):
    """One document of a bucket's configuration; ``None`` removes it."""

    bucket: int
    name: str
    document: bytes | None


class SetAttributes(Struct, frozen=True, array_like=True, tag="SetAttributes"):
    """What is said about an entry changes, its bytes and its time do not."""

    bucket: int
    key: bytes
    attributes: Attributes
    version: int | None = None
    """Number of an earlier version; ``None``: the current one."""


class SetBucketVersioning(Struct, frozen=True, array_like=True, tag="SetBucketVersioning"):
    bucket: int
    versioning: str


class PutMarker(Struct, frozen=True, array_like=True, tag="PutMarker"):
    """A delete marker becomes the newest version of a key."""

    bucket: int
    key: bytes
    modified: int
    owner: str
    versioning: str
    """As in ``PutEntry``; not empty."""


class DropVersion(Struct, frozen=True, array_like=True, tag="DropVersion"):
    """One version goes for good; when it was the newest, the one before it is that now."""

    bucket: int
    key: bytes
    version: int
    time: int


class SetBucketLock(Struct, frozen=True, array_like=True, tag="SetBucketLock"):
    bucket: int
    lock: ObjectLock


class PutMessage(Struct, frozen=True, array_like=True, tag="PutMessage"):
    """A message about the changes before it goes to the end of a queue."""

    queue: str
    body: bytes


class DropMessages(Struct, frozen=True, array_like=True, tag="DropMessages"):
    """The messages of a queue up to a number have been delivered."""

    queue: str
    last: int


class Quarantine(Struct, frozen=True, array_like=True, tag="Quarantine"):
    """The bytes of a content are not those of its CID: nobody is to read them any more.

    They stay where they are. Whoever stores the same content again gives it new ones.
    """

    content: int


class MoveContent(Struct, frozen=True, array_like=True, tag="MoveContent"):
    """The same bytes are elsewhere now; where they were is trash, unless it is named again."""

    content: int
    extents: tuple[Extent, ...]
    time: int


Change = (
    PutBucket
    | SetBucketAcl
    | DropBucket
    | PutEntry
    | DropEntry
    | PutUpload
    | PutPart
    | CompleteUpload
    | DropUpload
    | NewSegment
    | SealSegment
    | DropSegment
    | DropTrash
    | SetBucketConfig
    | SetAttributes
    | SetBucketVersioning
    | PutMarker
    | DropVersion
    | SetBucketLock
    | PutMessage
    | DropMessages
    | Quarantine
    | MoveContent
)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Change])


def encode(changes: list[Change]) -> bytes:
    """All changes of one commit, in order."""
    return _encoder.encode(changes)


def decode(record: bytes) -> list[Change]:
    """Raises ``msgspec.ValidationError`` for what this version does not know."""
    return _decoder.decode(record)


def without_bytes(changes: list[Change]) -> list[Change]:
    """The same changes with inline bytes left out. Returns ``changes`` when there were none."""
    if not any(type(c) is PutEntry and type(c.source) is Inline for c in changes):
        return changes
    return [
        msgspec.structs.replace(c, source=Inline(None))
        if type(c) is PutEntry and type(c.source) is Inline
        else c
        for c in changes
    ]
