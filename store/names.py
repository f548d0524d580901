"""Buckets and entries as rows: point reads and the scan over buckets. Listings: ``store.listing``.

Takes a connection and returns values. Whether that is the loop's reading connection or the
committer's inside a transaction makes no difference here.
"""

import apsw
import msgspec

from store import bucket_config, retention, version_id, version_rows
from store.content_rows import decode_extents
from store.database import Row, every, one
from store.errors import Damaged
from store.records import Attributes, Bucket, Entry, Extent, ObjectPart

_BUCKET = (
    "SELECT id, name, owner, path, created, acl, region, profile, config, versioning, lock"
    " FROM bucket"
)
ENTRY_COLUMNS = (
    "bucket, key, seq, size, cid, etag, modified, owner, attributes, parts_count, version, body,"
    " content"
)
CHECKED_COLUMNS = f"{ENTRY_COLUMNS}, traits, parts, made, crc"
"""With all that ``sound`` needs."""
_ENTRY = f"SELECT {CHECKED_COLUMNS} FROM entry WHERE bucket = ? AND key = ?"

decode_attributes = msgspec.msgpack.Decoder(Attributes).decode
_decode_parts = msgspec.msgpack.Decoder(tuple[ObjectPart, ...]).decode


def _bucket_of(row: Row) -> Bucket:
    """A row of ``_BUCKET`` as a value."""
    id, name, owner, path, created, acl, region, profile, config, versioning, lock = row
    documents = bucket_config.decode(config)
    return Bucket(
        id,
        name,
        owner,
        path,
        created,
        acl,
        region,
        profile,
        documents,
        versioning,
        retention.decode(lock),
    )


def bucket(db: apsw.Connection, name: str) -> Bucket | None:
    row = one(db, f"{_BUCKET} WHERE name = ?", (name,))
    return _bucket_of(row) if row else None


def bucket_by_id(db: apsw.Connection, id: int) -> Bucket | None:
    row = one(db, f"{_BUCKET} WHERE id = ?", (id,))
    return _bucket_of(row) if row else None


def buckets(
    db: apsw.Connection, owner: str, *, prefix: str, after: str, limit: int
) -> list[Bucket]:
    """By name, at most ``limit``. Names are ASCII, so text order is byte order."""
    # U+10FFFF sorts after everything a name can continue with.
    rows = every(
        db,
        f"{_BUCKET} WHERE owner = ? AND name > ? AND name >= ? AND name < ? ORDER BY name LIMIT ?",
        (owner, after, prefix, prefix + "\U0010ffff", limit),
    )
    return [_bucket_of(row) for row in rows]


def all_buckets(db: apsw.Connection) -> list[Bucket]:
    """Every bucket by name, whoever owns it."""
    return [_bucket_of(row) for row in db.execute(f"{_BUCKET} ORDER BY name")]


def entry(db: apsw.Connection, bucket: int, key: bytes) -> Entry | None:
    """The current version of ``key``, with its extents.

    Raises ``Damaged``: the row is not as it was written, or has no content.
    """
    # Two point reads: as a join, one read of a small object takes three times as long.
    before = None
    while found := one(db, _ENTRY, (bucket, key)):
        row = sound(found)
        if row[-1] is None:
            return entry_of(row)
        extents = content_extents(db, row[-1])
        if extents is not None:
            return entry_of(row, extents)
        before = other(row, before)
    return None


def sound(found: Row) -> Row:
    """The ``ENTRY_COLUMNS`` of ``CHECKED_COLUMNS``. Raises ``Damaged``: a bit of them flipped."""
    *row, traits, parts, made, crc = found
    *_, attributes, count, version, body, content = row
    values = (*row[:8], traits, attributes, count, body, content, parts, made, version)
    if version_rows.crc(values) != crc:
        raise Damaged(f"the row of {row[1]!r}")
    return tuple(row)


def other(row: Row, before: Row | None) -> Row:
    """The row, which was replaced before its content was read. Raises ``Damaged`` if it was not."""
    if row == before:
        raise Damaged(f"{row[1]!r} refers to content {row[-1]}, which is not there")
    return row


def seq(db: apsw.Connection, bucket: int, key: bytes) -> int | None:
    """``entry(...).seq``, at a third of the price."""
    row = one(db, "SELECT seq FROM entry WHERE bucket = ? AND key = ?", (bucket, key))
    return row[0] if row else None


def entry_of(row: Row, extents: tuple[Extent, ...] = ()) -> Entry:
    """A row of ``ENTRY_COLUMNS`` as a value."""
    bucket, key, seq, size, cid, etag, modified, owner, attributes, *rest = row
    parts, version, body, content = rest
    return Entry(
        bucket,
        key,
        seq,
        size,
        cid,
        etag,
        modified,
        owner,
        decode_attributes(attributes),
        parts,
        body,
        content,
        extents,
        version_id.encode(version) if version else version_id.NULL,
    )


def parts(db: apsw.Connection, entry: Entry) -> tuple[ObjectPart, ...]:
    """Of this version of the entry only: empty when it is not there any more."""
    row = one(
        db,
        "SELECT parts FROM entry WHERE bucket = ? AND key = ? AND seq = ?",
        (entry.bucket, entry.key, entry.seq),
    )
    if row is None:
        number = version_id.decode(entry.version)
        this = f"bucket = :bucket AND key = :key AND {version_rows.where(number or 0)}"
        row = one(
            db,
            f"SELECT parts FROM version WHERE {this} AND seq = :seq",
            {"bucket": entry.bucket, "key": entry.key, "number": number, "seq": entry.seq},
        )
    return _decode_parts(row[0]) if row and row[0] else ()


def inline_bytes(db: apsw.Connection, body: int) -> bytes | None:
    row = one(db, "SELECT bytes FROM body WHERE id = ?", (body,))
    return row[0] if row else None


def content_extents(db: apsw.Connection, content: int) -> tuple[Extent, ...] | None:
    row = one(db, "SELECT extents FROM content WHERE id = ?", (content,))
    return decode_extents(row[0]) if row else None
