"""Pages of all versions with their standing, and deletions of just what was judged."""

import itertools

import pytest
from storing import Clock, audit, content, dump, make_bucket, noise, opened, put, replayed

from store.history import Due, Past, Place
from store.progress import Progress
from store.records import ENABLED, SUSPENDED, Attributes, Deletion, Lock, ObjectLock


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
async def store(directory, tmp_path):
    async with opened(directory, clock=Clock()) as store:
        yield store
        audit(directory)
        await store.collect()  # brings the journal up to date
        store._engine.collector.sync_journal()
        assert replayed(directory, tmp_path / "replayed") == dump(directory)


@pytest.fixture
async def bucket(store):
    made = await make_bucket(store)
    await store.set_bucket_versioning(made, ENABLED)
    return store.bucket(made.name)


async def pasts(store, bucket, *, prefix=b"", limit=1000) -> list[Past]:
    found: list[Past] = []
    place: Place | None = None
    while True:
        page, place = await store.due(bucket, Due, prefix=prefix, after=place, limit=limit)
        assert len(page) <= limit
        found += [due.past for due in page]
        if place is None:
            return found


async def everything(store, bucket) -> list[Due]:
    return [Due(past) for past in await pasts(store, bucket)]


async def history(store, bucket):
    """a: object, marker, object; b: marker alone; c: one object; d/e: two objects under a marker"""
    for n in range(1):
        await put(store, bucket, b"a", noise(n, 10))
    await store.delete(bucket, [b"a"])
    await put(store, bucket, b"a", noise(1, 10))
    await store.delete(bucket, [b"b"])
    await put(store, bucket, b"c", noise(2, 10))
    await put(store, bucket, b"d/e", noise(3, 10))
    await put(store, bucket, b"d/e", noise(4, 10))
    await store.delete(bucket, [b"d/e"])


@pytest.mark.parametrize("limit", range(1, 10))
async def test_pages_of_any_size_tell_the_same_of_each_version(store, bucket, limit):
    await history(store, bucket)

    found = await pasts(store, bucket, limit=limit)

    assert [
        (past.version.key, past.replaced is None, past.newer, past.alone) for past in found
    ] == [
        (b"a", True, 0, False),
        (b"a", False, 0, False),
        (b"a", False, 0, False),
        (b"b", True, 0, True),
        (b"c", True, 0, True),
        (b"d/e", True, 0, False),
        (b"d/e", False, 0, False),
        (b"d/e", False, 1, False),
    ]
    for newer, past in itertools.pairwise(found):
        if past.replaced is not None:
            assert past.replaced == newer.version.modified


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize(("prefix", "count"), [(b"a", 3), (b"d/", 3), (b"\xff", 0), (b"c", 1)])
async def test_a_prefix_is_all_that_is_looked_at(store, bucket, prefix, count, limit):
    await history(store, bucket)

    found = await pasts(store, bucket, prefix=prefix, limit=limit)

    assert len(found) == count
    assert all(past.version.key.startswith(prefix) for past in found)


async def test_a_bucket_without_versions_loses_its_objects_for_good(store):
    plain = await make_bucket(store, "plain")
    await put(store, plain, b"k", noise(1, 10))

    assert await store.expire(plain, await everything(store, plain)) == 1

    assert store.list_versions(plain).versions == []


@pytest.mark.parametrize("versioning", [ENABLED, SUSPENDED])
async def test_a_current_version_is_hidden_by_a_marker_of_the_owner(store, bucket, versioning):
    entry = await put(store, bucket, b"k", noise(1, 10))
    await store.set_bucket_versioning(bucket, versioning)
    bucket = store.bucket(bucket.name)

    assert await store.expire(bucket, await everything(store, bucket)) == 1

    marker, hidden = store.list_versions(bucket).versions
    assert (marker.owner, hidden.version) == (bucket.owner, entry.version)
    assert (marker.version == "null") == (versioning == SUSPENDED)
    assert await content(store, store.version(bucket, b"k", entry.version)) == noise(1, 10)


async def test_earlier_versions_go_for_good(store, bucket):
    for n in range(3):
        last = await put(store, bucket, b"k", noise(n, 10))
    found = await everything(store, bucket)

    assert await store.expire(bucket, [due for due in found if due.past.replaced]) == 2

    assert [each.version for each in store.list_versions(bucket).versions] == [last.version]


async def test_current_and_earlier_objects_change_their_class_and_nothing_else(store, bucket):
    earlier = await put(store, bucket, b"k", noise(1, 10), attributes=Attributes(tags={"a": "b"}))
    current = await put(store, bucket, b"k", noise(2, 10))
    await store.delete(bucket, [b"marked"])
    due = [Due(past, "GLACIER") for past in await pasts(store, bucket)]

    assert await store.expire(bucket, due) == 2

    for was in (earlier, current):
        now = store.version(bucket, b"k", was.version)
        assert now.attributes.headers == {"x-amz-storage-class": "GLACIER"}
        assert now.attributes.tags == was.attributes.tags
        assert (now.modified, now.cid, now.owner) == (was.modified, was.cid, was.owner)
    assert await store.expire(bucket, due) == 0  # they are others now


@pytest.mark.parametrize(
    "lock",
    [Lock(hold=True), Lock(retain_until=1 << 50), Lock(retain_until=1 << 50, compliance=True)],
)
async def test_what_is_locked_never_goes(store, bucket, lock):
    await store.set_bucket_lock(bucket, ObjectLock())
    kept = await put(store, bucket, b"k", noise(1, 10), attributes=Attributes(lock=lock))
    await put(store, bucket, b"k", noise(2, 10))
    bucket = store.bucket(bucket.name)
    _, earlier = await everything(store, bucket)

    assert await store.expire(bucket, [earlier]) == 0

    assert store.version(bucket, b"k", kept.version)


async def test_a_marker_goes_when_it_hides_nothing(store, bucket):
    await store.delete(bucket, [b"k"])

    assert await store.expire(bucket, await everything(store, bucket)) == 1

    assert store.list_versions(bucket).versions == []


# --- what has changed since it was judged ---------------------------------------------------------


async def test_what_was_replaced_tagged_or_deleted_meanwhile_stays(store, bucket):
    keys = (b"replaced", b"tagged", b"deleted", b"same")
    for key in keys:
        await put(store, bucket, key, noise(1, 10))
    found = await everything(store, bucket)
    await put(store, bucket, b"replaced", noise(2, 10))
    tagged = Attributes(tags={"keep": "me"})
    await store.set_attributes(store.entry(bucket, b"tagged"), tagged)
    await store.delete(bucket, [b"deleted"])
    before = len(store.list_versions(bucket).versions)

    assert await store.expire(bucket, found) == 1

    assert [key for key in keys if store.entry(bucket, key)] == [b"replaced", b"tagged"]
    assert len(store.list_versions(bucket).versions) == before + 1


async def test_an_earlier_version_that_became_current_stays(store, bucket):
    first = await put(store, bucket, b"k", noise(1, 10))
    second = await put(store, bucket, b"k", noise(2, 10))
    found = await everything(store, bucket)
    await store.delete(bucket, [Deletion(b"k", second.version)])

    assert await store.expire(bucket, found) == 0

    assert store.entry(bucket, b"k").version == first.version


async def test_a_marker_that_hides_something_stays(store, bucket):
    await put(store, bucket, b"k", noise(1, 10))
    await store.delete(bucket, [b"k"])
    marker, _ = await everything(store, bucket)

    assert await store.expire(bucket, [marker]) == 0


async def test_nothing_goes_once_the_bucket_says_something_else(store, bucket):
    await put(store, bucket, b"k", noise(1, 10))
    found = await everything(store, bucket)
    await store.set_bucket_config(bucket, "lifecycle", b"other")

    assert await store.expire(bucket, found) is None

    assert store.entry(bucket, b"k")
    assert await store.expire(store.bucket(bucket.name), found) == 1


# --- the rest ------------------------------------------------------------------------------------


async def test_buckets_are_found_by_what_they_are_configured_with(store, bucket):
    other = await make_bucket(store, "another")
    for each in (bucket, other):
        await store.set_bucket_config(each, "lifecycle", b"x")
    await store.set_bucket_config(await make_bucket(store, "third"), "cors", b"x")

    assert [found.name for found in await store.buckets_with("lifecycle")] == ["bucket", "another"]


async def test_a_bucket_with_a_lifecycle_says_itself_how_long_uploads_take(store, bucket):
    plain = await make_bucket(store, "plain")
    await store.set_bucket_config(bucket, "lifecycle", b"x")
    kept = await store.create_upload(bucket, b"k", owner="", attributes=Attributes())
    dropped = await store.create_upload(plain, b"k", owner="", attributes=Attributes())

    await store.collect(now=kept.created + 30 * 86_400_000)

    assert store.upload(bucket, b"k", kept.id)
    assert store.upload(plain, b"k", dropped.id) is None


def test_progress_is_what_was_written_last(tmp_path):
    progress = Progress(tmp_path, "work")
    assert progress.read() == b""
    for text in (b"one", b"two"):
        progress.write(text)
    assert Progress(tmp_path, "work").read() == b"two"
    assert Progress(tmp_path, "other").read() == b""
