"""Bytes on their way out: any range of any extents, from memory or the disk, held meanwhile."""

import asyncio
import errno
import gc
import hashlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from store.errors import Damaged
from store.reader import PIECE_BYTES, Reader
from store.records import Extent
from store.segments import Segments
from store.settings import Settings
from store.stage import stage
from store.unixfs import PROFILES

MIB = 1 << 20
SETTINGS = Settings(segment_bytes=8 * MIB)


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(2) as made:
        yield made


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    made = Segments(tmp_path_factory.mktemp("store"), SETTINGS, 0, itertools.count(1).__next__)
    yield made
    made.close()


@pytest.fixture(scope="module")
def stored(segments):
    """Some bytes that lie in five extents of two segments, and those extents."""
    pieces, extents = [], []
    for number, length in enumerate((10, 3 * MIB, 4096, 5 * MIB, 777)):
        data = hashlib.shake_128(bytes([number])).digest(length)
        extent = segments.reserve(length)
        segments.write(extent, 0, data)
        extents.append(segments.shrink(extent, length))
        pieces.append(data)
    assert len({extent.segment for extent in extents}) == 2
    return b"".join(pieces), tuple(extents)


@pytest.fixture
def descriptors(segments):
    """Of segments; others come and go with other threads."""
    directory = str(segments.path(1).parent)

    def count():
        found = []
        for each in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                found.append(os.readlink(f"/proc/self/fd/{each}"))
        return len([each for each in found if each.startswith(directory)])

    gc.collect()
    before = count()
    return lambda: count() - before


async def all_of(reader) -> bytes:
    pieces = [piece async for piece in reader]
    reader.close()
    assert all(type(piece) is bytes and 0 < len(piece) <= PIECE_BYTES for piece in pieces)
    return b"".join(pieces)


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_range_is_read(segments, stored, pool, data):
    whole, extents = stored
    start = data.draw(st.integers(0, len(whole)))
    length = data.draw(st.integers(0, len(whole) - start))
    reader = Reader(segments, extents, start, length, pool)
    assert reader.size == length
    assert asyncio.run(all_of(reader)) == whole[start : start + length]


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EOPNOTSUPP])
async def test_what_is_not_in_memory_is_read_in_a_thread(segments, stored, pool, monkeypatch, code):
    def preadv(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "preadv", preadv)
    whole, extents = stored
    assert await all_of(Reader(segments, extents, 5, 4 * MIB, pool)) == whole[5 : 5 + 4 * MIB]


async def test_what_is_only_partly_in_memory_is_read_whole(segments, stored, pool, monkeypatch):
    real, calls = os.preadv, itertools.count()

    def preadv(file, buffers, offset, flags):
        assert flags == os.RWF_NOWAIT
        if next(calls) % 2:
            raise BlockingIOError(errno.EAGAIN, "cold")
        return real(file, [buffers[0][:5000]], offset, flags)

    monkeypatch.setattr(os, "preadv", preadv)
    whole, extents = stored
    assert await all_of(Reader(segments, extents, 0, len(whole), pool)) == whole


async def test_a_file_that_is_too_short_is_damaged(segments, pool):
    extent = segments.reserve(2 * MIB)
    segments.write(extent, 0, b"x" * MIB)
    reader = Reader(segments, (segments.shrink(extent, 2 * MIB),), 0, 2 * MIB, pool)
    os.truncate(segments.path(extent.segment), extent.offset + MIB)
    pieces = aiter(reader)
    assert await anext(pieces) == b"x" * MIB
    with pytest.raises(Damaged):
        await anext(pieces)
    reader.close()


async def test_a_disk_that_cannot_read_is_damaged(segments, stored, pool, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "bad disk")

    _, extents = stored
    for name in ("preadv", "pread"):
        monkeypatch.setattr(os, name, fail)
        reader = Reader(segments, extents, 0, 10, pool)
        with pytest.raises(Damaged):
            await all_of(reader)
        reader.close()


@pytest.mark.parametrize(("start", "length"), [(0, 1 << 40), (1 << 40, 1)])
def test_extents_that_do_not_reach_are_damaged(segments, stored, pool, start, length):
    with pytest.raises(Damaged):
        Reader(segments, stored[1], start, length, pool)


def test_a_segment_that_is_gone_is_damaged(segments, stored, pool, descriptors):
    with pytest.raises(Damaged):
        Reader(segments, (*stored[1], Extent(99, 0, 10)), 0, len(stored[0]) + 10, pool)
    assert descriptors() == 0


async def test_nothing_it_reads_is_freed_before_it_is_closed(segments, pool):
    extent = segments.reserve(3 * 4096)
    segments.write(extent, 0, b"x" * 3 * 4096)
    extent = segments.shrink(extent, extent.length)
    reader = Reader(segments, (extent,), 4096, 10, pool)
    assert not segments.punch(extent)
    assert await all_of(reader) == b"x" * 10
    assert segments.punch(extent)


def test_close_may_be_called_again_and_forgotten(segments, stored, pool, descriptors):
    reader = Reader(segments, stored[1], 0, len(stored[0]), pool)
    assert descriptors() == 2
    reader.close()
    reader.close()
    Reader(segments, stored[1], 0, 10, pool)
    gc.collect()
    assert descriptors() == 0


async def test_a_closed_reader_never_reads_another_file(segments, stored, pool, tmp_path):
    reader = Reader(segments, stored[1], 0, len(stored[0]), pool)
    pieces = aiter(reader)
    await anext(pieces)
    reader.close()
    with (tmp_path / "other").open("w+b"), pytest.raises(KeyError):
        await anext(pieces)


async def test_a_reader_is_a_body(segments, stored, pool):
    whole, extents = stored
    reader = Reader(segments, extents, 0, len(whole), pool)
    copy = await stage(reader, PROFILES["unixfs-v1-2025"], segments, SETTINGS, pool)
    reader.close()
    assert copy.digests == {"md5": hashlib.md5(whole).digest()}
    assert await all_of(Reader(segments, copy.extents, 0, copy.size, pool)) == whole
