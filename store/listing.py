"""Listings in byte order, rolled up at a delimiter, each one range scan with skip-seek.

Under a common prefix the scan jumps: the work is proportional to what is on the page, never to
the keys a prefix hides. ``Listing`` knows no table; it is given a way to open a cursor.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import apsw

from store.database import Row, snapshot
from store.names import entry_of
from store.records import Entry, Page

Rows = Callable[[bytes, bool], Iterator[Row]]
"""Rows from a key on, ascending; ``True``: without that key itself. Column 0 is the key."""

# A step costs a tenth of a seek, and most directories are small.
_STEPS_BEFORE_SEEK = 10


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
    while True:
        common = None
        steps = 0
        for row in rows(start, exclusive):
            if not row[0].startswith(prefix):
                return
            if common is not None and row[0].startswith(common):
                steps += 1
                if steps == _STEPS_BEFORE_SEEK:
                    break
                continue
            common, steps = rolled(row[0], prefix, delimiter), 0
            yield row if common is None else common
        else:
            return
        assert common is not None
        beyond = above(common)
        if beyond is None:
            return
        start, exclusive = beyond, False


_COLUMNS = (
    "SELECT key, bucket, seq, size, cid, etag, modified, owner, attributes, parts_count, body,"
    " content FROM entry WHERE bucket = ?"
)


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

    def rows(start: bytes, exclusive: bool) -> Iterator[Row]:
        compare = ">" if exclusive else ">="
        return db.execute(f"{_COLUMNS} AND key {compare} ? ORDER BY key", (bucket, start))

    entries: list[Entry] = []
    prefixes: list[bytes] = []
    last: bytes | None = None
    if limit <= 0:
        return Page(entries, prefixes, last, more=False)
    with snapshot(db), closing(walk(rows, prefix, delimiter, after)) as walked:
        for found in walked:
            if len(entries) + len(prefixes) == limit:
                return Page(entries, prefixes, last, more=True)
            if isinstance(found, bytes):
                prefixes.append(last := found)
            else:
                entries.append(entry_of((found[1], found[0], *found[2:])))
                last = found[0]
    return Page(entries, prefixes, last, more=False)
