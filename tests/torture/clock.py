"""F30: does anything but what is meant to depend on the time of day depend on it?

The clock jumps by hours and to 1970 and 2099 between operations, in process. The last PUT wins,
versions are in order of what was done, each is read as it was, and the journal says the same.
"""

import asyncio
import inspect
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from store import fsck, names, version_rows
from store.commits import PutObject
from store.errors import ExpectationFailed, NoSuchEntry, NoSuchUpload
from store.prepare import prepare
from store.records import ENABLED, Bucket, Deleted, Deletion, Entry, Expect
from store.settings import Settings
from store.store import Store
from store.transaction import Transaction
from tests.store.storing import PLAIN, content, dump, make_bucket, noise, put, put_part, replayed
from tests.torture.gate import Gate, Outcome, Run

NOW = 1_800_000_000_000
"""The right time, in milliseconds since the epoch."""
HOUR, DAY = 3_600_000, 86_400_000
_AD_2099 = 4_070_908_800_000
SETTINGS = Settings(
    durability="none",
    segment_bytes=4 << 20,
    collect_seconds=3600.0,
    trash_grace_seconds=0.0,
    upload_days=1e6,
)
KEYS = [b"a", b"b", b"b/c", b"d"]


class Clock:
    """Tells a later time at each question, but for its jumps."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        self.now += 1
        return self.now

    def jump(self, rng: Random) -> None:
        steps = [self.now + HOUR, self.now - HOUR, self.now - DAY, 1_000, _AD_2099, NOW]
        self.now = max(1_000, rng.choice(steps))


class Time:
    """Operations on one store beside what they must have made: the newest version is last."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory = directory
        self._rng = Random(seed)
        self._clock = Clock()
        self._written = 0
        self._model: dict[tuple[str, bytes], list[tuple[str, bytes | None]]] = {}
        self._store: Store
        self.figures: Counter[str] = Counter()
        self.violations: list[str] = []

    async def run(self, steps: int) -> None:
        left = steps
        while left > 0:  # each time in another process, as it were
            some = min(left, 500)
            left -= some
            self._store = Store(self._directory, SETTINGS, clock=self._clock)
            await self._store.start()
            if left + some == steps:
                await self._make_buckets()
            for _ in range(some):
                await self._step()
            await self._end(last=left == 0)
            await self._store.close()

    async def _make_buckets(self) -> None:
        for name in ("plain", "versioned"):
            bucket = await make_bucket(self._store, name)
            for key in KEYS:
                self._model[name, key] = []
        await self._store.set_bucket_versioning(bucket, ENABLED)

    async def _step(self) -> None:
        if self._rng.random() < 0.4:
            self._clock.jump(self._rng)
            self.figures["jumps"] += 1
        name, key = self._rng.choice(list(self._model))
        bucket = self._store.bucket(name)
        assert bucket is not None
        verbs = [self._put] * 5 + [self._put_if_match] * 2 + [self._delete] * 2
        verb = self._rng.choice([*verbs, self._copy, self._upload, self._forget, self._collect])
        await verb(bucket, key)
        self.figures["operations"] += 1
        await self._check(bucket, key)

    def _body(self) -> bytes:
        self._written += 1
        return noise(self._written, self._rng.choice([10, 20_000]))

    def _versions(self, bucket: Bucket, key: bytes) -> list[tuple[str, bytes | None]]:
        return self._model[bucket.name, key]

    def _made(self, bucket: Bucket, entry: Entry, body: bytes) -> None:
        if bucket.versioning:
            self._versions(bucket, entry.key).append((entry.version, body))
        else:
            self._versions(bucket, entry.key)[:] = [(entry.version, body)]

    # --- operations ----------------------------------------------------------------------------

    async def _put(self, bucket: Bucket, key: bytes) -> None:
        body = self._body()
        self._made(bucket, await put(self._store, bucket, key, body), body)

    async def _put_if_match(self, bucket: Bucket, key: bytes) -> None:
        """By what is there, and by what is not."""
        body = self._body()
        current = self._store.entry(bucket, key)
        expect = Expect(not_etags=("*",)) if current is None else Expect(etags=(current.etag,))
        self._made(bucket, await put(self._store, bucket, key, body, expect=expect), body)
        try:
            await put(self._store, bucket, key, body + b"!", expect=Expect(etags=("other",)))
        except (ExpectationFailed, NoSuchEntry):
            return
        self.violations.append(f"{key!r}: a condition that does not hold")

    async def _copy(self, bucket: Bucket, key: bytes) -> None:
        source = self._store.entry(bucket, KEYS[0])
        if source is not None:
            _, body = self._versions(bucket, KEYS[0])[-1]
            assert body is not None
            made = await self._store.copy(source, bucket, key, owner="", attributes=PLAIN)
            self._made(bucket, made, body)

    async def _upload(self, bucket: Bucket, key: bytes) -> None:
        """With jumps between its steps; long before it expires, whatever the time."""
        body = noise((self._written, key), 20_000)
        upload = await self._store.create_upload(bucket, key, owner="", attributes=PLAIN)
        self._clock.jump(self._rng)
        part = await put_part(self._store, bucket, upload, 1, body)
        await self._collect(bucket, key)
        self._clock.jump(self._rng)
        try:
            made = await self._store.complete_upload(upload, [part], etag="e", attributes=PLAIN)
        except NoSuchUpload:
            self.violations.append(f"{key!r}: an upload is gone")
        else:
            self._made(bucket, made, body)

    async def _delete(self, bucket: Bucket, key: bytes) -> None:
        (done,) = await self._store.delete(bucket, [key])
        assert isinstance(done, Deleted)
        versions = self._versions(bucket, key)
        if bucket.versioning:
            assert done.version is not None
            versions.append((done.version, None))
        else:
            versions.clear()

    async def _forget(self, bucket: Bucket, key: bytes) -> None:
        """One version; what was before the newest is the newest then."""
        versions = self._versions(bucket, key)
        if versions:
            version, _ = versions.pop(self._rng.randrange(len(versions)))
            await self._store.delete(bucket, [Deletion(key, version)])

    async def _collect(self, bucket: Bucket, key: bytes) -> None:
        await self._store.collect()

    # --- what has to be so ---------------------------------------------------------------------

    async def _check(self, bucket: Bucket, key: bytes) -> None:
        versions = self._versions(bucket, key)
        entry = self._store.entry(bucket, key)
        body = None if entry is None else await content(self._store, entry)
        wanted = versions[-1][1] if versions else None
        if body != wanted:
            self.violations.append(f"{key!r} in {bucket.name} is not what was put last")
        if versions:
            await self._check_version(bucket, key, *self._rng.choice(versions))

    async def _check_version(
        self, bucket: Bucket, key: bytes, version: str, body: bytes | None
    ) -> None:
        found: Any = self._store.version(bucket, key, version)
        read = await content(self._store, found) if isinstance(found, Entry) else None
        if found is None or read != body:
            self.violations.append(f"version {version} of {key!r} is not what it was")

    async def _end(self, *, last: bool) -> None:
        for name in ("plain", "versioned"):
            bucket = self._store.bucket(name)
            assert bucket is not None
            page = self._store.list_versions(bucket)
            mine = [(key, self._model[name, key]) for key in KEYS]
            wanted = [(key, version) for key, all in mine for version, _ in reversed(all)]
            if [(each.key, each.version) for each in page.versions[:1000]] != wanted[:1000]:
                self.violations.append(f"versions in {name} are in another order")
            current = [key for key, all in mine if all and all[-1][1] is not None]
            if [each.key for each in self._store.list_entries(bucket).entries] != current:
                self.violations.append(f"{name} lists other keys")
        if last:
            self._clock.now = NOW
            await self._store.collect()
            if left := self._store.stats().trash_bytes:
                self.violations.append(f"{left} bytes that were freed in 2099 are still there")


# --- mutants --------------------------------------------------------------------------------------


def _last_writer_by_time() -> Any:
    """What was put at an earlier time loses, as where replicas agree by their clocks."""
    decide = PutObject.decide

    def decided(self: PutObject, transaction: Transaction) -> Entry:
        change = self._change
        there = names.entry(transaction.db, change.bucket, change.key)
        if there is not None and there.modified > change.modified:
            return there
        return decide(self, transaction)

    return mock.patch.object(PutObject, "decide", decided)


def _versions_by_time() -> Any:
    """The version that takes a deleted one's place is the one of the latest time."""
    promote = inspect.getsource(version_rows.promote).replace("ORDER BY made", "ORDER BY modified")
    made: dict[str, Any] = {}
    exec(promote, vars(version_rows), made)
    return mock.patch.object(version_rows, "promote", made["promote"])


_MUTANTS = {
    "last-writer-by-time": _last_writer_by_time,
    "versions-by-time": _versions_by_time,
}


def run(asked: Run) -> Outcome:
    directory = asked.directory / "data"
    prepared = prepare(directory, SETTINGS)
    time = Time(directory, asked.seed)
    try:
        with _MUTANTS[asked.mutant]() if asked.mutant else nullcontext():
            asyncio.run(time.run(asked.of(20_000)))
    finally:
        prepared.close()
    time.violations += [f"fsck: {each.kind} {each.where}" for each in fsck.check(directory)]
    if replayed(directory, asked.directory / "replayed") != dump(directory):
        time.violations.append("the journal makes other rows")
    return Outcome(time.figures, time.violations)


GATE = Gate(
    name="clock",
    bar="20,000 operations while the clock jumps by +1 h, -1 h and -1 day, to 1970 and to 2099: the"
    " last PUT wins, versions are in order, the collector takes nothing early and leaves nothing",
    run=run,
    mutants=tuple(_MUTANTS),
    short=0.02,
    mutant_scale=0.02,
)
