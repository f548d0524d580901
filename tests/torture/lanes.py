"""Lanes: clients that write, each on keys of its own, and check all they read meanwhile.

A lane knows what was acknowledged, and of a write that was not answered what it may have left. It
reads its keys after its own writes, and all of them after each restart: what was acknowledged is
there byte by byte, what was not is whole or absent, what was deleted stays away, and a listing has
what GETs find. Nothing here starts or stops a server.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.torture.wire import Answer, Client, Lost, Signer

BUCKET, VERSIONS = "plain", "versions"
PART_BYTES = 5 << 20
"""The least that AWS takes for a part that is not the last."""

_POOL = random.Random(0).randbytes(8 << 20)
_SIZES = (
    (0, 8 << 10, 60),
    (17 << 10, 64 << 10, 20),
    (64 << 10, 400 << 10, 15),
    (1 << 20, 3 << 19, 5),
)
"""From, to, per cent: in the database, in one read, in a segment, of two leaves."""


class Value(NamedTuple):
    """What an object is: it says its bytes. Equal values are equal bytes."""

    token: int
    size: int

    @property
    def body(self) -> bytes:
        head = b"%016d" % self.token
        at = self.token * 4099 % (len(_POOL) - self.size)
        return (head + _POOL[at : at + self.size])[: self.size]


SHARED = tuple(Value(number, size) for number, size in enumerate((20_000, 100_000, 1_200_000)))
"""Values that all lanes write, so that contents have many names."""


@dataclass
class Live:
    """What the lanes of one store share."""

    up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while lanes shall ask. Who stops the server clears it first."""
    signer: Signer = field(default_factory=lambda: Signer(0, "", ""))
    life: int = 0
    """Of the server: how often it was started. All keys are checked in each."""
    ending: bool = False
    violations: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _tokens: int = 100

    goal: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once so many writes were acknowledged, in all."""
    busy: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no lane is between its first request and what it learns from it."""

    def token(self) -> int:
        self._tokens += 1
        return self._tokens

    def wrong(self, what: str) -> None:
        self.violations.append(f"life {self.life}: {what}")


class Lane:
    """One client; ``step`` and ``check`` are its kind's."""

    def __init__(self, live: Live, name: str, seed: str) -> None:
        self.live = live
        self.name = name
        self.rng = random.Random(f"{seed} {name}")
        self._client = Client()
        self._checked = 0
        self.doubt = False
        """A write was not answered."""

    async def run(self) -> None:
        """Until ``live.ending``, or until it has found something wrong."""
        try:
            while not self.live.violations:
                await self.live.up.wait()
                if self.live.ending and self._checked == self.live.life:
                    return
                self.live.busy += 1
                self.live.idle.clear()
                try:
                    await self._turn()
                finally:
                    self.live.busy -= 1
                    if not self.live.busy:
                        self.live.idle.set()
        finally:
            self.leave()

    async def _turn(self) -> None:
        life = self.live.life
        try:
            if self.doubt or self._checked != life:
                await self.check(whole=self.live.ending)
                self.doubt = False
                self._checked = life
            else:
                await self.step()
        except Lost:
            self.live.counts["lost"] += 1
            self.doubt = True
        except TimeoutError:
            self.wrong("no answer")

    async def step(self) -> None:
        """One write or more, and what is read after it. Raises ``Lost``."""
        raise NotImplementedError

    async def check(self, *, whole: bool) -> None:
        """Read what there is to be. Raises ``Lost``."""
        raise NotImplementedError

    def leave(self) -> None:
        """Close the connection; the next request makes another."""
        self._client.close()

    # --- for the kinds -------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        return await self._client.ask(self.live.signer, method, path, query, headers, body)

    async def until_answered(
        self,
        method: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """For what may be repeated, across restarts."""
        while True:
            try:
                return await self.ask(method, path, query, headers, body)
            except Lost:
                self.live.counts["lost"] += 1
                await self.live.up.wait()

    async def break_off(self, path: str, value: Value) -> None:
        """A PUT whose second half never comes."""
        body = value.body[: value.size // 2]
        await self._client.break_off(self.live.signer, path, value.size, body)
        self.live.counts["broken_off"] += 1

    def acknowledged(self, answer: Answer, what: str) -> bool:
        """Whether it was done; that it was not is wrong."""
        if answer.done:
            self.live.counts["acknowledged"] += 1
            if self.live.counts["acknowledged"] >= self.live.goal:
                self.live.reached.set()
        else:
            self.wrong(f"{what}: {answer}")
        return answer.done

    def wrong(self, what: str) -> None:
        self.live.wrong(f"{self.name}: {what}")

    def same(self, answer: Answer, wanted: Value | None) -> bool:
        """Whether a GET brought exactly this; nothing is 404."""
        self.live.counts["reads_checked"] += 1
        if wanted is None:
            return answer.status == 404
        return answer.status == 200 and answer.body == wanted.body

    def value(self) -> Value:
        """New bytes, or now and then some that other lanes write too."""
        if self.rng.random() < 0.1:
            return self.rng.choice(SHARED)
        low, high, _ = self.rng.choices(_SIZES, [each[2] for each in _SIZES])[0]
        return Value(self.live.token(), self.rng.randint(low, high))
