"""All versions of a bucket's keys, page by page, with what it takes to judge how old each is.

For work in the background: whoever reads a page gives it a connection of its own.
"""

from collections.abc import Iterator
from itertools import chain, islice

import apsw
from msgspec import Struct

from store.database import Row, snapshot
from store.listing import above
from store.names import ENTRY_COLUMNS
from store.records import DeleteMarker, Entry
from store.versions import version_of

_SCAN = f"""
    SELECT {ENTRY_COLUMNS}, made FROM entry WHERE bucket = :bucket AND {{where}}
    UNION ALL SELECT {ENTRY_COLUMNS}, made FROM version WHERE bucket = :bucket AND {{where}}
    ORDER BY key, made DESC"""
_OLDER = _SCAN.format(where="key = :key AND made < :made")
_RANGE = "key {} :key AND (:end IS NULL OR key < :end)"
_FROM, _BEYOND = (_SCAN.format(where=_RANGE.format(compare)) for compare in (">=", ">"))


class Past(Struct, frozen=True):
    """One version, and where it stands among those of its key."""

    version: Entry | DeleteMarker
    """Without extents."""
    seq: int
    """Another after every change of the version."""
    made: int
    """Greater in newer versions of a key."""
    replaced: int | None
    """When a newer one took its place, in milliseconds since the epoch; ``None``: it is the
    newest."""
    newer: int
    """Objects, not delete markers, that are newer than this and not the newest of the key."""
    alone: bool
    """The key has no other version."""


class Due(Struct, frozen=True):
    """A version, and what it is time for."""

    past: Past
    storage_class: str | None = None
    """An object gets this storage class; ``None``: the version goes."""


class Place(Struct, frozen=True):
    """Where a page ended, and what of that version the next one has to know."""

    key: bytes
    made: int
    modified: int
    newer: int
    """Of the version that follows, if it is of the same key."""


def page(
    db: apsw.Connection, bucket: int, *, prefix: bytes, after: Place | None, limit: int
) -> tuple[list[Past], Place | None]:
    """Versions of keys with ``prefix`` by key, from new to old, and where to go on, if there is
    more. ``limit`` is at least 1."""
    with snapshot(db):
        rows = list(islice(_rows(db, bucket, prefix, after), limit + 1))
    found = []
    for at, row in enumerate(rows[:limit]):
        version, seq, made = version_of(row[:-1]), row[2], row[-1]
        newest = after is None or after.key != version.key
        replaced, newer = (None, 0) if newest or after is None else (after.modified, after.newer)
        last = at + 1 == len(rows) or rows[at + 1][1] != version.key
        found.append(Past(version, seq, made, replaced, newer, newest and last))
        counted = not newest and isinstance(version, Entry)
        after = Place(version.key, made, version.modified, newer + counted)
    return found, after if len(rows) > limit else None


def _rows(db: apsw.Connection, bucket: int, prefix: bytes, after: Place | None) -> Iterator[Row]:
    bindings = {"bucket": bucket, "key": prefix, "end": above(prefix) if prefix else None}
    if after is None or after.key < prefix:
        return db.execute(_FROM, bindings)
    bindings["key"] = after.key
    beyond = db.execute(_BEYOND, bindings)
    if not after.key.startswith(prefix):
        return beyond
    older = {"bucket": bucket, "key": after.key, "made": after.made}
    return chain(db.execute(_OLDER, older), beyond)
