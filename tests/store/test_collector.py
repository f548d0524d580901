"""The collector: what is due goes, what is read or refered to stays."""

import asyncio
import os
import threading

import apsw
import msgspec
import pytest
from storing import (
    LARGE,
    PLAIN,
    PROFILE,
    QUICK,
    Bytes,
    Clock,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
    replayed,
    serving,
)

from store import database
from store.collector import Collector
from store.database import every
from store.errors import NoSuchEntry, Unavailable
from store.settings import Settings

MIB = 1 << 20
MINUTE = 60_000
DAY = 86_400_000


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(directory, clock, tmp_path):
    async with opened(directory, clock=clock) as store:
        yield store
        audit(directory)
        assert replayed(directory, tmp_path / "replayed") == dump(directory)


@pytest.fixture
async def bucket(store):
    return await make_bucket(store)


def on_disk(directory) -> int:
    return sum(os.stat(path).st_blocks * 512 for path in (directory / "segments").iterdir())


def files(directory) -> set[str]:
    return {path.name for path in (directory / "segments").iterdir()}


async def test_deleted_bytes_stay_for_the_grace_and_then_go(store, bucket, directory, clock):
    await put(store, bucket, b"k", noise(1, MIB))
    await put(store, bucket, b"other", noise(2, LARGE))
    await store.delete(bucket, [b"k"])
    await store.collect(now=clock.now + MINUTE - 1000)
    assert store.stats().trash_bytes == MIB

    await store.collect(now=clock.now + MINUTE)

    assert store.stats().trash_bytes == 0
    assert on_disk(directory) < MIB
    assert await content(store, store.entry(bucket, b"other")) == noise(2, LARGE)


async def test_a_round_that_cannot_open_the_database_says_so_in_the_stores_words(
    store, monkeypatch
):
    def broken(path):
        raise apsw.CantOpenError("no descriptors")

    monkeypatch.setattr(database, "open_reader", broken)
    with pytest.raises(Unavailable):
        await store.collect()


async def test_bytes_nobody_ever_saw_go_at_once(store, bucket, directory):
    for key in (b"a", b"b"):
        await put(store, bucket, key, noise("same", MIB))
    assert store.stats().trash_bytes == MIB

    await store.collect(now=0)

    assert store.stats().trash_bytes == 0
    assert on_disk(directory) <= MIB + 4096


async def test_what_was_freed_by_a_clock_that_was_far_ahead_does_not_stay(directory):
    clock = Clock()
    at_once = msgspec.structs.replace(QUICK, trash_grace_seconds=0.0)
    async with opened(directory, at_once, clock=clock) as store:
        bucket = await make_bucket(store)
        clock.now += 50_000 * DAY
        await put(store, bucket, b"k", noise(1, MIB))
        await store.delete(bucket, [b"k"])

        clock.now -= 50_000 * DAY
        await store.collect()

        assert store.stats().trash_bytes == 0


async def test_when_the_clock_is_set_back_a_grace_begins(store, bucket, clock):
    clock.now += 50_000 * DAY
    await put(store, bucket, b"k", noise(1, MIB))
    await store.delete(bucket, [b"k"])
    clock.now -= 50_000 * DAY

    await store.collect()

    assert store.stats().trash_bytes == MIB


async def test_what_is_opened_too_late_is_not_read_as_zeros(store, bucket, clock):
    """A worker that is stopped for long between finding and opening it."""
    entry = await put(store, bucket, b"k", noise(1, MIB))
    await store.delete(bucket, [b"k"])

    await store.collect(now=clock.now + DAY)

    with pytest.raises(NoSuchEntry):
        store.open(entry, 0, entry.size)
    with pytest.raises(NoSuchEntry):
        store.open(entry, MIB // 2, 1)


async def test_what_is_opened_after_its_segment_is_gone_is_gone(store, bucket, clock):
    entries = [await put(store, bucket, b"%d" % n, noise(n, MIB)) for n in range(5)]
    await store.delete(bucket, [b"%d" % n for n in range(5)])
    await store.ready()

    await store.collect(now=clock.now + DAY)

    for entry in entries:
        with pytest.raises(NoSuchEntry):
            store.open(entry, 0, entry.size)


async def test_zeros_that_a_file_system_does_not_keep_are_read(
    store, bucket, directory, monkeypatch
):
    entry = await put(store, bucket, b"k", bytes(MIB))
    monkeypatch.setattr("store.files.is_hole", lambda file, offset: True)

    assert await content(store, entry) == bytes(MIB)


async def test_what_a_reader_holds_is_left_for_later(store, bucket, clock):
    entry = await put(store, bucket, b"k", noise(1, MIB))
    reader = store.open(entry, 0, MIB)
    await store.delete(bucket, [b"k"])

    await store.collect(now=clock.now + DAY)
    assert store.stats().trash_bytes == MIB
    assert b"".join([bytes(piece) async for piece in reader]) == noise(1, MIB)
    reader.close()

    await store.collect(now=clock.now + DAY)
    assert store.stats().trash_bytes == 0


async def test_an_empty_segment_is_unlinked_but_not_the_one_in_use(store, bucket, directory, clock):
    for n in range(14):
        await put(store, bucket, b"%d" % n, noise(n, MIB))
    assert len(files(directory)) == 4
    await store.delete(bucket, [b"%d" % n for n in range(14)])
    await store.ready()

    await store.collect(now=clock.now + DAY)

    (active,) = {max(files(directory))} & files(directory)
    assert len(files(directory)) <= 2
    assert len(every(store._db, "SELECT * FROM segment")) == len(files(directory))
    entry = await put(store, bucket, b"more", noise("more", MIB))
    assert await content(store, entry) == noise("more", MIB)
    assert active in files(directory)


async def test_a_segment_is_not_unlinked_under_a_body_on_its_way(store, bucket, directory, clock):
    """Full and empty as the database has it, but bytes in it are about to be named."""
    staged = await store.stage(Bytes(noise("slow", MIB)), profile=PROFILE)
    for n in range(14):
        await put(store, bucket, b"%d" % n, noise(n, MIB))
    await store.delete(bucket, [b"%d" % n for n in range(14)])

    await store.collect(now=clock.now + DAY)
    await store.collect(now=clock.now + DAY)
    entry = await store.put(bucket, b"slow", staged, owner="", attributes=PLAIN)

    assert await content(store, entry) == noise("slow", MIB)
    await store.delete(bucket, [b"slow"])
    await store.ready()
    await store.collect(now=clock.now + DAY)
    assert len(files(directory)) <= 2


async def test_a_discarded_body_does_not_hold_its_segment_for_ever(store, bucket, directory, clock):
    staged = await store.stage(Bytes(noise("slow", MIB)), profile=PROFILE)
    for n in range(14):
        await put(store, bucket, b"%d" % n, noise(n, MIB))
    await store.delete(bucket, [b"%d" % n for n in range(14)])
    store.discard(staged)
    store.discard(staged)
    await store.ready()

    await store.collect(now=clock.now + DAY)

    assert len(files(directory)) <= 2


async def test_old_uploads_are_aborted_and_completed_ones_forgotten(store, bucket, clock):
    old = await store.create_upload(bucket, b"old", owner="", attributes=PLAIN)
    await put_part(store, bucket, old, 1, noise(1, LARGE))
    done = await store.create_upload(bucket, b"done", owner="", attributes=PLAIN)
    part = await put_part(store, bucket, done, 1, noise(2, LARGE))
    await store.complete_upload(done, [part], etag="e", attributes=PLAIN)

    await store.collect(now=clock.now + DAY - 1000)
    assert store.upload(bucket, b"old", old.id)
    assert store.upload(bucket, b"done", done.id)
    await store.collect(now=clock.now + DAY + 1000)
    assert store.upload(bucket, b"old", old.id)
    assert store.upload(bucket, b"done", done.id) is None
    await store.collect(now=clock.now + 7 * DAY + 1000)

    assert store.upload(bucket, b"old", old.id) is None
    assert store.stats().segment_bytes == LARGE
    assert await content(store, store.entry(bucket, b"done")) == noise(2, LARGE)


async def test_a_command_collects_beside_a_running_server(store, bucket, directory, clock):
    await put(store, bucket, b"k", noise(1, MIB))
    await store.delete(bucket, [b"k"])

    async with serving(directory, worker=-1) as command:
        await asyncio.gather(
            *(each.collect(now=clock.now + DAY) for each in (command, store) for _ in range(3))
        )
        assert command.stats().trash_bytes == 0

    entry = await put(store, bucket, b"k", noise(2, MIB))
    assert await content(store, entry) == noise(2, MIB)


async def test_rounds_are_made_in_the_background_on_worker_0_only(directory, monkeypatch):
    rounds = threading.Event()
    names = []

    def collect(self, *, now):
        names.append(threading.current_thread().name)
        rounds.set()

    monkeypatch.setattr(Collector, "collect", collect)
    eager = Settings(durability="none", collect_seconds=0.01)
    async with opened(directory, QUICK), serving(directory, eager, worker=1):
        pass
    assert names == []
    async with opened(directory, eager):
        assert await asyncio.to_thread(rounds.wait, 10)
    assert set(names) == {"s3gw-collector"}


async def test_deleting_everything_while_others_put_the_same_bytes(store, bucket, clock):
    """Taking the last reference away and adding a new one at once: one of them is first."""
    bodies = [noise(n, LARGE) for n in range(3)]

    async def churn(seed: int) -> None:
        for n in range(30):
            key = b"%d" % ((seed + n) % 4)
            if (seed + n) % 3:
                entry = await put(store, bucket, key, bodies[n % 3])
                assert entry.size == LARGE
            else:
                await store.delete(bucket, [key])
            if n % 10 == 5:
                await store.collect(now=clock.now + DAY)

    await asyncio.gather(*(churn(seed) for seed in range(8)))

    for entry in store.list_entries(bucket).entries:
        assert await content(store, entry) in bodies
