"""What gates measure of a server from outside: times, descriptors, memory, bytes on disk."""

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from store.database import FILE
from store.frontier import page_up
from tests.torture.gate import Run

WHOLE = 0.1
"""The scale from which on a run has the machine for itself."""

_BLOCK = 512  # st_blocks: inode(7)
_JOURNAL_HEADER = 32
_RECORD = struct.Struct(">IIQ")  # length, checksum, number of the first change


def allowed(run: Run, limit: float) -> float:
    """A limit of time, or five times that in a short form, which shares its cores with others."""
    return limit if run.scale >= WHOLE else 5 * limit


def percentile(values: Sequence[float], share: float) -> float:
    """Of at least one value; the slowest of few."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def descriptors(pid: int) -> int:
    """How many a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_bytes(pid: int) -> int:
    """Memory of its own that is in RAM; not what it maps of files."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(each for each in status.splitlines() if each.startswith("RssAnon:"))
    return int(line.split()[1]) << 10


def log_bytes(directory: Path) -> int:
    """The length of SQLite's write-ahead log."""
    path = directory / f"{FILE}-wal"
    return path.stat().st_size if path.exists() else 0


def nameless_bytes(directory: Path) -> int:
    """What segments take on disk beyond the pages that rows name, trash included."""
    taken = sum(path.stat().st_blocks * _BLOCK for path in (directory / "segments").iterdir())
    query = "SELECT length FROM extent UNION ALL SELECT length FROM trash"
    with closing(sqlite3.connect(f"file:{directory / FILE}?mode=ro", uri=True)) as db:
        return taken - sum(page_up(length) for (length,) in db.execute(query))


def commits(directory: Path) -> list[int]:
    """The first change of each transaction in the two newest files of the journal, in order."""
    numbers = []
    for path in sorted((directory / "journal").glob("*.log"))[-2:]:
        records, at = path.read_bytes(), _JOURNAL_HEADER
        while at + _RECORD.size <= len(records):
            size, _, number = _RECORD.unpack_from(records, at)
            numbers.append(number)
            at += _RECORD.size + size
    return numbers


def slope(points: Sequence[tuple[float, float]]) -> float:
    """How fast values grow with time, by least squares; 0 where there is nothing to tell from."""
    if len(points) < 2:
        return 0.0
    middle = sum(time for time, _ in points) / len(points)
    level = sum(value for _, value in points) / len(points)
    above = sum((time - middle) * (value - level) for time, value in points)
    return above / sum((time - middle) ** 2 for time, _ in points)
