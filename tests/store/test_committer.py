"""Group commit: who fails with whom, who owns the bytes, and what is on disk before an answer."""

import asyncio
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest
from storing import (
    LARGE,
    PLAIN,
    PROFILE,
    QUICK,
    Bytes,
    audit,
    content,
    dump,
    journal_of,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
    replayed,
    serving,
)

from store import changes, outbox
from store.commits import Probe
from store.database import FILE
from store.errors import BucketExists, NoSpace, NoSuchBucket, Unavailable
from store.ledger import Ledger
from store.lock import write_lock
from store.prepare import prepare
from store.records import Deleted, Entry, Expect
from store.settings import Settings
from store.transaction import Commit


class Gate(Commit[None]):
    """Keeps the committer busy, so that what is submitted meanwhile makes one batch."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def decide(self, transaction) -> None:
        self.reached.set()
        assert self.open.wait(10)


class Broken(Commit[None]):
    """Applies something, then fails as nothing of ours should."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def decide(self, transaction) -> None:
        transaction.apply(changes.PutBucket("broken", "", "", 0, "", "", PROFILE))
        raise self._error


class Gated:
    """``async with``: everything submitted inside is one batch."""

    def __init__(self, store) -> None:
        self._committer = store._engine._committer
        self._gate = Gate()

    async def __aenter__(self):
        self._waiting = self._committer.submit(self._gate)
        await asyncio.to_thread(self._gate.reached.wait, 10)

    async def __aexit__(self, *_):
        self._gate.open.set()
        await self._waiting


def submit(store, commit):
    return asyncio.ensure_future(store._engine.submit(commit))


def batches(directory, store) -> list[int]:
    """How many changes each record of the journal has."""
    journal = journal_of(directory, outbox.store_id(store._db))
    return [len(changes.decode(record.payload)) for record in journal.records()]


async def test_all_that_waits_is_one_transaction(store, bucket, directory):
    async with Gated(store):
        puts = [asyncio.ensure_future(put(store, bucket, b"%d" % n, b"data")) for n in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*puts)

    assert batches(directory, store) == [1, 50]


async def test_a_refused_commit_fails_alone(store, bucket):
    async with Gated(store):
        one = asyncio.ensure_future(put(store, bucket, b"1", b"data"))
        taken = asyncio.ensure_future(make_bucket(store))
        two = asyncio.ensure_future(put(store, bucket, b"2", b"data"))
        await asyncio.sleep(0)

    assert (await one).key == b"1"
    with pytest.raises(BucketExists):
        await taken
    assert (await two).key == b"2"


@pytest.mark.parametrize("error", [RuntimeError("broken"), NoSuchBucket("broken")])
async def test_a_commit_that_breaks_fails_alone_and_leaves_nothing(
    store, bucket, directory, tmp_path, error
):
    async with Gated(store):
        one = asyncio.ensure_future(put(store, bucket, b"1", noise(1, LARGE)))
        await asyncio.sleep(0.05)
        broken = submit(store, Broken(error))
        two = asyncio.ensure_future(put(store, bucket, b"2", b"data"))
        await asyncio.sleep(0)

    with pytest.raises(type(error), match="broken"):
        await broken
    await asyncio.gather(one, two)
    assert store.bucket("broken") is None
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)


@pytest.mark.parametrize("size", [10, LARGE])
async def test_a_put_whose_caller_left_is_whole(store, bucket, directory, size):
    staged = await store.stage(Bytes(noise(1, size)), profile=PROFILE)
    async with Gated(store):
        leaving = asyncio.ensure_future(store.put(bucket, b"k", staged, owner="", attributes=PLAIN))
        await asyncio.sleep(0)
        leaving.cancel()
    store.discard(staged)

    await store.ready()
    assert await content(store, store.entry(bucket, b"k")) == noise(1, size)
    audit(directory)


async def test_a_put_whose_caller_left_before_it_was_refused_gives_its_bytes_back(store, bucket):
    given_back = watch(store._engine.segments, "abandon")
    staged = await store.stage(Bytes(noise(1, LARGE)), profile=PROFILE)
    refuse = Expect(etags=("*",))
    async with Gated(store):
        leaving = asyncio.ensure_future(
            store.put(bucket, b"k", staged, owner="", attributes=PLAIN, expect=refuse)
        )
        await asyncio.sleep(0)
        leaving.cancel()
    await store.ready()

    assert given_back == [(staged.extents,)]
    assert store.entry(bucket, b"k") is None


def watch(target, name: str) -> list[tuple]:
    """Record the arguments of each call, and let it through."""
    calls = []
    real = getattr(target, name)

    def recording(*args):
        calls.append(args)
        return real(*args)

    setattr(target, name, recording)
    return calls


# --- the disk ----------------------------------------------------------------------------------


async def test_bytes_are_synced_before_the_commit_and_the_commit_before_the_answer(directory):
    async with opened(directory, Settings(durability="commit")) as store:
        bucket = await make_bucket(store)
        events = []
        segments, db = store._engine.segments, store._engine._ledger.db
        real = segments.sync
        segments.sync = lambda numbers: (real(numbers), events.append("bytes"))
        db.exec_trace = lambda cursor, sql, bindings: events.append(sql) or True

        await put(store, bucket, b"k", noise(1, LARGE))
        events.append("answer")
        db.exec_trace = None

        assert db.pragma("synchronous") == 2
        order = [e for e in events if e in ("bytes", "BEGIN IMMEDIATE", "COMMIT", "answer")]
        assert order[-4:] == ["bytes", "BEGIN IMMEDIATE", "COMMIT", "answer"]


async def test_bytes_that_could_not_be_synced_are_never_acknowledged(directory):
    async with opened(directory, Settings(durability="commit")) as store:
        bucket = await make_bucket(store)
        staged = await store.stage(Bytes(noise(1, LARGE)), profile=PROFILE)

        def failing(numbers):
            raise Unavailable("EIO")

        real, store._engine.segments.sync = store._engine.segments.sync, failing
        with pytest.raises(Unavailable):
            await store.put(bucket, b"k", staged, owner="", attributes=PLAIN)
        assert (await put(store, bucket, b"small", b"inline")).size == 6
        store._engine.segments.sync = real

        assert store.entry(bucket, b"k") is None
    audit(directory)


async def test_a_full_disk_refuses_writes_but_not_deletes(store, bucket, directory):
    for n in range(20):
        await put(store, bucket, b"%d" % n, noise(n, 10_000))
    db = store._engine._ledger.db
    most = db.pragma("max_page_count", db.pragma("page_count"))

    more = (put(store, bucket, b"more%d" % n, noise(n, 10_000)) for n in range(100))
    answers = await asyncio.gather(*more, return_exceptions=True)
    assert {type(a) for a in answers} <= {Entry, NoSpace}
    assert NoSpace in {type(a) for a in answers}
    assert await store.delete(bucket, [b"0", b"1"]) == [Deleted()] * 2
    assert len(store.list_entries(bucket).entries) >= 18
    db.pragma("max_page_count", most)

    assert await put(store, bucket, b"again", noise("again", 10_000))
    audit(directory)


class FailingCommit:
    """A connection whose COMMIT fails, as when the sync of the log does."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db

    def __getattr__(self, name):
        return getattr(self._db, name)

    def execute(self, sql, *args):
        if sql == "COMMIT":
            raise apsw.IOError("disk I/O error")
        return self._db.execute(sql, *args)


async def test_after_a_failed_commit_the_bytes_stay_where_they_are(store, bucket, directory):
    """A crash may yet bring that transaction back: what it names must not be used again."""
    given_back = watch(store._engine.segments, "abandon")
    staged = await store.stage(Bytes(noise(1, LARGE)), profile=bucket.profile)
    ledger = store._engine._ledger
    db, ledger.db = ledger.db, FailingCommit(ledger.db)

    with pytest.raises(Unavailable):
        await store.put(bucket, b"k", staged, owner="OWNER", attributes=PLAIN)
    ledger.db = db

    assert given_back == []
    assert store.entry(bucket, b"k") is None
    assert await content(store, await put(store, bucket, b"k", noise(1, LARGE))) == noise(1, LARGE)
    audit(directory)


@pytest.mark.parametrize("again", [True, False])
async def test_a_database_that_was_taken_away_is_not_written(store, bucket, directory, again):
    path = directory / FILE
    path.rename(directory / "away")
    if again:
        shutil.copy(directory / "away", path)

    with pytest.raises(Unavailable):
        await put(store, bucket, b"k", b"data")
    with pytest.raises(Unavailable):
        await store.ready()


async def test_a_full_disk_is_not_ready(store, monkeypatch):
    monkeypatch.setattr("store.spare.SPARE_BYTES", 1 << 60)

    with pytest.raises(NoSpace):
        await store.ready()


async def test_on_a_nearly_full_disk_all_but_growth_goes_on(store, bucket, monkeypatch):
    small = await put(store, bucket, b"small", b"data")
    large = await put(store, bucket, b"large", noise(1, LARGE))
    upload = await store.create_upload(bucket, b"k", owner="OWNER", attributes=PLAIN)

    with monkeypatch.context() as full:
        full.setattr("store.spare.SPARE_BYTES", 1 << 60)
        for growth in (
            put(store, bucket, b"k", b""),
            put(store, bucket, b"k", noise(2, LARGE)),
            put_part(store, bucket, upload, 1, b"data"),
            store.copy(large, bucket, b"k", owner="OWNER", attributes=PLAIN),
            store.create_upload(bucket, b"k", owner="OWNER", attributes=PLAIN),
            make_bucket(store, "another"),
        ):
            with pytest.raises(NoSpace):
                await growth
        assert await content(store, small) == b"data"
        assert await content(store, large) == noise(1, LARGE)
        await store.abort_upload(upload)
        assert await store.delete(bucket, [b"small", b"large"]) == [Deleted(), Deleted()]
        await store.collect(now=1 << 60)

    await put(store, bucket, b"k", noise(2, LARGE))


async def test_what_the_disk_does_to_work_in_the_pool_is_the_stores_error(store, monkeypatch):
    def broken(path):
        raise apsw.CantOpenError("no descriptors")

    monkeypatch.setattr("store.buckets.open_reader", broken)
    with pytest.raises(Unavailable):
        await store.buckets_with("lifecycle")


async def test_a_closed_store_refuses(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        staged = await store.stage(Bytes(b"data"), profile=PROFILE)

    with pytest.raises(Unavailable):
        await store.put(bucket, b"k", staged, owner="", attributes=PLAIN)


async def test_what_was_submitted_before_the_end_is_done(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        puts = [asyncio.ensure_future(put(store, bucket, b"%d" % n, b"data")) for n in range(20)]
        await asyncio.sleep(0)

    assert len(await asyncio.gather(*puts)) == 20


async def test_what_the_loop_submits_in_one_turn_is_one_batch(store, bucket):
    before = store._db.execute("SELECT count(*) FROM change").get

    await asyncio.gather(*(put(store, bucket, b"%d" % n, b"data") for n in range(100)))

    assert store._db.execute("SELECT count(*) FROM change").get == before + 1


async def test_what_comes_while_others_write_is_committed_with_what_waits(
    store, bucket, directory, monkeypatch
):
    sizes = {b"first": 1, b"small": 1, b"large": LARGE, b"last": 1}
    staged = {
        key: await store.stage(Bytes(noise(key, size)), profile=bucket.profile)
        for key, size in sizes.items()
    }
    ledger, reached = store._engine._ledger, threading.Event()
    commit, lock = ledger.commit, write_lock(directory)
    monkeypatch.setattr(ledger, "commit", lambda choose: reached.set() or commit(choose))

    def submitted(key):
        made = store.put(bucket, key, staged[key], owner="OWNER", attributes=PLAIN)
        return asyncio.ensure_future(made)

    with lock.held():
        before = len(batches(directory, store))
        first = submitted(b"first")
        assert await asyncio.to_thread(reached.wait, 10)
        rest = [submitted(key) for key in (b"small", b"large", b"last")]
        await asyncio.sleep(0)
    await asyncio.gather(first, *rest)
    lock.close()

    # The large one has bytes that are synced before its transaction begins.
    assert batches(directory, store)[before:] == [2, 2]


async def test_with_interval_the_log_is_synced_under_steady_load_too(directory, monkeypatch):
    synced = threading.Event()
    monkeypatch.setattr(Ledger, "sync", lambda self: synced.set())
    async with opened(directory, Settings(durability="interval")) as store:

        class Again(Commit[None]):
            def decide(self, transaction) -> None:
                if not synced.is_set():
                    store._engine._committer.post(Again())

        await store._engine.submit(Again())

        assert await asyncio.to_thread(synced.wait, 10)


async def test_with_interval_the_log_is_synced_soon_after(directory, monkeypatch):
    synced = threading.Event()
    real = Ledger.sync
    monkeypatch.setattr(Ledger, "sync", lambda self: (real(self), synced.set()))
    async with opened(directory, Settings(durability="interval")) as store:
        await make_bucket(store)

        assert store._engine._ledger.db.pragma("synchronous") == 1
        assert await asyncio.to_thread(synced.wait, 10)


async def test_two_workers_take_turns(directory, tmp_path):
    async with opened(directory) as one, serving(directory, QUICK, worker=1) as two:
        bucket = await make_bucket(one)
        await asyncio.gather(
            *(
                put((one, two)[n % 2], bucket, b"%d" % (n % 7), noise(n % 5, 100 + LARGE * (n % 2)))
                for n in range(100)
            ),
            *(store._engine.submit(Probe()) for store in (one, two)),
        )
        assert one.list_entries(bucket) == two.list_entries(bucket)
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)


RACER = """
import asyncio, pathlib, sys
sys.path.insert(0, {tests!r})
from storing import *
from store.errors import ExpectationFailed
from store.records import Expect
worker = int(sys.argv[1])
async def one(store, bucket, n):
    data = noise((worker, n), LARGE if n % 2 else 100)
    try:
        await put(store, bucket, b"%d" % n, data, expect=Expect(not_etags=("*",)))
    except ExpectationFailed:
        return
    print(n, flush=True)
async def main():
    async with serving(pathlib.Path({directory!r}), worker=worker) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        bucket = store.bucket("bucket")
        await asyncio.gather(*(one(store, bucket, n) for n in range(40)))
asyncio.run(main())
"""


async def test_of_racing_processes_one_wins_each_key(directory, tmp_path):
    prepared = prepare(directory, QUICK)
    async with serving(directory) as store:
        bucket = await make_bucket(store)
        script = RACER.format(tests=str(Path(__file__).parent), directory=str(directory))
        racers = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(worker)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            for worker in (1, 2, 3)
        ]
        for racer in racers:
            assert racer.stdout.readline() == b"ready\n"
        for racer in racers:
            racer.stdin.write(b"go\n")
            racer.stdin.flush()
        answers = [await asyncio.to_thread(racer.communicate, timeout=60) for racer in racers]

        won = {int(n): worker for worker, (out, _) in enumerate(answers, 1) for n in out.split()}
        assert sum(len(out.split()) for out, _ in answers) == 40
        assert sorted(won) == list(range(40))
        for n, worker in won.items():
            data = await content(store, store.entry(bucket, b"%d" % n))
            assert data == noise((worker, n), LARGE if n % 2 else 100)
    prepared.close()
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)
