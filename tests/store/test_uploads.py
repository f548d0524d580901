"""Multipart uploads: parts, Complete, Abort, listings."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storing import (
    LARGE,
    PLAIN,
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
)

from store.errors import (
    BucketNotEmpty,
    ExpectationFailed,
    NoSuchBucket,
    NoSuchEntry,
    NoSuchUpload,
    PartChanged,
)
from store.extents import merged, within
from store.records import Attributes, Expect, Extent

MIB = 1 << 20


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
async def store(directory, tmp_path):
    async with opened(directory) as store:
        yield store
        audit(directory)
        assert replayed(directory, tmp_path / "replayed") == dump(directory)


@pytest.fixture
async def bucket(store):
    return await make_bucket(store)


async def begin(store, bucket, key=b"key", **more):
    return await store.create_upload(bucket, key, owner="OWNER", attributes=PLAIN, **more)


async def complete(store, upload, parts, **more):
    etag = f"etag-{len(parts)}"
    return await store.complete_upload(upload, parts, etag=etag, attributes=PLAIN, **more)


@pytest.mark.parametrize(
    "sizes",
    [
        [0],
        [0, 0],
        [1],
        [100, 100],
        [MIB],
        [MIB, MIB],
        [2 * MIB, 1],
        [5 * MIB, 5 * MIB, 17],
        [MIB, MIB + 1, MIB, 5],
        [MIB - 1, 1],
        [0, MIB, 0, MIB],
        [3 * MIB + 7, 3 * MIB + 7],
    ],
)
@pytest.mark.parametrize("profile", ["unixfs-v1-2025", "kubo-cidv1-256k", "unixfs-v0-2015"])
async def test_parts_make_what_one_put_makes(store, sizes, profile):
    bucket = await make_bucket(store, profile=profile)
    bodies = [noise(n, size) for n, size in enumerate(sizes)]
    upload = await begin(store, bucket)
    parts = [
        await put_part(store, bucket, upload, 2 * n + 1, data) for n, data in enumerate(bodies)
    ]

    entry = await complete(store, upload, parts)

    whole = b"".join(bodies)
    assert (entry.size, entry.etag) == (len(whole), f"etag-{len(sizes)}")
    assert store.entry(bucket, b"key") == entry
    assert await content(store, entry) == whole
    assert entry.cid == (await put(store, bucket, b"plain", whole)).cid
    assert [(part.number, part.size) for part in store.parts(entry)] == [
        (2 * n + 1, size) for n, size in enumerate(sizes)
    ]
    assert store.parts(entry)[0].checksums == {"CRC32": "AAAAAA=="}
    assert entry.parts_count == len(sizes)


async def test_a_part_uploaded_twice_counts_once(store, bucket):
    upload = await begin(store, bucket)
    first = await put_part(store, bucket, upload, 1, noise("first", LARGE))
    second = await put_part(store, bucket, upload, 1, noise("second", LARGE))

    assert second.seq > first.seq
    assert list(store.upload_parts(upload)) == [second]
    assert store.stats().segment_bytes == LARGE
    with pytest.raises(PartChanged) as refused:
        await complete(store, upload, [first])
    assert refused.value.number == 1
    assert await content(store, await complete(store, upload, [second])) == noise("second", LARGE)


async def test_parts_left_out_of_complete_give_their_space_back(store, bucket):
    upload = await begin(store, bucket)
    parts = [await put_part(store, bucket, upload, n, noise(n, LARGE)) for n in (1, 2, 3)]

    await complete(store, upload, [parts[0], parts[2]])
    await store.collect(now=0)

    assert store.stats().segment_bytes == 2 * LARGE
    assert store.stats().trash_bytes == 0


async def test_a_completed_upload_is_remembered_but_over(store, bucket):
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, 1, b"data")
    await complete(store, upload, [part])

    assert store.upload(bucket, b"key", upload.id).completed_etag == "etag-1"
    assert store.uploads(bucket).uploads == []
    for verb in (
        complete(store, upload, [part]),
        store.abort_upload(upload),
        put_part(store, bucket, upload, 2, noise(2, LARGE)),
    ):
        with pytest.raises(NoSuchUpload):
            await verb


async def test_of_two_completes_at_once_one_wins(store, bucket):
    upload = await begin(store, bucket)
    parts = [await put_part(store, bucket, upload, n, noise(n, MIB)) for n in (1, 2)]

    answers = await asyncio.gather(
        complete(store, upload, parts),
        complete(store, upload, parts[:1]),
        return_exceptions=True,
    )

    assert sorted(type(a).__name__ for a in answers) == ["Entry", "NoSuchUpload"]


async def test_an_aborted_upload_gives_everything_back(store, bucket):
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, 1, noise(1, LARGE))

    await store.abort_upload(upload)

    assert store.upload(bucket, b"key", upload.id) is None
    assert store.stats().segment_bytes == 0
    for verb in (store.abort_upload(upload), complete(store, upload, [part])):
        with pytest.raises(NoSuchUpload):
            await verb


async def test_uploads_do_not_keep_a_bucket_but_objects_do(store, bucket):
    upload = await begin(store, bucket)
    await put_part(store, bucket, upload, 1, noise(1, LARGE))
    await put(store, bucket, b"other", b"data")
    with pytest.raises(BucketNotEmpty):
        await store.delete_bucket(bucket)

    await store.delete(bucket, [b"other"])
    await store.delete_bucket(bucket)

    assert store.stats().segment_bytes == 0
    with pytest.raises((NoSuchUpload, NoSuchBucket)):
        await put_part(store, bucket, upload, 2, noise(2, LARGE))


@pytest.mark.parametrize(
    ("expect", "refused"),
    [(Expect(not_etags=("*",)), ExpectationFailed), (Expect(etags=("x",)), ExpectationFailed)],
)
async def test_complete_obeys_conditions_and_can_be_tried_again(store, bucket, expect, refused):
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, 1, noise(1, LARGE))
    await put(store, bucket, b"key", b"in the way")

    with pytest.raises(refused):
        await complete(store, upload, [part], expect=expect)
    await store.delete(bucket, [b"key"])
    if expect.etags:
        with pytest.raises(NoSuchEntry):
            await complete(store, upload, [part], expect=expect)
    entry = await complete(store, upload, [part])

    assert await content(store, entry) == noise(1, LARGE)


async def test_bytes_that_are_known_are_not_kept_twice(store, bucket):
    known = noise("known", 2 * MIB)
    await put(store, bucket, b"plain", known)
    upload = await begin(store, bucket)
    parts = [
        await put_part(store, bucket, upload, n + 1, known[n * MIB : (n + 1) * MIB]) for n in (0, 1)
    ]
    assert store.stats().segment_bytes == 4 * MIB

    entry = await complete(store, upload, parts)
    await store.delete(bucket, [b"plain"])
    await store.collect(now=1 << 60)

    assert store.stats().segment_bytes == 2 * MIB
    assert await content(store, entry) == known


async def test_parts_of_what_was_replaced_are_not_taken_for_none(store, bucket):
    upload = await begin(store, bucket)
    entry = await complete(store, upload, [await put_part(store, bucket, upload, 1, noise(1, 10))])
    assert len(store.parts(entry)) == 1

    await put(store, bucket, b"key", b"other")

    with pytest.raises(NoSuchEntry):
        store.parts(entry)


async def test_parts_page_by_number(store, bucket):
    upload = await begin(store, bucket)
    for number in (7, 1, 10_000, 3):
        await put_part(store, bucket, upload, number, b"data")

    assert [p.number for p in store.upload_parts(upload)] == [1, 3, 7, 10_000]
    assert [p.number for p in store.upload_parts(upload, after=1, limit=2)] == [3, 7]


async def test_what_the_upload_was_told_is_kept(store, bucket):
    said = Attributes(headers={"content-type": "text/plain"}, metadata={"a": "b"})
    upload = await store.create_upload(
        bucket,
        b"k",
        owner="",
        attributes=said,
        checksum_algorithm="CRC32",
        checksum_type="FULL_OBJECT",
    )

    assert store.upload(bucket, b"k", upload.id) == upload
    assert store.upload(bucket, b"other", upload.id) is None
    assert store.upload(bucket, b"k", "no such id") is None


async def test_uploads_are_listed_by_key_then_time(directory):
    async with opened(directory, clock=Clock()) as store:
        bucket = await make_bucket(store)
        made = [await begin(store, bucket, key) for key in (b"b", b"a/1", b"b", b"a/2", b"b", b"c")]
        by_key = [made[1], made[3], made[0], made[2], made[4], made[5]]

        assert store.uploads(bucket).uploads == by_key
        page = store.uploads(bucket, delimiter=b"/", limit=3)
        assert (page.prefixes, page.uploads, page.more) == ([b"a/"], [made[0], made[2]], True)
        assert (page.last_key, page.last_id) == (b"b", made[2].id)
        page = store.uploads(bucket, delimiter=b"/", after_key=b"b", after_id=made[2].id)
        assert (page.uploads, page.more) == ([made[4], made[5]], False)
        assert store.uploads(bucket, after_key=b"b").uploads == [made[5]]
        assert store.uploads(bucket, delimiter=b"/", after_key=b"a/").uploads == by_key[2:]
        assert store.uploads(bucket, prefix=b"a").uploads == by_key[:2]
        assert store.uploads(bucket, limit=0).more is False


async def test_a_caller_that_left_during_complete_changes_nothing(store, bucket):
    upload = await begin(store, bucket)
    part = await put_part(store, bucket, upload, 1, noise(1, MIB))
    leaving = asyncio.ensure_future(complete(store, upload, [part]))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving

    entry = store.entry(bucket, b"key") or await complete(store, upload, [part])

    assert await content(store, entry) == noise(1, MIB)


async def test_a_part_of_another_profile_is_refused(store, bucket):
    upload = await begin(store, bucket)
    staged = await store.stage(Bytes(noise(1, LARGE)), profile="unixfs-v0-2015")

    with pytest.raises(ValueError, match="profile"):
        await store.put_part(upload, 1, staged, checksums={})
    with pytest.raises(ValueError, match="profile"):
        await store.put(bucket, b"k", staged, owner="", attributes=PLAIN)
    store.discard(staged)


extents = st.lists(
    st.builds(Extent, st.integers(1, 2), st.integers(0, 20), st.integers(1, 9)), max_size=6
)


def addresses(run) -> list[tuple[int, int]]:
    return [(e.segment, e.offset + n) for e in run for n in range(e.length)]


@given(extents)
def test_merging_keeps_every_byte_in_its_place(run):
    assert addresses(merged(iter(run))) == addresses(run)
    assert merged(iter(merged(iter(run)))) == merged(iter(run))


@given(extents, st.integers(0, 30), st.integers(1, 30))
@settings(max_examples=200)
def test_a_range_is_found_in_its_extents(run, start, length):
    assert addresses(within(run, start, length)) == addresses(run)[start : start + length]


async def test_small_parts_and_segments_that_fill_up_do_not_wait_for_each_other(store, bucket):
    """A small part reserves space; making room for it may need a commit of its own."""
    upload = await begin(store, bucket)

    async def one(number):
        size = 100 if number % 2 else 2 * MIB  # every second of these fills a 4 MiB segment
        await put_part(store, bucket, upload, number, noise(number, size))

    async with asyncio.timeout(60):
        await asyncio.gather(*(one(number) for number in range(1, 61)))
    assert len(store.upload_parts(upload)) == 60


async def test_an_upload_of_10000_parts_becomes_one_object(store, bucket):
    upload = await begin(store, bucket)
    for first in range(1, 10_001, 500):
        await asyncio.gather(
            *(
                put_part(store, bucket, upload, number, b"%05d" % number)
                for number in range(first, first + 500)
            )
        )

    entry = await complete(store, upload, store.upload_parts(upload))

    assert (entry.size, entry.parts_count) == (50_000, 10_000)
    assert await content(store, entry) == b"".join(b"%05d" % n for n in range(1, 10_001))
