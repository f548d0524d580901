"""The verbs on buckets and entries, as the committer runs them: conditions first, then changes."""

from collections.abc import Sequence

import apsw
import msgspec

from store import names
from store.changes import (
    DropBucket,
    DropEntry,
    Inline,
    Known,
    Placed,
    PutBucket,
    PutEntry,
    SetAttributes,
    SetBucketAcl,
    SetBucketConfig,
)
from store.database import one
from store.errors import (
    BucketExists,
    BucketNotEmpty,
    ExpectationFailed,
    NoSuchBucket,
    NoSuchEntry,
    StoreError,
)
from store.failpoints import hit
from store.records import Attributes, Bucket, Entry, Expect, Extent, Staged
from store.transaction import Commit, Transaction

ANYTHING = Expect()


def require_bucket(db: apsw.Connection, bucket: int) -> None:
    """Raises ``NoSuchBucket``."""
    if one(db, "SELECT 1 FROM bucket WHERE id = ?", (bucket,)) is None:
        raise NoSuchBucket(str(bucket))


def require(db: apsw.Connection, bucket: int, key: bytes, expect: Expect) -> None:
    """Raises ``NoSuchEntry``, ``ExpectationFailed``."""
    if expect == ANYTHING:
        return
    row = one(db, "SELECT etag FROM entry WHERE bucket = ? AND key = ?", (bucket, key))
    if row is None:
        if expect.etags:
            raise NoSuchEntry(repr(key))
        return
    if expect.etags and "*" not in expect.etags and row[0] not in expect.etags:
        raise ExpectationFailed(row[0])
    if "*" in expect.not_etags or row[0] in expect.not_etags:
        raise ExpectationFailed(row[0])


def put_and_read(transaction: Transaction, change: PutEntry) -> Entry:
    """Apply and return the entry as it now stands."""
    seq = transaction.apply(change)
    if isinstance(change.source, Inline):
        return Entry(
            change.bucket,
            change.key,
            seq,
            change.size,
            change.cid,
            change.etag,
            change.modified,
            change.owner,
            change.attributes,
            len(change.parts),
            seq,
        )
    entry = names.entry(transaction.db, change.bucket, change.key)
    assert entry is not None
    return entry


class CreateBucket(Commit[Bucket]):
    def __init__(self, change: PutBucket) -> None:
        self._change = change

    def decide(self, transaction: Transaction) -> Bucket:
        taken = names.bucket(transaction.db, self._change.name)
        if taken is not None:
            raise BucketExists(taken.name, taken.owner)
        return Bucket(transaction.apply(self._change), *msgspec.structs.astuple(self._change))


class ChangeBucketAcl(Commit[None]):
    def __init__(self, bucket: Bucket, acl: str) -> None:
        self._change = SetBucketAcl(bucket.id, acl)

    def decide(self, transaction: Transaction) -> None:
        require_bucket(transaction.db, self._change.bucket)
        transaction.apply(self._change)


class ChangeBucketConfig(Commit[None]):
    def __init__(self, bucket: Bucket, name: str, document: bytes | None) -> None:
        self._change = SetBucketConfig(bucket.id, name, document)
        self.weight = len(document or b"")

    def decide(self, transaction: Transaction) -> None:
        require_bucket(transaction.db, self._change.bucket)
        transaction.apply(self._change)


class DeleteBucket(Commit[None]):
    def __init__(self, bucket: Bucket, now: int) -> None:
        self._change = DropBucket(bucket.id, now)

    def decide(self, transaction: Transaction) -> None:
        bucket = self._change.bucket
        require_bucket(transaction.db, bucket)
        some = "SELECT 1 FROM entry WHERE bucket = ? LIMIT 1"
        if one(transaction.db, some, (bucket,)) is not None:
            raise BucketNotEmpty(str(bucket))
        transaction.apply(self._change)


class PutObject(Commit[Entry]):
    """Name staged bytes."""

    def __init__(
        self,
        bucket: Bucket,
        key: bytes,
        staged: Staged,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect,
        now: int,
    ) -> None:
        self.extents: tuple[Extent, ...] = staged.extents
        self.weight = len(staged.body or b"")
        self._expect = expect
        self._change = PutEntry(
            bucket=bucket.id,
            key=key,
            size=staged.size,
            cid=staged.cid,
            etag=staged.digests["md5"].hex(),
            modified=now,
            owner=owner,
            attributes=attributes,
            source=(
                Placed(staged.extents, staged.leaves)
                if staged.body is None
                else Inline(bytes(staged.body))
            ),
        )

    def decide(self, transaction: Transaction) -> Entry:
        require_bucket(transaction.db, self._change.bucket)
        require(transaction.db, self._change.bucket, self._change.key, self._expect)
        return put_and_read(transaction, self._change)


class CopyObject(Commit[Entry]):
    """Name the bytes of another entry, as they were when it was read."""

    def __init__(
        self,
        source: Entry,
        bucket: Bucket,
        key: bytes,
        *,
        owner: str,
        attributes: Attributes,
        expect: Expect,
        now: int,
    ) -> None:
        self._source = source
        self._expect = expect
        self._change = PutEntry(
            bucket=bucket.id,
            key=key,
            size=source.size,
            cid=source.cid,
            etag=source.etag,
            modified=now,
            owner=owner,
            attributes=attributes,
            source=Known(),
        )

    def decide(self, transaction: Transaction) -> Entry:
        db, source = transaction.db, self._source
        require_bucket(db, self._change.bucket)
        current = names.entry(db, source.bucket, source.key)
        if current is None or current.seq != source.seq:
            raise NoSuchEntry(repr(source.key))
        require(db, self._change.bucket, self._change.key, self._expect)
        change = msgspec.structs.replace(self._change, parts=names.parts(db, current))
        if current.body is not None:
            data = names.inline_bytes(db, current.body)
            change = msgspec.structs.replace(change, source=Inline(data))
        return put_and_read(transaction, change)


class ChangeAttributes(Commit[Entry]):
    """Say something else about an entry, if it is still as it was when it was read."""

    def __init__(self, entry: Entry, attributes: Attributes) -> None:
        self._seq = entry.seq
        self._change = SetAttributes(entry.bucket, entry.key, attributes)

    def decide(self, transaction: Transaction) -> Entry:
        bucket, key = self._change.bucket, self._change.key
        there = "SELECT seq FROM entry WHERE bucket = ? AND key = ?"
        if one(transaction.db, there, (bucket, key)) != (self._seq,):
            raise NoSuchEntry(repr(key))
        transaction.apply(self._change)
        entry = names.entry(transaction.db, bucket, key)
        assert entry is not None
        return entry


class DeleteObjects(Commit[list[Exception | None]]):
    """Many keys, one answer each."""

    def __init__(
        self, bucket: Bucket, keys: Sequence[bytes], expects: Sequence[Expect], now: int
    ) -> None:
        self._bucket = bucket.id
        self._wanted = list(zip(keys, expects or [ANYTHING] * len(keys), strict=True))
        self._now = now

    def decide(self, transaction: Transaction) -> list[Exception | None]:
        hit("D1")
        return [self._delete(transaction, key, expect) for key, expect in self._wanted]

    def _delete(self, transaction: Transaction, key: bytes, expect: Expect) -> StoreError | None:
        db = transaction.db
        try:
            require(db, self._bucket, key, expect)
        except StoreError as error:
            return error
        there = "SELECT 1 FROM entry WHERE bucket = ? AND key = ?"
        if one(db, there, (self._bucket, key)) is not None:
            transaction.apply(DropEntry(self._bucket, key, self._now))
        return None


class Probe(Commit[None]):
    """Writes without changing anything: can a write be acknowledged now?"""

    def decide(self, transaction: Transaction) -> None:
        transaction.db.execute("UPDATE state SET lsn = lsn")
