"""Compaction: what is live moves, whole, out of segments that are mostly trash; then they go."""

import asyncio
from contextlib import closing

import pytest
from storing import (
    LARGE,
    PLAIN,
    QUICK,
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
)

from store import chores, compaction, database, fsck
from store.chores import AGAIN_MILLISECONDS, DAY_MILLISECONDS, Chores
from store.compaction import Compacted, candidates, compact
from store.database import every
from store.engine import Engine
from store.errors import NoSuchEntry
from store.prepare import prepare
from tests.store.crash.killing import child

MIB = 1 << 20
DAY = 86_400_000


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
async def sparse(directory):
    """Some segments; of the three objects in the first, one is left, of two leaves."""
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for n in range(10):
            await put(store, bucket, b"%d" % n, noise(n, MIB + MIB // 4 + n))
        await store.delete(bucket, [b"%d" % n for n in (0, 2)])
        await store.collect(now=1 << 60)
    return directory


async def bodies(store):
    bucket = store.bucket("bucket")
    keys = [e.key for e in store.list_entries(bucket).entries]
    return {key: await content(store, store.entry(bucket, key)) for key in keys}


WANTED = {b"%d" % n: noise(n, MIB + MIB // 4 + n) for n in (1, 3, 4, 5, 6, 7, 8, 9)}


def segments(directory):
    return {int(path.stem) for path in (directory / "segments").iterdir()}


def chosen(directory, below):
    with closing(database.open_reader(directory / database.FILE)) as db:
        return list(candidates(db, directory, below))


def run(directory, below=0.5, **more):
    return compact(directory, QUICK, below=below, **more)


async def test_live_bytes_move_and_the_file_goes(sparse, tmp_path):
    (first,) = chosen(sparse, 0.5)
    async with opened(sparse) as store:
        done = await asyncio.to_thread(run, sparse)

        assert done == Compacted(1, MIB + MIB // 4 + 1, 0)
        assert first in segments(sparse)
        assert await bodies(store) == WANTED
        await store.collect(now=1 << 60)
        assert first not in segments(sparse)
        assert await bodies(store) == WANTED
    assert chosen(sparse, 0.5) == []
    assert list(fsck.check(sparse)) == []
    audit(sparse)
    assert replayed(sparse, tmp_path / "replayed") == dump(sparse)


async def test_who_is_reading_reads_on(sparse):
    async with opened(sparse, clock=(clock := Clock())) as store:
        entry = store.entry(store.bucket("bucket"), b"1")
        reader = store.open(entry, 0, entry.size)

        await asyncio.to_thread(run, sparse, clock=clock)
        await store.collect(now=clock.now + DAY)

        assert b"".join([bytes(piece) async for piece in reader]) == WANTED[b"1"]
        assert store.stats().trash_bytes == entry.size
        reader.close()
        await store.collect(now=clock.now + DAY)
        assert store.stats().trash_bytes == 0


async def test_what_was_found_before_the_move_is_there_for_the_grace(sparse):
    async with opened(sparse, clock=(clock := Clock())) as store:
        held = store.entry(store.bucket("bucket"), b"1")

        await asyncio.to_thread(run, sparse, clock=clock)
        await store.collect(now=clock.now + 50_000)

        assert await content(store, held) == WANTED[b"1"]
        copied = await store.copy(held, store.bucket("bucket"), b"copy", owner="", attributes=PLAIN)
        await store.collect(now=clock.now + DAY)
        assert await content(store, copied) == WANTED[b"1"]


async def test_what_was_moved_long_ago_is_not_read_where_it_was(sparse):
    async with opened(sparse, clock=(clock := Clock())) as store:
        held = store.entry(store.bucket("bucket"), b"1")

        await asyncio.to_thread(run, sparse, clock=clock)
        await store.collect(now=clock.now + DAY)

        with pytest.raises(NoSuchEntry):
            store.open(held, 0, held.size)


async def test_what_is_deleted_meanwhile_is_not_moved(sparse, monkeypatch):
    async with opened(sparse) as store:
        loop = asyncio.get_running_loop()

        def delete(name):
            if name == "G3":
                gone = store.delete(store.bucket("bucket"), [b"1"])
                asyncio.run_coroutine_threadsafe(gone, loop).result(20)

        monkeypatch.setattr(compaction, "hit", delete)
        done = await asyncio.to_thread(run, sparse)

        assert (done.moved_bytes, done.left_bytes) == (0, MIB + MIB // 4 + 1)
        await store.collect(now=1 << 60)
        assert store.stats().segment_bytes == sum(map(len, WANTED.values())) - (MIB + MIB // 4 + 1)
    assert list(fsck.check(sparse)) == []


def test_damage_is_not_moved(sparse):
    """A copy of damaged bytes would look like new ones."""
    (number,) = chosen(sparse, 0.5)
    query = f'SELECT "offset" FROM extent WHERE segment = {number}'
    with closing(database.open_reader(sparse / database.FILE)) as db:
        ((offset,),) = every(db, query)
    with (sparse / "segments" / f"{number:08d}.seg").open("r+b") as file:
        file.seek(offset + MIB)
        file.write(b"?")
    before = dump(sparse)["content"]

    done = run(sparse)

    assert (done.moved_bytes, done.left_bytes) == (0, MIB + MIB // 4 + 1)
    assert dump(sparse)["content"] == before
    assert [each.kind for each in fsck.check(sparse)] == ["leaf"]


async def test_parts_stay_where_they_are(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        upload = await store.create_upload(bucket, b"k", owner="", attributes=PLAIN)
        part = await put_part(store, bucket, upload, 1, noise("part", LARGE))
        for n in range(10):
            await put(store, bucket, b"%d" % n, noise(n, MIB))
        await store.delete(bucket, [b"%d" % n for n in range(10)])
        await store.ready()

        done = await asyncio.to_thread(run, directory)

        assert done == Compacted(1, 0, LARGE)
        entry = await store.complete_upload(upload, [part], etag="e", attributes=PLAIN)
        assert await content(store, entry) == noise("part", LARGE)


async def test_extents_of_one_object_in_many_places_stay_in_order(directory):
    """An object of parts, others between them; the pieces are moved one after the other."""
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        upload = await store.create_upload(bucket, b"k", owner="", attributes=PLAIN)
        parts = []
        for n in range(1, 8):
            parts.append(await put_part(store, bucket, upload, n, noise(n, 300_000 + n)))
            await put(store, bucket, b"between%d" % n, noise((n, 0), MIB))
        await store.complete_upload(upload, parts, etag="e", attributes=PLAIN)
        await store.delete(bucket, [b"between%d" % n for n in range(1, 8)])

        done = await asyncio.to_thread(run, directory)

        assert done.moved_bytes
        whole = b"".join(noise(n, 300_000 + n) for n in range(1, 8))
        assert await content(store, store.entry(bucket, b"k")) == whole
        await store.collect(now=1 << 60)
        assert await content(store, store.entry(bucket, b"k")) == whole
    assert list(fsck.check(directory)) == []


@pytest.mark.parametrize("point", ["G3", "P2", "P3", "P4", "G5"])
async def test_compaction_may_be_killed_and_repeated(sparse, point):
    child("compact", sparse, killed_at=point)

    async with opened(sparse) as store:
        assert await bodies(store) == WANTED
        await asyncio.to_thread(run, sparse, 0.9)
        await store.collect(now=1 << 60)
        assert await bodies(store) == WANTED
        assert store.stats().trash_bytes == 0
    assert list(fsck.check(sparse)) == []
    audit(sparse)


async def test_a_server_starts_while_it_is_at_work(sparse):
    engine = Engine(sparse, QUICK, compaction.COMPACTOR, Clock())
    number = chosen(sparse, 0.5)[0]
    ((_, extent),) = compaction._live(engine.db, number)
    staged = await engine.again(extent)

    prepare(sparse, QUICK).close()

    engine.discard(staged)
    await asyncio.to_thread(engine.close)


def test_nothing_is_done_where_enough_is_live(sparse):
    before = dump(sparse)

    assert run(sparse, 0.1) == Compacted(0, 0, 0)
    assert dump(sparse) == before


def test_a_clock_that_is_set_back_puts_nothing_off_for_years(sparse, monkeypatch):
    started = []
    monkeypatch.setattr(Chores, "_start", lambda self, name, now: started.append(name))
    running = Chores(sparse, QUICK)

    running.look(50_000 * DAY_MILLISECONDS)
    assert started == []
    running.look(DAY_MILLISECONDS)

    assert started == ["compact"]


def test_worker_0_compacts_an_hour_after_the_start_and_then_daily(sparse):
    running = Chores(sparse, QUICK)
    running.look(0)
    assert running._running is None
    running.look(AGAIN_MILLISECONDS)
    name, process = running._running
    assert (name, process.wait(30)) == ("compact", 0)
    running.look(AGAIN_MILLISECONDS + 1)
    assert running._running is None
    running.look(AGAIN_MILLISECONDS + DAY_MILLISECONDS)
    assert running._running is not None
    running.close()
    assert chosen(sparse, 0.25) == []
    assert set(chores._DUE) == set(chores._CHORES)
