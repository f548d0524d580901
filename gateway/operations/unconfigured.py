"""Configurations that no bucket has here yet: a client that asks is told so in AWS's own words.

To put one is NotImplemented, so the answers are true.
"""

from typing import Annotated

from gateway.errors import NoSuchConfiguration
from gateway.operation import Call
from gateway.wire.shape import Label, Query, Shape


class OfBucket(Shape):
    """Asks a bucket for its only configuration of a kind."""

    bucket: Annotated[str, Label("Bucket")]


class OfBucketById(OfBucket):
    """Asks for one of many."""

    id: Annotated[str, Query("id")]


class Nothing(Shape):
    """Never answered."""


async def get_bucket_analytics_configuration(call: Call, ask: OfBucketById) -> Nothing:
    """Raises ``NoSuchConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAnalyticsConfiguration.html
    """
    raise NoSuchConfiguration(BucketName=ask.bucket)


async def get_bucket_intelligent_tiering_configuration(call: Call, ask: OfBucketById) -> Nothing:
    """Raises ``NoSuchConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketIntelligentTieringConfiguration.html
    """
    raise NoSuchConfiguration(BucketName=ask.bucket)


async def get_bucket_inventory_configuration(call: Call, ask: OfBucketById) -> Nothing:
    """Raises ``NoSuchConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketInventoryConfiguration.html
    """
    raise NoSuchConfiguration(BucketName=ask.bucket)


async def get_bucket_metrics_configuration(call: Call, ask: OfBucketById) -> Nothing:
    """Raises ``NoSuchConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketMetricsConfiguration.html
    """
    raise NoSuchConfiguration(BucketName=ask.bucket)
