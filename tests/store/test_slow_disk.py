"""A disk that takes its time to sync: many wait for one sync, and nobody else for any."""

import asyncio
import threading

from crash.plan import SETTINGS
from crash.power import Platter, under
from storing import content, make_bucket, noise, opened, put

PATIENCE_SECONDS = 10


async def test_while_it_syncs_others_are_served_and_what_comes_waits_for_one_sync(tmp_path):
    async with opened(tmp_path / "data", SETTINGS) as store:
        bucket = await make_bucket(store)
        there = await put(store, bucket, b"there", noise(1, 100_000))
    platter = Platter(tmp_path / "data")
    loop = asyncio.get_running_loop()
    syncing, served = asyncio.Event(), threading.Event()
    syncs = 0

    def sync() -> None:
        nonlocal syncs
        syncs += 1
        loop.call_soon_threadsafe(syncing.set)
        assert served.wait(PATIENCE_SECONDS), "nobody was served meanwhile"

    with under(platter):
        async with opened(tmp_path / "data", SETTINGS) as store:
            platter.before_sync = sync
            first = asyncio.ensure_future(put(store, bucket, b"first", b"data"))
            await syncing.wait()
            rest = [asyncio.ensure_future(put(store, bucket, b"%d" % n, b"x")) for n in range(200)]
            assert await content(store, there) == noise(1, 100_000)
            assert not first.done()
            served.set()
            await asyncio.gather(first, *rest)
            platter.before_sync = lambda: None
    assert syncs <= 4  # that of the first, and for all others of the log, and of what it is new in
