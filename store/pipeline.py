"""Pipeline: the jobs of one body's batches in a thread pool, few at a time, some of them in order.

What runs in a thread cannot be cancelled, and it works on memory that will be used again: so all
that was started is waited for, whatever happens to the task.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial

Job = Callable[[], object]


class _Batch:
    __slots__ = ("done", "jobs")

    def __init__(self, jobs: int, done: Job) -> None:
        self.jobs = jobs
        self.done = done


_Chain = deque[tuple[Job, _Batch]]


class Pipeline:
    """One event loop's, and one task's at a time. The first error of any job is kept and raised."""

    def __init__(self, pool: Executor, *, most: int) -> None:
        """``most`` batches are under way at a time, if ``ready`` is awaited before each."""
        self._pool = pool
        self._most = most
        self._under_way = 0
        self._chains: list[_Chain] = []
        self._error: BaseException | None = None
        self._turn: asyncio.Future[None] | None = None

    async def ready(self) -> None:
        """Wait until another batch may start. Raises what a job raised."""
        await self._until(self._most - 1)

    def start(
        self, alone: Sequence[Job], in_order: Sequence[Job] = (), *, done: Job = lambda: None
    ) -> None:
        """Start a batch of one job at least: each of ``alone`` at once, each of ``in_order`` after
        its like in the batch before.

        ``done`` is called in the loop when all of them have ended, well or not.
        """
        batch = _Batch(len(alone) + len(in_order), done)
        self._under_way += 1
        for job in alone:
            self._submit(job, batch, None)
        self._chains.extend(_Chain() for _ in in_order[len(self._chains) :])
        for job, chain in zip(in_order, self._chains, strict=False):
            chain.append((job, batch))
            if len(chain) == 1:
                self._submit(job, batch, chain)

    async def drain(self) -> None:
        """Wait for all that was started. Raises what a job raised."""
        await self._until(0)

    async def settle(self) -> None:
        """Wait for all that was started, even when cancelled. Raises nothing."""
        while self._under_way:
            with suppress(asyncio.CancelledError):
                await self._next_end()

    async def _until(self, most: int) -> None:
        while self._under_way > most:
            await self._next_end()
        if self._error is not None:
            raise self._error

    async def _next_end(self) -> None:
        self._turn = asyncio.get_running_loop().create_future()
        await self._turn

    def _submit(self, job: Job, batch: _Batch, chain: _Chain | None) -> None:
        try:
            future = asyncio.wrap_future(self._pool.submit(job))
        except RuntimeError as error:  # the pool is shut down
            future = asyncio.get_running_loop().create_future()
            future.set_exception(error)
        future.add_done_callback(partial(self._ended, batch, chain))

    def _ended(self, batch: _Batch, chain: _Chain | None, future: "asyncio.Future[object]") -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        self._error = self._error or error
        if chain is not None:
            chain.popleft()
            if chain:
                self._submit(*chain[0], chain)
        batch.jobs -= 1
        if batch.jobs == 0:
            self._under_way -= 1
            batch.done()
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)
