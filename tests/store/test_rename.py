"""Another key for an entry: all of it or nothing, and the same after a replay."""

import pytest
from storing import LARGE, Clock, audit, content, dump, make_bucket, noise, opened, put, replayed

from store.errors import ExpectationFailed, KeepsVersions, NoSuchEntry
from store.records import ENABLED, Attributes, Expect

TAGGED = Attributes(tags={"a": "b"})


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.mark.parametrize("size", [0, 10, LARGE])
async def test_all_but_the_key_stays(directory, tmp_path, size):
    clock = Clock()
    async with opened(directory, clock=clock) as store:
        bucket = await make_bucket(store)
        data = noise("renamed", size)
        old = await put(store, bucket, b"old", data, attributes=TAGGED)
        await put(store, bucket, b"new", noise("replaced", LARGE))
        clock.now += 5000

        new = await store.rename(old, b"new")

        assert new == store.entry(bucket, b"new")
        for same in ("size", "cid", "etag", "modified", "owner", "attributes"):
            assert getattr(new, same) == getattr(old, same)
        assert store.entry(bucket, b"old") is None
        assert await content(store, new) == data
        audit(directory)
        assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_a_refused_one_changes_nothing(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        old = await put(store, bucket, b"old", b"data")
        there = await put(store, bucket, b"new", b"more")
        with pytest.raises(ExpectationFailed):
            await store.rename(old, b"new", expect=Expect(not_etags=("*",)))
        with pytest.raises(NoSuchEntry):
            await store.rename(old, b"other", expect=Expect(etags=("*",)))
        with pytest.raises(ValueError, match="old"):
            await store.rename(old, b"old")
        newer = await put(store, bucket, b"old", b"data")
        with pytest.raises(NoSuchEntry):
            await store.rename(old, b"new")
        await store.set_bucket_versioning(bucket, ENABLED)
        with pytest.raises(KeepsVersions):
            await store.rename(newer, b"new")
        assert [store.entry(bucket, key) for key in (b"old", b"new")] == [newer, there]
