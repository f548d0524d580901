"""Listings in byte order, rolled up at a delimiter, each one range scan with skip-seek.

Under a common prefix the scan jumps: the work is proportional to what is on the page, never to
the keys a prefix hides. ``Listing`` knows no table; it is given a way to open a cursor.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import apsw
import msgspec

from store.database import Row, every, snapshot
from store.names import ENTRY_COLUMNS, entry_of
from store.records import Listed, Page, Traits

Rows = Callable[[bytes, bool], Iterator[Row]]
"""Rows from a key on, ascending; ``True``: without that key itself. Column 1 is the key."""

# A step costs a quarter of a seek, and many directories are small.
_STEPS_BEFORE_SEEK = 4
_LEAST_RUN = 4


def above(prefix: bytes) -> bytes | None:
    """The least key that is greater than all keys with ``prefix``; ``None`` when none is.

    ``a/`` -> ``a0``
    """
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,)) if cut else None


def rolled(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """The common prefix ``key`` is shown as, or ``None`` when it is shown itself."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else None


def _beginning(prefix: bytes, delimiter: bytes, after: bytes) -> tuple[bytes | None, bool]:
    """The key to begin at, ``None`` if there is no such key, and whether to begin beyond it."""
    if after.startswith(prefix) and rolled(after, prefix, delimiter) == after:
        return above(after), False
    return (after, True) if after >= prefix else (prefix, False)


def walk(
    rows: Rows, prefix: bytes, delimiter: bytes, after: bytes
) -> Generator[Row | bytes, None, None]:
    """Rows, and ``bytes`` where a common prefix stands for rows. Endless work is never done ahead.

    Only keys with ``prefix`` and greater than ``after``; all below ``after`` are skipped when it
    is a common prefix itself.
    """
    beginning, exclusive = _beginning(prefix, delimiter, after)
    if beginning is None:
        return
    start = beginning
    if not delimiter:
        for row in rows(start, exclusive):
            if not row[1].startswith(prefix):
                return
            yield row
        return
    while True:
        common = None
        steps = 0
        for row in rows(start, exclusive):
            if not row[1].startswith(prefix):
                return
            if common is not None and row[1].startswith(common):
                steps += 1
                if steps == _STEPS_BEFORE_SEEK:
                    break
                continue
            common, steps = rolled(row[1], prefix, delimiter), 0
            yield row if common is None else common
        else:
            return
        assert common is not None
        beyond = above(common)
        if beyond is None:
            return
        start, exclusive = beyond, False


class _Found(NamedTuple):
    rows: list[Row]
    """Their first column is the key."""
    prefixes: list[bytes]
    last: bytes | None
    more: bool


def list_entries(
    db: apsw.Connection,
    bucket: int,
    *,
    prefix: bytes,
    delimiter: bytes,
    after: bytes,
    limit: int,
) -> Page:
    """See ``Store.list_entries``. The whole page is of one committed state."""
    scan = _Scan(db, f"key, {ENTRY_COLUMNS}", bucket, prefix)
    found = _found(scan, delimiter, after, limit)
    entries = [entry_of(row[1:]) for row in found.rows]
    return Page(entries, found.prefixes, found.last, found.more)


def list_page(
    db: apsw.Connection,
    bucket: int,
    *,
    prefix: bytes,
    delimiter: bytes,
    after: bytes,
    limit: int,
    owners: bool,
) -> Listed:
    """See ``Store.list_page``. The whole page is of one committed state."""
    scan = _Scan(db, _OWNED if owners else _LIGHT, bucket, prefix)
    found = _found(scan, delimiter, after, limit)
    width = 6 + owners
    # One list and slices of it: zip would make an iterator for each of the rows.
    flat = list(chain.from_iterable(found.rows))
    columns = [flat[at::width] for at in range(width)]
    keys, seconds, milliseconds, etags, sizes, traits = columns[:6]
    return Listed(
        keys,
        seconds,
        milliseconds,
        etags,
        sizes,
        traits,
        columns[6] if owners else [],
        found.prefixes,
        found.last,
        found.more,
    )


decode_traits = lru_cache(maxsize=1024)(msgspec.msgpack.Decoder(Traits).decode)
"""``Listed.traits`` -> ``Traits``."""

# Bytes as they are and times taken apart: what a listing writes, it writes by the thousand.
_LIGHT = "key, modified / 1000, modified % 1000, CAST(etag AS BLOB), size, traits"
_OWNED = f"{_LIGHT}, owner"


class _Scan(NamedTuple):
    """The keys of a bucket that start with a prefix, and what is wanted of each."""

    db: apsw.Connection
    columns: str
    bucket: int
    prefix: bytes

    def rows(self, start: bytes, count: int, *, exclusive: bool) -> list[Row]:
        """The first ``count`` from the key ``start`` on, or beyond it."""
        scan = f"SELECT {self.columns} FROM entry WHERE bucket = ? AND key"
        compare = ">" if exclusive else ">="
        end = above(self.prefix)
        if end is None:
            statement = f"{scan} {compare} ? ORDER BY key LIMIT ?"
            return every(self.db, statement, (self.bucket, start, count))
        statement = f"{scan} {compare} ? AND key < ? ORDER BY key LIMIT ?"
        return every(self.db, statement, (self.bucket, start, end, count))


def _found(scan: _Scan, delimiter: bytes, after: bytes, limit: int) -> _Found:
    start, exclusive = _beginning(scan.prefix, delimiter, after)
    if limit <= 0 or start is None:
        return _Found([], [], None, more=False)
    if delimiter:
        with snapshot(scan.db):
            return _rolled_up(scan, delimiter, start, exclusive, limit)
    rows = scan.rows(start, limit + 1, exclusive=exclusive)
    last = rows[:limit][-1][0] if rows else None
    return _Found(rows[:limit], [], last, more=len(rows) > limit)


def _rolled_up(
    scan: _Scan, delimiter: bytes, start: bytes | None, exclusive: bool, limit: int
) -> _Found:
    """By runs of rows: the next run is as long as the last one was useful, so that neither a flat
    directory takes a seek for each key nor a deep one a read of each.
    """
    rows: list[Row] = []
    prefixes: list[bytes] = []
    last: bytes | None = None
    count = limit + 1
    while start is not None:
        run = scan.rows(start, count, exclusive=exclusive)
        keys = [row[0] for row in run]
        at, before = 0, len(rows) + len(prefixes)
        while at < len(run):
            if len(rows) + len(prefixes) == limit:
                return _Found(rows, prefixes, last, more=True)
            common = rolled(keys[at], scan.prefix, delimiter)
            if common is None:
                rows.append(run[at])
                start, exclusive, last = keys[at], True, keys[at]
                at += 1
            else:
                prefixes.append(common)
                start, exclusive, last = above(common), False, common
                at = len(run) if start is None else bisect_left(keys, start, at + 1)
        if len(run) < count:
            break
        shown = len(rows) + len(prefixes)
        count = min(max(_LEAST_RUN, 2 * (shown - before)), limit + 1 - shown)
    return _Found(rows, prefixes, last, more=False)
