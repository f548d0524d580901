"""Transfer acceleration: kept and told, and nothing else. There is no edge to accelerate from."""

from enum import StrEnum
from typing import Annotated

from gateway.errors import InvalidRequest, MalformedXML
from gateway.operation import Call
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape

CONFIG = "accelerate"


class AccelerateStatus(StrEnum):
    ENABLED = "Enabled"
    SUSPENDED = "Suspended"


class AccelerateConfiguration(Shape, root="AccelerateConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AccelerateConfiguration.html"""

    status: AccelerateStatus | None = None


class PutBucketAccelerateConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    accelerate_configuration: Annotated[AccelerateConfiguration, Payload()]


class PutBucketAccelerateConfigurationOutput(Shape):
    """Nothing: 200."""


async def put_bucket_accelerate_configuration(
    call: Call, ask: PutBucketAccelerateConfigurationInput
) -> PutBucketAccelerateConfigurationOutput:
    """Enable or suspend it. Raises ``MalformedXML``, ``InvalidRequest`` (a name with periods).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAccelerateConfiguration.html
    """
    if ask.accelerate_configuration.status is None:
        raise MalformedXML
    if "." in ask.bucket:
        raise InvalidRequest(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        )
    await call.store.set_bucket_config(call.bucket, CONFIG, keep(ask.accelerate_configuration))
    return PutBucketAccelerateConfigurationOutput()


class GetBucketAccelerateConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketAccelerateConfigurationOutput(Shape, root="AccelerateConfiguration"):
    status: AccelerateStatus | None = None


async def get_bucket_accelerate_configuration(
    call: Call, ask: GetBucketAccelerateConfigurationInput
) -> GetBucketAccelerateConfigurationOutput:
    """What was set; an empty document when nothing ever was.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html
    """
    found = kept(AccelerateConfiguration, call.bucket.config, CONFIG)
    return GetBucketAccelerateConfigurationOutput(status=found.status if found else None)
