"""Bodies of every kind on their way in: right bytes, right digests, little memory, nothing left."""

import asyncio
import errno
import gc
import hashlib
import itertools
import os
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from store import digests, intake
from store.buffers import Buffers
from store.errors import NoSpace, Unavailable
from store.reader import Reader
from store.segments import Segments
from store.settings import Settings
from store.stage import stage
from store.unixfs import PROFILES, leaf_digest, root

KIB, MIB = 1 << 10, 1 << 20
DEFAULT = PROFILES["unixfs-v1-2025"]
SETTINGS = Settings(segment_bytes=64 * MIB)


class Broken(Exception):
    """The body is not what it said."""


class Body:
    """``data`` in pieces; ``fail_at`` breaks it off, ``refuse`` finds it wrong at the end."""

    def __init__(self, data, *, piece=64 * KIB, wanted=(), size=-1, fail_at=None, refuse=False):
        self.data = data
        self.piece = piece
        self.digests = frozenset(wanted)
        self.size = len(data) if size == -1 else size
        self.fail_at = fail_at
        self.refuse = refuse
        self.verified: list[dict[str, bytes]] = []

    async def __aiter__(self):
        for at in range(0, len(self.data), self.piece):
            if self.fail_at is not None and at >= self.fail_at:
                raise Broken
            yield self.data[at : at + self.piece]

    def verify(self, digests):
        self.verified.append(dict(digests))
        if self.refuse:
            raise Broken


class Whole(Body):
    """It is there as a whole, if that is not too much."""

    def whole(self, most):
        return self.data if len(self.data) <= most else None


def noise(seed: object, size: int) -> bytes:
    return hashlib.shake_128(repr(seed).encode()).digest(size)


def expected(profile, data):
    chunks = range(0, len(data) or 1, profile.chunk)
    leaves = b"".join(leaf_digest(profile, data[at : at + profile.chunk]) for at in chunks)
    return leaves, root(profile, leaves, len(data))


@pytest.fixture(scope="module")
def pool():
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture
def segments(tmp_path):
    made = Segments(tmp_path, SETTINGS, 0, itertools.count(1).__next__)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_lent():
    yield
    assert intake._buffers._lent == 0


@pytest.fixture
def take(segments, pool):
    async def take(body, profile=DEFAULT, settings=SETTINGS):
        return await stage(body, profile, segments, settings, pool)

    return take


@pytest.fixture
def read(segments, pool):
    async def read(staged):
        if staged.body is not None:
            return staged.body
        reader = Reader(segments, staged.extents, 0, staged.size, pool)
        data = b"".join([piece async for piece in reader])
        reader.close()
        return data

    return read


def allocated(segments) -> int:
    """Bytes on disk of all segments."""
    total = 0
    for path in segments.path(1).parent.iterdir():
        with path.open("rb") as file:
            os.fsync(file)
        total += path.stat().st_blocks * 512
    return total


SIZES = [
    0,
    1,
    16 * KIB,
    16 * KIB + 1,
    64 * KIB,
    64 * KIB + 1,
    256 * KIB,
    256 * KIB + 1,
    MIB - 1,
    MIB,
    MIB + 1,
    3 * MIB,
    5 * MIB + 77,
]


@pytest.mark.parametrize("kind", [Body, Whole])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("size", SIZES)
async def test_a_body_is_hashed_and_kept_whole(take, read, profile, size, kind):
    data = noise(size, size)
    body = kind(data, wanted=digests.NAMES)
    staged = await take(body, profile)
    leaves, cid = expected(profile, data)
    assert (staged.size, staged.profile) == (size, profile.name)
    assert (staged.leaves, staged.cid) == (leaves, cid)
    assert (staged.body is not None) == (size <= SETTINGS.inline_bytes)
    assert sum(extent.length for extent in staged.extents) == (0 if staged.body == data else size)
    for name in digests.NAMES:
        hasher = digests.new(name)
        hasher.update(data)
        assert staged.digests[name] == hasher.digest(), name
    assert body.verified == [staged.digests]
    assert await read(staged) == data


@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    size=st.integers(0, 4 * MIB),
    piece=st.integers(997, 2 * MIB),
    declared=st.booleans(),
    inline=st.sampled_from([0, 16 * KIB, 300 * KIB]),
    wanted=st.sets(st.sampled_from(sorted(digests.NAMES))),
)
def test_pieces_of_any_size_make_the_same_body(
    tmp_path_factory, size, piece, declared, inline, wanted
):
    async def run():
        directory = tmp_path_factory.mktemp("store")
        segments = Segments(directory, SETTINGS, 0, itertools.count(1).__next__)
        body = Body(data, piece=piece, wanted=wanted, size=size if declared else None)
        with ThreadPoolExecutor(3) as pool:
            staged = await stage(body, DEFAULT, segments, Settings(inline_bytes=inline), pool)
            kept = staged.body
            if kept is None:
                reader = Reader(segments, staged.extents, 0, size, pool)
                kept = b"".join([part async for part in reader])
                reader.close()
        segments.close()
        return staged, kept

    data = noise("pieces", size)
    staged, kept = asyncio.run(run())
    assert kept == data
    assert (staged.leaves, staged.cid) == expected(DEFAULT, data)
    assert set(staged.digests) == wanted | {"md5"}
    for name in staged.digests.keys() & {"md5", "sha1", "sha256"}:
        assert staged.digests[name] == hashlib.new(name, data).digest()


async def test_md5_is_made_though_nobody_asked(take):
    for size in (5, 2 * MIB):
        assert set((await take(Body(noise(0, size)))).digests) == {"md5"}


async def test_one_leaf_is_hashed_with_sha256_once(take, monkeypatch):
    updates: list[int] = []
    real = intake._update

    def update(hashers, data):
        updates.append(len(hashers))
        real(hashers, data)

    monkeypatch.setattr(intake, "_update", update)
    data = noise(0, MIB)
    staged = await take(Body(data, wanted={"sha256"}))
    assert staged.digests["sha256"] == staged.leaves == hashlib.sha256(data).digest()
    assert updates == [1]  # MD5 alone


async def test_a_declared_body_is_one_extent_beside_others(take, read):
    bodies = [Body(noise(n, 5 * MIB), piece=97_000 + n) for n in range(6)]
    staged = await asyncio.gather(*(take(body) for body in bodies))
    assert [len(one.extents) for one in staged] == [1] * 6
    for one, body in zip(staged, bodies, strict=True):
        assert await read(one) == body.data


async def test_bodies_of_unknown_length_interleave_in_steps(take, read):
    bodies = [Body(noise(n, 12 * MIB), size=None) for n in range(3)]
    staged = await asyncio.gather(*(take(body) for body in bodies))
    for one, body in zip(staged, bodies, strict=True):
        assert await read(one) == body.data
    taken = sorted((e.segment, e.offset, e.length) for one in staged for e in one.extents)
    for (segment, offset, length), (next_segment, next_offset, _) in itertools.pairwise(taken):
        assert segment < next_segment or offset + length <= next_offset


async def test_a_body_of_unknown_length_alone_is_one_extent(take):
    staged = await take(Body(noise(0, 20 * MIB), size=None))
    assert len(staged.extents) == 1


async def test_a_body_longer_than_a_segment_spans_several(pool, tmp_path):
    small = Settings(segment_bytes=4 * MIB)
    segments = Segments(tmp_path, small, 0, itertools.count(1).__next__)
    data = noise("long", 10 * MIB + 5)
    staged = await stage(Body(data), DEFAULT, segments, small, pool)
    assert [extent.segment for extent in staged.extents] == [1, 2, 3]
    reader = Reader(segments, staged.extents, 0, staged.size, pool)
    assert b"".join([piece async for piece in reader]) == data
    reader.close()
    segments.close()


@pytest.mark.parametrize("claimed", [0, 1, MIB, 100 * MIB])
async def test_what_a_body_claims_to_hold_is_not_believed(take, read, segments, claimed):
    data = noise("claim", 3 * MIB + 1)
    staged = await take(Body(data, size=claimed))
    assert staged.size == len(data)
    assert await read(staged) == data
    assert segments.reserve_at_once(1).offset <= 4 * MIB


# --- nothing is left ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 50 * KIB, 200 * KIB])
async def test_a_refused_body_that_was_there_leaves_nothing(take, segments, size):
    with pytest.raises(Broken):
        await take(Whole(noise(0, size), refuse=True))
    assert allocated(segments) == 0


@pytest.mark.parametrize("size", [10, 50 * KIB, MIB, 9 * MIB])
@pytest.mark.parametrize("kind", ["breaks", "is refused"])
async def test_a_failing_body_leaves_nothing(take, segments, size, kind):
    data = noise(0, size)
    fail_at = size // 2 if kind == "breaks" else None
    body = Body(data, fail_at=fail_at, refuse=kind == "is refused", piece=max(1, size // 40))
    with pytest.raises(Broken):
        await take(body)
    assert allocated(segments) == 0
    later = await take(Body(noise(1, MIB)))
    assert later.extents[0].offset == 0


async def test_a_failing_body_between_others_leaves_a_hole(take, read, segments):
    good = [Body(noise(n, 6 * MIB)) for n in range(2)]
    bad = Body(noise(9, 6 * MIB), fail_at=5 * MIB)
    one, error, other = await asyncio.gather(
        take(good[0]), take(bad), take(good[1]), return_exceptions=True
    )
    assert isinstance(error, Broken)
    assert allocated(segments) == 12 * MIB
    assert [await read(one), await read(other)] == [body.data for body in good]


async def test_a_cancelled_body_leaves_nothing(take, segments):
    reached, never = asyncio.Event(), asyncio.Event()

    class Stalling(Body):
        async def __aiter__(self):
            async for piece in Body.__aiter__(self):
                yield piece
            reached.set()
            await never.wait()

    task = asyncio.create_task(take(Stalling(noise(0, 5 * MIB + 9))))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert allocated(segments) == 0
    assert segments.reserve_at_once(1).offset == 0


@pytest.mark.parametrize("body", [Body(noise(0, MIB)), Whole(noise(0, 200 * KIB))])
async def test_cancelling_waits_for_the_thread_that_writes(segments, monkeypatch, body):
    loop = asyncio.get_running_loop()
    writing, go_on, written = asyncio.Event(), threading.Event(), []
    real = segments.write

    def write(extent, offset, data):
        loop.call_soon_threadsafe(writing.set)
        assert go_on.wait(10)
        real(extent, offset, data)
        written.append(len(data))

    monkeypatch.setattr(segments, "write", write)
    with ThreadPoolExecutor(2) as pool:
        task = asyncio.create_task(stage(body, DEFAULT, segments, SETTINGS, pool))
        await writing.wait()
        for _ in range(3):  # impatient
            task.cancel()
            await asyncio.sleep(0)
        # The other thread is free: what was started too early has run when this has.
        await loop.run_in_executor(pool, int)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert written == [len(body.data)]
    assert allocated(segments) == 0


@pytest.mark.parametrize(("code", "refusal"), [(errno.ENOSPC, NoSpace), (errno.EIO, Unavailable)])
@pytest.mark.parametrize(("body", "works"), [(Body(bytes(30 * MIB)), 4), (Whole(bytes(99_999)), 0)])
async def test_a_failing_disk_ends_the_body_and_leaves_nothing(
    take, segments, monkeypatch, code, refusal, body, works
):
    real, calls = os.pwrite, itertools.count()

    directory = str(segments.path(1).parent)

    def pwrite(file, data, offset):
        ours = os.readlink(f"/proc/self/fd/{file}").startswith(directory)  # others write, too
        if ours and next(calls) == works:
            raise OSError(code, os.strerror(code))
        return real(file, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(refusal):
        await take(body)
    assert next(calls) < 12, "it went on writing"
    assert allocated(segments) == 0


@pytest.mark.parametrize("body", [Body(bytes(5 * MIB)), Whole(bytes(50 * KIB))])
async def test_a_pool_that_is_shut_down_is_an_error_and_no_hang(segments, body):
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        await stage(body, DEFAULT, segments, SETTINGS, pool)


# --- memory ---------------------------------------------------------------------------------------


async def test_memory_stays_bounded_however_long_the_body(take, segments):
    piece = noise(0, 256 * KIB)

    class Long(Body):
        size = 200 * MIB

        async def __aiter__(self):
            for _ in range(self.size // len(piece)):
                yield piece

    gc.collect()
    tracemalloc.start()
    staged = await take(Long(b"", size=200 * MIB))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert staged.size == 200 * MIB
    assert peak < 8 * MIB
    segments.abandon(staged.extents)


async def test_many_bodies_share_one_allowance(take, read, monkeypatch):
    few = Buffers(MIB, limit=4, keep=1)
    monkeypatch.setattr(intake, "_buffers", few)
    bodies = [Body(noise(n, 3 * MIB)) for n in range(12)]
    gc.collect()
    tracemalloc.start()
    staged = await asyncio.gather(*(take(body) for body in bodies))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB
    for one, body in zip(staged, bodies, strict=True):
        assert await read(one) == body.data
    assert few._lent == 0


async def test_a_body_that_gives_up_its_place_in_line_lets_the_next_one_in():
    few = Buffers(1, limit=1, keep=1)
    held = await few.take()
    impatient, patient = (asyncio.create_task(few.take()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    few.give(held)
    assert await patient is held
    assert impatient.cancelled()


async def test_a_buffer_given_to_one_who_just_left_goes_on_to_the_next():
    few = Buffers(1, limit=1, keep=1)
    held = await few.take()
    impatient, patient = (asyncio.create_task(few.take()) for _ in range(2))
    await asyncio.sleep(0)
    few.give(held)
    impatient.cancel()
    assert await patient is held
    with pytest.raises(asyncio.CancelledError):
        await impatient
