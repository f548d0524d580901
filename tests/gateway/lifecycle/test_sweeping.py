"""Rounds of the lifecycle rules over a real store, at times of the test's choosing."""

import asyncio
import os
import signal

import pytest
from storing import PLAIN, Clock, audit, make_bucket, noise, opened, put

from gateway.lifecycle import sweeping
from gateway.lifecycle.configuration import (
    CONFIG,
    LifecycleExpiration,
    Transition,
    TransitionStorageClass,
)
from gateway.lifecycle.sweeping import Sweep
from store.progress import Progress
from store.records import ENABLED, Attributes
from tests.gateway.lifecycle.test_rules import (
    AB,
    ABORT,
    DAY,
    EARLIER,
    MARKERS,
    documents,
    rule,
    where,
)
from tests.gateway.server_process import ServerProcess

DAY_MS = 1000
QUICK = ("--durability", "none", "--default-bucket-acl", "private")


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store(directory, clock):
    async with opened(directory, clock=clock) as store:
        yield store
        audit(directory)


@pytest.fixture
def sweep(store, directory):
    return Sweep(store, Progress(directory, "lifecycle"), day_ms=DAY_MS, rest=0)


async def configured(store, *rules, name="bucket", versioning=""):
    bucket = await make_bucket(store, name)
    if versioning:
        await store.set_bucket_versioning(bucket, versioning)
    await store.set_bucket_config(bucket, CONFIG, documents(*rules)[CONFIG])
    return store.bucket(name)


def keys(store, bucket) -> list[bytes]:
    return [entry.key for entry in store.list_entries(bucket).entries]


async def test_objects_go_when_their_time_has_come(store, sweep, clock):
    bucket = await configured(
        store,
        rule(prefix="old/", expiration=DAY),
        rule(prefix="older/", expiration=LifecycleExpiration(days=5)),
    )
    other = await make_bucket(store, "other")
    for key in (b"old/1", b"old/2", b"older/1", b"stays"):
        await put(store, bucket, key, b"x")
        await put(store, other, key, b"x")

    assert await sweep.round(now=clock.now) == 0
    assert await sweep.round(now=clock.now + DAY_MS) == 2
    assert keys(store, bucket) == [b"older/1", b"stays"]
    assert await sweep.round(now=clock.now + 5 * DAY_MS) == 1
    assert keys(store, bucket) == [b"stays"]
    assert len(keys(store, other)) == 4


async def test_versions_and_then_their_marker_go(store, sweep, clock):
    bucket = await configured(
        store,
        rule(expiration=MARKERS, noncurrent_version_expiration=EARLIER),
        versioning=ENABLED,
    )
    for n in range(3):
        await put(store, bucket, b"k", noise(n, 10))
    await store.delete(bucket, [b"k"])

    assert await sweep.round(now=clock.now + DAY_MS) == 3
    assert len(store.list_versions(bucket).versions) == 1
    assert await sweep.round(now=clock.now + DAY_MS) == 1
    assert store.list_versions(bucket).versions == []


async def test_more_than_one_step_is_made(store, sweep, clock, monkeypatch):
    monkeypatch.setattr(sweeping, "VERSIONS", 3)
    monkeypatch.setattr(sweeping, "UPLOADS", 2)
    bucket = await configured(
        store, rule(expiration=DAY, abort_incomplete_multipart_upload=ABORT), versioning=ENABLED
    )
    for n in range(10):
        await put(store, bucket, b"%d" % (n // 2), noise(n, 10))
        await store.create_upload(bucket, b"%d" % (n // 2), owner="", attributes=PLAIN)

    assert await sweep.round(now=clock.now + DAY_MS) == 15  # one version of two is current

    assert keys(store, bucket) == []
    assert store.uploads(bucket).uploads == []


async def test_uploads_are_aborted_by_their_prefix_and_age(store, sweep, clock):
    bucket = await configured(store, rule(prefix="a", abort_incomplete_multipart_upload=ABORT))
    for key in (b"a", b"b"):
        await store.create_upload(bucket, key, owner="", attributes=PLAIN)
    early = clock.now
    clock.now += DAY_MS
    await store.create_upload(bucket, b"a/new", owner="", attributes=PLAIN)

    assert await sweep.round(now=early + DAY_MS) == 1

    assert [upload.key for upload in store.uploads(bucket).uploads] == [b"a/new", b"b"]


class Stopped(Exception):
    pass


async def test_a_round_that_was_stopped_goes_on_where_it_was(
    store, sweep, directory, clock, monkeypatch
):
    monkeypatch.setattr(sweeping, "VERSIONS", 2)
    monkeypatch.setattr(sweeping, "NOTED_SECONDS", 0)
    first = await configured(store, rule(expiration=DAY), name="first")
    second = await configured(store, rule(expiration=DAY), name="second")
    for n in range(6):
        await put(store, first, b"%d" % n, b"x")
        await put(store, second, b"%d" % n, b"x")
    expire, steps = store.expire, 0

    async def stopped(bucket, due):
        nonlocal steps
        steps += 1
        if steps == 5:
            raise Stopped
        return await expire(bucket, due)

    later = clock.now + 2 * DAY_MS
    monkeypatch.setattr(store, "expire", stopped)
    with pytest.raises(Stopped):
        await sweep.round(now=later)
    monkeypatch.undo()
    await put(store, first, b"0", b"new, but old enough")  # in the part that is done
    assert keys(store, second) == [b"2", b"3", b"4", b"5"]

    again = Sweep(store, Progress(directory, "lifecycle"), day_ms=DAY_MS, rest=0)
    assert await again.round(now=later) == 4
    assert keys(store, first) == [b"0"]
    assert await again.round(now=later) == 1


async def test_progress_that_cannot_be_read_is_none(store, directory, clock):
    bucket = await configured(store, rule(expiration=DAY))
    await put(store, bucket, b"k", b"x")
    progress = Progress(directory, "lifecycle")
    for text in (b"", b"\xc1", b"\x93"):
        progress.write(text)
        assert await Sweep(store, progress, day_ms=DAY_MS, rest=0).round(now=clock.now) == 0
    assert keys(store, bucket) == [b"k"]


async def test_new_rules_hold_from_the_next_step_on(store, sweep, clock, monkeypatch):
    bucket = await configured(store, rule(expiration=DAY))
    await put(store, bucket, b"k", b"x")
    due, other = store.due, documents(rule(prefix="other", expiration=DAY))[CONFIG]

    async def changed(*asked, **more):
        found = await due(*asked, **more)
        await store.set_bucket_config(bucket, CONFIG, other)
        return found

    monkeypatch.setattr(store, "due", changed)

    assert await sweep.round(now=clock.now + DAY_MS) == 0
    assert keys(store, bucket) == [b"k"]


async def test_a_bucket_that_goes_meanwhile_is_passed_over(store, sweep, clock, monkeypatch):
    bucket = await configured(store, rule(expiration=DAY))
    found = store.buckets_with

    async def deleted(document):
        buckets = await found(document)
        await store.delete_bucket(bucket)
        return buckets

    monkeypatch.setattr(store, "buckets_with", deleted)

    assert await sweep.round(now=clock.now + DAY_MS) == 0


async def test_objects_move_to_another_class_and_go_in_the_end(store, sweep, clock):
    moves = (Transition(days=1, storage_class=TransitionStorageClass.GLACIER),)
    large = where(object_size_greater_than=1)
    both = rule(large, transitions=moves, expiration=LifecycleExpiration(days=2))
    bucket = await configured(store, both)
    await put(store, bucket, b"k", b"xx")

    assert await sweep.round(now=clock.now + DAY_MS) == 1
    assert store.entry(bucket, b"k").attributes.headers == {"x-amz-storage-class": "GLACIER"}
    assert await sweep.round(now=clock.now + DAY_MS) == 0
    assert await sweep.round(now=clock.now + 2 * DAY_MS) == 1
    assert keys(store, bucket) == []


async def test_tags_are_judged(store, sweep, clock):
    bucket = await configured(store, rule(where(tag=AB), expiration=DAY))
    await put(store, bucket, b"tagged", b"x", attributes=Attributes(tags={"a": "b"}))
    await put(store, bucket, b"plain", b"x")

    assert await sweep.round(now=clock.now + DAY_MS) == 1
    assert keys(store, bucket) == [b"plain"]


async def test_rounds_follow_each_other_until_they_are_cancelled(store, sweep, monkeypatch):
    made = asyncio.Queue()

    async def round():
        await made.put(None)
        if made.qsize() == 2:
            raise OSError("a full disk")

    monkeypatch.setattr(sweep, "round", round)
    task = asyncio.create_task(sweep.run(0.001))
    for _ in range(4):
        await asyncio.wait_for(made.get(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_pause_counts_over_a_restart(store, sweep, directory, monkeypatch):
    await sweep.round()

    async def round():
        made.append(None)

    again = Sweep(store, Progress(directory, "lifecycle"), day_ms=DAY_MS)
    monkeypatch.setattr(again, "round", round)
    slept, made = [], []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(sweeping.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await again.run(3600)
    assert 3500 < slept[0] <= 3600
    assert made == [None]


def test_a_server_obeys_its_rules_also_after_a_crash_of_the_worker_that_does(tmp_path):
    environ = {"S3GW_LIFECYCLE_DAY": "0.01", "S3GW_LIFECYCLE_SECONDS": "0.01"}
    with ServerProcess(tmp_path, "--workers", "2", *QUICK, **environ) as server:
        os.kill(server.ready().workers[0], signal.SIGKILL)
        server.err.wait_for("worker 0 accepts again")
        s3 = server.client()
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"x")
        expiring = {"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}
        s3.put_bucket_lifecycle_configuration(
            Bucket="bucket", LifecycleConfiguration={"Rules": [expiring]}
        )

        server.err.wait_for("lifecycle rules were carried out on 1 versions and uploads")

        assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == 0
