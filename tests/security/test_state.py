"""What is written down: order without a clock, and a database that two may write."""

import apsw
from storing import content, make_bucket, opened, put

from store.database import OLDEST_SQLITE


class Jumping:
    """A clock that is set back by a year each time it is looked at."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        self.now -= 365 * 86_400_000
        return self.now


async def test_089_the_last_write_wins_whatever_the_clock_says(tmp_path):
    """Garage c82d91c6, 45b0453d: overwrites and deletions before the clock's time were lost"""
    async with opened(tmp_path, clock=Jumping()) as store:
        bucket = await make_bucket(store)
        for number in range(4):
            await put(store, bucket, b"k", b"%d" % number)
            assert await content(store, store.entry(bucket, b"k")) == b"%d" % number
        await put(store, bucket, b"gone", b"x")
        await store.delete(bucket, [b"gone"])
        assert store.entry(bucket, b"gone") is None
    async with opened(tmp_path, clock=Jumping()) as store:
        bucket = store.bucket("bucket")
        assert await content(store, store.entry(bucket, b"k")) == b"3"
        assert store.entry(bucket, b"gone") is None


def test_092_sqlite_is_one_that_two_may_checkpoint():
    """https://sqlite.org/wal.html#walresetbug: from 3.7.0 to 3.51.2"""
    assert OLDEST_SQLITE >= 3_051_003
    assert apsw.SQLITE_VERSION_NUMBER >= OLDEST_SQLITE
