"""Backup: a data directory like the one it is made of, as it was at one moment. Beside a server.

The database is copied as of one change, with the bytes it names then and a journal that begins
after it: a server can be started on the result. Bytes are copied, never linked: a segment that two
directories share would be freed, and rot, in both. While it runs, what it copies is locked as a
reader's bytes are, so that the collector leaves them. Restoring is making a backup of a backup, or
copying its files.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
from msgspec import Struct

from store import base, database, files, outbox
from store.base import Base
from store.database import every
from store.errors import Damaged
from store.failpoints import hit
from store.frontier import page_up
from store.journal import Journal
from store.lock import DirectoryLock, FileLock
from store.pace import Pace
from store.records import Extent

Progress = Callable[[int, int], None]


class BackedUp(Struct, frozen=True):
    """What came of it."""

    lsn: int
    """The last change that it has."""
    bytes: int
    """Of database and objects."""
    unreadable_bytes: int
    """Of objects: they are missing from the backup, as they are from the original."""


def backup(
    directory: Path,
    target: Path,
    *,
    bytes_per_second: int = 0,
    beside: Callable[[Path], None] = lambda made: None,
    progress: Progress = lambda done, of: None,
) -> BackedUp:
    """Make ``target``; what is not finished has another name, and is begun anew the next time.

    ``beside`` is called with the directory before it is finished, to add what is not the store's.
    Raises ``FileExistsError`` when ``target`` has something in it, ``DirectoryLocked`` when another
    backup makes it, ``Damaged`` when the database's rows are, ``NoSpace``, ``Unavailable``.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(errno.EEXIST, "there is something already", str(target))
    draft = target.with_name(f"{target.name}.partial")
    draft.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = DirectoryLock(draft)
    try:
        _clear(draft)
        done = _Backup(directory, draft, Pace(bytes_per_second), progress).make()
        beside(draft)
        files.sync_directory(draft)
        hit("B2")
        draft.rename(target)
        files.sync_directory(target.parent)
    finally:
        lock.close()
    return done


def _clear(draft: Path) -> None:
    for path in draft.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name != "server.lock":
            path.unlink()


class _Backup:
    def __init__(self, directory: Path, draft: Path, pace: Pace, progress: Progress) -> None:
        self._directory = directory
        self._draft = draft
        self._pace = pace
        self._progress = progress
        self._files: dict[int, int] = {}
        self._done = 0
        self._unreadable = 0

    def make(self) -> BackedUp:
        try:
            made = self._database()
            hit("B1")
            with closing(apsw.Connection(str(made.path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
                self._segments(db)
                store = outbox.store_id(db)
        finally:
            self._let_go()
        (self._draft / "journal").mkdir(mode=0o700)
        journal = Journal(self._draft / "journal", store, -1)
        journal.begin(made.lsn)
        journal.close()
        base.restore(made, self._draft / database.FILE)
        return BackedUp(made.lsn, self._done, self._unreadable)

    def _database(self) -> Base:
        collecting = FileLock(self._directory, "collect.lock")
        try:
            with closing(database.open_reader(self._directory / database.FILE)) as db:
                # What is trash now may be freed; what becomes it later is locked by then.
                with collecting.held():
                    db.execute("BEGIN")
                    outbox.last_lsn(db)  # from here on it sees one state
                    self._hold(db)
                made = base.write(db, self._draft, spent=self._pace.spent, progress=self._progress)
                self._done = made.path.stat().st_size
                return made
        finally:
            collecting.close()

    def _hold(self, db: apsw.Connection) -> None:
        for extent in _runs(db):
            if extent.segment not in self._files:
                path = self._path(self._directory, extent.segment)
                try:
                    self._files[extent.segment] = files.open_read(path)
                except FileNotFoundError:
                    continue
            files.lock_shared(self._files[extent.segment], extent.offset, extent.length)

    def _let_go(self) -> None:
        while self._files:
            os.close(self._files.popitem()[1])

    # --- bytes ---------------------------------------------------------------------------------

    def _segments(self, db: apsw.Connection) -> None:
        folder = self._draft / "segments"
        folder.mkdir(mode=0o700)
        total = self._done + every(db, "SELECT coalesce(sum(length), 0) FROM extent")[0][0]
        targets = every(
            db,
            'SELECT segment, max("end") FROM (SELECT segment, "offset" + length "end" FROM extent'
            ' UNION ALL SELECT segment, "offset" + length FROM trash) GROUP BY segment',
        )
        for number, end in targets:
            file = files.create(self._path(self._draft, number))
            try:
                for run in _runs(db, number):
                    self._copy(file, run, total)
                # What is trash is a hole of the same size.
                files.truncate(file, end)
                files.sync(file)
            finally:
                os.close(file)
        files.sync_directory(folder)

    def _copy(self, target: int, run: Extent, total: int) -> None:
        source = self._files.get(run.segment)
        at, end = run.offset, run.offset + run.length
        while at < end:
            wanted = min(1 << 20, end - at)
            try:
                count = files.copy_range(source, target, at, wanted) if source is not None else 0
            except Damaged:
                count = 0
            if not count:
                count = wanted
                self._unreadable += wanted
            at += count
            self._done += count
            self._pace.spent(count)
            self._progress(min(self._done, total), total)

    @staticmethod
    def _path(directory: Path, number: int) -> Path:
        return directory / "segments" / f"{number:08d}.seg"


def _runs(db: apsw.Connection, segment: int | None = None) -> Iterator[Extent]:
    """What is named in the segments, neighbours in one: few locks, long copies."""
    where = "" if segment is None else f"WHERE segment = {segment:d}"
    run: Extent | None = None
    for number, offset, length in db.execute(
        f'SELECT segment, "offset", length FROM extent {where} ORDER BY 1, 2'
    ):
        if run and run.segment == number and page_up(run.offset + run.length) == offset:
            run = Extent(number, run.offset, offset + length - run.offset)
            continue
        if run:
            yield run
        run = Extent(number, offset, length)
    if run:
        yield run
