"""R13: long use: all kinds of writes beside collector, compaction, scrub, trimming and restarts.

What a server has open, keeps in memory and has on disk without a name must not grow with the work.
It is measured while the lanes are at rest: early in each life, and at its end.
"""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from time import monotonic

import uvloop

from tests.gateway.server_process import ServerProcess
from tests.torture import served
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.lanes import Live
from tests.torture.measured import descriptors, log_bytes, nameless_bytes, resident_bytes, slope

SECONDS = 600
LIFE_SECONDS = 60
"""Of each life in the first third; the rest is one life, to see what memory comes to."""
WARM = 0.6
"""The share of a life after which it is measured for the first time: caches are full."""
SAMPLE_SECONDS = 0.5
FLOOR_SECONDS = 10

MORE_DESCRIPTORS = 5
BYTES_PER_MINUTE = 1_000_000
ENOUGH_SECONDS = 100
"""Of samples, from which on a slope says something; before, only a jump does."""
JUMP_BYTES = 16 << 20
LOG_BYTES = 64 << 20
NAMELESS_BYTES = 1 << 20
"""Blocks that the file system takes for itself: it maps many holes."""

UPKEEP = (
    ("gc",),
    ("compact", "--below", "0.6"),
    ("scrub",),
    ("fsck", "--fast"),
)
"""What is run beside the server, again and again."""


@dataclass(frozen=True)
class _Rest:
    """One measurement at rest, of all workers together."""

    descriptors: int
    resident_bytes: int
    nameless_bytes: int


@dataclass
class _Kept:
    """Measurements of a whole run."""

    rests: list[tuple[_Rest, _Rest]] = field(default_factory=list)
    """Of each life: early, late."""
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Of the last life, once it is warm: seconds, bytes."""
    log_bytes: int = 0


class _Soak:
    def __init__(self, run: Run) -> None:
        self.directory = run.directory / "data"
        self.mutant = f"tests.torture.soak_mutants:{run.mutant or 'soon_full'}"
        self.live = Live()
        self.kept = _Kept()
        self._lanes = served.lanes(self.live, run.seed)
        self._tasks = [asyncio.create_task(lane.run()) for lane in self._lanes]
        self._upkeep = asyncio.Lock()
        """Held while something runs beside the server."""

    async def all(self, seconds: float) -> None:
        lives = max(1, round(seconds / 3 / LIFE_SECONDS))
        for _ in range(lives):
            await self._life(seconds / 3 / lives, last=False)
            if self.live.violations:
                return
        await self._life(seconds * 2 / 3, last=True)
        await served.checked(self.directory, self.live)

    async def end(self) -> None:
        """Whatever came before: no lane runs any more."""
        for task in self._tasks:
            task.cancel()
        for each in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(each, Exception):
                raise each

    async def _life(self, seconds: float, *, last: bool) -> None:
        server = served.started(self.directory, mutant=self.mutant)
        try:
            await asyncio.to_thread(server.ready)
            self.live.signer = served.signer(server)
            self.live.life += 1
            await served.answers(self.live)
            await self._worked(server, seconds)
            if last:
                self.live.ending = True
                self.live.up.set()
                await asyncio.wait_for(asyncio.gather(*self._tasks), 60)
            server.process.terminate()
            if await asyncio.to_thread(server.ended) != 0:
                self.live.wrong("it did not end in order")
        finally:
            self.live.up.clear()
            await asyncio.to_thread(served.ended, server, self.live)

    async def _worked(self, server: ServerProcess, seconds: float) -> None:
        began = monotonic()
        beside = asyncio.create_task(self._beside())
        try:
            self.live.up.set()
            await self._watched(server, began + seconds * WARM, [])
            early = await self._rest(server)
            self.live.up.set()
            memory: list[tuple[float, float]] = []
            await self._watched(server, began + seconds, memory)
            late = await self._rest(server)
        finally:
            beside.cancel()
            await asyncio.wait({beside})
        self.kept.rests.append((early, late))
        self.kept.memory = memory

    async def _watched(
        self, server: ServerProcess, until: float, memory: list[tuple[float, float]]
    ) -> None:
        while monotonic() < until and not self.live.violations:
            await asyncio.sleep(SAMPLE_SECONDS)
            memory.append((monotonic(), sum(map(resident_bytes, server.workers))))
            self.kept.log_bytes = max(self.kept.log_bytes, log_bytes(self.directory))

    async def _rest(self, server: ServerProcess) -> _Rest:
        """Once no request is on its way and nothing runs beside the server."""
        self.live.up.clear()
        async with asyncio.timeout(60), self._upkeep:
            await self.live.idle.wait()
            for lane in self._lanes:
                lane.leave()
            workers = server.workers
            return _Rest(
                await _settled(workers),
                sum(map(resident_bytes, workers)),
                nameless_bytes(self.directory),
            )

    async def _beside(self) -> None:
        environ = os.environ | {"S3GW_TRASH_GRACE_SECONDS": "1"}
        while True:
            for name, *words in UPKEEP:
                command = ["-m", "gateway", name, "--data-dir", str(self.directory), *words]
                async with self._upkeep:
                    process = await asyncio.create_subprocess_exec(
                        sys.executable,
                        *command,
                        env=environ,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=asyncio.subprocess.STDOUT,
                    )
                    said, _ = await process.communicate()
                self.live.counts[name] += 1
                if process.returncode != 0:
                    self.live.wrong(f"{name} ended with {process.returncode}: {said[-500:]!r}")


async def _settled(workers: list[int]) -> int:
    """Descriptors, once connections that clients have closed are closed here too."""
    last = -1
    while True:
        count = sum(map(descriptors, workers))
        if count == last:
            return count
        last = count
        await asyncio.sleep(0.1)


def _floor(memory: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The least in each ten seconds: what one request takes and gives back is no growth."""
    least: dict[int, tuple[float, float]] = {}
    for time, value in memory:
        kept = least.setdefault(int(time / FLOOR_SECONDS), (time, value))
        if value < kept[1]:
            least[int(time / FLOOR_SECONDS)] = (time, value)
    return list(least.values())


def _judged(kept: _Kept, live: Live) -> dict[str, float]:
    grown = [late.descriptors - early.descriptors for early, late in kept.rests]
    jumps = [late.resident_bytes - early.resident_bytes for early, late in kept.rests]
    rests = [rest for both in kept.rests for rest in both]
    nameless = max((rest.nameless_bytes for rest in rests), default=0)
    seconds = kept.memory[-1][0] - kept.memory[0][0] if kept.memory else 0.0
    per_minute = slope(_floor(kept.memory)) * 60
    if max(map(abs, grown), default=0) > MORE_DESCRIPTORS:
        live.wrong(f"descriptors grew by {grown}")
    if max(jumps, default=0) > JUMP_BYTES:
        live.wrong(f"memory grew by {jumps}")
    if seconds >= ENOUGH_SECONDS and per_minute > BYTES_PER_MINUTE:
        live.wrong(f"memory grows by {per_minute:.0f} bytes a minute")
    if kept.log_bytes > LOG_BYTES:
        live.wrong(f"the write-ahead log had {kept.log_bytes} bytes")
    if nameless > NAMELESS_BYTES:
        live.wrong(f"{nameless} bytes in segments have no name")
    return {
        "lives": len(kept.rests),
        "descriptors_grown_most": max(map(abs, grown), default=0),
        "resident_jump_mb": round(max(jumps, default=0) / 1e6, 1),
        "resident_mb_per_minute": round(per_minute / 1e6, 3),
        "resident_mb": round(max((rest.resident_bytes for rest in rests), default=0) / 1e6, 1),
        "wal_mib": round(kept.log_bytes / (1 << 20), 1),
        "nameless_kib": nameless >> 10,
    }


async def _run(run: Run) -> Outcome:
    soak = _Soak(run)
    try:
        await soak.all(SECONDS * run.scale)
    finally:
        await soak.end()
    figures = _judged(soak.kept, soak.live)
    return Outcome({**soak.live.counts, **figures}, soak.live.violations)


GATE = Gate(
    name="R13 soak",
    bar=(
        "600 s, at first with a restart every 60 s: descriptors within 5, memory grows < 1 MB a"
        " minute once it is warm, WAL <= 64 MiB, no staged byte stays, 0 violations"
    ),
    run=lambda run: uvloop.run(_run(run)),
    mutants=("leak_staged_bytes", "leak_descriptors", "leak_memory"),
    short=0.004,
    mutant_scale=0.006,
)
