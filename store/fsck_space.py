"""Fsck, second part: rows against segment files, and against each other in space.

Bytes are taken by extents and by trash; no byte may be taken twice. Files are looked at after the
snapshot: they only grow, and one that is gone is asked about again in the newest state.
"""

import re
from pathlib import Path

import apsw

from store.database import every, one
from store.frontier import PAGE_BYTES, page_up
from store.fsck_rows import Found

_NAME = re.compile(r"(\d{8,})\.seg")

_TAKEN = (
    'SELECT segment, "offset", length FROM extent UNION ALL'
    ' SELECT segment, "offset", length FROM trash ORDER BY 1, 2'
)


def check(db: apsw.Connection, newest: apsw.Connection, segments: Path, reached: int) -> Found:
    """``db`` is in a snapshot of change ``reached``; ``newest`` is not in any."""
    known = {number for (number,) in every(db, "SELECT number FROM segment")}
    current = 0
    position = end = 0
    for segment, offset, length in db.execute(_TAKEN):
        if segment != current:
            yield from _within_file(newest, segments, current, end)
            current, position, end = segment, 0, 0
            if segment not in known:
                yield "segment-row", f"segment {segment} has bytes but no row", 0
        where = f"{length} bytes of segment {segment} from {offset} on"
        if length <= 0 or offset < 0 or offset % PAGE_BYTES:
            yield "extent", where, max(length, 0)
        elif offset < position:
            yield "extent-overlap", f"{where} are taken twice", min(length, position - offset)
        position = max(position, offset + page_up(length))
        end = max(end, offset + length)
    yield from _within_file(newest, segments, current, end)
    yield from _strange_files(newest, segments, known, reached)


def _within_file(newest: apsw.Connection, segments: Path, number: int, end: int) -> Found:
    if not end:
        return
    path = segments / f"{number:08d}.seg"
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        taken = 'SELECT 1 FROM {} WHERE segment = ? AND "offset" < ? LIMIT 1'
        if any(one(newest, taken.format(t), (number, end)) for t in ("extent", "trash")):
            yield "segment-missing", str(path), end
        return
    if size < end:
        yield "segment-short", f"{path} ends at {size}, its rows at {end}", end - size


def _strange_files(newest: apsw.Connection, segments: Path, known: set[int], reached: int) -> Found:
    for path in sorted(segments.iterdir()) if segments.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match is None:
            yield "file", f"{path} is not a segment", _size(path)
        elif int(match[1]) not in known and not _is_new(newest, int(match[1]), reached):
            yield "segment-orphan", f"{path} has no row", _size(path)


def _is_new(newest: apsw.Connection, number: int, reached: int) -> bool:
    """Made after the snapshot: its row was committed before the file was made."""
    row = one(newest, "SELECT lsn FROM state")
    return reached < number <= (row[0] if row else 0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return 0
