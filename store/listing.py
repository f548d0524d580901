"""Listings in byte order, rolled up at a delimiter, each one range scan with skip-seek.

Under a common prefix the scan jumps: the work is proportional to what is on the page, never to
the keys a prefix hides. Rows of objects are read here, in whole runs; ``walk``, for tables of other
kinds, knows no table but is given a way to open a cursor.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import lru_cache
from itertools import chain, groupby
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
_FIRST_RUN = 64
"""Rows read at once where nothing is known."""


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

    def heads(self, start: bytes, count: int, delimiter: bytes) -> list[bytes]:
        """The first ``count`` keys from ``start`` on, just the first one below each common prefix.

        ``delimiter`` is not all 0xff.
        """
        bindings = {
            "bucket": self.bucket,
            "start": start,
            "from": len(self.prefix) + 1,
            "delimiter": delimiter,
            "end": above(self.prefix),
            "above": above(delimiter),
            "most": count,
        }
        return [key for (key,) in every(self.db, _HEADS, bindings)]


def _found(scan: _Scan, delimiter: bytes, after: bytes, limit: int) -> _Found:
    start, exclusive = _beginning(scan.prefix, delimiter, after)
    if limit <= 0 or start is None:
        return _Found([], [], None, more=False)
    if not delimiter:
        rows = scan.rows(start, limit + 1, exclusive=exclusive)
        more = len(rows) > limit
        del rows[limit:]
        return _Found(rows, [], rows[-1][0] if rows else None, more)
    items: list[Row | bytes] = []
    runs = _rolled_up(scan, delimiter, start, exclusive, limit + 1)
    with snapshot(scan.db), closing(runs):
        while len(items) <= limit and (run := next(runs, None)):
            items += run
    more = len(items) > limit
    del items[limit:]
    rows = [item for item in items if isinstance(item, tuple)]
    prefixes = [item for item in items if isinstance(item, bytes)]
    last = items[-1] if items else None
    return _Found(rows, prefixes, last[0] if isinstance(last, tuple) else last, more)


def _rolled_up(
    scan: _Scan, delimiter: bytes, start: bytes | None, exclusive: bool, most: int
) -> Generator[list[Row | bytes], None, None]:
    """In order, rows, and ``bytes`` where a common prefix stands for rows; ``most`` or more.

    Read by runs, each longer than the last while that pays: of all rows, or when most of those were
    below common prefixes of heads only, until most of these have none.
    """
    can_skip = above(delimiter) is not None
    skips = False
    count = _FIRST_RUN
    while start is not None:
        if skips:
            keys = scan.heads(start + b"\x00" * exclusive, count, delimiter)
            items, read = _shown_heads(scan, keys, delimiter), len(keys)
        else:
            run = scan.rows(start, count, exclusive=exclusive)
            items, read = _shown(run, delimiter, len(scan.prefix)), len(run)
        if items:
            yield items
        if read < count:
            return
        last = items[-1]
        start, exclusive = (above(last), False) if isinstance(last, bytes) else (last[0], True)
        most -= len(items)
        if skips:
            pays = skips = 4 * sum(isinstance(item, bytes) for item in items) > read
        else:
            pays = 4 * len(items) >= read
            skips = can_skip and not pays
        count = max(min(4 * count if pays or skips else _FIRST_RUN, most), 1)


def _shown(run: list[Row], delimiter: bytes, skipped: int) -> list[Row | bytes]:
    """What is shown of a run, when a key is searched for the delimiter behind ``skipped`` bytes."""
    ends = [row[0].find(delimiter, skipped) for row in run]
    if max(ends, default=-1) < 0:
        return [*run]
    width = len(delimiter)
    items = [row if end < 0 else row[0][: end + width] for row, end in zip(run, ends, strict=True)]
    # Equal ones stand side by side.
    return [item for item, _ in groupby(items)]


def _shown_heads(scan: _Scan, keys: list[bytes], delimiter: bytes) -> list[Row | bytes]:
    """What is shown of them. Those shown themselves follow on each other in the table, too."""
    skipped, width = len(scan.prefix), len(delimiter)
    items: list[Row | bytes] = []
    plain: list[bytes] = []
    for key in keys:
        end = key.find(delimiter, skipped)
        if end < 0:
            plain.append(key)
            continue
        if plain:
            items += scan.rows(plain[0], len(plain), exclusive=False)
            plain = []
        items.append(key[: end + width])
    if plain:
        items += scan.rows(plain[0], len(plain), exclusive=False)
    return items


# A statement for each common prefix would take seven times as long, and one that also had the
# columns of those that are no prefix a third more.
_HEADS = """
    WITH RECURSIVE head (key) AS (
        SELECT (SELECT key FROM entry WHERE bucket = :bucket AND key >= :start
                ORDER BY key LIMIT 1)
        UNION ALL
        SELECT (SELECT key FROM entry WHERE bucket = :bucket AND key >= CAST(
                    CASE instr(substr(head.key, :from), :delimiter)
                    WHEN 0 THEN head.key || x'00'
                    ELSE substr(head.key, 1,
                                :from - 2 + instr(substr(head.key, :from), :delimiter)) || :above
                    END AS BLOB)
                ORDER BY key LIMIT 1)
        FROM head WHERE head.key IS NOT NULL AND (:end IS NULL OR head.key < :end)
        LIMIT :most)
    SELECT key FROM head WHERE key IS NOT NULL AND (:end IS NULL OR key < :end)"""
"""The first key at or after the start, then the first that is not below the same common prefix...

``:from``: where a key goes on after the prefix, counted from 1; ``:end``: above the prefix;
``:above``: the delimiter.
"""
