"""R12: 64 clients at once, every body checked; what group commit brings over one client alone.

Each client writes over one connection and reads over another, so that mostly a worker answers what
the other one wrote.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import uvloop

from tests.gateway.server_process import ServerProcess
from tests.torture import served
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.lanes import BUCKET, Value
from tests.torture.measured import allowed, commits, percentile
from tests.torture.wire import Client, Lost, Signer

CLIENTS = 64
MIX_SECONDS = 300
PUTS_SECONDS = 40
"""PUTs only, of one client alone, then of all."""
READS = 0.7
SIZE = 4096
KEYS = 4

GET_P99_SECONDS, PUT_P99_SECONDS = 0.1, 0.5
GAIN = 3.0
TOGETHER = 3.0
"""PUTs in a transaction, at least: what a gain comes from, also where others use the disk."""
DATA = "data"


@dataclass
class _Counted:
    """One phase: seconds of each answer."""

    gets: list[float] = field(default_factory=list)
    puts: list[float] = field(default_factory=list)


class _Customer:
    """One client with objects of its own, of which it knows the bytes."""

    def __init__(self, signer: Signer, number: int, violations: list[str]) -> None:
        self._signer = signer
        self._name = f"c{number}"
        self._rng = random.Random(number)
        self._writes, self._reads = Client(), Client()
        self._there: dict[str, Value] = {}
        self._token = number << 32
        self._violations = violations

    async def puts(self, until: float, counted: _Counted) -> None:
        while perf_counter() < until and not self._violations:
            await self._put(counted.puts)

    async def mix(self, until: float, counted: _Counted) -> None:
        while perf_counter() < until and not self._violations:
            if self._there and self._rng.random() < READS:
                await self._get(counted.gets)
            else:
                await self._put(counted.puts)

    def close(self) -> None:
        self._writes.close()
        self._reads.close()

    async def _put(self, seconds: list[float]) -> None:
        self._token += 1
        key, value = f"{self._name}/{self._rng.randrange(KEYS)}", Value(self._token, SIZE)
        began = perf_counter()
        answer = await self._writes.ask(self._signer, "PUT", f"/{BUCKET}/{key}", body=value.body)
        seconds.append(perf_counter() - began)
        if answer.done:
            self._there[key] = value
        else:
            self._violations.append(f"put {key}: {answer}")

    async def _get(self, seconds: list[float]) -> None:
        key = self._rng.choice(list(self._there))
        began = perf_counter()
        answer = await self._reads.ask(self._signer, "GET", f"/{BUCKET}/{key}")
        seconds.append(perf_counter() - began)
        if answer.status != 200 or answer.body != self._there[key].body:
            self._violations.append(f"{key} is not {self._there[key]}, but {str(answer)[:100]}")


async def _phase(
    seconds: float, clients: list[Callable[[float, _Counted], Coroutine[Any, Any, None]]]
) -> _Counted:
    counted, until = _Counted(), perf_counter() + seconds
    async with asyncio.TaskGroup() as tasks:
        for each in clients:
            tasks.create_task(each(until, counted))
    return counted


async def _load(run: Run, server: ServerProcess, violations: list[str]) -> dict[str, float]:
    signer = served.signer(server)
    customers = [_Customer(signer, number, violations) for number in range(CLIENTS)]
    alone, mix = run.of(PUTS_SECONDS), run.of(MIX_SECONDS)
    try:
        both = await _phase(mix, [each.mix for each in customers])
        if violations:
            return {}
        one = await _phase(alone, [customers[0].puts])
        before = commits(run.directory / DATA)[-1]
        many = await _phase(alone, [each.puts for each in customers])
        made = [number for number in commits(run.directory / DATA) if number > before]
    finally:
        for each in customers:
            each.close()
    return {
        "get_p99_ms": round(percentile(both.gets or [0.0], 0.99) * 1e3, 1),
        "put_p99_ms": round(percentile(both.puts or [0.0], 0.99) * 1e3, 1),
        "requests_per_second": round((len(both.gets) + len(both.puts)) / mix),
        "bodies_checked": len(both.gets),
        "put_per_second_of_1": round(len(one.puts) / alone),
        "put_per_second_of_64": round(len(many.puts) / alone),
        "gain": round(len(many.puts) / max(1, len(one.puts)), 2),
        "puts_per_commit": round((made[-1] - made[0]) / len(made), 2),
    }


def _judged(figures: dict[str, float], run: Run) -> list[str]:
    wrong = []
    if figures["get_p99_ms"] > allowed(run, GET_P99_SECONDS * 1e3):
        wrong.append(f"p99 of GET is {figures['get_p99_ms']} ms")
    if figures["put_p99_ms"] > allowed(run, PUT_P99_SECONDS * 1e3):
        wrong.append(f"p99 of PUT is {figures['put_p99_ms']} ms")
    if figures["gain"] < GAIN / allowed(run, 1.0):
        wrong.append(f"{CLIENTS} clients put {figures['gain']} times what one puts")
    if figures["puts_per_commit"] < TOGETHER / allowed(run, 1.0):
        wrong.append(f"{figures['puts_per_commit']} PUTs share a commit")
    return wrong


def _run(run: Run) -> Outcome:
    violations: list[str] = []
    mutant = f"tests.torture.load:{run.mutant}" if run.mutant else ""
    figures: dict[str, float] = {}
    with served.started(run.directory / DATA, mutant=mutant) as server:
        try:
            figures = uvloop.run(_load(run, server.ready(), violations))
        except* (Lost, TimeoutError) as errors:
            violations.append(f"no answer: {errors.exceptions[0]}")
    return Outcome(figures, violations or _judged(figures, run))


# --- defects --------------------------------------------------------------------------------------


def no_group_commit() -> None:
    """Each commit has a transaction, and a sync, of its own."""
    from store import committer

    committer._MOST_COMMITS = 1


def sync_on_the_loop() -> None:
    """A request commits on the event loop, which waits for the disk meanwhile."""
    import threading

    from store.committer import Committer

    lock = threading.Lock()
    commit = Committer._commit

    def alone(self: Any, batch: Any) -> Any:
        with lock:
            return commit(self, batch)

    def submit(self: Any, asked: Any) -> Any:
        waiter = self._loop.create_future()
        batch = [(asked, waiter)]
        self._answer(batch, self._attempt(batch))
        return waiter

    Committer._commit = alone  # type: ignore[method-assign]
    Committer.submit = submit  # type: ignore[method-assign]


def stale_answers() -> None:
    """An answer that is remembered counts on, whatever was committed since."""
    from store.walindex import WalIndex

    WalIndex.state = lambda self: b"the same"  # type: ignore[method-assign]


GATE = Gate(
    name="R12 load",
    bar=(
        "64 clients, 70/30 GET/PUT of 4 KiB for 300 s: 0 errors, all bodies checked, GET p99 <="
        " 100 ms, durable PUT p99 <= 500 ms; 64 clients put >= 3 times what one does"
    ),
    run=_run,
    mutants=("stale_answers", "sync_on_the_loop", "no_group_commit"),
    short=0.0034,
    mutant_scale=0.1,
)
