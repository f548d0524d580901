"""PutBucketVersioning, GetBucketVersioning: does a bucket keep what is overwritten or deleted?"""

from enum import StrEnum
from typing import Annotated

from gateway.errors import (
    IllegalVersioningConfigurationException,
    InvalidBucketState,
    S3NotImplemented,
)
from gateway.operation import Call
from gateway.replication.configuration import CONFIG
from gateway.wire.shape import Label, Payload, Shape
from store import records


class BucketVersioningStatus(StrEnum):
    ENABLED = records.ENABLED
    SUSPENDED = records.SUSPENDED


class MFADelete(StrEnum):
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class VersioningConfiguration(Shape, root="VersioningConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_VersioningConfiguration.html"""

    mfa_delete: MFADelete | None = None
    status: BucketVersioningStatus | None = None


class PutBucketVersioningInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    versioning_configuration: Annotated[VersioningConfiguration, Payload()]


class PutBucketVersioningOutput(Shape):
    """Nothing: 200."""


async def put_bucket_versioning(
    call: Call, ask: PutBucketVersioningInput
) -> PutBucketVersioningOutput:
    """Keep versions from now on, or add no more to those there are. It is never as it was before.

    Raises ``IllegalVersioningConfigurationException`` (no status), ``InvalidBucketState`` (it is
    replicated, which takes versions), ``S3NotImplemented`` (there are
    no devices for MFA delete, and to ignore it would leave versions less safe than was asked for).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html
    """
    wanted = ask.versioning_configuration
    if wanted.mfa_delete is MFADelete.ENABLED:
        raise S3NotImplemented("MFA delete is not supported.", Header="MfaDelete")
    if wanted.status is None:
        raise IllegalVersioningConfigurationException
    if wanted.status is not BucketVersioningStatus.ENABLED and CONFIG in call.bucket.config:
        raise InvalidBucketState(
            "A replication configuration is present on this bucket, so you cannot change the "
            "versioning state. To change the versioning state, first delete the replication "
            "configuration."
        )
    await call.store.set_bucket_versioning(call.bucket, wanted.status.value)
    return PutBucketVersioningOutput()


class GetBucketVersioningInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketVersioningOutput(Shape, root="VersioningConfiguration"):
    status: str | None = None


async def get_bucket_versioning(
    call: Call, ask: GetBucketVersioningInput
) -> GetBucketVersioningOutput:
    """Whether versions are kept; an empty document when they never were.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html
    """
    return GetBucketVersioningOutput(status=call.bucket.versioning or None)
