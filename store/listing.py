"""Listings in byte order, rolled up at a delimiter, each one range scan with skip-seek.

Under a common prefix the scan jumps: the work is proportional to what is on the page, never to
the keys a prefix hides. Rows of objects are read here, in whole runs; ``walk``, for tables of other
kinds, knows no table but is given a way to open a cursor.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import chain, islice
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
_FIRST_RUN, _LEAST_RUN = 64, 4
"""Rows read at once where nothing is known, and after a skip."""


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
        items = _rolled_up(scan, delimiter, start, exclusive, limit + 1)
        with snapshot(scan.db), closing(items):
            return _first(items, limit)
    rows = scan.rows(start, limit + 1, exclusive=exclusive)
    last = rows[:limit][-1][0] if rows else None
    return _Found(rows[:limit], [], last, more=len(rows) > limit)


def _first(items: Iterator[Row | bytes], limit: int) -> _Found:
    rows: list[Row] = []
    prefixes: list[bytes] = []
    last: Row | bytes | None = None
    for last in islice(items, limit):
        if isinstance(last, bytes):
            prefixes.append(last)
        else:
            rows.append(last)
    at = last[0] if isinstance(last, tuple) else last
    return _Found(rows, prefixes, at, more=next(items, None) is not None)


def _rolled_up(
    scan: _Scan, delimiter: bytes, start: bytes | None, exclusive: bool, most: int
) -> Generator[Row | bytes, None, None]:
    """Rows, and ``bytes`` where a common prefix stands for rows; ``most`` of them or more.

    Rows are read by runs, each longer than the last. When most of a run was below common
    prefixes, a skip takes over until it meets a key that is shown itself.
    """
    skips = above(delimiter) is not None
    count = min(_FIRST_RUN, most)
    while start is not None:
        run = scan.rows(start, count, exclusive=exclusive)
        keys = [row[0] for row in run]
        at = shown = 0
        while at < len(run):
            common = rolled(keys[at], scan.prefix, delimiter)
            if common is None:
                yield run[at]
                start, exclusive = keys[at], True
                at += 1
            else:
                yield common
                start, exclusive = above(common), False
                at = len(run) if start is None else bisect_left(keys, start, at + 1)
            shown += 1
        if len(run) < count:
            return
        most -= shown
        count = max(min(4 * count, most), 1)
        if skips and start is not None and not exclusive and 4 * shown < len(run):
            start = yield from _skip(scan, delimiter, start, most)
            count = min(_LEAST_RUN, most)


# A thousand statements, one for each common prefix, take seven times as long.
_SKIP = """
    WITH RECURSIVE skip (key) AS (
        SELECT (SELECT key FROM entry WHERE bucket = :bucket AND key >= :start
                ORDER BY key LIMIT 1)
        UNION ALL
        SELECT (SELECT key FROM entry WHERE bucket = :bucket AND key >= CAST(
                    substr(skip.key, 1, :from - 2 + instr(substr(skip.key, :from), :delimiter))
                    || :above AS BLOB)
                ORDER BY key LIMIT 1)
        FROM skip WHERE skip.key IS NOT NULL
        LIMIT :most)
    SELECT key FROM skip"""
"""The first key at or after the start, then the first above that one's common prefix, and so on.

``:from``: where a key goes on after the prefix, counted from 1; ``:above`` the delimiter.
"""


def _skip(
    scan: _Scan, delimiter: bytes, start: bytes, most: int
) -> Generator[bytes, None, bytes | None]:
    """Common prefixes, ``most`` of them, up to a key that has none. Returns that key, if any."""
    bindings = {
        "bucket": scan.bucket,
        "start": start,
        "from": len(scan.prefix) + 1,
        "delimiter": delimiter,
        "above": above(delimiter),
        "most": most,
    }
    with closing(scan.db.execute(_SKIP, bindings)) as keys:
        for (key,) in keys:
            if key is None or not key.startswith(scan.prefix):
                return None
            common = rolled(key, scan.prefix, delimiter)
            if common is None:
                return bytes(key)
            yield common
    return None
