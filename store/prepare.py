"""Making a data directory ready to serve: lock, create, migrate, recover, sweep. Once per start.

Leaves no SQLite handle open, so that the caller may fork its workers afterwards.
"""

import logging
from contextlib import closing
from pathlib import Path

import apsw

from store import base, database, files, migrations, outbox, space
from store.errors import Damaged, JournalMismatch
from store.failpoints import hit
from store.journal import Journal, store_of
from store.lock import DirectoryLock, write_lock
from store.recovery import recover
from store.settings import Settings

log = logging.getLogger("s3gw.store")


class Prepared:
    """The right to serve the directory. Children forked while it is open hold it too."""

    def __init__(self, directory: Path, lock: DirectoryLock) -> None:
        self.directory = directory
        self._lock = lock

    def close(self) -> None:
        """Let another server have it."""
        self._lock.close()


def prepare(directory: Path, settings: Settings) -> Prepared:
    """Take the directory and make it whole. May be killed at any point and repeated.

    Creates what is missing, with modes 0700 and 0600. Raises ``DirectoryLocked`` at once when a
    server has it, ``FormatTooNew``, ``JournalMismatch``, ``Damaged`` when no segment is there,
    ``Unavailable``, ``NoSpace``.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = DirectoryLock(directory)
    try:
        for name in ("journal", "segments"):
            files.make_directory(directory / name)
        _migrate(directory)
        with closing(database.open_writer(directory / database.FILE, settings.durability)) as db:
            hit("S1")
            _recover(db, directory)
            _compare(db, directory)
            _sweep(db, directory)
    except BaseException:
        lock.close()
        raise
    return Prepared(directory, lock)


def _migrate(directory: Path) -> None:
    path = directory / database.FILE
    store = store_of(directory / "journal")
    if store is None and not path.exists() and any((directory / "segments").glob("*.seg")):
        raise JournalMismatch(
            f"{directory} has segments but neither database nor journal; not starting an empty one"
        )
    if not path.exists() and (found := base.newest(directory)) is not None:
        base.restore(found, path)
    migrations.migrate(path, store=store)
    files.sync_directory(directory)


def _recover(db: apsw.Connection, directory: Path) -> None:
    lock = write_lock(directory)
    journal = Journal(directory / "journal", outbox.store_id(db), lock.file)
    try:
        with lock.held():
            recover(db, journal)
    finally:
        journal.close()
        lock.close()


def _compare(db: apsw.Connection, directory: Path) -> None:
    """Are the base, the database and the segments of one time? Before anything is swept."""
    reached = outbox.last_lsn(db)
    newest = max((each.lsn for each in base.bases(directory)), default=0)
    if newest > reached:
        raise JournalMismatch(
            f"database and journal are old: they end at change {reached}, a base has {newest}"
        )
    named = [(number, end) for number, end in space.ends(db) if end]
    sizes = {number: _size(directory / "segments" / f"{number:08d}.seg") for number, _ in named}
    if named and not any(sizes.values()):
        raise Damaged(
            f"{directory / 'segments'} has none of the {len(named)} segments that the database"
            " names: is its file system mounted?"
        )
    for number, end in named:
        if sizes[number] < end:
            log.error(
                "segment %d ends at %d, but the database names its bytes up to %d: it is old or"
                " damaged, and what is missing cannot be served",
                *(number, sizes[number], end),
            )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sweep(db: apsw.Connection, directory: Path) -> None:
    """Give back bytes that were never acknowledged, in the segments that were being written."""
    reached = outbox.last_lsn(db)
    paths = {int(path.stem): path for path in (directory / "segments").glob("*.seg")}
    newer = [number for number in paths if number > reached]
    if newer:
        raise JournalMismatch(
            f"segment {min(newer)} is newer than the database, which ends at {reached}"
        )
    hit("S3")
    for number in space.all_open_segments(db):
        if number in paths:
            space.sweep(db, number, paths[number])
