"""Multipart uploads and their parts as rows: point reads and listings.

Writing them is ``store.multipart``'s.
"""

import secrets
from collections.abc import Iterator
from contextlib import closing

import apsw
import msgspec

from store.database import Row, every, one, snapshot
from store.listing import walk
from store.names import decode_attributes
from store.records import Part, Upload, UploadPage

_COLUMNS = (
    "SELECT id, key, bucket, owner, created, attributes, checksum_algorithm, checksum_type,"
    " completed_etag FROM upload"
)
decode_checksums = msgspec.msgpack.Decoder(dict[str, str]).decode


def new_id(now: int) -> str:
    """32 hex digits that sort by time (``now``, ms) and that nobody can guess."""
    return f"{now:012x}{secrets.token_hex(10)}"


def upload(db: apsw.Connection, id: str) -> Upload | None:
    """In progress or completed."""
    row = one(db, f"{_COLUMNS} WHERE id = ?", (id,))
    return _upload(row) if row else None


def parts(db: apsw.Connection, upload: str, *, after: int, limit: int) -> list[Part]:
    rows = every(
        db,
        "SELECT number, seq, size, etag, modified, checksums FROM part"
        " WHERE upload = ? AND number > ? ORDER BY number LIMIT ?",
        (upload, after, limit),
    )
    return [
        Part(upload, number, seq, size, etag, modified, decode_checksums(checksums))
        for number, seq, size, etag, modified, checksums in rows
    ]


def list_uploads(
    db: apsw.Connection,
    bucket: int,
    *,
    prefix: bytes,
    delimiter: bytes,
    after_key: bytes,
    after_id: str,
    limit: int,
) -> UploadPage:
    """See ``Store.uploads``."""

    def rows(start: bytes, exclusive: bool) -> Iterator[Row]:
        scan = f"{_COLUMNS} WHERE bucket = ? AND completed_etag IS NULL AND"
        if exclusive and after_id and start == after_key:
            where = "(key, id) > (?, ?) ORDER BY key, id"
            return db.execute(f"{scan} {where}", (bucket, start, after_id))
        compare = ">" if exclusive else ">="
        return db.execute(f"{scan} key {compare} ? ORDER BY key, id", (bucket, start))

    uploads: list[Upload] = []
    prefixes: list[bytes] = []
    last: tuple[bytes | None, str | None] = (None, None)
    if limit <= 0:
        return UploadPage(uploads, prefixes, *last, more=False)
    with snapshot(db), closing(walk(rows, prefix, delimiter, after_key)) as walked:
        for found in walked:
            if len(uploads) + len(prefixes) == limit:
                return UploadPage(uploads, prefixes, *last, more=True)
            if isinstance(found, bytes):
                prefixes.append(found)
                last = (found, None)
            else:
                uploads.append(_upload(found))
                last = (found[1], found[0])
    return UploadPage(uploads, prefixes, *last, more=False)


def _upload(row: Row) -> Upload:
    id, key, bucket, owner, created, attributes, *rest = row
    return Upload(id, bucket, key, owner, created, decode_attributes(attributes), *rest)
