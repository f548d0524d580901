"""Changes to rows: the only place that writes names, references and space.

Deterministic: the same changes on the same rows give the same rows, live or replayed. It takes
what it is given as decided; conditions are judged before (``store.commits``).
"""

from collections.abc import Callable, Sequence
from typing import Any

import apsw
import msgspec

from store import bucket_config, content_rows, retention, version_rows
from store.changes import (
    Change,
    CompleteUpload,
    DropBucket,
    DropEntry,
    DropMessages,
    DropSegment,
    DropTrash,
    DropUpload,
    DropVersion,
    Inline,
    MoveContent,
    NewSegment,
    PutBucket,
    PutEntry,
    PutMarker,
    PutMessage,
    PutPart,
    PutUpload,
    Quarantine,
    SealSegment,
    SetAttributes,
    SetBucketAcl,
    SetBucketConfig,
    SetBucketLock,
    SetBucketVersioning,
)
from store.content_rows import decode_extents, disown, encode, forget, own
from store.database import Row, every, one, row_crc
from store.errors import Damaged
from store.failpoints import hit
from store.records import ENABLED, Attributes, traits

ANNOTATIONS = -1
"""In the place of a bucket: the entries that are annotations (``store.annotated``)."""

_BODY = "INSERT INTO body (id, bytes) VALUES (?, ?)"

_decode_attributes = msgspec.msgpack.Decoder(Attributes).decode


def apply(connection: apsw.Connection, lsn: int, change: Change) -> None:
    """Write what ``change``, number ``lsn``, means. Inside a transaction of the caller's.

    Raises ``Damaged`` when it refers to a row that is not there.
    """
    _VERBS[type(change)](connection, lsn, change)


# --- buckets -----------------------------------------------------------------------------------


def _put_bucket(db: apsw.Connection, lsn: int, c: PutBucket) -> None:
    db.execute(
        "INSERT INTO bucket (id, name, owner, path, created, acl, region, profile, config,"
        " versioning, lock) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            lsn,
            c.name,
            c.owner,
            c.path,
            c.created,
            c.acl,
            c.region,
            c.profile,
            bucket_config.encode(c.config),
            c.versioning,
            retention.encode(c.lock),
        ),
    )


def _set_bucket_acl(db: apsw.Connection, lsn: int, c: SetBucketAcl) -> None:
    db.execute("UPDATE bucket SET acl = ? WHERE id = ?", (c.acl, c.bucket))


def _set_bucket_config(db: apsw.Connection, lsn: int, c: SetBucketConfig) -> None:
    row = one(db, "SELECT config FROM bucket WHERE id = ?", (c.bucket,))
    if row is None:
        raise Damaged(f"change {lsn} refers to bucket {c.bucket}, which is not there")
    documents = {name: it for name, it in bucket_config.decode(row[0]).items() if name != c.name}
    if c.document is not None:
        documents[c.name] = c.document
    config = bucket_config.encode(documents)
    db.execute("UPDATE bucket SET config = ? WHERE id = ?", (config, c.bucket))


def _set_bucket_versioning(db: apsw.Connection, lsn: int, c: SetBucketVersioning) -> None:
    db.execute("UPDATE bucket SET versioning = ? WHERE id = ?", (c.versioning, c.bucket))


def _set_bucket_lock(db: apsw.Connection, lsn: int, c: SetBucketLock) -> None:
    lock = retention.encode(c.lock)
    db.execute("UPDATE bucket SET lock = ? WHERE id = ?", (lock, c.bucket))


def _drop_bucket(db: apsw.Connection, lsn: int, c: DropBucket) -> None:
    uploads = every(db, "SELECT id FROM upload WHERE bucket = ?", (c.bucket,))
    for (upload,) in uploads:
        _drop_upload(db, lsn, DropUpload(upload, c.time))
    db.execute("DELETE FROM bucket WHERE id = ?", (c.bucket,))


# --- entries -----------------------------------------------------------------------------------


def _put_entry(db: apsw.Connection, lsn: int, c: PutEntry) -> None:
    replaced = []
    if c.versioning:
        replaced = version_rows.set_aside(db, c.bucket, c.key, null=c.versioning != ENABLED)
    body, content = _take(db, lsn, c)
    since = version_rows.put(db, [_row(lsn, c, body, content)])
    # After the new reference: both may be to the same content.
    for old, time in [*((each, c.modified) for each in replaced), *since]:
        _release(db, old, time)


def put_inline(db: apsw.Connection, puts: Sequence[tuple[int, PutEntry]]) -> None:
    """As ``apply`` of each in turn, all of inline bytes and in buckets that keep no versions."""
    bodies, rows = [], []
    for lsn, c in puts:
        assert isinstance(c.source, Inline)
        bodies.append((lsn, c.source.data or b""))
        rows.append(_row(lsn, c, lsn, None))
    db.executemany(_BODY, bodies)
    for old, time in version_rows.put(db, rows):
        _release(db, old, time)


def _row(lsn: int, c: PutEntry, body: int | None, content: int | None) -> Row:
    return (
        c.bucket,
        c.key,
        lsn,
        c.size,
        c.cid,
        c.etag,
        c.modified,
        c.owner,
        encode(traits(c.attributes)),
        encode(c.attributes),
        len(c.parts),
        body,
        content,
        encode(c.parts) if c.parts else None,
        lsn if c.versioning else 0,
        lsn if c.versioning == ENABLED else 0,
    )


def _set_attributes(db: apsw.Connection, lsn: int, c: SetAttributes) -> None:
    table, this = "entry", ""
    if c.version is not None:
        table, this = "version", f"AND {version_rows.where(c.version)}"
    row = one(
        db,
        f"SELECT {version_rows.COLUMNS} FROM {table} WHERE bucket = :bucket AND key = :key {this}",
        {"bucket": c.bucket, "key": c.key, "number": c.version},
    )
    if row is None:
        raise Damaged(f"change {lsn} refers to entry {c.key!r}, which is not there")
    said = (encode(traits(c.attributes)), encode(c.attributes))
    # A new seq: who has read the entry before must see that it is not the same any more.
    version_rows.write(db, table, (c.bucket, c.key, lsn, *row[3:8], *said, *row[10:]))


def _put_marker(db: apsw.Connection, lsn: int, c: PutMarker) -> None:
    null = c.versioning != ENABLED
    replaced = version_rows.set_aside(db, c.bucket, c.key, null=null)
    nothing = (0, b"", "", c.modified, c.owner, b"", b"", 0, None, None, None)
    number = 0 if null else lsn
    version_rows.write(db, "version", (c.bucket, c.key, lsn, *nothing, lsn, number))
    for old in replaced:
        _release(db, old, c.modified)


def _drop_version(db: apsw.Connection, lsn: int, c: DropVersion) -> None:
    dropped = version_rows.take(db, "entry", c.bucket, c.key, c.version) or version_rows.take(
        db, "version", c.bucket, c.key, c.version
    )
    version_rows.promote(db, c.bucket, c.key)
    for old in dropped:
        _release(db, old, c.time)


def _drop_entry(db: apsw.Connection, lsn: int, c: DropEntry) -> None:
    for _, *old in version_rows.held(db, c.bucket, c.key):
        db.execute("DELETE FROM entry WHERE bucket = ? AND key = ?", (c.bucket, c.key))
        _release(db, old, c.time)


def _take(db: apsw.Connection, lsn: int, c: PutEntry) -> tuple[int | None, int | None]:
    if isinstance(c.source, Inline):
        db.execute(_BODY, (lsn, c.source.data or b""))
        return lsn, None
    return None, content_rows.take(db, lsn, c.cid, c.source, c.modified)


def _release(db: apsw.Connection, held: Sequence[Any], time: int) -> None:
    body, content, attributes = held
    if b"annotations" in attributes:
        _drop_annotations(db, attributes, time)
    if body is not None:
        db.execute("DELETE FROM body WHERE id = ?", (body,))
    if content is not None:
        content_rows.release(db, content, time)


def _move_content(db: apsw.Connection, lsn: int, c: MoveContent) -> None:
    content_rows.move(db, c.content, c.extents, c.time)


def _quarantine(db: apsw.Connection, lsn: int, c: Quarantine) -> None:
    content_rows.quarantine(db, lsn, c.content)


def _drop_annotations(db: apsw.Connection, attributes: bytes, time: int) -> None:
    token = _decode_attributes(attributes).annotations
    if token is None:
        return  # the word was somewhere else
    for old in every(
        db,
        "DELETE FROM entry WHERE bucket = ? AND key > ? AND key < ?"
        " RETURNING body, content, attributes",
        (ANNOTATIONS, token, token + b"\xff"),  # a byte that no name has, all being UTF-8
    ):
        _release(db, old, time)


# --- uploads -----------------------------------------------------------------------------------


def _put_upload(db: apsw.Connection, lsn: int, c: PutUpload) -> None:
    db.execute(
        "INSERT INTO upload (id, bucket, key, owner, created, attributes, checksum_algorithm,"
        " checksum_type) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            c.id,
            c.bucket,
            c.key,
            c.owner,
            c.created,
            encode(c.attributes),
            c.checksum_algorithm,
            c.checksum_type,
        ),
    )


def _put_part(db: apsw.Connection, lsn: int, c: PutPart) -> None:
    there = "SELECT extents FROM part WHERE upload = ? AND number = ?"
    old = one(db, there, (c.upload, c.number))
    if old is not None:
        disown(db, decode_extents(old[0]), c.modified)
    db.execute(
        "INSERT OR REPLACE INTO part (upload, number, seq, size, etag, modified, checksums,"
        " extents, leaves) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            c.upload,
            c.number,
            lsn,
            c.size,
            c.etag,
            c.modified,
            encode(c.checksums),
            encode(c.extents),
            c.leaves,
        ),
    )
    own(db, c.extents, lsn)


def _complete_upload(db: apsw.Connection, lsn: int, c: CompleteUpload) -> None:
    named = set(c.numbers)
    parts = every(db, "SELECT number, extents FROM part WHERE upload = ?", (c.upload,))
    for number, packed in parts:
        extents = decode_extents(packed)
        if number in named:
            forget(db, extents)
        else:
            disown(db, extents, 0)
    _put_entry(db, lsn, c.entry)
    hit("M5")
    db.execute("DELETE FROM part WHERE upload = ?", (c.upload,))
    db.execute(
        "UPDATE upload SET completed_etag = ?, completed = ? WHERE id = ?",
        (c.entry.etag, c.entry.modified, c.upload),
    )


def _drop_upload(db: apsw.Connection, lsn: int, c: DropUpload) -> None:
    parts = every(db, "SELECT extents FROM part WHERE upload = ?", (c.upload,))
    for (packed,) in parts:
        disown(db, decode_extents(packed), c.time)
    db.execute("DELETE FROM part WHERE upload = ?", (c.upload,))
    db.execute("DELETE FROM upload WHERE id = ?", (c.upload,))


# --- space -------------------------------------------------------------------------------------


def _new_segment(db: apsw.Connection, lsn: int, c: NewSegment) -> None:
    db.execute("INSERT INTO segment (number, worker) VALUES (?, ?)", (lsn, c.worker))


def _seal_segment(db: apsw.Connection, lsn: int, c: SealSegment) -> None:
    db.execute("UPDATE segment SET sealed = 1 WHERE number = ?", (c.segment,))


def _drop_segment(db: apsw.Connection, lsn: int, c: DropSegment) -> None:
    db.execute("DELETE FROM segment WHERE number = ?", (c.segment,))


def _drop_trash(db: apsw.Connection, lsn: int, c: DropTrash) -> None:
    db.executemany(
        'DELETE FROM trash WHERE segment = ? AND "offset" = ?',
        [(e.segment, e.offset) for e in c.extents],
    )


# --- messages ----------------------------------------------------------------------------------


def _put_message(db: apsw.Connection, lsn: int, c: PutMessage) -> None:
    ((last,),) = every(db, "SELECT max(number) FROM message WHERE queue = ?", (c.queue,))
    row = (c.queue, (last or 0) + 1, c.body)
    db.execute(
        "INSERT INTO message (queue, number, body, crc) VALUES (?, ?, ?, ?)", (*row, row_crc(row))
    )


def _drop_messages(db: apsw.Connection, lsn: int, c: DropMessages) -> None:
    db.execute("DELETE FROM message WHERE queue = ? AND number <= ?", (c.queue, c.last))


_VERBS: dict[type[Any], Callable[[apsw.Connection, int, Any], None]] = {
    PutBucket: _put_bucket,
    SetBucketAcl: _set_bucket_acl,
    DropBucket: _drop_bucket,
    PutEntry: _put_entry,
    DropEntry: _drop_entry,
    PutUpload: _put_upload,
    PutPart: _put_part,
    CompleteUpload: _complete_upload,
    DropUpload: _drop_upload,
    NewSegment: _new_segment,
    SealSegment: _seal_segment,
    DropSegment: _drop_segment,
    DropTrash: _drop_trash,
    SetBucketConfig: _set_bucket_config,
    SetAttributes: _set_attributes,
    SetBucketVersioning: _set_bucket_versioning,
    PutMarker: _put_marker,
    DropVersion: _drop_version,
    SetBucketLock: _set_bucket_lock,
    PutMessage: _put_message,
    DropMessages: _drop_messages,
    Quarantine: _quarantine,
    MoveContent: _move_content,
}
