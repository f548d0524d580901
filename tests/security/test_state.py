"""What is written down: order without a clock, and a database that two may write."""

from contextlib import closing

import apsw
import msgspec
import pytest
from storing import content, make_bucket, opened, put

from store.database import FILE, OLDEST_SQLITE
from store.errors import Locked, StoreError
from store.records import ENABLED, Deletion, ObjectLock


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


@pytest.mark.parametrize("rule", ['{"days', "[]", '{"days":"x"}', "\x00"])
async def test_061_a_lock_that_cannot_be_read_is_not_open(tmp_path, rule):
    """MinIO f931fc7bf: where the configuration could not be read, nothing was locked"""
    async with opened(tmp_path) as store:
        bucket = await make_bucket(store)
        await store.set_bucket_versioning(bucket, ENABLED)
        await store.set_bucket_lock(bucket, ObjectLock(compliance=True, days=1))
        kept = await put(store, bucket, b"kept", b"x")
        with closing(apsw.Connection(str(tmp_path / FILE))) as tampered:
            (sound,) = tampered.execute("SELECT lock FROM bucket").fetchone()
            tampered.execute("UPDATE bucket SET lock = ?", (rule,))
        with pytest.raises(msgspec.MsgspecError):
            store.bucket("bucket")  # so no request gets further
        with pytest.raises((msgspec.MsgspecError, StoreError)):
            await put(store, bucket, b"new", b"x")
        (refused,) = await store.delete(bucket, [Deletion(b"kept", kept.version)])
        assert isinstance(refused, Locked)  # what is kept says so itself
        with closing(apsw.Connection(str(tmp_path / FILE))) as tampered:
            tampered.execute("UPDATE bucket SET lock = ?", (sound,))
        bucket = store.bucket("bucket")
        assert store.entry(bucket, b"new") is None
        assert await content(store, store.entry(bucket, b"kept")) == b"x"


def test_092_sqlite_is_one_that_two_may_checkpoint():
    """https://sqlite.org/wal.html#walresetbug: from 3.7.0 to 3.51.2"""
    assert OLDEST_SQLITE >= 3_051_003
    assert apsw.SQLITE_VERSION_NUMBER >= OLDEST_SQLITE
