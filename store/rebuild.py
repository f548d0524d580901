"""Rebuild: the database made again from the change journal. Segments are left as they are.

For a database that is lost or damaged. Every change since the newest base (``store.base``), or
since the first, is applied to a fresh file beside the old one, which is kept under another name.
May be killed at any point and repeated.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import zip_longest
from pathlib import Path

import apsw
from msgspec import Struct

from store import base, changes, database, files, migrations, outbox
from store.errors import JournalMismatch, StoreError
from store.failpoints import hit
from store.journal import Journal, Record, store_of
from store.lock import DirectoryLock, FileLock, write_lock
from store.recovery import replay
from store.trimming import LOCK

KEPT = f"{database.FILE}.before-rebuild"
_FRESH = f"{database.FILE}.rebuilding"


class Rebuilt(Struct, frozen=True):
    """What came of it."""

    lsn: int
    """The last change."""
    kept: Path | None
    """The database as it was; ``None`` when there was none."""
    was_read: bool
    """Whether the old one could be read. If not, commits that had not reached the journal yet
    when the server died - a batch, or what a power cut took - are lost."""
    unreadable_bytes: int
    """Of the end of the journal. What a crash left half-written, if the server did crash."""


def rebuild(
    directory: Path, progress: Callable[[int, int], None] = lambda done, of: None
) -> Rebuilt:
    """Replace the database. ``progress`` gets bytes of the journal done, and of how many.

    Raises ``DirectoryLocked`` when a server runs, ``JournalMismatch`` when the journal does not
    hold every change from the first to the last that is known of; then nothing was changed.
    """
    lock = DirectoryLock(directory)
    # Commands beside the server collect, and commit what they collected: in this order.
    collecting, writing = FileLock(directory, "collect.lock"), write_lock(directory)
    trimming = FileLock(directory, LOCK)
    try:
        with collecting.held(), trimming.held(), writing.held():
            return _rebuild(directory, progress)
    finally:
        writing.close()
        trimming.close()
        collecting.close()
        lock.close()


def _rebuild(directory: Path, progress: Callable[[int, int], None]) -> Rebuilt:
    store = store_of(directory / "journal")
    if store is None:
        raise JournalMismatch(f"{directory} has no change journal to rebuild from")
    journal = Journal(directory / "journal", store, -1)
    found = _base(directory, str(store), journal.names()[0])
    _remove(directory, _FRESH)
    fresh = directory / _FRESH
    if found is not None:
        base.restore(found, fresh)
    migrations.migrate(fresh, store=store)
    with closing(database.open_writer(fresh, "none")) as db:
        source = _Source(directory / "journal", journal, progress)
        replay(db, source.records(outbox.last_lsn(db)))
        was_read = _complete(db, directory / database.FILE, str(store))
        lsn = outbox.last_lsn(db)
    files.sync_file(fresh)
    files.sync_directory(directory)
    hit("R1")
    kept = _put_in_place(directory, fresh)
    return Rebuilt(lsn, kept, was_read, source.unreadable)


def _base(directory: Path, store: str, first: int) -> base.Base | None:
    """What to begin with; ``None``: nothing, since the journal has every change."""
    found = base.newest(directory)
    if found is not None and found.lsn >= first - 1 and base.store_of(found) == store:
        return found
    if first != 1:
        raise JournalMismatch(
            f"the journal begins at change {first}; without those before, there is no database,"
            f" and no intact base in {directory / 'base'} has them"
        )
    return None


class _Source:
    """The records of the journal, counted as they are read."""

    def __init__(
        self, directory: Path, journal: Journal, progress: Callable[[int, int], None]
    ) -> None:
        self._directory = directory
        self._journal = journal
        self._progress = progress
        self.unreadable = 0

    def records(self, after: int) -> Iterator[Record]:
        """Those that begin after a change."""
        names = self._journal.names()
        needed = [
            name
            for name, following in zip_longest(names, names[1:])
            if following is None or following > after + 1
        ]
        sizes = {name: (self._directory / f"{name:016d}.log").stat().st_size for name in needed}
        done, total = 0, sum(sizes.values())
        for name, size in sizes.items():
            end = 0
            for record, end in self._journal.scan(name):
                if record.lsn > after:
                    yield record
                self._progress(done + end, total)
            done += size
            self.unreadable = size - end if end else 0


def _complete(db: apsw.Connection, old: Path, store: str) -> bool:
    """Add what the old database committed and the journal lacks. False when it cannot be read."""
    try:
        with closing(database.open_examiner(old)) as there:
            if str(outbox.store_id(there)) != store:
                return False
            batches = outbox.batches(there, outbox.last_lsn(db))
            for lsn, _, payload in batches:
                replay(db, [Record(lsn, payload)])
                # The journal is completed by the next start, from these.
                outbox.add(db, lsn, changes.encode(changes.without_bytes(changes.decode(payload))))
            reached = outbox.last_lsn(there)
            # It is sound: so that it loses nothing when its log is put aside before itself.
            there.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            there.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
    except (apsw.Error, StoreError, ValueError):
        return False
    if reached > outbox.last_lsn(db):
        raise JournalMismatch(
            f"the database ends at change {reached}, the journal at {outbox.last_lsn(db)}:"
            " a rebuild would lose what lies between"
        )
    return True


# --- files -------------------------------------------------------------------------------------


def _put_in_place(directory: Path, fresh: Path) -> Path | None:
    """At no moment is a write-ahead log beside a database it is not of."""
    path, kept = directory / database.FILE, directory / KEPT
    was_there = path.exists()
    if was_there and not (kept.exists() and kept.samefile(path)):
        _remove(directory, KEPT)
        os.link(path, kept)
        files.sync_directory(directory)
    with suppress(FileNotFoundError):
        Path(f"{path}-wal").rename(f"{kept}-wal")
    files.unlink(Path(f"{path}-shm"))
    files.sync_directory(directory)
    hit("R2")
    fresh.rename(path)
    files.sync_directory(directory)
    return kept if was_there else None


def _remove(directory: Path, name: str) -> None:
    for suffix in ("", "-wal", "-shm"):
        files.unlink(directory / (name + suffix))
