"""Store: the verbs the gateway calls. One transaction per verb; a return means it is on disk.

Methods that are not ``async`` are point reads or single range scans (2-400 us) and run on the
calling event loop. All others hand their work to the committer or the hashing threads.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from store.records import (
    Attributes,
    Body,
    Bucket,
    Entry,
    Expect,
    ObjectPart,
    Page,
    Part,
    Staged,
    Stats,
    Upload,
    UploadPage,
)


class Settings(Struct, frozen=True):
    """How a store behaves; the data directory itself does not depend on any of it."""

    durability: str = "commit"
    """commit: answered when on disk. interval: synced every 200 ms. none: never synced (tests)."""
    inline_bytes: int = 16 * 1024
    segment_bytes: int = 1 << 30
    trash_grace_seconds: float = 60.0
    collect_seconds: float = 30.0
    """Pause between two rounds of the background collector."""
    upload_days: float = 7.0
    """Uploads in progress older than this are aborted by the collector."""


class Reader:
    """The bytes of one entry from ``start``, in order, at most 1 MiB at a time. Is itself a ``Body``.

    Holds a shared lock on what it reads, so the collector never takes it away; ``close`` it.
    """


class Store:
    """One worker's door to the data directory."""

    def __init__(self, directory: Path, settings: Settings, *, worker: int = 0) -> None: ...

    async def start(self) -> None:
        """Open the database, start the committer; on worker 0 also the background collector."""

    async def close(self) -> None:
        """Finish what was submitted, then stop all threads."""

    # --- buckets -------------------------------------------------------------------------------

    def bucket(self, name: str) -> Bucket | None: ...

    def buckets(self, owner: str, *, prefix: str = "", after: str = "", limit: int) -> list[Bucket]:
        """The buckets of one access key by name, at most ``limit``."""

    async def create_bucket(
        self, name: str, *, owner: str, path: str, acl: str, region: str, profile: str
    ) -> Bucket:
        """Raises ``BucketExists``."""

    async def set_bucket_acl(self, bucket: Bucket, acl: str) -> None:
        """Raises ``NoSuchBucket``."""

    async def delete_bucket(self, bucket: Bucket) -> None:
        """Raises ``NoSuchBucket``, ``BucketNotEmpty``."""

    # --- objects -------------------------------------------------------------------------------

    def entry(self, bucket: Bucket, key: bytes) -> Entry | None: ...

    def parts(self, entry: Entry) -> Sequence[ObjectPart]:
        """The parts of an object that came from a multipart upload, by number; else empty."""

    def list_entries(
        self,
        bucket: Bucket,
        *,
        prefix: bytes = b"",
        delimiter: bytes = b"",
        after: bytes = b"",
        limit: int = 1000,
    ) -> Page:
        """Keys greater than ``after`` that start with ``prefix``, rolled up at ``delimiter``.

        An ``after`` that is itself a common prefix skips all keys below it.
        """

    async def stage(self, body: Body, *, profile: str) -> Staged:
        """Take in a whole stream, hash it, verify it; the bytes are on disk but nameless.

        Raises what the body raises, ``NoSpace``, ``Unavailable``; then nothing is left behind.
        """

    def discard(self, staged: Staged) -> None:
        """Give staged bytes back. Not an error when they were committed."""

    async def put(
        self,
        bucket: Bucket,
        key: bytes,
        staged: Staged,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect = Expect(),
    ) -> Entry:
        """Name staged bytes. ETag is their MD5.

        Raises ``NoSuchBucket``, ``NoSuchEntry`` (``etags`` expected of an absent key),
        ``ExpectationFailed``; then the staged bytes are discarded.
        """

    async def copy(
        self,
        source: Entry,
        bucket: Bucket,
        key: bytes,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect = Expect(),
    ) -> Entry:
        """Name the bytes of ``source`` once more, without copying them. Keeps ETag, CID and parts.

        The target may be the source. Raises as ``put``; ``NoSuchEntry`` also when the source has
        changed since it was read.
        """

    async def delete(
        self, bucket: Bucket, keys: Sequence[bytes], *, expects: Sequence[Expect] = ()
    ) -> list[Exception | None]:
        """Delete many keys in one transaction; one answer per key.

        Deleting the absent is not an error. ``expects``, when given, is as long as ``keys``.
        """

    def open(self, entry: Entry, start: int, length: int) -> bytes | Reader:
        """The bytes ``[start, start + length)``: at once when inline, else a ``Reader``.

        Raises ``Damaged`` when inline bytes do not match their CID.
        """

    # --- multipart uploads ---------------------------------------------------------------------

    async def create_upload(
        self,
        bucket: Bucket,
        key: bytes,
        *,
        owner: str,
        attributes: Attributes,
        checksum_algorithm: str | None = None,
        checksum_type: str | None = None,
    ) -> Upload: ...

    def upload(self, bucket: Bucket, key: bytes, upload_id: str) -> Upload | None:
        """Also a completed one (see ``Upload.completed_etag``)."""

    def uploads(
        self,
        bucket: Bucket,
        *,
        prefix: bytes = b"",
        delimiter: bytes = b"",
        after_key: bytes = b"",
        after_id: str = "",
        limit: int = 1000,
    ) -> UploadPage:
        """Uploads in progress after ``(after_key, after_id)``; with an empty id, after the key."""

    async def put_part(
        self, upload: Upload, number: int, staged: Staged, *, checksums: dict[str, str]
    ) -> Part:
        """Add or replace one part. Raises ``NoSuchUpload``."""

    def upload_parts(self, upload: Upload, *, after: int = 0, limit: int = 10_000) -> Sequence[Part]:
        """Parts with a number above ``after``, by number."""

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        *,
        etag: str,
        attributes: Attributes,
        expect: Expect = Expect(),
    ) -> Entry:
        """Make one object of ``parts``, in that order, and drop the others.

        The object's owner is the initiator. Re-hashes from the first part that does not end on a
        leaf boundary, otherwise reads no byte. Raises ``NoSuchUpload``, ``PartChanged`` and as
        ``put``.
        """

    async def abort_upload(self, upload: Upload) -> None:
        """Raises ``NoSuchUpload``."""

    # --- the whole -----------------------------------------------------------------------------

    def stats(self) -> Stats: ...

    async def ready(self) -> None:
        """Raises ``Unavailable`` or ``NoSpace`` when a write could not be acknowledged now."""
