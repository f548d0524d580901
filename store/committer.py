"""Committer: the one thread of a worker that writes to the database, many commits at a time.

It takes whatever is waiting (no timer, no minimum), syncs the segments touched once, adds what came
while other processes wrote, runs all in one transaction, each under its own conditions, and answers
all with one wake-up of the loop. Bytes that a commit brought and could not name are given back
here, whether or not its caller still waits.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from store import database
from store.errors import StoreError, Unavailable
from store.failpoints import hit
from store.ledger import Ledger
from store.records import Extent
from store.transaction import Commit, Outcome

T = TypeVar("T")
log = logging.getLogger("s3gw.store")

_MOST_COMMITS = 512
_MOST_BYTES = 4 << 20
_INTERVAL_SECONDS = 0.2

_Waiter = asyncio.Future[Any] | Future[Any]
_Waiting = tuple[Commit[Any], _Waiter]


class Places(Protocol):
    """What the committer wants of ``store.segments.Segments``."""

    def require_room(self, length: int = 0) -> None: ...

    def sync(self, numbers: Iterable[int]) -> None: ...

    def abandon(self, extents: Sequence[Extent]) -> None: ...


class Committer:
    """Serves one event loop and the threads of its worker."""

    def __init__(self, ledger: Ledger, segments: Places, durability: str) -> None:
        self._ledger = ledger
        self._segments = segments
        self._durability = durability
        self._waiting: deque[_Waiting] = deque()
        self._asleep = threading.Lock()  # held while there is nothing to wake the thread for
        self._asleep.acquire()
        self._waking = False
        self._thread = threading.Thread(target=self._main, name="s3gw-committer", daemon=True)
        self._loop = asyncio.get_running_loop()
        self._unsynced_since: float | None = None
        self._closed = False

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Blocks until all is committed and the thread has ended."""
        self._closed = True
        self._wake()
        self._thread.join()

    # --- for callers ---------------------------------------------------------------------------

    def submit(self, commit: Commit[T]) -> "asyncio.Future[T]":
        """From the loop. Cancelling the future does not cancel the commit."""
        waiter: asyncio.Future[T] = self._loop.create_future()
        self._put(commit, waiter)
        if not self._waking:
            # Once for all that the loop submits in this turn: a thread woken for the first of them
            # would fight the loop for the interpreter, and commit it alone.
            self._waking = True
            self._loop.call_soon(self._wake_once)
        return waiter

    def _wake_once(self) -> None:
        self._waking = False
        self._wake()

    def run(self, commit: Commit[T]) -> T:
        """From any other thread: blocks. On the committer's own thread it is run at once."""
        waiter: Future[T] = Future()
        if threading.current_thread() is self._thread:
            batch: list[_Waiting] = [(commit, waiter)]
            self._answer(batch, self._attempt(batch))
        else:
            self._put(commit, waiter)
            self._wake()
        return waiter.result()

    def post(self, commit: Commit[Any]) -> None:
        """Commit it some time; nobody waits. From any thread. Lost when the store is closed."""
        with suppress(Unavailable):
            self._put(commit, Future())
            self._wake()

    def _put(self, commit: Commit[Any], waiter: _Waiter) -> None:
        if self._closed:
            raise Unavailable("the store is closed")
        self._waiting.append((commit, waiter))

    def _wake(self) -> None:
        if self._asleep.locked():
            with suppress(RuntimeError):  # somebody else was quicker
                self._asleep.release()

    # --- the thread ----------------------------------------------------------------------------

    def _main(self) -> None:
        while batch := self._take():
            outcomes = self._attempt(batch)
            hit("P4")
            self._answer(batch, outcomes)
        self._sync_late()

    def _take(self) -> list[_Waiting]:
        """All that waits, at least one; empty when it is time to end."""
        self._rest()
        batch: list[_Waiting] = []
        self._fill(batch)
        return batch

    def _fill(self, batch: list[_Waiting], *, synced: bool = False) -> None:
        """``synced``: it is too late for what has bytes that must be synced before."""
        weight = sum([commit.weight for commit, _ in batch])
        while self._waiting and len(batch) < _MOST_COMMITS and weight < _MOST_BYTES:
            if synced and self._waiting[0][0].extents:
                return
            batch.append(self._waiting.popleft())
            weight += batch[-1][0].weight

    def _rest(self) -> None:
        """Until something waits or it is time to end; meanwhile sync what is due."""
        while True:
            left = -1.0
            if self._unsynced_since is not None:
                left = max(0.0, self._unsynced_since + _INTERVAL_SECONDS - time.monotonic())
            if left == 0:
                self._sync_late()
            elif self._waiting or self._closed:
                return
            else:
                self._asleep.acquire(timeout=left)

    def _attempt(self, batch: list[_Waiting]) -> list[Outcome]:
        try:
            return self._commit(batch)
        except Exception as error:
            log.exception("a batch of %d commits broke", len(batch))
            return [Outcome(error=database.refusal(error) or error)] * len(batch)

    def _commit(self, batch: list[_Waiting]) -> list[Outcome]:
        """Of ``batch``, and of what is added to it when it is our turn to write."""
        refused: dict[int, Outcome] = {}  # by id() of the commit
        self._sync_bytes([commit for commit, _ in batch], refused)
        hit("P2")
        done = iter(self._ledger.commit(partial(self._ready, batch, refused)))
        if self._durability == "interval" and self._unsynced_since is None:
            self._unsynced_since = time.monotonic()
        commits = [commit for commit, _ in batch]
        outcomes = [refused.get(id(each)) or next(done) for each in commits]
        for commit, outcome in zip(commits, outcomes, strict=True):
            if outcome.error is not None and commit.extents and not outcome.keep:
                self._segments.abandon(commit.extents)
        return outcomes

    def _ready(self, batch: list[_Waiting], refused: dict[int, Outcome]) -> list[Commit[Any]]:
        # Beside busy workers, half of what is committed came while they had the write lock.
        self._fill(batch, synced=True)
        commits = [commit for commit, _ in batch]
        self._refuse_growth(commits, refused)
        return [each for each in commits if id(each) not in refused] if refused else commits

    def _refuse_growth(self, commits: Sequence[Commit[Any]], refused: dict[int, Outcome]) -> None:
        growing = [commit for commit in commits if commit.grows]
        if growing:
            try:
                self._segments.require_room()
            except StoreError as error:
                refused.update((id(commit), Outcome(error=error)) for commit in growing)

    def _sync_bytes(self, commits: Sequence[Commit[Any]], refused: dict[int, Outcome]) -> None:
        if self._durability == "none":
            return
        placed = [each for each in commits if each.extents]
        if not placed:
            return
        touched = {extent.segment for commit in placed for extent in commit.extents}
        try:
            self._segments.sync(touched)
        except Exception as error:
            # The kernel reports a lost write once. Which bytes it lost is not known, so none of
            # these is ever acknowledged (https://wiki.postgresql.org/wiki/Fsync_Errors).
            log.exception("segments %s could not be synced", sorted(touched))
            refusal = database.refusal(error) or Unavailable(str(error))
            refused.update((id(commit), Outcome(error=refusal)) for commit in placed)

    def _sync_late(self) -> None:
        if self._unsynced_since is not None:
            self._unsynced_since = None
            try:
                self._ledger.sync()
            except OSError:
                log.exception("the database could not be synced")

    def _answer(self, batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
        on_loop = []
        for (_, waiter), outcome in zip(batch, outcomes, strict=True):
            if isinstance(waiter, Future):
                _resolve([(waiter, outcome)])
            else:
                on_loop.append((waiter, outcome))
        if on_loop:
            try:
                self._loop.call_soon_threadsafe(_resolve, on_loop)
            except RuntimeError:  # the loop is closed: nobody waits any more
                log.info("%d commits were done after their loop had ended", len(on_loop))


def _resolve(answers: Iterable[tuple[_Waiter, Outcome]]) -> None:
    for waiter, outcome in answers:
        if waiter.done():
            continue
        if outcome.error is not None:
            waiter.set_exception(outcome.error)
        else:
            waiter.set_result(outcome.value)
