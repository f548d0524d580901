"""Rot is found by the first who reads it, and again whenever the disk was asked."""

import errno
import os
from contextlib import closing

import apsw
import pytest
from storing import PLAIN, content, make_bucket, noise, opened, put, put_part

from store import database, leaves
from store.errors import Damaged
from store.leaves import BLOCK_BYTES, Expected, Seen
from store.records import Attributes
from store.unixfs import PROFILES

SIZE = 2 * BLOCK_BYTES + 77_777


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def checks(monkeypatch):
    """Blocks that were hashed on their way out."""
    made = []
    real = Expected.check
    monkeypatch.setattr(Expected, "check", lambda self, data: (made.append(self), real(self, data)))
    return made


def flip(directory, at):
    (path,) = (directory / "segments").glob("*.seg")
    with path.open("r+b") as file:
        file.seek(at)
        (old,) = file.read(1)
        file.seek(at)
        file.write(bytes([old ^ 4]))


def change(directory, *statement):
    with closing(apsw.Connection(str(directory / database.FILE))) as db:
        db.execute(*statement)


async def stored(directory, profile="unixfs-v1-2025", data=None):
    async with opened(directory) as store:
        bucket = await make_bucket(store, profile=profile)
        entry = await put(store, bucket, b"key", noise(1, SIZE) if data is None else data)
        (extent,) = entry.extents
        return extent.offset


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("at", [0, BLOCK_BYTES - 1, BLOCK_BYTES, SIZE - 1])
async def test_a_flipped_bit_is_never_served(directory, profile, at):
    offset = await stored(directory, profile)
    flip(directory, offset + at)
    whole, block = noise(1, SIZE), at // BLOCK_BYTES * BLOCK_BYTES

    async with opened(directory) as store:
        entry = store.entry(store.bucket("bucket"), b"key")
        for _ in range(2):
            with pytest.raises(Damaged):
                await content(store, entry)
            with pytest.raises(Damaged):
                await content(store, entry, block + 5, 7)
        for start in {0, BLOCK_BYTES, 2 * BLOCK_BYTES} - {block}:
            assert await content(store, entry, start + 9, 5000) == whole[start + 9 : start + 5009]


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_block_is_hashed_once_by_a_process(directory, profile, checks):
    await stored(directory, profile)

    async with opened(directory) as store:
        entry = store.entry(store.bucket("bucket"), b"key")
        assert (
            await content(store, entry, BLOCK_BYTES - 1, 2) == noise(1, SIZE)[BLOCK_BYTES - 1 :][:2]
        )
        assert len(checks) == 2
        for _ in range(2):
            assert await content(store, entry) == noise(1, SIZE)
            assert len(checks) == 3


async def test_what_the_disk_is_asked_for_is_hashed_again(directory, checks, monkeypatch):
    offset = await stored(directory)

    async with opened(directory) as store:
        entry = store.entry(store.bucket("bucket"), b"key")
        await content(store, entry)

        def preadv(*_):
            raise BlockingIOError(errno.EAGAIN, "cold")

        monkeypatch.setattr(os, "preadv", preadv)
        await content(store, entry)
        assert len(checks) == 6
        flip(directory, offset)
        with pytest.raises(Damaged):
            await content(store, entry)


async def test_a_row_that_names_the_bytes_of_another_is_damage(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        one = await put(store, bucket, b"one", noise(1, SIZE))
        two = await put(store, bucket, b"two", noise(2, SIZE))
    change(directory, "UPDATE entry SET content = ? WHERE key = ?", (two.content, b"one"))
    change(directory, "UPDATE content SET leaves = zeroblob(96) WHERE id = ?", (two.content,))

    async with opened(directory) as store:
        for key in (b"one", b"two"):
            with pytest.raises(Damaged):
                await content(store, store.entry(store.bucket("bucket"), key))
    assert one.content != two.content


async def test_what_is_deleted_meanwhile_is_read_to_its_end(directory):
    await stored(directory)

    async with opened(directory) as store:
        bucket = store.bucket("bucket")
        reader = store.open(store.entry(bucket, b"key"), 0, SIZE)
        pieces = aiter(reader)
        data = await anext(pieces)
        await store.delete(bucket, [b"key"])
        await store.collect(now=1 << 60)
        data += b"".join([piece async for piece in pieces])
        reader.close()

    assert data == noise(1, SIZE)


@pytest.mark.parametrize("sizes", [(BLOCK_BYTES + 1, 10), (70_000, BLOCK_BYTES, BLOCK_BYTES)])
async def test_rot_in_a_part_is_not_given_a_new_name(directory, sizes):
    """Parts that do not end with a chunk are hashed again, with their neighbours."""
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        upload = await store.create_upload(bucket, b"key", owner="", attributes=PLAIN)
        for number, size in enumerate(sizes, start=1):
            await put_part(store, bucket, upload, number, noise(number, size))
        parts = store.upload_parts(upload)
    flip(directory, sizes[0] - 1)

    async with opened(directory) as store:
        upload = store.upload(store.bucket("bucket"), b"key", upload.id)
        with pytest.raises(Damaged):
            await store.complete_upload(upload, parts, etag="e", attributes=Attributes())
        assert store.entry(store.bucket("bucket"), b"key") is None


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(leaves, "_MOST_BYTES", 1000)
    seen = Seen()
    for content_id in range(100):
        seen.blocks(content_id, SIZE)[0] = 7
    assert (seen.blocks(99, SIZE)[0], seen.blocks(0, SIZE)[0]) == (7, 0)
    assert len(seen._blocks) < 8
