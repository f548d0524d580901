"""What is done to a bucket that keeps versions before it crashes, and what must hold after.

One lane, so that of all versions it is known which were acknowledged, and that at most one step
more was under way.
"""

import hashlib
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from store import fsck
from store.records import ENABLED, SUSPENDED, DeleteMarker, Deletion
from store.store import Store
from tests.store.crash.plan import BUCKET, SETTINGS
from tests.store.storing import audit, content, make_bucket, noise, opened, put

KEYS = (b"a", b"b")
_SIZES = (0, 700, 40_000, 100_000)

Versions = dict[bytes, list[tuple[bool, str]]]
"""Of each key, from new to old: is it the null version, and its ETag, empty for a marker."""


@dataclass(frozen=True)
class Step:
    verb: str
    key: bytes
    seed: int
    size: int

    @property
    def data(self) -> bytes:
        return noise(self.seed, self.size)


def plan(seed: int, steps: int) -> list[Step]:
    chance = random.Random(seed)
    verbs = ("put", "put", "put", "delete", "drop", "drop", ENABLED, SUSPENDED)
    first = Step(ENABLED, b"", 0, 0)
    return [first] + [
        Step(chance.choice(verbs), chance.choice(KEYS), chance.randrange(4), chance.choice(_SIZES))
        for _ in range(steps)
    ]


def after(steps: list[Step]) -> Versions:
    """What there is when they are done."""
    held: Versions = {key: [] for key in KEYS}
    null = False
    for step in steps:
        there = held.get(step.key, [])
        match step.verb:
            case "put" | "delete":
                if null:
                    there[:] = [each for each in there if not each[0]]
                etag = hashlib.md5(step.data).hexdigest() if step.verb == "put" else ""
                there.insert(0, (null, etag))
            case "drop":
                del there[step.seed : step.seed + 1]
            case status:
                null = status == SUSPENDED
    return held


async def run(store: Store, steps: list[Step], ack: Callable[[int], None]) -> None:
    bucket = await make_bucket(store, BUCKET)
    for number, step in enumerate(steps):
        match step.verb:
            case "put":
                await put(store, bucket, step.key, step.data)
            case "delete":
                await store.delete(bucket, [step.key])
            case "drop":
                there = [e for e in store.list_versions(bucket).versions if e.key == step.key]
                chosen = there[step.seed : step.seed + 1]
                await store.delete(bucket, [Deletion(step.key, e.version) for e in chosen])
            case status:
                await store.set_bucket_versioning(bucket, status)
        ack(number)


async def violations(directory: Path, steps: list[Step], done: int) -> list[str]:
    """All that does not hold when ``done`` steps were acknowledged."""
    async with opened(directory, SETTINGS) as store:
        found = [each async for each in _versions(store, steps, done)]
    audit(directory)
    return [*found, *(f"{each.kind} {each.where}" for each in fsck.check(directory))]


async def _versions(store: Store, steps: list[Step], done: int) -> AsyncIterator[str]:
    held: Versions = {key: [] for key in KEYS}
    bucket = store.bucket(BUCKET)
    for each in store.list_versions(bucket).versions if bucket else []:
        etag = "" if isinstance(each, DeleteMarker) else each.etag
        held[each.key].append((each.version == "null", etag))
        if not isinstance(each, DeleteMarker):
            data = await content(store, each)
            if hashlib.md5(data).hexdigest() != etag:
                yield f"{each.key!r} {each.version} has other bytes"
    if held not in (after(steps[:done]), after(steps[: done + 1])):
        yield f"after {done} steps there is {held}"
    for key, versions in held.items():
        current = store.entry(bucket, key) if bucket else None
        if (current.etag if current else "") != (versions[0][1] if versions else ""):
            yield f"{key!r}: current is {current}"
