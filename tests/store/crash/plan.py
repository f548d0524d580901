"""What is done to a store before it crashes: the same for the same seed, in whatever process.

Lanes run beside each other, each over keys of its own and one step after the other. So of each key
it is known what was acknowledged, and that at most one step more was under way.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from store.records import Bucket, Deleted
from store.store import Settings, Store
from tests.store.storing import PLAIN, make_bucket, noise, put, put_part

SETTINGS = Settings(
    inline_bytes=4096,
    segment_bytes=256 << 10,
    collect_seconds=3600.0,
    trash_grace_seconds=0.0,
)
LANES = 4
KEYS = 4
BUCKET = "bucket"
PART_BYTES = 96 << 10

MIXED = ("put", "put", "large", "large", "large", "copy", "delete", "multipart", "collect")
_INLINE, _LARGE = (0, 1, 700, 4096), (4097, 40_000, 100_000, 300_000)

Ack = tuple[int, int, tuple[str, ...]]
"""Lane, step, and what of it was done; nothing more said: all of it."""
State = dict[bytes, tuple[str, bytes]]
"""Key to ETag and bytes."""


@dataclass(frozen=True)
class Step:
    """One verb of a lane. Its bytes depend on nothing but itself."""

    verb: str
    key: bytes
    source: bytes
    seed: int
    size: int

    @property
    def data(self) -> bytes:
        return noise(self.seed, self.size)

    @property
    def etag(self) -> str:
        if self.verb == "multipart":
            return f"{self.seed}{self.size}-2"
        return hashlib.md5(self.data).hexdigest()

    def after(self, state: State) -> State:
        """What the keys hold once it is done."""
        if self.verb == "delete":
            return {key: held for key, held in state.items() if key != self.key}
        if self.verb == "copy":
            return state | ({self.key: state[self.source]} if self.source in state else {})
        return state if self.verb == "collect" else state | {self.key: (self.etag, self.data)}


@dataclass
class History:
    """A plan, and what of it was acknowledged."""

    plan: list[list[Step]]
    acks: list[Ack] = field(default_factory=list)

    def done(self, lane: int) -> int:
        """How many steps of a lane were acknowledged."""
        return sum(1 for at, _, what in self.acks if at == lane and not what)

    def under_way(self, lane: int) -> list[tuple[str, ...]]:
        """What was acknowledged of the step after those."""
        done = self.done(lane)
        return [what for at, step, what in self.acks if (at, step) == (lane, done)]

    def acknowledged(self, lane: int) -> State:
        """What the lane's keys hold if nothing but what was acknowledged was done."""
        state: State = {}
        for step in self.plan[lane][: self.done(lane)]:
            state = step.after(state)
        return state

    def next(self, lane: int) -> Step | None:
        """The step that may have been under way."""
        done = self.done(lane)
        return self.plan[lane][done] if done < len(self.plan[lane]) else None


def key_of(lane: int, number: int) -> bytes:
    return b"%d/%d" % (lane, number)


def plan(seed: int, steps: int, verbs: tuple[str, ...] = MIXED) -> list[list[Step]]:
    """For each lane its steps. Few keys and few bodies, so that much is equal and overwritten."""
    chance = random.Random(seed)
    return [[_step(chance, lane, verbs) for _ in range(steps)] for lane in range(LANES)]


def _step(chance: random.Random, lane: int, verbs: tuple[str, ...]) -> Step:
    verb = chance.choice(verbs)
    key, source = (key_of(lane, chance.randrange(KEYS)) for _ in range(2))
    size = chance.choice(_INLINE if verb == "put" else _LARGE)
    if verb == "multipart":
        size = PART_BYTES * chance.randrange(1, 4) + chance.choice((0, 1, 5000))
    return Step(verb, key, source, chance.randrange(6), size)


# --- doing it ----------------------------------------------------------------------------------


async def run(
    store: Store, steps: list[list[Step]], ack: Callable[[Ack], None], first: int = 0
) -> None:
    """Do all from step ``first`` on; ``ack`` is called as soon as the store has answered."""
    bucket = store.bucket(BUCKET) or await make_bucket(store, BUCKET)
    lanes = [_lane(store, bucket, lane, mine, ack, first) for lane, mine in enumerate(steps)]
    await asyncio.gather(*lanes)


async def _lane(store, bucket, lane: int, steps: list[Step], ack, first: int) -> None:
    for number, step in enumerate(steps[first:], start=first):
        await do(store, bucket, step, partial(ack_part, ack, lane, number))
        ack((lane, number, ()))


async def do(store: Store, bucket: Bucket, step: Step, tell: Callable[..., None]) -> None:
    """``tell`` is called with what is acknowledged on the way. Raises what the store does."""
    await _VERB[step.verb](store, bucket, step, tell)


def ack_part(ack: Callable[[Ack], None], lane: int, number: int, *what: str) -> None:
    """Of a step that is under way."""
    ack((lane, number, what))


async def _put(store: Store, bucket: Bucket, step: Step, tell) -> None:
    await put(store, bucket, step.key, step.data)


async def _copy(store: Store, bucket: Bucket, step: Step, tell) -> None:
    source = store.entry(bucket, step.source)
    if source is not None:
        await store.copy(source, bucket, step.key, owner="OWNER", attributes=PLAIN)


async def _delete(store: Store, bucket: Bucket, step: Step, tell) -> None:
    assert await store.delete(bucket, [step.key]) == [Deleted()]


async def _multipart(store: Store, bucket: Bucket, step: Step, tell) -> None:
    upload = await store.create_upload(bucket, step.key, owner="OWNER", attributes=PLAIN)
    tell("created", upload.id)
    pieces = [step.data[at : at + PART_BYTES] for at in range(0, step.size, PART_BYTES)]
    for number, piece in [(9000, b"never named"), *enumerate(pieces, start=1)]:
        part = await put_part(store, bucket, upload, number, piece)
        tell("part", str(number), part.etag)
    await complete(store, upload, step)


async def complete(store: Store, upload, step: Step):
    """All parts but the last, whose number says that it is none of the object's."""
    parts = store.upload_parts(upload)[:-1]
    return await store.complete_upload(upload, parts, etag=step.etag, attributes=PLAIN)


async def _collect(store: Store, bucket: Bucket, step: Step, tell) -> None:
    await store.collect()


_VERB = {
    "put": _put,
    "large": _put,
    "copy": _copy,
    "delete": _delete,
    "multipart": _multipart,
    "collect": _collect,
}


def segments(directory: Path) -> list[Path]:
    return sorted((directory / "segments").glob("*.seg"))
