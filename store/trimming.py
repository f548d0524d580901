"""Trimming: a new base (``store.base``), and then the end of the journal's oldest files.

Without it the journal would hold every change there ever was. Beside a server, and may be killed at
any point: a file of the journal goes only when a base that is verified and on disk has its changes.
"""

import uuid
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import apsw
from msgspec import Struct

from store import base, database, files, outbox
from store.base import Base, Progress
from store.errors import Damaged, JournalMismatch
from store.failpoints import hit
from store.journal import Journal, Unsynced
from store.lock import FileLock, write_lock
from store.pace import Pace
from store.proof import Expected

LOCK = "base.lock"


class Trimmed(Struct, frozen=True):
    """What came of it."""

    lsn: int
    """The last change that the base has."""
    freed_bytes: int
    """Of the journal."""


def is_due(directory: Path, journal_bytes: int) -> bool:
    """What can go of the journal is longer than that, and than the database, which is copied."""
    least = max(journal_bytes, (directory / database.FILE).stat().st_size)
    return sum(path.stat().st_size for path in _paths(directory)[:-1]) > least


def trim(
    directory: Path, *, bytes_per_second: int = 0, progress: Progress = lambda done, of: None
) -> Trimmed:
    """Make a base of the database as it is now; forget the journal before, and older bases.

    Raises ``Damaged`` when the database is not what the journal makes, ``JournalMismatch`` when
    the journal does not reach as far as the database, ``NoSpace``, ``Unavailable``.
    """
    lock = FileLock(directory, LOCK)
    try:
        with lock.held():
            made = _base(directory, Pace(bytes_per_second), progress)
            hit("T1")
            before = _bytes(directory)
            _forget(directory, made.lsn)
            base.drop_before(directory, made.lsn)
            return Trimmed(made.lsn, before - _bytes(directory))
    finally:
        lock.close()


def _base(directory: Path, pace: Pace, progress: Progress) -> Base:
    found = base.newest(directory)
    with closing(database.open_reader(directory / database.FILE)) as db:
        db.execute("BEGIN")
        lsn = outbox.last_lsn(db)
        if found is not None and found.lsn == lsn:
            return found
        store = outbox.store_id(db)
        sync_journal(directory, store, lsn)
        return base.write(
            db, directory, spent=pace.spent, progress=progress, also=partial(_prove, directory)
        )


def _prove(directory: Path, copy: apsw.Connection) -> None:
    """The journal is forgotten only for a copy that it makes too: nothing else could tell later
    that a bit of the database had flipped before."""
    expected = Expected(directory, outbox.store_id(copy))
    try:
        copy.execute("BEGIN")
        for _, what, _ in expected.differences(copy):
            raise Damaged(f"the database is not what the journal makes: {what}")
        copy.execute("COMMIT")
    finally:
        expected.close()


def sync_journal(directory: Path, store: uuid.UUID, lsn: int) -> None:
    """Have the journal on disk up to a change that is committed.

    Without fsync at each commit, a power cut may take commits that the base has from database
    and journal alike; others would get their numbers. So the journal has them on disk first."""
    lock = write_lock(directory)
    try:
        journal = Journal(directory / "journal", store, lock.file)
        with lock.held():
            tail = journal.tail()
        if tail.lsn < lsn:
            raise JournalMismatch(f"the journal ends at {tail.lsn}, the database at {lsn}")
        try:
            journal.sync(tail)
        except Unsynced:
            with lock.held(), closing(database.open_reader(directory / database.FILE)) as db:
                outbox.rewind(db, journal)
            raise
    finally:
        lock.close()


def _forget(directory: Path, lsn: int) -> None:
    """Oldest first, so that what is left is always without a gap. The last one stays."""
    paths = _paths(directory)
    for path, following in pairwise(paths):
        if int(following.stem) > lsn + 1:
            break
        files.unlink(path)
        files.sync_directory(path.parent)
        hit("T2")


def _bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in _paths(directory))


def _paths(directory: Path) -> list[Path]:
    return sorted((directory / "journal").glob("*.log"), key=lambda path: int(path.stem))
