"""Object lock, as the committer runs it: buckets that lock objects, locks on versions."""

from msgspec.structs import replace

from store import retention, versions
from store.changes import SetBucketLock
from store.commits import put_attributes
from store.errors import NoObjectLock, NotVersioned
from store.records import ENABLED, Bucket, Entry, Lock, ObjectLock
from store.transaction import Commit, Transaction


class ChangeBucketLock(Commit[None]):
    def __init__(self, bucket: Bucket, lock: ObjectLock) -> None:
        self._change = SetBucketLock(bucket.id, lock)

    def decide(self, transaction: Transaction) -> None:
        versioning, _ = transaction.bucket(self._change.bucket)
        if versioning != ENABLED:
            raise NotVersioned(str(self._change.bucket))
        transaction.apply(self._change)


class ChangeLock(Commit[Entry]):
    """Lock a version otherwise, if it is still as it was when it was read."""

    def __init__(self, entry: Entry, lock: Lock, now: int, *, bypass: bool) -> None:
        self._entry = entry
        self._lock = lock
        self._now = now
        self._bypass = bypass

    def decide(self, transaction: Transaction) -> Entry:
        current = versions.still(transaction.db, self._entry)
        _, lock = transaction.bucket(current.bucket)
        if lock == retention.NONE:
            raise NoObjectLock(str(current.bucket))
        old = current.attributes
        retention.check_change(old.lock, self._lock, self._now, bypass=self._bypass)
        return put_attributes(transaction, current, replace(old, lock=self._lock))
