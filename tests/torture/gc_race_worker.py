"""One worker of ``gc_race``: ``gc_race_worker DIRECTORY NUMBER SEED OPERATIONS [MUTANT]``.

Each of its lanes has keys of its own, so it knows what is there; the contents are everybody's.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import apsw

from store import content_rows, files
from store.collector import Collector
from store.content_rows import decode_extents
from store.database import every, one
from store.errors import StoreError
from store.records import Bucket, Deletion
from store.segments import Segments
from store.store import Store
from store.transaction import Commit, Transaction
from tests.store.storing import content, noise, put
from tests.torture.gc_race import BUCKETS, GRACE_SECONDS, SETTINGS

CONTENTS = 200
LANES = 12
KEYS = 16
"""Of a lane. Half of them are there at a time, so a content has one name on average."""


class Work:
    """What the lanes of this process share."""

    def __init__(self, store: Store, number: int, operations: int) -> None:
        self.store = store
        self.number = number
        self.left = operations
        self.figures: Counter[str] = Counter()
        self.violations: list[str] = []
        found = [store.bucket(f"bucket-{n}") for n in range(BUCKETS)]
        self.buckets: list[Bucket] = [bucket for bucket in found if bucket is not None]
        sizes = Random(1)
        self.contents = [noise(n, _size(n, sizes)) for n in range(CONTENTS)]

    async def lane(self, number: int, rng: Random) -> None:
        keys = [
            (self.buckets[n % BUCKETS], b"%d-%d-%d" % (self.number, number, n)) for n in range(KEYS)
        ]
        there: dict[tuple[int, bytes], int] = {}
        while self.left > 0 and not self.violations:
            self.left -= 1
            bucket, key = place = rng.choice(keys)
            at = (bucket.id, key)
            chance = rng.random()
            if chance < 0.45:
                there[at] = rng.randrange(CONTENTS)
                await put(self.store, bucket, key, self.contents[there[at]])
                self.figures["puts"] += 1
            elif chance < 0.7:
                await self.store.delete(bucket, [Deletion(key)])
                there.pop(at, None)
                self.figures["deletes"] += 1
            else:
                await self._read(place, there.get(at))
                self.figures["gets"] += 1

    async def _read(self, place: tuple[Bucket, bytes], wanted: int | None) -> None:
        entry = self.store.entry(*place)
        if wanted is None or entry is None:
            if wanted is not None or entry is not None:
                self.violations.append(f"{place[1]!r} is {'gone' if wanted else 'back'}")
        elif await content(self.store, entry) != self.contents[wanted]:
            self.violations.append(f"{place[1]!r} has other bytes")

    async def slow_reader(self) -> None:
        """Begins to read what is deleted then, and reads when others' grace is long over."""
        bucket, key = self.buckets[0], b"slow-%d" % self.number
        while self.left > 0 and not self.violations:
            data = noise((self.number, self.left), 100_000)
            entry = await put(self.store, bucket, key, data)
            entry = self.store.entry(bucket, key) or entry
            reader = self.store.open(entry, 0, entry.size)
            assert not isinstance(reader, bytes)
            await self.store.delete(bucket, [Deletion(key)])
            await asyncio.sleep(2 * GRACE_SECONDS)  # the slowness that is tried
            if b"".join([bytes(piece) async for piece in reader]) != data:
                self.violations.append(f"{key!r} was freed under its reader")
            reader.close()
            self.figures["slow_gets"] += 1


def _size(number: int, sizes: Random) -> int:
    """Some 40 KiB, a few of two leaves."""
    return 1_200_000 + number if number % 66 == 0 else sizes.randrange(17_000, 60_000)


async def work(directory: Path, number: int, seed: int, operations: int) -> Work:
    store = Store(directory, SETTINGS, worker=number)
    await store.start()
    try:
        done = Work(store, number, operations)
        lanes = [done.lane(n, Random(f"{seed}/{number}/{n}")) for n in range(LANES)]
        await asyncio.gather(*lanes, done.slow_reader())
    except StoreError as error:
        done.violations.append(f"worker {number}: {error!r}")
        done.left = 0
    finally:
        await store.close()
    return done


def _counting(figures: Counter[str]) -> None:
    """Rounds of the collector, and what they free."""
    punch, collect = Segments.punch, Collector.collect

    def punched(self: Segments, extent: Any) -> bool:
        freed = punch(self, extent)
        figures["frees" if freed else "frees_put_off"] += 1
        return freed

    def collected(self: Collector, *, now: int) -> None:
        figures["rounds"] += 1
        collect(self, now=now)

    Segments.punch, Collector.collect = punched, collected  # type: ignore[method-assign]


# --- mutants --------------------------------------------------------------------------------------


def _no_fence() -> None:
    """Contents without references stay for a while, and the collector does not look again."""

    def release(db: apsw.Connection, id: int, time: int) -> None:
        db.execute("UPDATE content SET refs = refs - 1 WHERE id = ?", (id,))

    def free(self: Collector, db: apsw.Connection, now: int) -> None:
        for id, packed in every(db, "SELECT id, extents FROM content WHERE refs = 0"):
            for extent in decode_extents(packed):
                self._segments.punch(extent)
            self._committer.run(_Drop(id))

    content_rows.release = release
    Collector._free = free  # type: ignore[method-assign]


class _Drop(Commit[None]):
    def __init__(self, id: int) -> None:
        self._id = id

    def decide(self, transaction: Transaction) -> None:
        row = one(transaction.db, "SELECT extents FROM content WHERE id = ?", (self._id,))
        if row is not None:
            content_rows.forget(transaction.db, decode_extents(row[0]))
            transaction.db.execute("DELETE FROM content WHERE id = ?", (self._id,))


def _frees_under_readers() -> None:
    """The collector asks nobody."""
    files.lock_exclusive_nowait = lambda file, offset, length: True


_DEFECTS: dict[str, Callable[[], None]] = {
    "no-fence": _no_fence,
    "frees-under-readers": _frees_under_readers,
}


def main() -> None:
    _, directory, number, seed, operations, mutant = sys.argv
    if mutant:
        _DEFECTS[mutant]()
    figures: Counter[str] = Counter()
    _counting(figures)
    done = asyncio.run(work(Path(directory), int(number), int(seed), int(operations)))
    print(json.dumps({**done.figures, **figures, "violations": done.violations}))


if __name__ == "__main__":
    main()
