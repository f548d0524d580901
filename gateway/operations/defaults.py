"""Who pays; and what is so of every bucket: empty lists.

To change the latter is NotImplemented.
"""

from typing import Annotated

from gateway.bucket_payment import CONFIG, Payer, RequestPaymentConfiguration, payer
from gateway.errors import NoSuchKey
from gateway.operation import Call
from gateway.operations.named_version import current
from gateway.wire.kept import keep
from gateway.wire.shape import Label, Payload, Query, Shape


class PutBucketRequestPaymentInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    request_payment_configuration: Annotated[RequestPaymentConfiguration, Payload()]


class PutBucketRequestPaymentOutput(Shape):
    """Nothing: 200."""


async def put_bucket_request_payment(
    call: Call, ask: PutBucketRequestPaymentInput
) -> PutBucketRequestPaymentOutput:
    """Say who pays: with ``Requester`` others must agree to, in each request.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketRequestPayment.html
    """
    document = keep(ask.request_payment_configuration)
    await call.store.set_bucket_config(call.bucket, CONFIG, document)
    return PutBucketRequestPaymentOutput()


class Asks(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketRequestPaymentOutput(Shape, root="RequestPaymentConfiguration"):
    payer: Payer


async def get_bucket_request_payment(call: Call, ask: Asks) -> GetBucketRequestPaymentOutput:
    """Who pays: the bucket's owner, unless it was said otherwise.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html
    """
    return GetBucketRequestPaymentOutput(payer=payer(call.bucket))


class ListInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    continuation_token: Annotated[str | None, Query("continuation-token")] = None


class ListBucketAnalyticsConfigurationsOutput(Shape, root="ListBucketAnalyticsConfigurationResult"):
    is_truncated: bool = False


async def list_bucket_analytics_configurations(
    call: Call, ask: ListInput
) -> ListBucketAnalyticsConfigurationsOutput:
    """There are none.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBucketAnalyticsConfigurations.html
    """
    return ListBucketAnalyticsConfigurationsOutput()


class ListBucketIntelligentTieringConfigurationsOutput(
    Shape, root="ListBucketIntelligentTieringConfigurationsOutput"
):
    is_truncated: bool = False


async def list_bucket_intelligent_tiering_configurations(
    call: Call, ask: ListInput
) -> ListBucketIntelligentTieringConfigurationsOutput:
    """There are none.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBucketIntelligentTieringConfigurations.html
    """
    return ListBucketIntelligentTieringConfigurationsOutput()


class ListBucketInventoryConfigurationsOutput(Shape, root="ListInventoryConfigurationsResult"):
    is_truncated: bool = False


async def list_bucket_inventory_configurations(
    call: Call, ask: ListInput
) -> ListBucketInventoryConfigurationsOutput:
    """There are none.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBucketInventoryConfigurations.html
    """
    return ListBucketInventoryConfigurationsOutput()


class ListBucketMetricsConfigurationsOutput(Shape, root="ListMetricsConfigurationsResult"):
    is_truncated: bool = False


async def list_bucket_metrics_configurations(
    call: Call, ask: ListInput
) -> ListBucketMetricsConfigurationsOutput:
    """There are none.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBucketMetricsConfigurations.html
    """
    return ListBucketMetricsConfigurationsOutput()


class GetObjectTorrentInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]


class GetObjectTorrentOutput(Shape):
    """Never answered."""

    body: Annotated[bytes, Payload()]


async def get_object_torrent(call: Call, ask: GetObjectTorrentInput) -> GetObjectTorrentOutput:
    """Raises ``NoSuchKey``: no object has a torrent.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTorrent.html
    """
    current(call, ask.key)
    raise NoSuchKey("There is no torrent of this object.", Key=ask.key)
