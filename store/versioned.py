"""The verbs on versions, deletions and renaming. A part of ``store.store.Store``."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from store import history, version_listing, versions
from store.commits import ANYTHING, RenameObject
from store.database import FILE, open_reader
from store.deletions import DeleteObjects
from store.engine import Engine
from store.errors import StoreError
from store.expiry import Expire
from store.failpoints import hit
from store.history import Due, Past, Place
from store.locking import ChangeLock
from store.records import (
    Bucket,
    Deleted,
    DeleteMarker,
    Deletion,
    Entry,
    Expect,
    Lock,
    VersionPage,
)


class Versioned:
    """Needs what ``Store.start`` sets."""

    _clock: Callable[[], int]
    _db: apsw.Connection
    _directory: Path
    _engine: Engine

    def version(self, bucket: Bucket, key: bytes, version: str) -> Entry | DeleteMarker | None:
        """One version by its id (``null`` too), current or not.

        ``None`` also when no version was ever called so (``version_id.decode`` tells these apart).
        """
        return versions.version(self._db, bucket.id, key, version)

    def marker(self, bucket: Bucket, key: bytes) -> DeleteMarker | None:
        """The delete marker that hides ``key``, for when ``entry`` has found nothing."""
        return versions.marker(self._db, bucket.id, key)

    def list_versions(
        self,
        bucket: Bucket,
        *,
        prefix: bytes = b"",
        delimiter: bytes = b"",
        after_key: bytes = b"",
        after_version: str | None = None,
        limit: int = 1000,
    ) -> VersionPage:
        """Versions and delete markers, by key and then from new to old, rolled up at ``delimiter``.

        Those after the version ``after_version`` of ``after_key``; without one, after that key.
        """
        return version_listing.list_versions(
            self._db,
            bucket.id,
            prefix=prefix,
            delimiter=delimiter,
            after_key=after_key,
            after_version=after_version,
            limit=limit,
        )

    async def delete(
        self, bucket: Bucket, deletions: Sequence[Deletion | bytes], *, owner: str = ""
    ) -> list[Deleted | StoreError]:
        """Delete in one transaction; one answer for each, a key being ``Deletion(key)``.

        Without a version: the current object goes for good in a bucket that never kept versions,
        else a delete marker of ``owner`` hides it (made also where nothing was, as AWS does).
        With one: that version goes for good, and the one before it is current again; the answer
        is ``Locked`` when its lock forbids. Deleting the absent is not an error. Raises
        ``NoSuchBucket``.
        """
        wanted = [Deletion(each) if isinstance(each, bytes) else each for each in deletions]
        commit = DeleteObjects(bucket, wanted, owner, self._clock())
        answers = await self._engine.submit(commit)
        hit("D2")
        return answers

    async def set_lock(self, entry: Entry, lock: Lock, *, bypass: bool = False) -> Entry:
        """Replace the lock of one version. ``bypass``: also against a retention by governance.

        Raises ``Locked``, ``NoObjectLock``; ``NoSuchEntry`` when it has changed since it was read.
        """
        return await self._engine.submit(ChangeLock(entry, lock, self._clock(), bypass=bypass))

    async def due(
        self,
        bucket: Bucket,
        judge: Callable[[Past], Due | None],
        *,
        prefix: bytes,
        after: Place | None,
        limit: int,
    ) -> tuple[list[Due], Place | None]:
        """What ``judge`` says of the next ``limit`` versions; where to go on, if there is more.

        Reads and judges off the loop."""
        path = self._directory / FILE

        def judged() -> tuple[list[Due], Place | None]:
            with closing(open_reader(path)) as db:
                found, place = history.page(db, bucket.id, prefix=prefix, after=after, limit=limit)
            return [due for past in found if (due := judge(past))], place

        return await self._engine.in_pool(judged)

    async def expire(self, bucket: Bucket, due: Sequence[Due]) -> int | None:
        """Give objects another storage class; delete what is current as ``delete`` does, in the
        name of the bucket's owner; take earlier versions and delete markers out for good. Only
        what is still as it was judged.

        Returns how many; ``None`` when the bucket itself has changed, and nothing was done.
        """
        return await self._engine.submit(Expire(bucket, due, self._clock()))

    async def rename(self, source: Entry, key: bytes, *, expect: Expect = ANYTHING) -> Entry:
        """Give ``source`` another key of its bucket, in place of what was there.

        Raises ``ValueError`` when it has that key already, ``KeepsVersions``, ``NoSuchEntry``
        (also when the source has changed since it was read), ``NoSuchBucket``,
        ``ExpectationFailed``.
        """
        if key == source.key:
            raise ValueError(repr(key))
        return await self._engine.submit(RenameObject(source, key, expect, self._clock()))
