"""What a logging configuration may say, and the keys it gives."""

from datetime import UTC, datetime

import pytest

from gateway.access_log.configuration import (
    LoggingEnabled,
    PartitionDateSource,
    PartitionedPrefix,
    SimplePrefix,
    TargetObjectKeyFormat,
    by_event_time,
    check,
    key,
)
from gateway.errors import InvalidArgument
from store.records import Bucket

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SOURCE = Bucket(1, "photos", "OWNER", "/photos", 0, "private", "eu-west-1", "unixfs-v1-2025")
SIMPLE = TargetObjectKeyFormat(simple_prefix=SimplePrefix())
EVENTS = PartitionedPrefix(partition_date_source=PartitionDateSource.EVENT_TIME)
PARTITIONED = TargetObjectKeyFormat(partitioned_prefix=EVENTS)


def enabled(prefix="logs/", written=None):
    return LoggingEnabled(
        target_bucket="target", target_prefix=prefix, target_object_key_format=written
    )


@pytest.mark.parametrize(
    ("written", "made"),
    [
        (None, "logs/2026-01-02-03-04-05-UNIQUE"),
        (SIMPLE, "logs/2026-01-02-03-04-05-UNIQUE"),
        (PARTITIONED, "logs/OWNER/eu-west-1/photos/2026/01/02/2026-01-02-03-04-05-UNIQUE"),
    ],
)
def test_keys_have_the_form_that_was_asked_for(written, made):
    check(enabled(written=written))
    assert key(enabled(written=written), SOURCE, WHEN, "UNIQUE") == made


def test_only_event_time_parts_the_days():
    delivery = PartitionedPrefix(partition_date_source=PartitionDateSource.DELIVERY_TIME)
    other = TargetObjectKeyFormat(partitioned_prefix=delivery)
    found = [by_event_time(enabled(written=each)) for each in (None, SIMPLE, PARTITIONED, other)]
    assert found == [False, False, True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        enabled("x" * 801),
        enabled(written=TargetObjectKeyFormat()),
        enabled(
            written=TargetObjectKeyFormat(simple_prefix=SimplePrefix(), partitioned_prefix=EVENTS)
        ),
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidArgument):
        check(wrong)
