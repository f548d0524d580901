"""A bucket's logging configuration: its document, and where its log objects go. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from gateway.errors import InvalidArgument
from gateway.wire.shape import Shape, Xml
from store.records import Bucket

CONFIG = "logging"
MAX_PREFIX_BYTES = 800
"""Leaves room for the rest of a key."""


class Grantee(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Grantee.html"""

    type: Annotated[str, Xml("xsi:type", attribute=True)]
    id: Annotated[str | None, Xml("ID")] = None
    display_name: str | None = None
    email_address: str | None = None
    uri: Annotated[str | None, Xml("URI")] = None


class TargetGrant(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_TargetGrant.html"""

    grantee: Grantee | None = None
    permission: str | None = None


class PartitionDateSource(StrEnum):
    EVENT_TIME = "EventTime"
    DELIVERY_TIME = "DeliveryTime"


class SimplePrefix(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_SimplePrefix.html"""


class PartitionedPrefix(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PartitionedPrefix.html"""

    partition_date_source: PartitionDateSource | None = None


class TargetObjectKeyFormat(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_TargetObjectKeyFormat.html"""

    simple_prefix: SimplePrefix | None = None
    partitioned_prefix: PartitionedPrefix | None = None


class LoggingEnabled(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LoggingEnabled.html"""

    target_bucket: str
    target_grants: Annotated[
        tuple[TargetGrant, ...] | None, Xml("TargetGrants", member="Grant")
    ] = None
    target_object_key_format: TargetObjectKeyFormat | None = None
    target_prefix: str


class BucketLoggingStatus(Shape, root="BucketLoggingStatus"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_BucketLoggingStatus.html"""

    logging_enabled: LoggingEnabled | None = None


def check(enabled: LoggingEnabled) -> None:
    """Raises ``InvalidArgument``."""
    size = len(enabled.target_prefix.encode())
    if size > MAX_PREFIX_BYTES:
        raise InvalidArgument(ArgumentName="TargetPrefix", ArgumentValue=f"{size} bytes")
    written = enabled.target_object_key_format
    if written is not None and (written.simple_prefix is None) == (
        written.partitioned_prefix is None
    ):
        text = "TargetObjectKeyFormat must be one of SimplePrefix and PartitionedPrefix"
        raise InvalidArgument(text, ArgumentName="TargetObjectKeyFormat", ArgumentValue="")


def by_event_time(enabled: LoggingEnabled) -> bool:
    """An object holds requests of one day, which is in its key."""
    written = enabled.target_object_key_format
    partitioned = written.partitioned_prefix if written else None
    return (
        partitioned is not None
        and partitioned.partition_date_source is PartitionDateSource.EVENT_TIME
    )


def key(enabled: LoggingEnabled, source: Bucket, when: datetime, unique: str) -> str:
    """The key of one log object. ``when``: aware UTC, of its delivery or of its day.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html#server-log-keyname-format
    """
    name = f"{when:%Y-%m-%d-%H-%M-%S}-{unique}"
    written = enabled.target_object_key_format
    if written is None or written.partitioned_prefix is None:
        return enabled.target_prefix + name
    place = f"{source.owner}/{source.region}/{source.name}/{when:%Y/%m/%d}"
    return f"{enabled.target_prefix}{place}/{name}"
