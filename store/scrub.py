"""Scrub: everything that is stored is read and checked, a little at a time, beside a server.

First rows, files and journal (``store.fsck``, ``store.proof``), then the bytes of objects from
disk, slowly. How far it is and what it has found is in ``scrub.json``; killed, it goes on from
there, with the object it was at. A content whose bytes are damaged is put in quarantine: it is not
served until it is found sound, or the same bytes are stored again. Nothing else is changed.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
from msgspec import Struct

from store import database, files, fsck, outbox, trimming
from store.changes import MoveContent, Quarantine
from store.content_rows import encode
from store.database import every, one, snapshot
from store.errors import DirectoryLocked, JournalMismatch
from store.failpoints import hit
from store.fsck import Finding, Progress
from store.fsck_bytes import Place, Run, Scan, runs, total_bytes
from store.fsck_rows import extents_of, profile_of
from store.ledger import Ledger
from store.lock import FileLock
from store.pace import Pace
from store.proof import Expected
from store.records import Extent
from store.transaction import Commit, Transaction

log = logging.getLogger("s3gw.store")

REPORT = "scrub.json"
SAVE_SECONDS = 5.0
MOST_FINDINGS = 1000
_OF_BYTES = {"leaf", "bytes", "quarantine"}
"""With other findings, it is the database that is wrong: it must be made again, not changed."""


class Report(Struct, frozen=True):
    """Of the last pass, be it finished or not."""

    started: int
    """Milliseconds since the epoch, like all times here."""
    lsn: int
    """What was stored later is left to the next pass."""
    total_bytes: int
    """Of objects outside of the database, as the pass began."""
    done_bytes: int = 0
    rows_done: bool = False
    place: Place = Place()
    findings: tuple[Finding, ...] = ()
    """The first thousand."""
    found: int = 0
    finished: int | None = None


def report(directory: Path) -> Report | None:
    """How the last pass is getting on; ``None``: there was none, or its report is unreadable."""
    try:
        return _decoder.decode((directory / REPORT).read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


_decoder = msgspec.json.Decoder(Report)


def is_due(directory: Path, days: float, now: int) -> bool:
    """A pass is unfinished, or the last one began that long ago. ``days`` 0: never.

    Where there was none, the time is counted from the first time this is asked.
    """
    if days <= 0:
        return False
    last = report(directory)
    if last is None:
        _save(directory, Report(now, 0, 0, finished=now))
        return False
    return last.finished is None or abs(now - last.started) >= days * 86_400_000


def _save(directory: Path, state: Report) -> None:
    files.replace(directory / REPORT, msgspec.json.encode(state))


def scrub(
    directory: Path,
    *,
    bytes_per_second: int = 0,
    clock: Callable[[], float] = time.time,
    progress: Progress = lambda done, of: None,
) -> Report:
    """Go on with the pass that is unfinished, or make a new one, to its end.

    Raises ``DirectoryLocked`` when another process scrubs, ``FormatTooNew``, ``Unavailable``,
    ``NoSpace``; what was done until then is kept.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    lock = os.open(directory / "scrub.lock", flags, 0o600)
    try:
        if not files.lock_file(lock):
            raise DirectoryLocked(str(directory))
        with closing(database.open_reader(directory / database.FILE)) as db:
            return _Pass(directory, db, Pace(bytes_per_second), clock, progress).run()
    finally:
        os.close(lock)


_QUARANTINED = (
    "SELECT c.id, c.cid, c.size, q.extents, c.leaves FROM quarantine q"
    " JOIN content c ON c.id = q.content"
)


class _Pass:
    def __init__(
        self,
        directory: Path,
        db: apsw.Connection,
        pace: Pace,
        clock: Callable[[], float],
        progress: Progress,
    ) -> None:
        self._directory = directory
        self._db = db
        self._pace = pace
        self._clock = clock
        self._progress = progress
        self._scan = Scan(directory / "segments", self._hashed, from_disk=True)
        last = report(directory)
        self._state = last if last and last.finished is None else self._new()
        self._saved = clock()
        self._done = self._state.done_bytes

    def _new(self) -> Report:
        now = int(self._clock() * 1000)
        return Report(now, outbox.last_lsn(self._db), total_bytes(self._db))

    def run(self) -> Report:
        if not self._state.rows_done:
            self._release()
            found = [*fsck.check(self._directory, segments=False)]
            if all(each.kind == "quarantine" for each in found):
                found += self._unproved()
            self._add(found)
            self._turn(rows_done=True)
            self._save()
        for run in runs(self._db, self._state.lsn, self._state.place):
            self._check(run)
            self._turn(place=run.place, done_bytes=self._done)
            if self._clock() - self._saved >= SAVE_SECONDS:
                self._save()
        self._turn(finished=int(self._clock() * 1000))
        self._save()
        return self._state

    def _unproved(self) -> Iterator[Finding]:
        """What flipped in rows that have no checksum."""
        lock = FileLock(self._directory, trimming.LOCK)
        store = outbox.store_id(self._db)
        try:
            with (
                lock.held(),
                closing(Expected(self._directory, store)) as expected,
                snapshot(self._db),
            ):
                trimming.sync_journal(self._directory, store, outbox.last_lsn(self._db))
                for each in expected.differences(self._db):
                    yield Finding(*each)
        except JournalMismatch as error:
            yield Finding("journal", str(error))
        finally:
            lock.close()

    def _check(self, run: Run) -> None:
        if not list(self._scan.check(run)):
            return
        # Once more: what a memory chip or a cable did is not on the disk.
        found = [Finding(*each) for each in self._scan.check(run)]
        # Told before anything is done about it. Killed in between, it is found again.
        self._add([each for each in found if each not in self._state.findings])
        self._save()
        if found and run.place.content and {e.kind for e in self._state.findings} <= _OF_BYTES:
            hit("C1")
            self._commit(_Condemn(run.place.content, run.extents))
            hit("C2")

    def _release(self) -> None:
        """What is in quarantine and sound again: its segment came back from a backup, say."""
        scan = Scan(self._directory / "segments", self._pace.spent, from_disk=True)
        for id, cid, size, packed, leaves in every(self._db, _QUARANTINED):
            profile, extents = profile_of(cid, size, leaves), extents_of(packed)
            if profile and extents:
                run = Run(Place(id), f"content {id}", profile, extents, leaves, lambda: True)
                if not list(scan.check(run)):
                    self._commit(_Release(MoveContent(id, extents, int(self._clock() * 1000))))

    def _commit(self, commit: Commit[None]) -> None:
        ledger = Ledger(self._directory, "commit")
        try:
            (outcome,) = ledger.commit(lambda: [commit])
        finally:
            ledger.close()
        if outcome.error is not None:
            raise outcome.error

    def _hashed(self, count: int) -> None:
        self._done += count
        self._pace.spent(count)
        self._progress(min(self._done, self._state.total_bytes), self._state.total_bytes)

    def _add(self, found: Sequence[Finding]) -> None:
        for each in found:
            log.error("scrub: %s: %s (%d bytes)", each.kind, each.where, each.bytes)
        kept = (*self._state.findings, *found)[:MOST_FINDINGS]
        self._turn(findings=kept, found=self._state.found + len(found))

    def _turn(self, **changed: object) -> None:
        self._state = msgspec.structs.replace(self._state, **changed)

    def _save(self) -> None:
        self._saved = self._clock()
        _save(self._directory, self._state)


class _Condemn(Commit[None]):
    """Not an error when the content has gone, or has other bytes by now."""

    def __init__(self, content: int, extents: tuple[Extent, ...]) -> None:
        self._content = content
        self._extents = encode(extents)

    def decide(self, transaction: Transaction) -> None:
        there = "SELECT 1 FROM content WHERE id = ? AND extents = ?"
        if one(transaction.db, there, (self._content, self._extents)) is not None:
            transaction.apply(Quarantine(self._content))


class _Release(Commit[None]):
    """Not an error when it is not in quarantine any more."""

    def __init__(self, change: MoveContent) -> None:
        self._change = change

    def decide(self, transaction: Transaction) -> None:
        there = "SELECT 1 FROM quarantine WHERE content = ? AND extents = ?"
        place = (self._change.content, encode(self._change.extents))
        if one(transaction.db, there, place) is not None:
            transaction.apply(self._change)
