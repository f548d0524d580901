"""Versions as rows: point reads of one version of a key. Pages of them: ``store.version_listing``.

A key has its current object in ``entry``, everything else in ``version`` (``store.version_rows``).
"""

import apsw

from store import version_id, version_rows
from store.database import Row, one
from store.errors import Damaged, NoSuchEntry, StoreError
from store.names import CHECKED_COLUMNS, content_extents, entry_of, other, sound
from store.records import DeleteMarker, Entry

_HERE = f"SELECT {CHECKED_COLUMNS} FROM {{}} WHERE bucket = :bucket AND key = :key AND "
_CURRENT, _EARLIER = _HERE.format("entry"), _HERE.format("version")
_NEWEST = f"{_EARLIER} TRUE ORDER BY made DESC LIMIT 1"


def version(db: apsw.Connection, bucket: int, key: bytes, id: str) -> Entry | DeleteMarker | None:
    """The version ``id`` of ``key``, current or not; an entry has its extents.

    Raises ``Damaged``: the row is not as it was written, or has no content.
    """
    number = version_id.decode(id)
    if number is None:
        return None
    # One statement: between two, a version may move from one table to the other.
    earlier = _EARLIER + version_rows.where(number)
    statement = f"{_CURRENT} version = :number UNION ALL {earlier}"
    bindings = {"bucket": bucket, "key": key, "number": number}
    before = None
    while found := one(db, statement, bindings):
        row = sound(found)
        if row[-1] is None:
            return version_of(row)
        extents = content_extents(db, row[-1])
        if extents is not None:
            return entry_of(row, extents)
        before = other(row, before)
    return None


def marker(db: apsw.Connection, bucket: int, key: bytes) -> DeleteMarker | None:
    """The newest version of a key without current object: a delete marker, or there is none."""
    row = one(db, _NEWEST, {"bucket": bucket, "key": key})
    found = version_of(sound(row)) if row else None
    return found if isinstance(found, DeleteMarker) else None


def version_of(row: Row) -> Entry | DeleteMarker:
    """A row of ``ENTRY_COLUMNS`` as a value, the entry without its extents."""
    bucket, key, _, _, _, _, modified, owner, *_, number, body, content = row
    if body is None and content is None:
        return DeleteMarker(bucket, key, version_id.encode(number), modified, owner)
    return entry_of(row)


def gone(db: apsw.Connection, entry: Entry) -> StoreError:
    """Why its bytes are not there: ``NoSuchEntry``, it was replaced; or else ``Damaged``."""
    try:
        still(db, entry)
    except NoSuchEntry as error:
        return error
    return Damaged(f"{entry.key!r} has no bytes")


def still(db: apsw.Connection, entry: Entry) -> Entry:
    """The entry, if it is as it was when it was read; raises ``NoSuchEntry`` otherwise."""
    found = version(db, entry.bucket, entry.key, entry.version)
    if not isinstance(found, Entry) or found.seq != entry.seq:
        raise NoSuchEntry(repr(entry.key))
    return found
