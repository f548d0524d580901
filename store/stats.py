"""What a data directory holds, counted."""

import os
from collections.abc import Iterable
from pathlib import Path

import apsw

from store.database import FILE, every
from store.records import Stats

_QUERIES = (
    "SELECT count(*) FROM bucket",
    "SELECT count(*), coalesce(sum(size), 0) FROM entry WHERE bucket > 0",
    "SELECT count(*) FROM upload WHERE completed_etag IS NULL",
    "SELECT coalesce(sum(length(bytes)), 0) FROM body",
    "SELECT coalesce(sum(length), 0) FROM extent",
    "SELECT coalesce(sum(length), 0) FROM trash",
    "SELECT count(*), coalesce(sum(size), 0) FROM version",
)


def collect(db: apsw.Connection, directory: Path) -> Stats:
    """Reads every row of most tables."""
    rows = [every(db, query)[0] for query in _QUERIES]
    (buckets,), (objects, logical), (uploads,), (inline,), (segment,), (trash,), earlier = rows
    return Stats(
        buckets=buckets,
        objects=objects,
        uploads=uploads,
        logical_bytes=logical,
        inline_bytes=inline,
        segment_bytes=segment,
        trash_bytes=trash,
        database_bytes=_bytes(directory.glob(f"{FILE}*")),
        journal_bytes=_bytes((directory / "journal").glob("*.log")),
        versions=earlier[0],
        version_bytes=earlier[1],
    )


def _bytes(paths: Iterable[Path]) -> int:
    return sum(os.stat(path).st_size for path in paths)
