"""R1: the server is killed again and again while clients write; nothing acknowledged is lost.

SIGKILL to the whole process group at a random instant, at times while it starts, at times to one
worker alone. It shows wrong order; a missing sync only a power cut shows.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from contextlib import suppress
from time import perf_counter

import uvloop

from tests.gateway.server_process import ServerProcess
from tests.torture import served
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.lanes import Live
from tests.torture.measured import percentile
from tests.torture.wire import Lost

CYCLES = 1000
RESTART_P99_SECONDS = 2.0
ENOUGH = 100
"""Restarts from which on a 99th percentile is not just the slowest one."""
STORES = 2
"""Side by side in a long run: a server that starts keeps one core busy."""
FSCK_EVERY = 50

_WRITES = 100
"""Acknowledged before a kill, at most: on a busy machine a time alone would be over too soon."""
_WRITES_SECONDS = 5.0
_INSTANT_SECONDS = 0.05
_LOADING_SECONDS = 0.5
_STARTING_SECONDS = 0.1
"""From the greeting on: its data is prepared, workers begin. Before, most is loading of modules."""
_EARLY, _ONE_WORKER = 0.1, 0.2
"""Shares of the cycles: killed while it starts; one worker killed before the others."""


class _Cycles:
    """One store, its lanes, and its many servers."""

    def __init__(self, run: Run, number: int) -> None:
        self.directory = run.directory / str(number)
        # As it is installed, whatever this process was told: its modules are compiled once.
        self._environ = {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(run.directory / "compiled"),
        }
        self.mutant = f"tests.torture.kill_mutants:{run.mutant}" if run.mutant else ""
        self.live = Live()
        self.restarts: list[float] = []
        self._rng = random.Random(f"{run.seed} {number}")
        lanes = served.lanes(self.live, run.seed)
        self._tasks = [asyncio.create_task(lane.run()) for lane in lanes]

    async def all(self, count: int) -> None:
        """``count`` kills, then a last life in which everything is read."""
        for number in range(1, count + 1):
            await self._one(early=self._rng.random() < _EARLY)
            if number % FSCK_EVERY == 0 and not self.live.violations:
                await served.checked(self.directory, self.live)
            if self.live.violations:
                return
        server = await self._started()
        if server is None:
            return
        try:
            self.live.ending = True
            self.live.up.set()
            await asyncio.wait_for(asyncio.gather(*self._tasks), 300)
            server.process.terminate()
            if await asyncio.to_thread(server.ended) != 0:
                self.live.wrong("it did not end in order")
        finally:
            await asyncio.to_thread(served.ended, server, self.live)
        await served.checked(self.directory, self.live)

    async def end(self) -> None:
        """Whatever came before: no lane runs any more."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in ended:
            if isinstance(each, Exception):
                raise each

    async def _one(self, *, early: bool) -> None:
        if early:
            server = self._launched()
            await self._starting(server)
            self.live.counts["killed_at_start"] += 1
        else:
            server = await self._started()
            if server is None:
                return
            self.live.up.set()
            await self._worked()
            if self._rng.random() < _ONE_WORKER:
                await self._lose_a_worker(server)
        self.live.up.clear()
        if server.process.poll() is not None:
            self.live.wrong(f"the server ended by itself: {server.err.text[-2000:]}")
        await asyncio.to_thread(served.ended, server, self.live)
        self.live.counts["kills"] += 1

    def _launched(self) -> ServerProcess:
        return served.started(self.directory, mutant=self.mutant, **self._environ)

    async def _started(self) -> ServerProcess | None:
        """Once it has answered 200; nothing when it does not start, which is wrong."""
        began = perf_counter()
        server = self._launched()
        try:
            await asyncio.to_thread(server.ready)
            self.live.signer = served.signer(server)
            self.live.life += 1
            if await served.answers(self.live):
                if self.live.life > 1:  # the first start is none
                    self.restarts.append(perf_counter() - began)
                return server
            self.live.wrong("the first answer was not 200")
        except (AssertionError, Lost, TimeoutError) as error:
            self.live.wrong(f"it did not start again: {error}")
        await asyncio.to_thread(served.ended, server, self.live)
        return None

    async def _starting(self, server: ServerProcess) -> None:
        """Until a random instant of its start."""
        if self._rng.random() < 0.5:
            await asyncio.sleep(self._rng.uniform(0, _LOADING_SECONDS))
            return
        try:
            await asyncio.to_thread(server.out.wait_for, "endpoint")
        except AssertionError as error:
            self.live.wrong(f"it did not begin to start: {error}")
        await asyncio.sleep(self._rng.uniform(0, _STARTING_SECONDS))

    async def _lose_a_worker(self, server: ServerProcess) -> None:
        workers = server.workers
        number = self._rng.randrange(len(workers))
        os.kill(workers[number], signal.SIGKILL)
        await asyncio.to_thread(server.err.wait_for, f"worker {number} died")
        self.live.counts["worker_kills"] += 1
        await self._worked()

    async def _worked(self) -> None:
        """Until a random instant after a random number of writes."""
        self.live.reached.clear()
        self.live.goal = self.live.counts["acknowledged"] + self._rng.randint(1, _WRITES)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.live.reached.wait(), _WRITES_SECONDS)
        await asyncio.sleep(self._rng.uniform(0, _INSTANT_SECONDS))


async def _run(run: Run) -> Outcome:
    count = run.of(CYCLES)
    stores = [_Cycles(run, number) for number in range(STORES if count >= ENOUGH else 1)]
    try:
        await asyncio.gather(*(each.all(count // len(stores)) for each in stores))
    finally:
        for each in stores:
            await each.end()
    violations = [what for each in stores for what in each.live.violations]
    restarts = [seconds for each in stores for seconds in each.restarts] or [0.0]
    slow = percentile(restarts, 0.99)
    if len(restarts) >= ENOUGH and slow > RESTART_P99_SECONDS:
        violations.append(f"restart to first 200: p99 {slow:.2f} s")
    figures = {
        **sum((each.live.counts for each in stores), Counter()),
        "restart_p50_seconds": round(percentile(restarts, 0.5), 3),
        "restart_p99_seconds": round(slow, 3),
        "restart_max_seconds": round(max(restarts), 3),
    }
    return Outcome(figures, violations)


GATE = Gate(
    name="R1 kill -9",
    bar="1,000 cycles, live checker, 0 lost acks, 0 torn, restart to first 200 p99 <= 2 s",
    run=lambda run: uvloop.run(_run(run)),
    mutants=("bytes_after_commit", "answer_before_commit", "sweep_too_far", "take_others_segments"),
    short=0.003,
    mutant_scale=0.03,
)
