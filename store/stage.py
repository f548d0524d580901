"""Stage: take in a whole body, hash it, verify it. Its bytes are then in the store, without a name.

Small bodies stay in memory for the database; others go to segments as they come (``store.intake``).
Nothing here waits for the disk to have the bytes: that is the commit's part.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from store import digests
from store.filling import Filling, Source, TakeWhole, poured
from store.intake import SMALL_BYTES, Intake
from store.records import Body, Staged
from store.segments import Segments
from store.settings import Settings
from store.unixfs import DIGEST_BYTES, Profile, leaf_digest, root

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
    head = bytearray()
    pieces = aiter(body)
    async for piece in pieces:
        head += piece
        if len(head) > max(settings.inline_bytes, SMALL_BYTES):
            break
    if len(head) <= settings.inline_bytes:
        return await _inline(bytes(head), body, profile, pool)
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
    """As ``stage``, for a small body that is there; ``None``: it must be waited for."""
    take: TakeWhole | None = getattr(body, "whole", None)  # a Protocol's isinstance takes 5 us
    data = take(min(settings.inline_bytes, SMALL_BYTES)) if take is not None else None
    if data is None:
        return None
    staged = _hashed(data, body.digests, profile)
    body.verify(staged.digests)
    return staged


async def _root(profile: Profile, leaves: bytes, size: int, pool: ThreadPoolExecutor) -> bytes:
    if len(leaves) <= _QUICK_BYTES:
        return root(profile, leaves, size)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(pool, root, profile, leaves, size)


async def _inline(data: bytes, body: Body, profile: Profile, pool: ThreadPoolExecutor) -> Staged:
    if len(data) <= SMALL_BYTES:
        staged = _hashed(data, body.digests, profile)
    else:
        loop = asyncio.get_running_loop()
        staged = await loop.run_in_executor(pool, _hashed, data, body.digests, profile)
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
