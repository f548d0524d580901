"""Deleting objects and versions, as the committer runs it: conditions first, then changes."""

from collections.abc import Sequence

from store import version_id, versions
from store.changes import DropEntry, DropVersion, PutMarker
from store.commits import ANYTHING, judge, require
from store.database import one
from store.errors import ExpectationFailed, Locked, NoSuchEntry, StoreError
from store.failpoints import hit
from store.records import ENABLED, Bucket, Deleted, DeleteMarker, Deletion, Entry
from store.retention import protects
from store.transaction import Commit, Transaction


class DeleteObjects(Commit[list[Deleted | StoreError]]):
    """Many keys, one answer each."""

    def __init__(self, bucket: Bucket, deletions: Sequence[Deletion], owner: str, now: int) -> None:
        self._bucket = bucket.id
        self._deletions = deletions
        self._owner = owner
        self._now = now

    def decide(self, transaction: Transaction) -> list[Deleted | StoreError]:
        hit("D1")
        versioning, _ = transaction.bucket(self._bucket)
        return [self._answer(transaction, each, versioning) for each in self._deletions]

    def _answer(
        self, transaction: Transaction, each: Deletion, versioning: str
    ) -> Deleted | StoreError:
        # Each judges before it applies, so one that is refused has changed nothing.
        try:
            if each.version is not None:
                return self._version(transaction, each, each.version, versioning)
            return self._current(transaction, each, versioning)
        except StoreError as error:
            return error

    def _current(self, transaction: Transaction, each: Deletion, versioning: str) -> Deleted:
        db = transaction.db
        try:
            require(db, self._bucket, each.key, each.expect)
        except NoSuchEntry:
            if "*" not in each.expect.etags and versions.marker(db, self._bucket, each.key):
                raise ExpectationFailed(repr(each.key)) from None
            raise
        if not versioning:
            self._drop_entry(transaction, each.key)
            return Deleted()
        marker = PutMarker(self._bucket, each.key, self._now, self._owner, versioning)
        number = transaction.apply(marker)
        return Deleted(version_id.encode(number if versioning == ENABLED else 0), marker=True)

    def _version(
        self, transaction: Transaction, each: Deletion, version: str, versioning: str
    ) -> Deleted:
        found = versions.version(transaction.db, self._bucket, each.key, version)
        if each.expect != ANYTHING:
            if found is None:
                raise NoSuchEntry(repr(each.key))
            if isinstance(found, DeleteMarker):
                raise ExpectationFailed(repr(each.key))
            judge(found.etag, found.size, found.modified, each.expect)
        if isinstance(found, Entry) and protects(
            found.attributes.lock, self._now, bypass=each.bypass
        ):
            raise Locked(repr(each.key))
        number = version_id.decode(version)
        if found is not None and number is not None:
            if versioning:
                transaction.apply(DropVersion(self._bucket, each.key, number, self._now))
            else:
                self._drop_entry(transaction, each.key)
        return Deleted(version, marker=isinstance(found, DeleteMarker))

    def _drop_entry(self, transaction: Transaction, key: bytes) -> None:
        there = "SELECT 1 FROM entry WHERE bucket = ? AND key = ?"
        if one(transaction.db, there, (self._bucket, key)) is not None:
            transaction.apply(DropEntry(self._bucket, key, self._now))
