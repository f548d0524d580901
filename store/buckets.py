"""The verbs on buckets: make, find, configure and remove them. A part of ``store.store.Store``."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from store import bucket_config, commits, locking, names
from store.changes import PutBucket
from store.database import FILE, open_reader
from store.engine import Engine
from store.records import ENABLED, Bucket, ObjectLock
from store.walindex import WalIndex

_MOST_SEEN = 1024


class Buckets:
    """Needs what ``Store.start`` sets."""

    _clock: Callable[[], int]
    _db: apsw.Connection
    _directory: Path
    _engine: Engine
    _index: WalIndex
    _seen_in: bytes | None = None
    """The state of the database that ``_seen`` was read in."""
    _seen: dict[str, Bucket]

    def bucket(self, name: str) -> Bucket | None:
        """Nearly every request asks for one: it is read once in each state of the database."""
        state = self._index.state()
        if state is not None and state == self._seen_in and name in self._seen:
            return self._seen[name]
        found = names.bucket(self._db, name)
        if found is not None and state is not None and self._index.state() == state:
            if state != self._seen_in or len(self._seen) >= _MOST_SEEN:
                self._seen, self._seen_in = {}, state
            self._seen[name] = found
        return found

    def buckets(self, owner: str, *, prefix: str = "", after: str = "", limit: int) -> list[Bucket]:
        """The buckets of one access key by name, at most ``limit``."""
        return names.buckets(self._db, owner, prefix=prefix, after=after, limit=limit)

    async def buckets_with(self, document: str) -> list[Bucket]:
        """All buckets whose ``config`` has this document, by id. Read off the loop."""
        path = self._directory / FILE

        def found() -> list[Bucket]:
            with closing(open_reader(path)) as db:
                there = names.all_buckets(db)
            return sorted((b for b in there if document in b.config), key=lambda b: b.id)

        return await self._engine.in_pool(found)

    async def create_bucket(
        self,
        name: str,
        *,
        owner: str,
        path: str,
        acl: str,
        region: str,
        profile: str,
        config: dict[str, bytes] = bucket_config.NONE,
        versioning: str = "",
        lock: ObjectLock | None = None,
    ) -> Bucket:
        """With a ``lock`` it keeps versions. Raises ``BucketExists``."""
        if lock is not None:
            versioning = ENABLED
        now = self._clock()
        change = PutBucket(name, owner, path, now, acl, region, profile, config, versioning, lock)
        return await self._engine.submit(commits.CreateBucket(change))

    async def set_bucket_acl(self, bucket: Bucket, acl: str) -> None:
        """Raises ``NoSuchBucket``."""
        await self._engine.submit(commits.ChangeBucketAcl(bucket, acl))

    async def set_bucket_config(self, bucket: Bucket, name: str, document: bytes | None) -> None:
        """Keep one document of ``Bucket.config`` in place of what it had; ``None``: have none.

        Removing what is not there is not an error. Raises ``NoSuchBucket``.
        """
        await self._engine.submit(commits.ChangeBucketConfig(bucket, name, document))

    async def set_bucket_versioning(self, bucket: Bucket, versioning: str) -> None:
        """``ENABLED`` or ``SUSPENDED``: holds for every commit after it.

        Raises ``NoSuchBucket``, ``LocksObjects``.
        """
        await self._engine.submit(commits.ChangeBucketVersioning(bucket, versioning))

    async def set_bucket_lock(self, bucket: Bucket, lock: ObjectLock) -> None:
        """Have it lock objects from now on, for good; or give new ones another retention.

        Raises ``NoSuchBucket``, ``NotVersioned``.
        """
        await self._engine.submit(locking.ChangeBucketLock(bucket, lock))

    async def delete_bucket(self, bucket: Bucket) -> None:
        """Raises ``NoSuchBucket``, ``BucketNotEmpty``."""
        await self._engine.submit(commits.DeleteBucket(bucket, self._clock()))
