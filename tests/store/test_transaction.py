"""What a commit sees of those before it in the same transaction."""

import asyncio

from storing import LARGE, PLAIN, Bytes, audit, content, dump, make_bucket, noise, put, replayed
from test_committer import Gated

from store.errors import (
    BucketNotEmpty,
    ExpectationFailed,
    NoObjectLock,
    NoSuchBucket,
    NoSuchEntry,
)
from store.records import ENABLED, Attributes, Deletion, Expect, Lock, ObjectLock

LOCKED = Attributes(lock=Lock(hold=True))


async def together(store, *verbs):
    """The verbs in one transaction, in this order; what came of each."""
    async with Gated(store):
        tasks = [asyncio.ensure_future(verb) for verb in verbs]
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_versions_are_kept_from_the_moment_on_that_the_bucket_does(store, bucket, directory):
    first, _, second, third = await together(
        store,
        put(store, bucket, b"k", b"1"),
        store.set_bucket_versioning(bucket, ENABLED),
        put(store, bucket, b"k", b"2"),
        put(store, bucket, b"k", b"3"),
    )

    assert first.version == "null"
    assert len({first.version, second.version, third.version}) == 3
    for made, data in ((first, b"1"), (second, b"2"), (third, b"3")):
        assert await content(store, store.version(bucket, b"k", made.version)) == data
    audit(directory)


async def test_locks_are_taken_from_the_moment_on_that_the_bucket_locks(store, bucket):
    await store.set_bucket_versioning(bucket, ENABLED)
    refused, _, made = await together(
        store,
        put(store, bucket, b"k", b"1", attributes=LOCKED),
        store.set_bucket_lock(bucket, ObjectLock()),
        put(store, bucket, b"k", b"2", attributes=LOCKED),
    )

    assert isinstance(refused, NoObjectLock)
    assert made.attributes.lock == LOCKED.lock


async def test_nothing_is_put_into_a_bucket_that_has_just_gone(store, bucket, directory):
    _, gone, refused = await together(
        store,
        store.set_bucket_acl(bucket, "public-read"),
        store.delete_bucket(bucket),
        put(store, bucket, b"k", b"1"),
    )

    assert gone is None
    assert isinstance(refused, NoSuchBucket)
    audit(directory)


async def test_of_puts_of_one_key_the_last_one_counts(store, bucket, directory, tmp_path):
    await put(store, bucket, b"k", b"0")
    entries = await together(
        store,
        *(put(store, bucket, key, b"%d" % n) for n in range(1, 4) for key in (b"k", b"new")),
    )

    assert [entry.key for entry in entries] == [b"k", b"new"] * 3
    for key in (b"k", b"new"):
        assert await content(store, store.entry(bucket, key)) == b"3"
    assert store.stats().inline_bytes == 2
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_who_looks_sees_what_was_put_just_before(store, bucket, directory, tmp_path):
    old = await put(store, bucket, b"old", b"0")
    other = await make_bucket(store, "other")
    results = await together(
        store,
        put(store, bucket, b"new", b"1"),
        put(store, bucket, b"new", b"2", expect=Expect(not_etags=("*",))),
        put(store, bucket, b"old", b"3"),
        store.copy(old, bucket, b"copy", owner="OWNER", attributes=PLAIN),
        put(store, other, b"k", b"4"),
        store.delete_bucket(other),
        put(store, bucket, b"short", b"5"),
        store.delete(bucket, [Deletion(b"short")]),
    )

    refusals = [type(result) for result in results if isinstance(result, Exception)]
    assert refusals == [ExpectationFailed, NoSuchEntry, BucketNotEmpty]
    assert [entry.key for entry in store.list_entries(bucket).entries] == [b"new", b"old"]
    assert store.stats().inline_bytes == 3
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_small_and_large_bodies_take_turns_under_one_key(store, bucket, directory, tmp_path):
    bodies = (b"1", noise("large", LARGE), b"2", b"3", noise("large", LARGE), b"4")
    staged = [await store.stage(Bytes(body), profile=bucket.profile) for body in bodies]
    await together(
        store,
        *(store.put(bucket, b"k", each, owner="OWNER", attributes=PLAIN) for each in staged),
    )

    assert await content(store, store.entry(bucket, b"k")) == b"4"
    assert store.stats().objects == 1
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)
