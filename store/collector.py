"""Collector: gives back what nothing refers to any more, in rounds, on worker 0's own thread.

Every step may be killed and repeated: bytes are freed before the row that asks for it goes, and
files are unlinked before theirs. It decides nothing about what is live; transactions did that when
they put rows into ``trash``.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw

from store import database, files, outbox
from store.bucket_config import LIFECYCLE
from store.changes import DropSegment, DropTrash
from store.committer import Committer
from store.database import every
from store.errors import StoreError
from store.failpoints import hit
from store.journal import Tail, Unsynced
from store.ledger import Ledger
from store.lock import FileLock
from store.multipart import DropUploads
from store.records import Extent
from store.segments import Segments
from store.settings import Settings
from store.transaction import Commit, Transaction

log = logging.getLogger("s3gw.store")

JOURNAL_SECONDS = 5.0
COMPLETED_DAYS = 1.0
"""How long a repeated Complete is still answered."""

_DAY = 86_400_000
_BATCH = 1000
_MOST = 100_000
_NEVER = 1 << 62


class Collector:
    """One round is ``collect``; ``start`` makes rounds until ``close``."""

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        segments: Segments,
        committer: Committer,
        ledger: Ledger,
    ) -> None:
        self._path = directory / database.FILE
        self._settings = settings
        self._segments = segments
        self._committer = committer
        self._ledger = ledger
        self._stop = threading.Event()
        self._lock = FileLock(directory, "collect.lock")
        self._thread: threading.Thread | None = None
        self._latest = 0
        self._set_back = time.monotonic()
        """When the clock was last seen to go back, or might have."""

    def start(self, clock: Callable[[], int], after: Callable[[int], None]) -> None:
        """``after`` is called at the end of each round, with its time."""
        self._thread = threading.Thread(
            target=self._rounds, args=(clock, after), name="s3gw-collector", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Blocks until the step it is at has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._lock.close()

    def _rounds(self, clock: Callable[[], int], after: Callable[[int], None]) -> None:
        waited = 0.0
        pause = min(JOURNAL_SECONDS, self._settings.collect_seconds)
        while not self._stop.wait(pause):
            waited += pause
            try:
                self.sync_journal()
                if waited >= self._settings.collect_seconds:
                    waited = 0.0
                    self.collect(now=(now := clock()))
                    after(now)
            except _StoppedError:
                return
            except (StoreError, OSError, apsw.Error):
                log.exception("the collector could not finish its round")

    # --- a round -------------------------------------------------------------------------------

    def collect(self, *, now: int) -> None:
        """Free all that is due at ``now`` (ms since the epoch). Blocks; not on the loop.

        Raises ``StoreError``; the next round takes up what was left.
        """
        # One round at a time on a data directory: what a round has listed as trash stays trash
        # until it drops the row itself, so it never frees bytes that were used again meanwhile.
        with self._lock.held(), closing(database.open_reader(self._path)) as db:
            self._drop_uploads(db, now)
            self._free(db, now)
            self._unlink(db)

    def sync_journal(self) -> None:
        """Bring the journal to disk and forget the batches of the outbox that it holds."""
        tail = self._committer.run(_CatchUp(self._ledger))
        try:
            self._ledger.journal.sync(tail)
        except Unsynced:
            self._committer.run(_Rewind(self._ledger))
            raise
        self._committer.run(_Prune(tail.lsn))

    def _drop_uploads(self, db: apsw.Connection, now: int) -> None:
        # A bucket with a lifecycle of its own says itself how long its uploads may take.
        own = "SELECT json_type(config, ?) FROM bucket WHERE id = upload.bucket"
        due = every(
            db,
            "SELECT id FROM upload WHERE completed < ?"
            f" OR (completed_etag IS NULL AND created < ? AND ({own}) IS NULL)",
            (
                now - int(COMPLETED_DAYS * _DAY),
                now - int(self._settings.upload_days * _DAY),
                f"$.documents.{LIFECYCLE}",
            ),
        )
        for at in range(0, len(due), _BATCH):
            self._go_on()
            self._committer.run(DropUploads([id for (id,) in due[at : at + _BATCH]], now))

    def _free(self, db: apsw.Connection, now: int) -> None:
        before = now - int(self._settings.trash_grace_seconds * 1000)
        # freed = 0 was never visible to anyone, so no reader can be on its way to it.
        rows = every(
            db,
            'SELECT segment, "offset", length FROM trash'
            " WHERE freed = 0 OR freed <= ? OR freed > ? LIMIT ?",
            (before, self._ahead(now), _MOST),
        )
        hit("G1")
        for at in range(0, len(rows), _BATCH):
            freed = [e for e in (Extent(*row) for row in rows[at : at + _BATCH]) if self._punch(e)]
            if freed:
                self._committer.run(_ForgetTrash(tuple(freed)))

    def _ahead(self, now: int) -> int:
        """What was freed later than this was freed by a clock that was wrong, a grace ago."""
        if now < self._latest:
            self._set_back = time.monotonic()
        self._latest = now
        waited = time.monotonic() - self._set_back
        return now + _DAY if waited >= self._settings.trash_grace_seconds else _NEVER

    def _punch(self, extent: Extent) -> bool:
        self._go_on()
        try:
            freed = self._segments.punch(extent)
        except StoreError:
            log.exception("could not free %s", extent)
            return False
        hit("G2")
        return freed

    def _unlink(self, db: apsw.Connection) -> None:
        empty = every(
            db,
            "SELECT number FROM segment s WHERE sealed"
            " AND NOT EXISTS (SELECT 1 FROM extent WHERE segment = s.number)"
            " AND NOT EXISTS (SELECT 1 FROM trash WHERE segment = s.number)",
        )
        for (number,) in empty:
            self._go_on()
            hit("G6")
            path = self._segments.path(number)
            files.unlink(path)
            hit("G7")
            files.sync_directory(path.parent)  # or the file is back without its row
            self._committer.run(_ForgetSegment(number))

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _StoppedError


class _StoppedError(StoreError):
    """The store is being closed."""


class _CatchUp(Commit[Tail]):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def decide(self, transaction: Transaction) -> Tail:
        return self._ledger.caught_up()


class _Rewind(Commit[None]):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def decide(self, transaction: Transaction) -> None:
        outbox.rewind(transaction.db, self._ledger.journal)


class _Prune(Commit[None]):
    def __init__(self, lsn: int) -> None:
        self._lsn = lsn

    def decide(self, transaction: Transaction) -> None:
        outbox.prune(transaction.db, self._lsn)


class _ForgetTrash(Commit[None]):
    def __init__(self, extents: tuple[Extent, ...]) -> None:
        self._change = DropTrash(extents)

    def decide(self, transaction: Transaction) -> None:
        transaction.apply(self._change)


class _ForgetSegment(Commit[None]):
    def __init__(self, segment: int) -> None:
        self._change = DropSegment(segment)

    def decide(self, transaction: Transaction) -> None:
        transaction.apply(self._change)
