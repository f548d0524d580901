"""R4: the n-th call of the kernel fails, in each way; the store acknowledges nothing that is lost.

Calls are those the store makes through ``os``, the C library and SQLite's file system layer. Under
them lies a disk that forgets what was not synced, and for good what a failing sync was to write
(``crash.power``): what is acknowledged wrongly is gone when the power is cut.
"""

import asyncio
import errno
import gc
import logging
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import apsw
from crash.check import violations
from crash.plan import BUCKET, LANES, SETTINGS, History, ack_part, do, plan, run
from crash.power import Platter, under
from storing import content, make_bucket, opened

from store import files, fsck, journal, outbox
from store.errors import NoSpace, StoreError
from store.page_cache import PageCache
from store.prepare import prepare
from store.scrub import scrub
from store.store import Store
from store.trimming import trim
from tests.torture.gate import Gate, Outcome, Run

CALLS = (
    *("write", "pwrite", "pwritev", "fsync", "fdatasync", "open", "rename", "unlink", "ftruncate"),
    "fallocate",
)
"""SQLite's writes are ``write`` here."""
WAYS = ("EIO", "ENOSPC", "EDQUOT", "EINTR", "EMFILE", "short")
MOST = 40
"""The n-th call, up to this."""

_LASTING = frozenset({"ENOSPC", "EDQUOT", "EMFILE"})
"""It may stay so."""
_FULL = frozenset({"ENOSPC", "EDQUOT"})
_STEPS, _BEFORE = 9, 4
"""Of each lane; and how many of them were acknowledged before anything fails."""
_TRIES = 6
_CASE_SECONDS = 60
_JOURNAL_BYTES = 48 << 10
"""Of one file, so that some are full."""
_STAYS_BYTES = 50_000
"""Shorter writes do not stay in memory: so there are some by ``pwritev``."""


class Case(NamedTuple):
    """What goes wrong."""

    call: str
    way: str
    number: int
    """Of the call, from 1."""

    @property
    def lasts(self) -> bool:
        """Until somebody was refused; then there is room again."""
        return self.way in _LASTING and self.number % 2 == 1

    def __str__(self) -> str:
        return f"{self.way} of {self.call} {self.number}"


def cases() -> list[Case]:
    """All that can be: only writes are short."""
    return [
        Case(call, way, number)
        for call, way, number in product(CALLS, WAYS, range(1, MOST + 1))
        if way != "short" or call.startswith("pwrite")
    ]


_NEVER = Case("", "", 0)
_MORE = 1.2
"""Calls that another run of the same plan may make: how threads meet is not the same."""


class _Failing(Platter):
    def __init__(self, directory: Path, case: Case) -> None:
        super().__init__(directory)
        self._case = case
        self.calls: Counter[str] = Counter()
        self.failed = 0
        self.healed = False

    def admits(self, call: str, size: int = 0) -> int:
        self.calls[call] += 1
        failing, way, number = self._case
        if call != failing or self.calls[call] < number or self.healed:
            return size
        if (self.failed and not self._case.lasts) or (
            way in _FULL and call == "open" and not size  # only a new file takes room
        ):
            return size
        self.failed += 1
        if way == "short":
            return max(1, size // 2)
        code: int = getattr(errno, way)
        raise OSError(code, f"{os.strerror(code)}: {self._case}")


class _Trial:
    """One store, one case, and what came of it."""

    def __init__(self, directory: Path, case: Case, history: History) -> None:
        self.case = case
        self.found: list[str] = []
        self.refused = 0
        self._directory = directory / "data"
        self._cut = directory / "cut"
        self._history = History(history.plan, [*history.acks])
        self._then: History | None = None
        """What was acknowledged when the power was cut first: right after the failure."""
        self.platter = _Failing(self._directory, case)

    async def run(self) -> None:
        """Start, work, look after the store, and end; then what is left is judged."""
        with under(self.platter):
            prepared = await self._insisting(lambda: prepare(self._directory, SETTINGS))
            try:
                await self._serve()
            finally:
                prepared.close()
                self.platter.healed = True
                gc.collect()  # connections of starts that failed, while their file system is there
        await self._judge()

    async def _serve(self) -> None:
        store = Store(self._directory, SETTINGS)
        try:
            await store.start()
        except (StoreError, OSError, apsw.Error):  # the server ends, and is started again
            self.platter.healed = True
            store = Store(self._directory, SETTINGS)
            await store.start()
        try:
            await asyncio.gather(*(self._lane(store, lane) for lane in range(LANES)))
            await self._upkeep()
        finally:
            self.platter.healed = True  # apsw raises what SQLite ignores when it closes
            await store.close()

    async def _upkeep(self) -> None:
        for chore in (scrub, trim):
            await self._insisting(partial(chore, self._directory))

    async def _insisting(self, call: Callable[[], Any]) -> Any:
        """What fails is done again, without the fault if that is one that stays."""
        for _ in range(_TRIES):
            try:
                return await asyncio.to_thread(call)
            except (StoreError, OSError, apsw.Error):
                self.refused += 1
                self.platter.healed |= self.case.lasts
        raise AssertionError(f"{call} fails for good")

    # --- clients -------------------------------------------------------------------------------

    async def _lane(self, store: Store, lane: int) -> None:
        bucket = store.bucket(BUCKET)
        assert bucket is not None
        for number in range(_BEFORE, _STEPS):
            step = self._history.plan[lane][number]
            for _ in range(_TRIES):
                try:
                    await do(store, bucket, step, partial(ack_part, self._ack, lane, number))
                    break
                except Exception as error:
                    await self._refused(store, lane, error)
                    of_it = (lane, number)
                    self._history.acks[:] = [a for a in self._history.acks if a[:2] != of_it]
            else:
                self.found.append(f"{step.verb} is refused for good")
                return
            self._ack((lane, number, ()))
            if lane == 0:
                await self._insisting(store._engine.collector.sync_journal)

    def _ack(self, ack: Any) -> None:
        self._history.acks.append(ack)
        if self.platter.failed and self._then is None and not ack[2]:
            with self.platter.still():
                self._then = History(self._history.plan, [*self._history.acks])
                self.platter.cut(self._cut, None)

    async def _refused(self, store: Store, lane: int, error: Exception) -> None:
        self.refused += 1
        if not isinstance(error, StoreError):
            self.found.append(f"not in the store's words: {error!r}")
        if self.case.way in _FULL:
            await self._readable(store, lane)
        self.platter.healed |= self.case.lasts

    async def _readable(self, store: Store, lane: int) -> None:
        """On a full disk, what was acknowledged before."""
        bucket = store.bucket(BUCKET)
        old, step = self._history.acknowledged(lane), self._history.next(lane)
        assert bucket is not None
        assert step is not None
        for key, held in old.items():
            entry = store.entry(bucket, key)
            there = (entry.etag, await content(store, entry)) if entry is not None else None
            if there not in (held, step.after(old).get(key)):
                self.found.append(f"{key!r} cannot be read on a full disk")

    # --- what is left --------------------------------------------------------------------------

    async def _judge(self) -> None:
        end = self._directory.with_name("end")
        self.platter.cut(end, None)
        for target, history in ((self._cut, self._then), (end, self._history)):
            if history is not None:
                wrong = [f"fsck: {each.kind} {each.where}" for each in fsck.check(target)]
                self.found += [*wrong, *await violations(target, history)]
        self.found += [f"live: {each.kind} {each.where}" for each in fsck.check(self._directory)]


# --- all of them ---------------------------------------------------------------------------------


async def _before(directory: Path, seed: int) -> History:
    """A store in which something was acknowledged."""
    history = History(plan(seed, _STEPS))
    first = [lane[:_BEFORE] for lane in history.plan]
    async with opened(directory, SETTINGS) as store:
        await make_bucket(store, BUCKET)
        await run(store, first, history.acks.append)
    return history


async def _trial(directory: Path, before: Path, case: Case, history: History) -> _Trial:
    directory.mkdir()
    shutil.copytree(before, directory / "data")
    trial = _Trial(directory, case, history)
    try:
        async with asyncio.timeout(_CASE_SECONDS):
            await trial.run()
    except Exception as error:
        trial.found.append(f"it broke: {error!r}")
    shutil.rmtree(directory)
    return trial


async def _all(run: Run) -> Outcome:
    counts: Counter[str] = Counter()
    before = run.directory / "before"
    history = await _before(before, run.seed)
    census = await _trial(run.directory / "census", before, _NEVER, history)
    found = list(census.found)
    chosen = random.Random(run.seed).sample(cases(), run.of(len(cases())))
    telling = _MUTANTS[run.mutant].calls
    for number, case in enumerate(sorted(chosen, key=lambda case: case.call not in telling)):
        counts["cases"] += 1
        if case.number > census.platter.calls[case.call] * _MORE:
            counts["cases_of_calls_never_made"] += 1
            continue
        trial = await _trial(run.directory / str(number), before, case, history)
        counts["cases_that_failed"] += trial.platter.failed > 0
        counts["refused"] += trial.refused
        found += [f"{case}: {each}" for each in trial.found]
        if found and run.mutant:
            break
    return Outcome(counts, found)


def _run(run: Run) -> Outcome:
    logging.disable(logging.CRITICAL)
    try:
        with (
            mock.patch.object(journal, "FILE_BYTES", _JOURNAL_BYTES),
            mock.patch.object(PageCache, "admits", lambda _, size: size > _STAYS_BYTES),
            _MUTANTS[run.mutant].patch(),
        ):
            return asyncio.run(_all(run))
    finally:
        logging.disable(logging.NOTSET)


# --- mutants -------------------------------------------------------------------------------------


@contextmanager
def _sync_ignored() -> Iterator[None]:
    def sync(file: int) -> None:
        with suppress(OSError):
            os.fdatasync(file)

    with mock.patch.object(files, "sync", sync):
        yield


@contextmanager
def _sync_repeated() -> Iterator[None]:
    sync = files.sync

    def twice(file: int) -> None:
        try:
            sync(file)
        except StoreError:
            sync(file)

    with mock.patch.object(files, "sync", twice):
        yield


@contextmanager
def _full_disk_ignored() -> Iterator[None]:
    real = files.pwrite_all

    def pwrite_all(*arguments: Any, **more: Any) -> None:
        with suppress(NoSpace):
            real(*arguments, **more)

    with mock.patch.object(files, "pwrite_all", pwrite_all):
        yield


@contextmanager
def _journal_believed() -> Iterator[None]:
    with mock.patch.object(outbox, "rewind"):
        yield


class _Mutant(NamedTuple):
    patch: Callable[[], AbstractContextManager[None]]
    calls: tuple[str, ...] = ()
    """Whose failures come first, since they can tell."""


_MUTANTS = {
    "": _Mutant(nullcontext),
    "sync_ignored": _Mutant(_sync_ignored, ("fdatasync",)),
    "sync_repeated": _Mutant(_sync_repeated, ("fdatasync",)),
    "full_disk_ignored": _Mutant(_full_disk_ignored, ("pwrite", "pwritev")),
    "journal_believed": _Mutant(_journal_believed, ("fdatasync",)),
}

GATE = Gate(
    name="R4 syscall errors",
    bar="10 calls x 6 ways x n-th 1-40: 0 false acks, 0 lost, reads go on, writes resume",
    run=_run,
    mutants=tuple(name for name in _MUTANTS if name),
    short=0.003,
    mutant_scale=0.3,
)
