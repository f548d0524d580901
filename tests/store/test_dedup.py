"""Equal bytes are on the disk once, however they came in, and for as long as anyone names them."""

import pytest
from storing import (
    LARGE,
    PLAIN,
    QUICK,
    audit,
    content,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
)

from store import fsck

SIZE = 32 << 20
"""Of the body that is stored again and again."""
ROWS = 1 << 20
"""What a few rows may add, in bytes."""
DATA = noise("body", 1 << 20) * (SIZE >> 20)
FOREVER = 1 << 60


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
async def store(directory):
    async with opened(directory, QUICK) as store:
        yield store
    audit(directory)
    assert list(fsck.check(directory)) == []


@pytest.fixture
async def bucket(store):
    return await make_bucket(store)


def disk(directory) -> int:
    """Bytes that the whole data directory takes."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*"))


def segments(directory) -> int:
    return sum(path.stat().st_blocks * 512 for path in (directory / "segments").iterdir())


async def multipart(store, bucket, key: bytes, data: bytes, part_bytes: int):
    upload = await store.create_upload(bucket, key, owner="", attributes=PLAIN)
    for number, at in enumerate(range(0, len(data), part_bytes), start=1):
        await put_part(store, bucket, upload, number, data[at : at + part_bytes])
    parts = store.upload_parts(upload)
    return await store.complete_upload(upload, parts, etag="etag-2", attributes=PLAIN)


async def second_put(store, bucket):
    return await put(store, bucket, b"second", DATA)


async def in_another_bucket(store, bucket):
    return await put(store, await make_bucket(store, "other", owner="B"), b"second", DATA)


async def copied(store, bucket):
    source = store.entry(bucket, b"first")
    return await store.copy(source, bucket, b"second", owner="", attributes=PLAIN)


async def in_aligned_parts(store, bucket):
    return await multipart(store, bucket, b"second", DATA, 8 << 20)


async def in_odd_parts(store, bucket):
    return await multipart(store, bucket, b"second", DATA, (5 << 20) + 7)


WAYS = [second_put, in_another_bucket, copied, in_aligned_parts, in_odd_parts]


@pytest.mark.parametrize("again", WAYS)
async def test_the_same_bytes_again_add_rows_only(store, bucket, directory, again):
    first = await put(store, bucket, b"first", DATA)
    before, whole = segments(directory), disk(directory)
    assert before >= SIZE

    second = await again(store, bucket)
    await store.collect(now=FOREVER)

    assert (second.cid, second.content) == (first.cid, first.content)
    assert segments(directory) <= before
    assert disk(directory) <= whole + ROWS
    assert await content(store, second) == DATA


@pytest.mark.parametrize("again", WAYS)
@pytest.mark.parametrize("gone", ["first", "second"])
async def test_one_name_gone_leaves_the_bytes_both_gone_free_them(
    store, bucket, directory, again, gone
):
    empty = segments(directory)
    first = await put(store, bucket, b"first", DATA)
    second = await again(store, bucket)
    other = store.bucket("other") or bucket
    kept, places = (
        (second, [(bucket, b"first"), (other, b"second")])
        if gone == "first"
        else (first, [(other, b"second"), (bucket, b"first")])
    )

    await store.delete(places[0][0], [places[0][1]])
    await store.collect(now=FOREVER)
    assert await content(store, kept) == DATA
    assert store.stats().segment_bytes == SIZE
    await store.delete(places[1][0], [places[1][1]])
    await store.collect(now=FOREVER)

    assert store.stats().segment_bytes == store.stats().trash_bytes == 0
    assert segments(directory) <= empty + ROWS


async def onto_itself(store, bucket):
    source = store.entry(bucket, b"second")
    return await store.copy(source, bucket, b"second", owner="", attributes=PLAIN)


@pytest.mark.parametrize("again", [second_put, in_aligned_parts, in_odd_parts, onto_itself])
async def test_the_same_bytes_to_the_same_key_are_kept(store, bucket, directory, again):
    """go-btfs removed the old file after it had stored the new one: the same blocks, so both."""
    await put(store, bucket, b"second", DATA)

    entry = await again(store, bucket)
    await store.collect(now=FOREVER)

    assert await content(store, entry) == DATA
    assert store.stats().segment_bytes == SIZE
    assert store.stats().trash_bytes == 0


async def test_bytes_that_come_back_while_the_old_ones_wait_to_be_freed_are_kept(store, bucket):
    data = noise("again", LARGE)
    for _ in range(3):
        await put(store, bucket, b"k", data)
        await store.delete(bucket, [b"k"])
        entry = await put(store, bucket, b"k", data)
        await store.collect(now=FOREVER)
        assert await content(store, entry) == data
        await store.delete(bucket, [b"k"])


async def test_parts_that_were_never_named_give_their_space_back(store, bucket, directory):
    empty = segments(directory)
    upload = await store.create_upload(bucket, b"k", owner="", attributes=PLAIN)
    for number in (1, 2, 1):
        await put_part(store, bucket, upload, number, DATA[: 8 << 20])
    await store.abort_upload(upload)
    await store.collect(now=FOREVER)

    assert segments(directory) <= empty + ROWS
