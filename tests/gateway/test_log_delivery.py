"""Log delivery: what is spooled becomes objects once, wherever it is interrupted."""

import asyncio
import shutil

import pytest

from gateway.access_log import spool
from gateway.log_delivery import DIRECTORY, LogDelivery
from store.errors import Unavailable

LINE = "owner source [{}:00:00:38 +0000] 192.0.2.3 - ID REST.GET.OBJECT k"
FIRST, SECOND = LINE.format("06/Feb/2026"), LINE.format("07/Feb/2026")


@pytest.fixture
def logged(s3, new_bucket):
    """A bucket, and where its log goes."""
    source, target = new_bucket(), new_bucket()
    configure(s3, source, target)
    return source, target


def configure(s3, source, target, **more):
    enabled = {"TargetBucket": target, "TargetPrefix": "log/", **more}
    s3.put_bucket_logging(Bucket=source, BucketLoggingStatus={"LoggingEnabled": enabled})


@pytest.fixture
def spooled(gateway):
    """Puts lines of a bucket into a file that is ready, and says which."""
    directory = gateway.config.data_dir / DIRECTORY

    def make(bucket, *lines):
        own = spool.Spool(directory, 0)
        for line in lines:
            own.append(bucket, line)
        own.roll()
        return spool.ready(directory)[-1]

    return make


def deliver(gateway):
    own = spool.Spool(gateway.config.data_dir / DIRECTORY, 0)
    made = LogDelivery(gateway.config, gateway.store, gateway.keys, own, delivers=True)
    asyncio.run_coroutine_threadsafe(made.deliver(), gateway.loop).result(20)


def objects(s3, bucket):
    listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()
        for each in listed
    }


def test_a_delivery_that_is_repeated_makes_the_same_object(gateway, s3, logged, spooled, tmp_path):
    source, target = logged
    path = spooled(source, FIRST, SECOND)
    shutil.copy(path, tmp_path)
    deliver(gateway)
    assert not path.exists()
    once = objects(s3, target)
    assert list(once.values()) == [f"{FIRST}\n{SECOND}\n"]
    shutil.copy(tmp_path / path.name, path)  # as if it had been killed before
    deliver(gateway)
    assert objects(s3, target) == once


def test_what_cannot_be_put_now_is_put_later(gateway, s3, logged, spooled, monkeypatch):
    source, target = logged
    path = spooled(source, FIRST)

    async def refuse(*_, **__):
        raise Unavailable("no disk")

    with monkeypatch.context() as broken:
        broken.setattr(gateway.store, "put", refuse)
        with pytest.raises(Unavailable):
            deliver(gateway)
    assert path.exists()
    deliver(gateway)
    assert list(objects(s3, target).values()) == [f"{FIRST}\n"]


def test_each_day_has_its_place_by_event_time(gateway, s3, logged, spooled):
    source, target = logged
    form = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    configure(s3, source, target, TargetObjectKeyFormat=form)
    spooled(source, FIRST, SECOND, FIRST)
    deliver(gateway)
    place = f"log/{gateway.owner.key}/us-east-1/{source}/2026/02"
    found = {key.rpartition("-")[0]: text for key, text in objects(s3, target).items()}
    assert found == {
        f"{place}/06/2026-02-06-00-00-00": f"{FIRST}\n{FIRST}\n",
        f"{place}/07/2026-02-07-00-00-00": f"{SECOND}\n",
    }


def test_lines_nobody_can_have_are_dropped_and_keep_no_others(
    gateway, s3, logged, spooled, new_bucket
):
    source, target = logged
    gone, unlogged = new_bucket(), new_bucket()
    configure(s3, unlogged, gone)
    s3.delete_bucket(Bucket=gone)
    paths = [spooled(name, FIRST) for name in ("no-such-bucket", unlogged, target, source)]
    deliver(gateway)
    assert not any(path.exists() for path in paths)
    assert list(objects(s3, target).values()) == [f"{FIRST}\n"]
