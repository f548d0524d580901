"""What is said about buckets and entries later: kept, journalled, and replayed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storing import LARGE, audit, content, dump, make_bucket, noise, opened, put, replayed

from store import bucket_config, changes
from store.changes import PutBucket, SetAttributes, SetBucketConfig
from store.errors import NoSuchBucket, NoSuchEntry
from store.records import Attributes, Grant

TAGGED = Attributes(
    headers={"content-type": "text/plain"},
    tags={"b": "1", "a": "ö"},
    grants=(Grant("READ", key="K"), Grant("READ_ACP", group="http://g")),
)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@given(st.dictionaries(st.text(min_size=1), st.binary()))
def test_documents_come_back_as_they_were(documents):
    assert bucket_config.decode(bucket_config.encode(documents)) == documents


def test_a_bucket_that_was_never_configured_shares_one_dict():
    assert bucket_config.encode({}) == bucket_config.EMPTY
    assert bucket_config.decode(bucket_config.EMPTY) is bucket_config.NONE


def test_a_bucket_written_before_there_was_configuration_has_none():
    old = ["PutBucket", "name", "owner", "/path", 1, "private", "us-east-1", "unixfs-v1-2025"]

    (read,) = changes.decode(changes.msgspec.msgpack.encode([old]))

    assert isinstance(read, PutBucket)
    assert read.config == {}


async def test_a_document_is_kept_replaced_and_removed(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        assert bucket.config == store.bucket("bucket").config == {}

        await store.set_bucket_config(bucket, "cors", b"one")
        await store.set_bucket_config(bucket, "tagging", b"\xff\x00")
        await store.set_bucket_config(bucket, "cors", b"two")
        assert store.bucket("bucket").config == {"tagging": b"\xff\x00", "cors": b"two"}

        await store.set_bucket_config(bucket, "cors", None)
        await store.set_bucket_config(bucket, "never", None)
        assert store.bucket("bucket").config == {"tagging": b"\xff\x00"}
    async with opened(directory) as store:
        assert store.bucket("bucket").config == {"tagging": b"\xff\x00"}


async def test_a_bucket_can_be_made_with_a_configuration(directory):
    async with opened(directory) as store:
        made = await store.create_bucket(
            "other",
            owner="O",
            path="/o",
            acl="private",
            region="r",
            profile="p",
            config={"a": b"b"},
        )

        assert made == store.bucket("other")
        assert made.config == {"a": b"b"}


async def test_a_bucket_that_is_gone_cannot_be_configured(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        await store.delete_bucket(bucket)

        with pytest.raises(NoSuchBucket):
            await store.set_bucket_config(bucket, "cors", b"one")


@pytest.mark.parametrize("size", [3, LARGE])
async def test_attributes_change_and_nothing_else(directory, size):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        before = await put(store, bucket, b"key", noise("a", size))

        after = await store.set_attributes(before, TAGGED)

        assert after == store.entry(bucket, b"key")
        assert after.attributes == TAGGED
        assert after.seq > before.seq
        same = ("key", "size", "cid", "etag", "modified", "owner", "body", "content", "extents")
        assert [getattr(after, n) for n in same] == [getattr(before, n) for n in same]
        assert await content(store, after) == noise("a", size)
        assert await content(store, before) == noise("a", size)
    audit(directory)


async def test_attributes_of_an_entry_that_has_changed_are_left_alone(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        first = await put(store, bucket, b"key", b"one")
        second = await store.set_attributes(first, TAGGED)

        with pytest.raises(NoSuchEntry):
            await store.set_attributes(first, Attributes())
        assert store.entry(bucket, b"key") == second
        await store.delete(bucket, [b"key"])
        with pytest.raises(NoSuchEntry):
            await store.set_attributes(second, Attributes())


async def test_configuration_is_replayed_from_the_journal(directory, tmp_path):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        await store.set_bucket_config(bucket, "cors", b"one")
        await store.set_bucket_config(bucket, "gone", b"two")
        await store.set_bucket_config(bucket, "gone", None)
        for key, size in ((b"small", 5), (b"large", LARGE)):
            entry = await put(store, bucket, key, noise(key, size))
            await store.set_attributes(entry, TAGGED)
    rows = dump(directory)

    assert replayed(directory, tmp_path / "again") == rows


def test_the_new_changes_come_back_as_they_were():
    made = [SetBucketConfig(1, "cors", None), SetAttributes(1, b"key", TAGGED)]

    assert changes.decode(changes.encode(made)) == made
