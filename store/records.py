"""What the store hands out and takes in: values, frozen, without behaviour of their own."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from msgspec import Struct, field

from store import version_id

ENABLED, SUSPENDED = "Enabled", "Suspended"
"""What ``Bucket.versioning`` may be set to."""


class ObjectLock(Struct, frozen=True, omit_defaults=True):
    """That a bucket locks objects, and what retention a new one gets that is given none."""

    compliance: bool = False
    """As in ``Lock``, of that retention."""
    days: int = 0
    """How long it lasts; with ``years`` also 0, there is none."""
    years: int = 0
    """Of 365 days."""


class Bucket(Struct, frozen=True):
    """One bucket. ``path`` is ``/<root of the owner key>/<name>`` (BTIP-25, "Create bucket")."""

    id: int
    name: str
    owner: str
    """Access key id of the key that created it; never changes."""
    path: str
    created: int
    """Milliseconds since the epoch."""
    acl: str
    """Name of a canned ACL, unless a document of ``config`` says other grants."""
    region: str
    profile: str
    """Name of a UnixFS import profile, fixed at creation (``store.unixfs.PROFILES``)."""
    config: dict[str, bytes] = {}
    """What else was configured, documents by name (``cors``). Shared: never change it."""
    versioning: str = ""
    """``Enabled``, ``Suspended``; empty when it never kept versions."""
    lock: ObjectLock | None = None
    """``None``: it locks no objects. Once it does it always will, and it always keeps versions."""


class Extent(Struct, frozen=True, array_like=True):
    """A run of contiguous bytes in one segment file."""

    segment: int
    offset: int
    length: int


class ObjectPart(Struct, frozen=True, array_like=True):
    """One part of a completed upload, as GetObjectAttributes and partNumber reads show it."""

    number: int
    size: int
    checksums: dict[str, str]
    """S3 algorithm name (``CRC32``) to base64 text."""


class Grant(Struct, frozen=True, array_like=True):
    """One right in an access control list, for one access key or one group of callers."""

    permission: str
    """FULL_CONTROL, READ, WRITE, READ_ACP or WRITE_ACP."""
    key: str = ""
    """Access key id; empty when it is for a group."""
    group: str = ""
    """URI of the group."""


class Encryption(Struct, frozen=True, omit_defaults=True):
    """How bytes were encrypted on their way here. To the store they are bytes like others."""

    kind: str
    """``AES256``, ``aws:kms``, ``aws:kms:dsse``; ``customer`` when only the client has the key."""
    wrapped: bytes
    """The object's own key, under the key that ``kind`` and ``key_id`` say."""
    stored: int = 0
    """How many bytes the store has, where ``Entry.size`` is what clients see."""
    key_id: str | None = None
    context: str | None = None
    """Base64 of JSON, as the client said it."""
    bucket_key: bool | None = None


class Lock(Struct, frozen=True, omit_defaults=True):
    """What keeps a version from being deleted (``store.retention`` has the rules)."""

    retain_until: int = 0
    """Milliseconds since the epoch; 0 when there is no retention."""
    compliance: bool = False
    """Nobody can shorten the retention; otherwise (governance) who may bypass it can."""
    hold: bool | None = None
    """Is there a legal hold, which has no end? ``None``: there never was one."""


class Attributes(Struct, frozen=True, omit_defaults=True):
    """What a client said about an object, kept as it was said and given back on every read."""

    headers: dict[str, str] = field(default_factory=dict)
    """Lower-case content headers: content-type, cache-control, expires, content-encoding, ..."""
    metadata: dict[str, str] = field(default_factory=dict)
    """User metadata: lower-case names without ``x-amz-meta-``."""
    checksums: dict[str, str] = field(default_factory=dict)
    """S3 algorithm name to base64 text (with ``-N`` when composite)."""
    checksum_type: str | None = None
    """``FULL_OBJECT`` or ``COMPOSITE``; ``None`` when there is no checksum."""
    acl: str | None = None
    """Canned ACL given with the object; ``None``: its bucket's ACL holds."""
    tags: dict[str, str] = field(default_factory=dict)
    """In the order they were given."""
    grants: tuple[Grant, ...] | None = None
    """An ACL that is no canned one, in the order it was given; ``None``: ``acl`` says it."""
    encryption: Encryption | None = None
    """``None``: the bytes are stored as they were sent."""
    lock: Lock | None = None
    """``None``: it can be deleted. ``Store.set_lock`` alone changes that of a version."""
    annotations: bytes | None = None
    """Where those of this one version are (``store.annotated``); ``None``: it never had any."""


STORAGE_CLASS = "x-amz-storage-class"
"""Where ``Attributes.headers`` has the storage class, when one was given."""


class Traits(Struct, frozen=True, array_like=True):
    """What listings show of ``Attributes``: few values for many objects, kept beside them."""

    algorithms: tuple[str, ...]
    """Those of the checksums."""
    checksum_type: str | None
    storage_class: str | None


def traits(attributes: Attributes) -> Traits:
    return Traits(
        tuple(attributes.checksums),
        attributes.checksum_type,
        attributes.headers.get(STORAGE_CLASS),
    )


class Entry(Struct, frozen=True):
    """One version of an object; the current one unless it was asked for by its id."""

    bucket: int
    key: bytes
    seq: int
    """Another after every change of this version; says nothing about the order of versions."""
    size: int
    cid: bytes
    """Binary CID: 36 bytes (v1) or 34 (v0)."""
    etag: str
    """Without quotes: 32 hex digits, or ``<hex>-<parts>`` after a multipart upload."""
    modified: int
    """Milliseconds since the epoch."""
    owner: str
    """Access key id of the writer; empty when anonymous."""
    attributes: Attributes
    parts_count: int = 0
    """Zero unless it came from a multipart upload."""
    body: int | None = None
    """Row of the inline bytes, or ``None``: then the bytes are in ``extents``."""
    content: int | None = None
    extents: tuple[Extent, ...] = ()
    version: str = version_id.NULL
    """``null`` when its bucket kept no versions as it was made."""


class DeleteMarker(Struct, frozen=True):
    """A version of a key that says: deleted."""

    bucket: int
    key: bytes
    version: str
    modified: int
    """Milliseconds since the epoch."""
    owner: str
    """Access key id of who deleted; empty when anonymous."""


class VersionPage(Struct, frozen=True):
    """One page of versions and delete markers: by key, those of a key from new to old."""

    versions: list[Entry | DeleteMarker]
    """Entries carry no extents."""
    latest: list[bool]
    """Of each of ``versions``: is it the newest of its key?"""
    prefixes: list[bytes]
    """Common prefixes, each counted once towards the limit."""
    last_key: bytes | None
    """Key of the last version or last common prefix on the page: where the next one begins."""
    last_version: str | None
    """Id of that version; ``None`` after a common prefix."""
    more: bool


class Page(Struct, frozen=True):
    """One page of a listing, in byte order of the keys. ``entries`` carry no extents."""

    entries: list[Entry]
    prefixes: list[bytes]
    """Common prefixes, each counted once towards the limit."""
    last: bytes | None
    """The greatest key or common prefix on the page: pass it as ``after`` for the next one."""
    more: bool


class Listed(Struct, frozen=True):
    """One page of a listing as columns: all that a listing shows, and no object per row.

    The first seven are one row each, in byte order of the keys.
    """

    keys: list[bytes]
    seconds: list[int]
    """Of the time of modification, since the epoch."""
    milliseconds: list[int]
    """The rest of that time, 0 to 999."""
    etags: list[bytes]
    """ASCII, as in ``Entry``."""
    sizes: list[int]
    traits: list[bytes]
    """For ``store.listing.decode_traits``: equal bytes are equal traits."""
    owners: list[str]
    """As in ``Entry``; empty when not asked for."""
    prefixes: list[bytes]
    """Common prefixes, each counted once towards the limit."""
    last: bytes | None
    """The greatest key or common prefix on the page: pass it as ``after`` for the next one."""
    more: bool


class Part(Struct, frozen=True):
    """One uploaded part of an upload in progress."""

    upload: str
    number: int
    seq: int
    size: int
    etag: str
    modified: int
    checksums: dict[str, str]


class Upload(Struct, frozen=True):
    """A multipart upload. After Complete it stays for a day, to answer a repeated Complete."""

    id: str
    bucket: int
    key: bytes
    owner: str
    """Access key id of the initiator; empty when anonymous."""
    created: int
    attributes: Attributes
    checksum_algorithm: str | None = None
    """What CreateMultipartUpload asked for, or ``None``."""
    checksum_type: str | None = None
    completed_etag: str | None = None
    """Set once completed: the ETag the object got."""


class UploadPage(Struct, frozen=True):
    """One page of uploads in progress, by key and then by time of creation."""

    uploads: list[Upload]
    prefixes: list[bytes]
    last_key: bytes | None
    last_id: str | None
    more: bool


class Expect(Struct, frozen=True):
    """What must hold of the current entry of a key at the moment of the commit.

    ``Expect(etags=("*",))``: it exists. ``Expect(not_etags=("*",))``: it does not.
    Otherwise ETags without quotes. Of what is not there, all but ``not_etags`` fails.
    """

    etags: tuple[str, ...] = ()
    not_etags: tuple[str, ...] = ()
    size: int | None = None
    """In bytes."""
    modified: int | None = None
    """Seconds since the epoch; the rest of the time does not count."""


class Deletion(Struct, frozen=True):
    """One thing to delete."""

    key: bytes
    version: str | None = None
    """The version to take out for good; ``None``: what is current, as its bucket's versioning
    has it."""
    expect: Expect = Expect()
    """Of that version, or of the current entry."""
    bypass: bool = False
    """Also a version that is under retention, unless that is compliance."""


class Deleted(Struct, frozen=True):
    """What came of it."""

    version: str | None = None
    """Of the version taken out, or of the delete marker that was made; else ``None``."""
    marker: bool = False
    """Was a delete marker made, or taken out?"""


class Staged(Struct, frozen=True):
    """Bytes that are in the store but have no name yet. Commit them or ``Store.discard`` them."""

    size: int
    cid: bytes
    profile: str
    digests: dict[str, bytes]
    """Raw digests by ``store.digests`` name: always ``md5``, and all the body asked for."""
    leaves: bytes
    """SHA-256 digests of the leaf blocks, 32 bytes each, back to back."""
    body: bytes | None = None
    """The bytes themselves when they are small enough to live in the database."""
    extents: tuple[Extent, ...] = ()


class Body(Protocol):
    """A stream of bytes on its way in. Iterating raises when the stream breaks its own framing."""

    @property
    def size(self) -> int | None:
        """Declared length in bytes, or ``None``."""

    @property
    def digests(self) -> frozenset[str]:
        """Names of ``store.digests`` that ``verify`` wants, beside md5."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def verify(self, digests: Mapping[str, bytes]) -> None:
        """Called once after the last byte; raises when the bytes are not those announced."""


class Stats(Struct, frozen=True):
    """Logical bytes are what clients see; physical bytes are what the disk holds for them."""

    buckets: int
    objects: int
    uploads: int
    logical_bytes: int
    inline_bytes: int
    segment_bytes: int
    """Live bytes in segments, each distinct content counted once, parts in progress included."""
    trash_bytes: int
    database_bytes: int
    journal_bytes: int
    versions: int = 0
    """Earlier versions and delete markers; ``objects`` are those that are current."""
    version_bytes: int = 0
    """Logical bytes of those."""
