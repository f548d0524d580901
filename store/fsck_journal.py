"""Fsck, third part: the change journal. Every change from the first to the database's last, once;
where it begins later, a base (``store.base``) must have what was before.

What the journal does not have yet must be in the outbox. A torn end is no finding then: the next
start cuts it and completes the journal.
"""

import re
from collections.abc import Generator
from pathlib import Path

import apsw
import msgspec

from store import base, changes, outbox
from store.errors import JournalMismatch
from store.fsck_rows import Found
from store.journal import Journal

_NAME = re.compile(r"\d{16,}\.(log|cut-\d+)")


def check(db: apsw.Connection, newest: apsw.Connection, directory: Path, reached: int) -> Found:
    """``db`` is in a snapshot of change ``reached``; ``newest`` is not in any."""
    strange = False
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        if _NAME.fullmatch(path.name) is None:
            strange = True
            yield "file", f"{path} is not a journal", path.stat().st_size
    if strange:
        return  # whoever reads the journal would stumble on it
    journal = Journal(directory, outbox.store_id(db), -1)
    names = journal.names()
    end = _begin(directory.parent, names)
    for name in names:
        if name != end + 1:
            yield "journal-gap", f"changes {end + 1} to {name - 1} are missing", 0
        end = yield from _file(journal, directory, name, is_last=name == names[-1])
    if end < reached:
        yield from _completed(db, end, reached)
    elif end > reached and end > (last := outbox.last_lsn(newest)):
        yield "database-behind", f"it ends at change {last}, the journal at {end}", 0


def _begin(directory: Path, names: list[int]) -> int:
    """The last change that the journal need not have: a base has it and all before it."""
    found = base.newest(directory) if names and names[0] > 1 else None
    return names[0] - 1 if found and found.lsn >= names[0] - 1 else 0


def _file(
    journal: Journal, directory: Path, name: int, *, is_last: bool
) -> Generator[tuple[str, str, int], None, int]:
    """Returns the last change it has."""
    path = directory / f"{name:016d}.log"
    lsn, end = name - 1, 0
    size = path.stat().st_size
    try:
        for record, record_end in journal.scan(name):
            if record.lsn != lsn + 1:
                yield "journal-gap", f"{path}: {record.lsn} follows on {lsn}", 0
            lsn, end = record.lsn + len(changes.decode(record.payload)) - 1, record_end
    except (JournalMismatch, msgspec.DecodeError) as error:
        yield "journal", f"{path}: {error}", size - end
        return lsn
    if end < size and not is_last:
        yield "journal", f"{path} is unreadable from {end} on", size - end
    return lsn


def _completed(db: apsw.Connection, end: int, reached: int) -> Found:
    """By the outbox, that is."""
    rows = db.execute("SELECT lsn, record FROM change WHERE lsn > ? ORDER BY lsn", (end,))
    for lsn, record in rows:
        if lsn != end + 1:
            break
        end = lsn + len(changes.decode(record)) - 1
    if end != reached:
        yield "journal-short", f"it ends at change {end}, the database at {reached}", 0
