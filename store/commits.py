"""The verbs on buckets and entries, as the committer runs them: conditions first, then changes."""

import apsw
import msgspec

from store import names, retention, version_id, versions
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
    SetBucketVersioning,
)
from store.database import one
from store.errors import (
    BucketExists,
    BucketNotEmpty,
    ExpectationFailed,
    KeepsVersions,
    Locked,
    LocksObjects,
    NoSuchEntry,
)
from store.records import ENABLED, Attributes, Bucket, Entry, Expect, Extent, Staged
from store.transaction import Commit, Transaction

ANYTHING = Expect()


def require(db: apsw.Connection, bucket: int, key: bytes, expect: Expect) -> None:
    """Raises ``NoSuchEntry``, ``ExpectationFailed``."""
    if expect == ANYTHING:
        return
    there = "SELECT etag, size, modified FROM entry WHERE bucket = ? AND key = ?"
    row = one(db, there, (bucket, key))
    if row is None:
        if expect.etags or expect.size is not None or expect.modified is not None:
            raise NoSuchEntry(repr(key))
        return
    etag, size, modified = row
    judge(etag, size, modified, expect)


def judge(etag: str, size: int, modified: int, expect: Expect) -> None:
    """What is there, as an ``Entry`` says it. Raises ``ExpectationFailed``."""
    if (
        (expect.etags and "*" not in expect.etags and etag not in expect.etags)
        or ("*" in expect.not_etags or etag in expect.not_etags)
        or (expect.size is not None and size != expect.size)
        or (expect.modified is not None and modified // 1000 != expect.modified)
    ):
        raise ExpectationFailed(etag)


def kept(change: PutEntry, versioning: str, lock: str) -> PutEntry:
    """As the bucket it is put in has it now. Raises ``NoObjectLock``."""
    if lock or change.attributes.lock is not None:
        attributes = retention.of_new(change.attributes, lock, change.modified)
        return msgspec.structs.replace(change, versioning=versioning, attributes=attributes)
    return msgspec.structs.replace(change, versioning=versioning) if versioning else change


def put_and_read(transaction: Transaction, change: PutEntry, versioning: str, lock: str) -> Entry:
    """Apply it in a bucket with that versioning and lock; return the entry as it now stands."""
    change = kept(change, versioning, lock)
    inline = isinstance(change.source, Inline)
    seq = transaction.put(change) if inline and not versioning else transaction.apply(change)
    if inline:
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
            version=version_id.encode(seq if versioning == ENABLED else 0),
        )
    entry = names.entry(transaction.db, change.bucket, change.key)
    assert entry is not None
    return entry


def put_attributes(transaction: Transaction, entry: Entry, attributes: Attributes) -> Entry:
    """Say this about a version, which is there; return it as it now stands."""
    db, number = transaction.db, version_id.decode(entry.version)
    current = names.entry(db, entry.bucket, entry.key)
    earlier = current is None or current.version != entry.version
    transaction.apply(
        SetAttributes(entry.bucket, entry.key, attributes, number if earlier else None)
    )
    changed = versions.version(db, entry.bucket, entry.key, entry.version)
    assert isinstance(changed, Entry)
    return changed


class CreateBucket(Commit[Bucket]):
    grows = True

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
        transaction.bucket(self._change.bucket)
        transaction.apply(self._change)


class ChangeBucketConfig(Commit[None]):
    def __init__(self, bucket: Bucket, name: str, document: bytes | None) -> None:
        self._change = SetBucketConfig(bucket.id, name, document)
        self.weight = len(document or b"")

    def decide(self, transaction: Transaction) -> None:
        transaction.bucket(self._change.bucket)
        transaction.apply(self._change)


class ChangeBucketVersioning(Commit[None]):
    def __init__(self, bucket: Bucket, versioning: str) -> None:
        self._change = SetBucketVersioning(bucket.id, versioning)

    def decide(self, transaction: Transaction) -> None:
        _, lock = transaction.bucket(self._change.bucket)
        if lock and self._change.versioning != ENABLED:
            raise LocksObjects(str(self._change.bucket))
        transaction.apply(self._change)


class DeleteBucket(Commit[None]):
    def __init__(self, bucket: Bucket, now: int) -> None:
        self._change = DropBucket(bucket.id, now)

    def decide(self, transaction: Transaction) -> None:
        bucket = self._change.bucket
        transaction.bucket(bucket)
        for table in ("entry", "version"):
            some = f"SELECT 1 FROM {table} WHERE bucket = ? LIMIT 1"
            if one(transaction.db, some, (bucket,)) is not None:
                raise BucketNotEmpty(str(bucket))
        transaction.apply(self._change)


def put_staged(
    bucket: int, key: bytes, staged: Staged, owner: str, attributes: Attributes, now: int
) -> PutEntry:
    """The change that names staged bytes; its ETag is their MD5."""
    return PutEntry(
        bucket=bucket,
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


class PutObject(Commit[Entry]):
    """Name staged bytes."""

    grows = True

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
        self._change = put_staged(bucket.id, key, staged, owner, attributes, now)

    def decide(self, transaction: Transaction) -> Entry:
        versioning, lock = transaction.bucket(self._change.bucket)
        if self._expect != ANYTHING:  # who looks has all that was put before it written
            require(transaction.db, self._change.bucket, self._change.key, self._expect)
        return put_and_read(transaction, self._change, versioning, lock)


class CopyObject(Commit[Entry]):
    """Name the bytes of another entry, as they were when it was read."""

    grows = True

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
        versioning, lock = transaction.bucket(self._change.bucket)
        current = versions.still(db, source)
        require(db, self._change.bucket, self._change.key, self._expect)
        change = msgspec.structs.replace(self._change, parts=names.parts(db, current))
        if current.body is not None:
            data = names.inline_bytes(db, current.body)
            change = msgspec.structs.replace(change, source=Inline(data))
        self.before(transaction, current)
        return put_and_read(transaction, change, versioning, lock)

    def before(self, transaction: Transaction, source: Entry) -> None:
        """What else is copied, once it is sure that the object will be."""


class RenameObject(Commit[Entry]):
    """Give an entry another key; all else about it stays, the time of its change too."""

    def __init__(self, source: Entry, key: bytes, expect: Expect, now: int) -> None:
        self._source = source
        self._key = key
        self._expect = expect
        self._now = now

    def decide(self, transaction: Transaction) -> Entry:
        db, source = transaction.db, self._source
        versioning, lock = transaction.bucket(source.bucket)
        if versioning:
            raise KeepsVersions(str(source.bucket))
        current = versions.still(db, source)
        require(db, source.bucket, self._key, self._expect)
        change = PutEntry(
            bucket=source.bucket,
            key=self._key,
            size=current.size,
            cid=current.cid,
            etag=current.etag,
            modified=current.modified,
            owner=current.owner,
            attributes=current.attributes,
            source=(
                Known() if current.body is None else Inline(names.inline_bytes(db, current.body))
            ),
            parts=names.parts(db, current),
        )
        entry = put_and_read(transaction, change, versioning, lock)
        if current.attributes.annotations is not None:  # they have gone with the object
            bare = msgspec.structs.replace(current.attributes, annotations=None)
            transaction.apply(SetAttributes(source.bucket, source.key, bare))
        transaction.apply(DropEntry(source.bucket, source.key, self._now))
        return entry


class ChangeAttributes(Commit[Entry]):
    """Say something else about a version, if it is still as it was when it was read."""

    def __init__(self, entry: Entry, attributes: Attributes, now: int) -> None:
        self._entry = entry
        self._attributes = attributes
        self._now = now

    def decide(self, transaction: Transaction) -> Entry:
        current = versions.still(transaction.db, self._entry)
        old, new = current.attributes, self._attributes
        # Whoever changes what it takes to read the bytes can make them unreadable.
        readable = new.encryption == old.encryption or not retention.protects(old.lock, self._now)
        if new.lock != old.lock or not readable:
            raise Locked(repr(current.key))
        return put_attributes(transaction, current, self._attributes)


class Probe(Commit[None]):
    """Writes without changing anything: can a write be acknowledged now?"""

    def decide(self, transaction: Transaction) -> None:
        transaction.db.execute("UPDATE state SET lsn = lsn")
