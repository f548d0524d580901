"""Fsck, first part: rows against rows, all in the snapshot of the given connection.

Each table is read once, in order, and what refers to it is read beside it in the same order, so
that nothing is gathered in memory.
"""

from collections.abc import Iterator

import apsw
import msgspec

from store import unixfs, version_rows
from store.apply import ANNOTATIONS
from store.content_rows import NOWHERE, decode_extents
from store.database import Row, one, row_crc
from store.intact import intact
from store.names import decode_attributes
from store.records import ENABLED, Extent

Found = Iterator[tuple[str, str, int]]
"""How the parts of the check report: kind, where, bytes."""


def check(db: apsw.Connection, *, fast: bool) -> Found:
    """Entries resolve, checksums of rows hold, references are counted right, extents are owned."""
    tokens: set[bytes] = set()
    yield from _buckets(db)
    yield from _entries(db, "version", fast, tokens)
    yield from _entries(db, "entry", fast, tokens)
    yield from _annotations(db, tokens)
    yield from _order(db)
    yield from _locks(db)
    yield from _references(db, "content", "SELECT id, refs, size FROM content ORDER BY id")
    yield from _references(db, "body", "SELECT id, 1, length(bytes) FROM body ORDER BY id")
    owned = _Owned(db)
    yield from _contents(db, owned)
    yield from _parts(db, owned)
    yield from owned.orphans()
    yield from _uploads(db)
    yield from _messages(db)


def _buckets(db: apsw.Connection) -> Found:
    for name, profile in db.execute("SELECT name, profile FROM bucket"):
        if profile not in unixfs.PROFILES:
            yield "bucket", f"{name} has profile {profile}, which is none", 0


# --- entries -----------------------------------------------------------------------------------

_ENTRIES = (
    "SELECT e.bucket, e.key, e.seq, e.size, e.cid, e.etag, e.modified, e.owner, e.traits,"
    " e.attributes, e.parts_count, e.body, e.content, e.parts, e.made, e.version,"
    " e.crc, k.name, c.cid, c.size, {}"
    " FROM {} e LEFT JOIN bucket k ON k.id = e.bucket LEFT JOIN content c ON c.id = e.content"
    " LEFT JOIN body b ON b.id = e.body"
)


def _entries(db: apsw.Connection, table: str, fast: bool, tokens: set[bytes]) -> Found:
    """Adds the tokens of annotations that it finds."""
    for row in db.execute(_ENTRIES.format("length(b.bytes)" if fast else "b.bytes", table)):
        values, (crc, name, cid, size, data) = row[:16], row[16:]
        bucket, key, entry_size, entry_cid = values[0], values[1], values[3], values[4]
        where = _where(name or bucket, key)
        if version_rows.crc(values) != crc:
            yield "entry-checksum", where, entry_size
        if b"annotations" in values[9]:
            tokens |= _token(values[9])
        if name is None and bucket != ANNOTATIONS:
            yield "entry-bucket", f"{where}: there is no bucket {bucket}", entry_size
        body, content = values[11], values[12]
        if body is None and content is None and table == "version":
            continue  # a delete marker
        stored = _stored(entry_size, values[9])
        if (body is None) == (content is None):
            yield "entry", f"{where} has not exactly one of body and content", entry_size
        elif content is not None:
            if (cid, size) != (entry_cid, stored):
                what = "is not there" if cid is None else "has other bytes"
                yield "entry-content", f"{where}: content {content} {what}", entry_size
        elif data is None:
            yield "entry-body", f"{where}: body {body} is not there", entry_size
        elif not _is_inline(data, stored, entry_cid):
            yield "entry-body", f"{where}: body {body} has other bytes", entry_size


_ORDER = (
    "SELECT k.name, v.bucket, v.key FROM version v LEFT JOIN bucket k ON k.id = v.bucket"
    " LEFT JOIN entry e ON e.bucket = v.bucket AND e.key = v.key WHERE e.made <= v.made"
    " OR (e.key IS NULL AND (v.body IS NOT NULL OR v.content IS NOT NULL) AND v.made ="
    " (SELECT max(made) FROM version n WHERE n.bucket = v.bucket AND n.key = v.key))"
)


def _order(db: apsw.Connection) -> Found:
    """An entry is the newest version of its key; without one, a delete marker is."""
    for name, bucket, key in db.execute(_ORDER):
        yield "version-order", f"{_where(name or bucket, key)} has another newest version", 0


def _locks(db: apsw.Connection) -> Found:
    """Only a bucket that keeps versions can keep what it locks."""
    for (name,) in db.execute(
        "SELECT name FROM bucket WHERE lock != '' AND versioning != ?", (ENABLED,)
    ):
        yield "bucket-lock", f"{name} locks objects but keeps no versions", 0


def _annotations(db: apsw.Connection, tokens: set[bytes]) -> Found:
    """Each belongs to a version that is there."""
    scan = "SELECT substr(key, 1, 16), sum(size) FROM entry WHERE bucket = ? GROUP BY 1"
    for token, size in db.execute(scan, (ANNOTATIONS,)):
        if token not in tokens:
            yield "annotation-orphan", token.hex(), size


def _token(attributes: bytes) -> set[bytes]:
    try:
        token = decode_attributes(attributes).annotations
    except msgspec.MsgspecError:
        return set()  # its checksum tells
    return set() if token is None else {token}


def _where(bucket: str | int, key: bytes) -> str:
    return f"{bucket}/{key.decode('utf-8', 'backslashreplace')}"


def _stored(size: int, attributes: bytes) -> int:
    """How many bytes the store has for an entry of ``size``."""
    if b"encryption" not in attributes:  # spares decoding all others
        return size
    try:
        encryption = decode_attributes(attributes).encryption
    except msgspec.MsgspecError:
        return size  # its checksum tells
    return encryption.stored if encryption else size


def _is_inline(data: bytes | int, size: int, cid: bytes) -> bool:
    """``data`` is only a length when bytes are not to be read."""
    if isinstance(data, int):
        return data == size
    return len(data) == size and intact(cid, data)


def _references(db: apsw.Connection, table: str, rows: str) -> Found:
    """``rows``: id, how many entries should refer to it, bytes; ascending."""
    held = db.execute(
        f"SELECT {table}, count(*) FROM (SELECT {table} FROM entry UNION ALL"
        f" SELECT {table} FROM version) WHERE {table} IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    id, count = 0, 0
    for wanted, refs, size in db.execute(rows):
        while id < wanted:
            id, count = next(held, None) or (1 << 63, 0)
        entries = count if id == wanted else 0
        if entries != refs:
            where = f"{table} {wanted} says {refs}, entries that refer to it: {entries}"
            yield f"{table}-refs" if entries else f"{table}-orphan", where, size


# --- contents and parts ------------------------------------------------------------------------


def profile_of(cid: bytes, size: int, leaves: bytes) -> unixfs.Profile | None:
    """The profile under which these leaves have this root; ``None``: under none."""
    for profile in unixfs.PROFILES.values():
        count = unixfs.leaf_count(profile, size)
        if len(leaves) == count * unixfs.DIGEST_BYTES and unixfs.root(profile, leaves, size) == cid:
            return profile
    return None


def _contents(db: apsw.Connection, owned: "_Owned") -> Found:
    scan = "SELECT id, cid, size, extents, leaves, crc FROM content"
    for *values, crc in db.execute(scan):
        id, cid, size, packed, leaves = values
        if row_crc(tuple(values)) != crc:
            yield "content-checksum", f"content {id}", size
        if profile_of(cid, size, leaves) is None:
            yield "content-cid", f"content {id}: its leaves have another root", size
        if packed == NOWHERE:
            packed = _quarantined(db, id)
            yield "quarantine", f"content {id} is damaged and not served", size
        yield from owned.check(f"content {id}", id, size, packed)


def _quarantined(db: apsw.Connection, content: int) -> bytes:
    row = one(db, "SELECT extents FROM quarantine WHERE content = ?", (content,))
    return bytes(row[0]) if row else NOWHERE


def _parts(db: apsw.Connection, owned: "_Owned") -> Found:
    scan = (
        "SELECT p.upload, p.number, p.seq, p.size, p.extents, u.completed_etag, u.id FROM part p"
        " LEFT JOIN upload u ON u.id = p.upload"
    )
    for upload, number, seq, size, packed, completed, there in db.execute(scan):
        where = f"part {number} of upload {upload}"
        if there is None or completed is not None:
            yield "part", f"{where}, which is not in progress", size
        yield from owned.check(where, seq, size, packed)


def _uploads(db: apsw.Connection) -> Found:
    scan = "SELECT u.id FROM upload u LEFT JOIN bucket b ON b.id = u.bucket WHERE b.id IS NULL"
    for (upload,) in db.execute(scan):
        yield "upload", f"upload {upload} is in no bucket", 0


def _messages(db: apsw.Connection) -> Found:
    before = ("", 0)
    for queue, number, body, crc in db.execute("SELECT * FROM message ORDER BY queue, number"):
        where = f"message {number} of queue {queue}"
        if row_crc((queue, number, body)) != crc:
            yield "message-checksum", where, 0
        if before[0] == queue and number != before[1] + 1:
            yield "message-order", f"{where} does not follow on {before[1]}", 0
        before = (queue, number)


class _Owned:
    """Table ``extent`` against the extents that contents and parts say they have."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._matched = 0

    def check(self, where: str, owner: int, size: int, packed: bytes) -> Found:
        extents = extents_of(packed)
        if extents is None or sum(extent.length for extent in extents) != size:
            yield "extents", f"{where} has no extents of {size} bytes", size
        for extent in extents or ():
            row = one(
                self._db,
                'SELECT length, owner FROM extent WHERE segment = ? AND "offset" = ?',
                (extent.segment, extent.offset),
            )
            if row == (extent.length, owner):
                self._matched += 1
            else:
                yield "extent-missing", f"{where}: {_place(extent)}", extent.length

    def orphans(self) -> Found:
        """Rows of ``extent`` that nobody has; looked for only when there are some."""
        (rows,) = one(self._db, "SELECT count(*) FROM extent") or (0,)
        if rows == self._matched:
            return
        for segment, offset, length, owner in self._db.execute("SELECT * FROM extent"):
            extent = Extent(segment, offset, length)
            if extent not in self._extents_of(owner):
                yield "extent-orphan", f"{_place(extent)}, which {owner} has not", length

    def _extents_of(self, owner: int) -> tuple[Extent, ...]:
        row: Row | None = one(self._db, "SELECT extents FROM content WHERE id = ?", (owner,))
        if row == (NOWHERE,):
            row = (_quarantined(self._db, owner),)
        row = row or one(self._db, "SELECT extents FROM part WHERE seq = ?", (owner,))
        return (extents_of(row[0]) if row else None) or ()


def extents_of(packed: bytes) -> tuple[Extent, ...] | None:
    """``None`` when it is no list of extents."""
    try:
        return decode_extents(packed)
    except msgspec.DecodeError:
        return None


def _place(extent: Extent) -> str:
    return f"{extent.length} bytes of segment {extent.segment} from {extent.offset} on"
