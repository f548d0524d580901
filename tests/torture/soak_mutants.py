"""What ``soak`` changes in a server before it starts: how long a day is, and defects to catch."""

import functools
import os
import sys
from time import monotonic
from typing import Any

from store import collector, intake, leaves
from store.buffers import Buffers
from store.engine import Engine
from store.intake import Intake

LEAKED_BYTES, LEAK_SECONDS = 512 << 10, 0.01
COMPLETED_SECONDS = 30
KEPT = 64
"""Entries of a cache, at most."""
SEEN_BYTES, ANSWERS_BYTES = 32 << 10, 128 << 10
FREED_BYTES = 256 << 10
"""Of freed memory, in each arena. To the 16 MiB of a real server it goes on growing for minutes."""
INTERNED = 100_000
"""More than Python's table of interned strings has places."""


def soon_full() -> None:
    """All that grows up to a bound has a near one, so that what still grows then is a leak.

    No defect: caches are small, completed uploads are forgotten in seconds, not after a day, and
    freed memory is given back at once.
    """
    cached = functools.lru_cache

    def small(maxsize: Any = KEPT, typed: bool = False) -> Any:
        if callable(maxsize):
            return cached(KEPT)(maxsize)
        return cached(maxsize and min(maxsize, KEPT), typed)

    functools.lru_cache = small  # type: ignore[assignment] # the gateway is not imported yet
    from gateway import remembered, worker

    _renew_interned()
    leaves._MOST_BYTES = SEEN_BYTES
    remembered.MOST_BYTES = ANSWERS_BYTES
    worker.KEPT_BYTES = worker.MAPPED_BYTES = FREED_BYTES
    collector.COMPLETED_DAYS = COMPLETED_SECONDS / 86400
    intake._buffers = Buffers(intake.BATCH_BYTES, limit=256, keep=1)


def _renew_interned() -> None:
    """Have Python's table of interned strings grow now, by 0.9 MiB, and not minutes later.

    Strings that come and go use up its places; then it is made anew, the first time twice as large.
    """
    for number in range(INTERNED):
        sys.intern(f"interned {number}")


def leak_staged_bytes() -> None:
    """What a client that left had sent stays in its segment."""
    soon_full()

    async def abort(self: Intake) -> None:
        await self._pipeline.settle()
        self._give_back()

    Intake.abort = abort  # type: ignore[method-assign]


def leak_descriptors() -> None:
    """A broken upload leaves a descriptor open."""
    soon_full()
    abort = Intake.abort

    async def leaking(self: Intake) -> None:
        os.dup(1)
        await abort(self)

    Intake.abort = leaking  # type: ignore[method-assign]


def leak_memory() -> None:
    """What a commit brought is not forgotten: of some, or a fast machine would have no memory."""
    soon_full()
    kept: list[bytearray] = []
    last = 0.0
    submit = Engine.submit

    def keeping(self: Engine, *given: Any) -> Any:
        nonlocal last
        if monotonic() - last > LEAK_SECONDS:
            last = monotonic()
            kept.append(bytearray(b"x") * LEAKED_BYTES)
        return submit(self, *given)

    Engine.submit = keeping  # type: ignore[method-assign]
