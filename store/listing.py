"""Listings in byte order, rolled up at a delimiter, each one range scan with skip-seek.

Under a common prefix the scan jumps: the work is proportional to what is on the page, never to
the keys a prefix hides. Rows of objects are read here, in whole runs; ``walk``, for tables of other
kinds, knows no table but is given a way to open a cursor.
"""

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
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
        spans = _spans(scan, delimiter, start, exclusive, limit + 1)
        with snapshot(scan.db), closing(spans):
            return _rolled_up(spans, limit)
    rows = scan.rows(start, limit + 1, exclusive=exclusive)
    more = len(rows) > limit
    del rows[limit:]
    return _Found(rows, [], rows[-1][0] if rows else None, more)


_Span = tuple[list[Row], list[bytes]]
"""Rows one after the other, and the common prefixes behind them."""


def _rolled_up(spans: Iterator[_Span], limit: int) -> _Found:
    rows: list[Row] = []
    prefixes: list[bytes] = []
    beyond = 0
    for shown, common in spans:
        rows += shown
        prefixes += common
        beyond = len(rows) + len(prefixes) - limit
        if beyond > 0:
            behind = min(beyond, len(common))
            del prefixes[len(prefixes) - behind :]
            del rows[len(rows) - (beyond - behind) :]
            break
    last = max((*prefixes[-1:], *(row[0] for row in rows[-1:])), default=None)
    return _Found(rows, prefixes, last, more=beyond > 0)


def _spans(
    scan: _Scan, delimiter: bytes, start: bytes | None, exclusive: bool, most: int
) -> Generator[_Span, None, None]:
    """What is from ``start`` on, in order: ``most`` rows and common prefixes or more.

    Rows are read by runs, each longer than the last. When most of a run was below common
    prefixes, a skip takes over until it meets a key that is shown itself.
    """
    skips = above(delimiter) is not None
    count = min(_FIRST_RUN, most)
    while start is not None:
        run = scan.rows(start, count, exclusive=exclusive)
        keys = [row[0] for row in run]
        ends = [key.find(delimiter, len(scan.prefix)) for key in keys]
        at = shown = 0
        while at < len(run):
            until = at if ends[at] >= 0 else _next_end(ends, at)
            common = keys[until][: ends[until] + len(delimiter)] if until < len(run) else None
            yield run[at:until], [] if common is None else [common]
            shown += until - at + 1
            if common is None:
                start, exclusive, at = keys[-1], True, until
            else:
                start, exclusive = above(common), False
                at = len(run) if start is None else bisect_left(keys, start, until + 1)
        if len(run) < count:
            return
        most -= shown
        count = max(min(4 * count, most), 1)
        if skips and start is not None and not exclusive and 4 * shown < len(run):
            start = yield from _skip(scan, delimiter, start, most)
            count = min(_LEAST_RUN, most)


def _next_end(ends: list[int], at: int) -> int:
    """The first place from ``at`` on where a delimiter was found, or behind the last."""
    return next((place for place in range(at, len(ends)) if ends[place] >= 0), len(ends))


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
        FROM skip
        WHERE instr(substr(skip.key, :from), :delimiter) > 0
            AND (:end IS NULL OR skip.key < :end)
        LIMIT :most)
    SELECT key FROM skip WHERE key IS NOT NULL AND (:end IS NULL OR key < :end)"""
"""The first key at or after the start, then the first above that one's common prefix, and so on,
up to and with a key that has no common prefix.

``:from``: where a key goes on after the prefix, counted from 1; ``:end``: above the prefix;
``:above``: the delimiter.
"""


def _skip(
    scan: _Scan, delimiter: bytes, start: bytes, most: int
) -> Generator[_Span, None, bytes | None]:
    """Common prefixes, ``most`` of them, up to a key that has none. Returns that key, if any."""
    skipped = len(scan.prefix)
    bindings = {
        "bucket": scan.bucket,
        "start": start,
        "from": skipped + 1,
        "delimiter": delimiter,
        "end": above(scan.prefix),
        "above": above(delimiter),
        "most": most,
    }
    keys: list[bytes] = [key for (key,) in scan.db.execute(_SKIP, bindings)]
    shown = keys.pop() if keys and keys[-1].find(delimiter, skipped) < 0 else None
    width = len(delimiter)
    yield [], [key[: key.find(delimiter, skipped) + width] for key in keys]
    return shown
