"""R6: are the answers of two workers those of one register for each key, in some order?

Thousands of short histories of real requests, half of them with a fault in their midst; no
operation's outcome is guessed. A search that gives up counts as a violation.
"""

import asyncio
import time
from collections.abc import Callable
from random import Random
from typing import Any

import uvloop

from bench.signing import Presigner, Target
from tests.gateway.server_process import ServerProcess
from tests.torture import wire
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.linearizability_faults import Faults
from tests.torture.linearizability_load import BUCKETS, Client, Keys, Register, Seen, Values
from tests.torture.register import linearizable, stale_reads

OPS = 25
"""Of one client in one history."""
TOGETHER = 32
"""Clients of histories that are recorded at a time."""
LISTERS = 3
MOST_UNKNOWN = 0.02
STALE_SECONDS = 0.05
_VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
_ENCRYPTION = (
    b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>"
    b"AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
    b"</ServerSideEncryptionConfiguration>"
)
_CONFIGURED: dict[str, list[tuple[dict[str, str], bytes]]] = {
    "versioned": [({"versioning": ""}, _VERSIONING)],
    "encrypted": [({"encryption": ""}, _ENCRYPTION)],
}


class Recording:
    """A run against one server."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self._rng = Random(seed)
        self._signer = wire.Signer(server.port, server.said("access key"), server.said("secret"))
        target = Target("127.0.0.1", server.port, self._signer.access_key, self._signer.secret)
        self._presigner = Presigner(target)
        self._values = Values(seed)
        self._left_until_fault = 0
        self._striking: asyncio.Task[None] | None = None
        self.faults = Faults(server, self._rng)
        self.seen = Seen()
        self.registers: list[Register] = []
        self.under_faults = 0
        self.keys: list[Keys] = []

    async def record(self, histories: int, clients: int) -> None:
        """So many histories of so many clients each; every second batch has a fault."""
        for number, first in enumerate(range(0, histories, batch := TOGETHER // clients)):
            registers = [
                Register(BUCKETS[n % len(BUCKETS)], f"key-{len(self.registers) + n:06d}")
                for n in range(min(batch, histories - first))
            ]
            self.registers += registers
            if number % 2:
                self.under_faults += len(registers)
                asked = len(registers) * clients * OPS
                self._left_until_fault = self._rng.randint(asked // 10, asked // 2)
            await self._batch(registers, clients)

    async def begin(self) -> None:
        client = wire.Client()
        for bucket in BUCKETS:
            for query, body in [({}, b""), *_CONFIGURED.get(bucket, ())]:
                reply = await client.ask(self._signer, "PUT", f"/{bucket}", query, body=body)
                assert reply.status == 200, reply
        client.close()

    async def _batch(self, registers: list[Register], clients: int) -> None:
        number = len(self.keys)
        keys = Keys(BUCKETS[number // 2 % len(BUCKETS)], f"set-{number:06d}/")
        self.keys.append(keys)
        crew = [self._client() for _ in range(len(registers) * clients + LISTERS)]
        try:
            async with asyncio.TaskGroup() as group:
                for number, each in enumerate(crew[LISTERS:]):
                    group.create_task(each.work(registers[number // clients], OPS))
                for each in crew[:LISTERS]:
                    group.create_task(each.fill(keys, OPS))
            if self._striking is not None:
                await self._striking
                self._striking = None
            # What is there in the end has to follow from the rest.
            for register in registers:
                await crew[0].read(register)
            await crew[0].list(keys)
        finally:
            for each in crew:
                each.close()

    def _client(self) -> Client:
        rng = Random(self._rng.random())
        return Client(self._signer, self._presigner, self._values, self.seen, rng, self._asked)

    def _asked(self) -> None:
        self._left_until_fault -= 1
        if self._left_until_fault == 0:
            self._striking = asyncio.create_task(self.faults.strike())


def run(asked: Run) -> Outcome:
    mutant = f"{__name__}:{MUTANTS[asked.mutant].__name__}" if asked.mutant else ""
    options = ("--workers", "2", "--collect-seconds", "1")
    with ServerProcess(asked.directory / "data", *options, mutant=mutant) as server:
        recording = Recording(server.ready(), asked.seed)

        async def record() -> None:
            await recording.begin()
            await recording.record(asked.of(2000), 4)
            await recording.record(asked.of(200), 8)

        began = time.monotonic()
        uvloop.run(record())
    recorded = time.monotonic()
    seen = recording.seen
    violations = list(seen.violations)
    for register in recording.registers:
        violations += [f"{register.key}: {wrong}" for wrong in stale_reads(register.history)]
        verdict = linearizable(register.history)
        if not verdict:
            why = "not linearizable" if verdict is False else "not decided"
            violations.append(f"{register.key}: {why}: {len(register.history)} operations")
    if seen.unknown > max(
        MOST_UNKNOWN * seen.asked, 3 * TOGETHER
    ):  # in short runs one fault is much
        violations.append(f"{seen.unknown} of {seen.asked} operations are unknown")
    figures = {
        "histories": len(recording.registers),
        "under_faults": recording.under_faults,
        "operations": seen.asked,
        "unknown": seen.unknown,
        "kills": recording.faults.kills,
        "pauses": recording.faults.pauses,
        "record_seconds": round(recorded - began, 1),
        "check_seconds": round(time.monotonic() - recorded, 1),
    }
    return Outcome(figures, violations)


# --- mutants: what a server process has put in before it starts -----------------------------------


def stale_cache() -> None:
    """Answers to reads are given again for a while, whatever has changed."""
    from gateway.remembered import Remembered

    keep, kept = Remembered.keep, {}

    def kept_at(self: Remembered, asked: Any, *rest: Any) -> None:
        keep(self, asked, *rest)
        kept[asked] = time.monotonic()

    def find(self: Remembered, asked: Any, *rest: Any) -> Any:
        fresh = time.monotonic() - kept.get(asked, 0.0) < STALE_SECONDS
        return self._answers[asked].answer if fresh and asked in self._answers else None

    Remembered.keep, Remembered.find = kept_at, find  # type: ignore[assignment, method-assign]


def stale_repeats() -> None:
    """What a head that comes again was answered is answered again for a while."""
    from gateway.repeats import Repeats

    answer, answered = Repeats.answer, {}

    def again(self: Repeats, repeat: Any, peer: str) -> Any:
        made, last = answered.get(repeat.head.target, (0.0, None))
        if last is None or time.monotonic() - made > STALE_SECONDS:
            last = answer(self, repeat, peer)
            answered[repeat.head.target] = time.monotonic(), last
        return last

    Repeats.answer = again  # type: ignore[method-assign]


def check_then_write() -> None:
    """Conditions are judged before the transaction."""
    from tests.torture import conditional

    conditional.check_then_write()


def stale_listing() -> None:
    """A page of a listing is given again for a while."""
    from store.store import Store

    pages: dict[str, tuple[float, Any]] = {}
    list_page = Store.list_page

    def listed(self: Store, bucket: Any, **asked: Any) -> Any:
        made, page = pages.get(repr(asked), (0.0, None))
        if time.monotonic() - made > STALE_SECONDS:
            page = list_page(self, bucket, **asked)
            pages[repr(asked)] = time.monotonic(), page
        return page

    Store.list_page = listed  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    "stale-read-cache": stale_cache,
    "stale-repeats": stale_repeats,
    "check-then-write": check_then_write,
    "stale-listing": stale_listing,
}

GATE = Gate(
    name="linearizability",
    bar="2,000 histories of 4 clients x 25 operations on a key and 200 of 8 x 25, half of them"
    " with a worker killed or paused: 0 violations, <= 2 % unknown",
    run=run,
    mutants=tuple(MUTANTS),
    short=0.01,
    mutant_scale=0.01,
)
