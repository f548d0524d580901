"""Listings in byte order, rolled up at a delimiter, each one range scan with skip-seek.

Under a common prefix the scan jumps: the work is proportional to what is on the page, never to
the keys a prefix hides. ``Listing`` knows no table; it is given a way to open a cursor.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import apsw

from store.database import Row, every, snapshot
from store.names import ENTRY_COLUMNS, entry_of
from store.records import Entry, Page

Rows = Callable[[bytes, bool], Iterator[Row]]
"""Rows from a key on, ascending; ``True``: without that key itself. Column 1 is the key."""

# A step costs a quarter of a seek, and many directories are small.
_STEPS_BEFORE_SEEK = 4


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


def walk(
    rows: Rows, prefix: bytes, delimiter: bytes, after: bytes
) -> Generator[Row | bytes, None, None]:
    """Rows, and ``bytes`` where a common prefix stands for rows. Endless work is never done ahead.

    Only keys with ``prefix`` and greater than ``after``; all below ``after`` are skipped when it
    is a common prefix itself.
    """
    start, exclusive = (after, True) if after >= prefix else (prefix, False)
    if after.startswith(prefix) and rolled(after, prefix, delimiter) == after:
        beyond = above(after)
        if beyond is None:
            return
        start, exclusive = beyond, False
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


_SCAN = f"SELECT {ENTRY_COLUMNS} FROM entry WHERE bucket = ? AND key"


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
    if limit <= 0:
        return Page([], [], None, more=False)
    if not delimiter:
        return _flat_page(db, bucket, prefix, after, limit)
    entries: list[Entry] = []
    prefixes: list[bytes] = []
    last: bytes | None = None

    def rows(start: bytes, exclusive: bool) -> Iterator[Row]:
        compare = ">" if exclusive else ">="
        return db.execute(f"{_SCAN} {compare} ? ORDER BY key", (bucket, start))

    with snapshot(db), closing(walk(rows, prefix, delimiter, after)) as walked:
        for shown, found in enumerate(walked):
            if shown == limit:
                return Page(entries, prefixes, last, more=True)
            if isinstance(found, bytes):
                prefixes.append(last := found)
            else:
                entries.append(entry_of(found))
                last = found[1]
    return Page(entries, prefixes, last, more=False)


def _flat_page(db: apsw.Connection, bucket: int, prefix: bytes, after: bytes, limit: int) -> Page:
    compare, start = (">", after) if after >= prefix else (">=", prefix)
    end = above(prefix)
    below = "" if end is None else " AND key < ?"
    bindings = (bucket, start, limit + 1) if end is None else (bucket, start, end, limit + 1)
    rows = every(db, f"{_SCAN} {compare} ?{below} ORDER BY key LIMIT ?", bindings)
    entries = [entry_of(row) for row in rows[:limit]]
    last = entries[-1].key if entries else None
    return Page(entries, [], last, more=len(rows) > limit)
