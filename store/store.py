"""Store: the verbs the gateway calls. One transaction per verb; a return means it is on disk.

Methods that are not ``async`` are point reads or single range scans (2-400 us) and run on the
calling event loop. All others hand their work to the committer or the hashing threads.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from store import commits, joining, listing, multipart, names, spare, stats, uploads
from store.annotated import Annotated, CopyAnnotated
from store.announcing import Announcing
from store.buckets import Buckets
from store.commits import ANYTHING
from store.database import FILE
from store.engine import Engine
from store.errors import NoSuchBucket
from store.failpoints import hit
from store.opening import Opening
from store.reader import Outgoing, Reader
from store.records import (
    Attributes,
    Body,
    Bucket,
    Entry,
    Expect,
    Listed,
    Page,
    Part,
    Staged,
    Stats,
    Upload,
    UploadPage,
)
from store.settings import Settings
from store.unixfs import PROFILES
from store.versioned import Versioned
from store.walindex import WalIndex

__all__ = ["Outgoing", "Reader", "Settings", "Store"]


def wall_clock() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Store(Buckets, Versioned, Opening, Announcing, Annotated):
    """One worker's door to the data directory, which ``store.prepare`` has made ready.

    Of the processes that store bytes at one time, each has a ``worker`` number of its own. One
    that only reads and collects (a command beside a running server) takes -1.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        *,
        worker: int = 0,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._worker = worker
        self._clock = clock

    async def start(self) -> None:
        """Open the database, start the committer; on worker 0 also the background collector.

        Raises ``Unavailable``, ``JournalMismatch``.
        """
        self._engine = Engine(self._directory, self._settings, self._worker, self._clock)
        self._db = self._engine.db
        self._index = WalIndex(self._db)

    async def close(self) -> None:
        """Finish what was submitted, then stop all threads."""
        self._index.close()
        await asyncio.get_running_loop().run_in_executor(None, self._engine.close)

    def state(self) -> bytes | None:
        """Equal answers before and after reads: nothing has changed between, in any process.

        ``None``: it is just changing. Cheaper than any read; see ``store.walindex``.
        """
        return self._index.state()

    # --- objects -------------------------------------------------------------------------------

    def entry(self, bucket: Bucket, key: bytes) -> Entry | None:
        """The current version; ``None`` also when that is a delete marker."""
        return names.entry(self._db, bucket.id, key)

    def seq(self, bucket: Bucket, key: bytes) -> int | None:
        """That of ``entry``: another one after any change of the object."""
        return names.seq(self._db, bucket.id, key)

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
        return listing.list_entries(
            self._db, bucket.id, prefix=prefix, delimiter=delimiter, after=after, limit=limit
        )

    def list_page(
        self,
        bucket: Bucket,
        *,
        prefix: bytes = b"",
        delimiter: bytes = b"",
        after: bytes = b"",
        limit: int = 1000,
        owners: bool = False,
    ) -> Listed:
        """As ``list_entries``, with just what a listing shows: a fifth of the work."""
        return listing.list_page(
            self._db,
            bucket.id,
            prefix=prefix,
            delimiter=delimiter,
            after=after,
            limit=limit,
            owners=owners,
        )

    async def stage(self, body: Body, *, profile: str) -> Staged:
        """Take in a whole stream, hash it, verify it; the bytes are on disk but nameless.

        Raises what the body raises, ``NoSpace``, ``Unavailable``; then nothing is left behind.
        """
        return await self._engine.stage(body, PROFILES[profile])

    def discard(self, staged: Staged) -> None:
        """Give staged bytes back. Not an error when they were committed."""
        self._engine.discard(staged)

    async def put(
        self,
        bucket: Bucket,
        key: bytes,
        staged: Staged,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect = ANYTHING,
    ) -> Entry:
        """Name staged bytes. ETag is their MD5. Versions are kept as the bucket has it.

        Raises ``NoSuchBucket``, ``NoSuchEntry`` (``etags`` expected of an absent key),
        ``ExpectationFailed``, ``NoObjectLock`` (``attributes`` have a lock); then the staged bytes
        are discarded. ``ValueError`` when they were staged for another profile, or given away
        before.
        """
        _same_profile(bucket, staged)
        commit = commits.PutObject(
            bucket,
            key,
            staged,
            owner=owner,
            attributes=attributes,
            expect=expect,
            now=self._clock(),
        )
        return await self._engine.submit(commit, staged)

    async def copy(
        self,
        source: Entry,
        bucket: Bucket,
        key: bytes,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect = ANYTHING,
        annotations: bool = False,
    ) -> Entry:
        """Name the bytes of ``source`` once more, without copying them. Keeps ETag, CID and parts.

        Its ``annotations`` too, if so asked. The target may be the source. Raises as ``put``;
        ``NoSuchEntry`` also when the source has changed since it was read.
        """
        annotated = annotations and source.attributes.annotations is not None
        commit = (CopyAnnotated if annotated else commits.CopyObject)(
            source,
            bucket,
            key,
            owner=owner,
            attributes=attributes,
            expect=expect,
            now=self._clock(),
        )
        return await self._engine.submit(commit)

    async def set_attributes(self, entry: Entry, attributes: Attributes) -> Entry:
        """Replace what is said about one version, and nothing else: ETag and time of change stay.

        Its ``seq`` becomes another. Raises ``Locked`` when they have another lock, or another
        encryption while it is locked; ``NoSuchEntry`` when it has changed since it was read.
        """
        return await self._engine.submit(commits.ChangeAttributes(entry, attributes, self._clock()))

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
    ) -> Upload:
        """Raises ``NoSuchBucket``."""
        now = self._clock()
        upload = Upload(
            uploads.new_id(now),
            bucket.id,
            key,
            owner,
            now,
            attributes,
            checksum_algorithm,
            checksum_type,
        )
        await self._engine.submit(multipart.CreateUpload(upload))
        return upload

    def upload(self, bucket: Bucket, key: bytes, upload_id: str) -> Upload | None:
        """Also a completed one (see ``Upload.completed_etag``)."""
        found = uploads.upload(self._db, upload_id)
        return found if found and (found.bucket, found.key) == (bucket.id, key) else None

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
        return uploads.list_uploads(
            self._db,
            bucket.id,
            prefix=prefix,
            delimiter=delimiter,
            after_key=after_key,
            after_id=after_id,
            limit=limit,
        )

    async def put_part(
        self, upload: Upload, number: int, staged: Staged, *, checksums: dict[str, str]
    ) -> Part:
        """Add or replace one part.

        Raises ``NoSuchUpload``; then the staged bytes are discarded. ``ValueError`` as ``put``.
        """
        bucket = names.bucket_by_id(self._db, upload.bucket)
        if bucket is not None:
            _same_profile(bucket, staged)
        staged = await self._engine.placed(staged)
        commit = multipart.UploadPart(
            upload, number, staged, checksums=checksums, now=self._clock()
        )
        part = await self._engine.submit(commit, staged)
        hit("M2")
        return part

    def upload_parts(
        self, upload: Upload, *, after: int = 0, limit: int = 10_000
    ) -> Sequence[Part]:
        """Parts with a number above ``after``, by number."""
        return uploads.parts(self._db, upload.id, after=after, limit=limit)

    async def complete_upload(
        self,
        upload: Upload,
        parts: Sequence[Part],
        *,
        etag: str,
        attributes: Attributes,
        expect: Expect = ANYTHING,
        owner: str | None = None,
        size: int | None = None,
    ) -> Entry:
        """Make one object of ``parts``, in that order, and drop the others.

        The object's owner is the initiator unless another is given, its ``size`` that of the bytes
        unless clients see another. Re-hashes from the first part that does not end on a leaf
        boundary, otherwise reads no byte. Raises ``NoSuchUpload``, ``PartChanged`` and as ``put``.
        """
        bucket = names.bucket_by_id(self._db, upload.bucket)
        if bucket is None:
            raise NoSuchBucket(str(upload.bucket))
        path, profile = self._directory / FILE, PROFILES[bucket.profile]
        engine = self._engine
        joined = await engine.in_pool(joining.join, path, profile, parts, engine.read)
        commit = multipart.Complete(
            upload,
            parts,
            joined,
            owner=upload.owner if owner is None else owner,
            etag=etag,
            attributes=attributes,
            expect=expect,
            now=self._clock(),
            size=size,
        )
        entry = await self._engine.submit(commit)
        hit("M4")
        return entry

    async def abort_upload(self, upload: Upload) -> None:
        """Raises ``NoSuchUpload``."""
        await self._engine.submit(multipart.Abort(upload, self._clock()))
        hit("D2")

    # --- the whole -----------------------------------------------------------------------------

    def stats(self) -> Stats:
        """Reads every row: for people who ask, not for each request."""
        return stats.collect(self._db, self._directory)

    async def collect(self, *, now: int | None = None) -> None:
        """One round of the collector, as if it were ``now`` (ms since the epoch).

        Raises ``StoreError``; the next round takes up what was left.
        """
        when = self._clock() if now is None else now
        await self._engine.in_pool(self._engine.collector.collect, now=when)

    async def ready(self) -> None:
        """Raises ``Unavailable`` or ``NoSpace`` when an object could not be put now."""
        spare.require(self._directory)
        await self._engine.submit(commits.Probe())


def _same_profile(bucket: Bucket, staged: Staged) -> None:
    if staged.profile != bucket.profile:
        raise ValueError(f"{bucket.name} has profile {bucket.profile}, not {staged.profile}")
