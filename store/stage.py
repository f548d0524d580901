"""Stage: take in a whole body, hash it, verify it. Its bytes are then in the store, without a name.

Small bodies stay in memory for the database. Others that are in memory already go to a segment in
one job; what is still to come goes there as it comes (``store.intake``).
Nothing here waits for the disk to have the bytes: that is the commit's part.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec.structs import replace

from store import digests
from store.filling import Filling, Source, TakeWhole, poured
from store.intake import SMALL_BYTES, Intake
from store.pipeline import Job, Pipeline
from store.records import Body, Extent, Staged
from store.segments import Segments
from store.settings import Settings
from store.unixfs import DIGEST_BYTES, Profile, leaf_digest, root

WHOLE_BYTES = 256 << 10
"""Of a body that is in memory, hashed in one go: a third of a millisecond, in a thread."""
_QUICK_BYTES = 2048 * DIGEST_BYTES  # of leaf digests: their root takes a quarter of a millisecond


async def stage(
    body: Body,
    profile: Profile,
    segments: Segments,
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> Staged:
    """The whole of ``body``, on its way to the disk. Memory is bounded whatever its length.

    Raises what the body raises, ``NoSpace``, ``Unavailable``. Then, and when it is cancelled,
    nothing is left behind and no thread works on it any more.
    """
    data = _whole(body, WHOLE_BYTES)
    if data is not None:
        return await _in_memory(data, body, profile, segments, settings, pool)
    head = bytearray()
    pieces = aiter(body)
    async for piece in pieces:
        head += piece
        if len(head) > max(settings.inline_bytes, SMALL_BYTES):
            break
    else:
        return await _in_memory(bytes(head), body, profile, segments, settings, pool)
    intake = Intake(profile, segments, pool, declared=body.size, wanted=body.digests)
    source = (
        Source(head, body.fill, body.witness)
        if isinstance(body, Filling)
        else Source(head, poured(pieces))
    )
    try:
        await intake.take(source)
        made, leaves = intake.digests, intake.leaves
        body.verify(made)
        cid = await _root(profile, leaves, intake.size, pool)
        extents = intake.keep()
    except BaseException:
        await intake.abort()
        raise
    return Staged(intake.size, cid, profile.name, made, leaves, extents=extents)


def stage_at_once(body: Body, profile: Profile, settings: Settings) -> Staged | None:
    """As ``stage``, for a body that is there and is for the database; ``None``: ``stage`` it."""
    data = _whole(body, min(settings.inline_bytes, SMALL_BYTES))
    return None if data is None else _verified(data, body, profile)


def _whole(body: Body, most: int) -> bytes | None:
    take: TakeWhole | None = getattr(body, "whole", None)  # a Protocol's isinstance takes 5 us
    return None if take is None else take(most)


async def _in_memory(
    data: bytes,
    body: Body,
    profile: Profile,
    segments: Segments,
    settings: Settings,
    pool: ThreadPoolExecutor,
) -> Staged:
    """As ``stage``. What takes longer than a look, and the disk, is left to one job."""
    quick, inline = len(data) <= SMALL_BYTES, len(data) <= settings.inline_bytes
    staged: list[Staged] = []
    extents: list[Extent] = []

    def keep() -> None:
        if not quick:
            staged.append(_verified(data, body, profile))
        if not inline:
            _write(segments, data, extents)

    if quick:
        staged.append(_verified(data, body, profile))
    if not (quick and inline):
        await _run(keep, pool, failed=partial(segments.abandon, extents))
    return staged[0] if inline else replace(staged[0], body=None, extents=tuple(extents))


async def _run(job: Job, pool: ThreadPoolExecutor, *, failed: Job) -> None:
    """Wait for it, even when cancelled; then, and when it raises, for ``failed`` too."""
    work = Pipeline(pool, most=1)
    work.start([job])
    try:
        await work.drain()
    except BaseException:
        await work.settle()
        work.start([failed])
        await work.settle()
        raise


def _write(segments: Segments, data: bytes, extents: list[Extent]) -> None:
    """``extents``: where the bytes are, or, when it raises, what is to be abandoned."""
    done = 0
    while done < len(data):
        extents.append(segments.reserve(len(data) - done))
        length = extents[-1].length
        segments.write(extents[-1], 0, data[done : done + length])
        segments.shrink(extents[-1], length)
        done += length


async def _root(profile: Profile, leaves: bytes, size: int, pool: ThreadPoolExecutor) -> bytes:
    if len(leaves) <= _QUICK_BYTES:
        return root(profile, leaves, size)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, root, profile, leaves, size)


def _verified(data: bytes, body: Body, profile: Profile) -> Staged:
    staged = _hashed(data, body.digests, profile)
    body.verify(staged.digests)
    return staged


def _hashed(data: bytes, wanted: frozenset[str], profile: Profile) -> Staged:
    if len(data) <= profile.chunk:
        leaves = leaf_digest(profile, data)
    else:
        chunks = range(0, len(data), profile.chunk)
        leaves = b"".join([leaf_digest(profile, data[at : at + profile.chunk]) for at in chunks])
    made = {"md5": digests.of("md5", data)}
    for name in wanted:
        same = name == "sha256" and profile.raw_leaves and len(data) <= profile.chunk
        made[name] = leaves if same else digests.of(name, data)
    cid = root(profile, leaves, len(data))
    return Staged(len(data), cid, profile.name, made, leaves, body=data)
