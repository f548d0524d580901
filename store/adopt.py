"""Adopt: go on with the database as it is, when the journal cannot be made to agree with it.

For a journal that is lost or of another time, after somebody has decided that the database is the
truth. The journal is put aside and begun anew after a base; numbers that the old journal, a base or
a segment may have used are passed over. May be killed at any point and repeated.
"""

import os
from contextlib import closing, suppress
from pathlib import Path

import apsw
import msgspec
from msgspec import Struct

from store import base, database, files, migrations, outbox
from store.changes import decode
from store.errors import JournalMismatch
from store.failpoints import hit
from store.journal import Journal, store_of
from store.lock import DirectoryLock, FileLock, write_lock
from store.trimming import LOCK

KEPT = "journal.before-adopt"


class Adopted(Struct, frozen=True):
    """What came of it."""

    was: int
    """The last change that the database has."""
    lsn: int
    """The number that the next change follows on."""
    kept: Path | None
    """The journal as it was; ``None`` when there was none."""


def adopt(directory: Path) -> Adopted:
    """Begin a new journal after the database. Segments it does not know are left for fsck to tell.

    Raises ``DirectoryLocked`` when a server runs, ``Damaged`` when rows of the database do not hold
    (then nothing was changed), ``FormatTooNew``, ``NoSpace``, ``Unavailable``.
    """
    lock = DirectoryLock(directory)
    collecting, trimming = FileLock(directory, "collect.lock"), FileLock(directory, LOCK)
    writing = write_lock(directory)
    try:
        with collecting.held(), trimming.held(), writing.held():
            return _adopt(directory)
    finally:
        for each in (writing, trimming, collecting, lock):
            each.close()


def _adopt(directory: Path) -> Adopted:
    path = directory / database.FILE
    os.close(files.open_read(path))  # raises when there is none: migrating would make one
    migrations.migrate(path)
    with closing(database.open_writer(path, "commit")) as db:
        base.verify(db)
        was = outbox.last_lsn(db)
        lsn = max(was, *_used(directory))
        _settle(db, lsn)
        hit("A1")
        kept = _put_aside(directory / "journal")
        hit("A2")
        db.execute("BEGIN")
        made = base.write(db, directory)
        store = outbox.store_id(db)
    hit("A3")
    journal = Journal(directory / "journal", store, -1)
    journal.begin(made.lsn)
    journal.close()
    base.drop_before(directory, made.lsn)
    return Adopted(was, lsn, kept)


def _used(directory: Path) -> list[int]:
    """Numbers that may have been given to changes that the database does not have."""
    segments = [int(path.stem) for path in (directory / "segments").glob("*.seg")]
    return [0, *segments, *(each.lsn for each in base.bases(directory)), _end(directory)]


def _end(directory: Path) -> int:
    """Of the journal, as far as it can be read."""
    names = sorted(int(path.stem) for path in (directory / "journal").glob("*.log"))
    end = max(names, default=1) - 1
    store = store_of(directory / "journal")
    if names and store is not None:
        with suppress(JournalMismatch, msgspec.MsgspecError, OSError):
            for record, _ in Journal(directory / "journal", store, -1).scan(names[-1]):
                end = record.lsn + len(decode(record.payload)) - 1
    return end


def _settle(db: apsw.Connection, lsn: int) -> None:
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE state SET lsn = ?", (lsn,))
    outbox.prune(db, lsn)
    db.execute("COMMIT")


def _put_aside(journal: Path) -> Path | None:
    """What was put aside before stays too."""
    kept = None
    if journal.is_dir() and any(journal.iterdir()):
        kept = journal.with_name(KEPT)
        number = 1
        while kept.exists():
            number += 1
            kept = journal.with_name(f"{KEPT}-{number}")
        journal.rename(kept)
    files.make_directory(journal)
    return kept
