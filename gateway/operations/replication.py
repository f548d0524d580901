"""A bucket's replication configuration: put, get, delete. What it does: ``gateway.replication``."""

from typing import Annotated

from gateway.errors import InvalidRequest, ReplicationConfigurationNotFoundError
from gateway.operation import Call
from gateway.replication.configuration import CONFIG, ReplicationConfiguration, check
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape
from store.records import ENABLED


class PutBucketReplicationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    replication_configuration: Annotated[ReplicationConfiguration, Payload()]


class PutBucketReplicationOutput(Shape):
    """Nothing: 200."""


async def put_bucket_replication(
    call: Call, ask: PutBucketReplicationInput
) -> PutBucketReplicationOutput:
    """Copy new objects, as these rules say, to a bucket at an endpoint of the settings.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html

    Raises ``InvalidRequest`` (the bucket keeps no versions), as ``check``.
    """
    if call.bucket.versioning != ENABLED:
        raise InvalidRequest(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        )
    check(ask.replication_configuration, call.config.replication_urls)
    await call.store.set_bucket_config(call.bucket, CONFIG, keep(ask.replication_configuration))
    return PutBucketReplicationOutput()


class GetBucketReplicationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketReplicationOutput(Shape):
    replication_configuration: Annotated[ReplicationConfiguration, Payload()]


async def get_bucket_replication(
    call: Call, ask: GetBucketReplicationInput
) -> GetBucketReplicationOutput:
    """The rules. Raises ``ReplicationConfigurationNotFoundError``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketReplication.html
    """
    found = kept(ReplicationConfiguration, call.bucket.config, CONFIG)
    if found is None:
        raise ReplicationConfigurationNotFoundError(BucketName=ask.bucket)
    return GetBucketReplicationOutput(replication_configuration=found)


class DeleteBucketReplicationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketReplicationOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_replication(
    call: Call, ask: DeleteBucketReplicationInput
) -> DeleteBucketReplicationOutput:
    """Copy nothing that is new; having no rules is not an error. What is queued is still copied.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketReplication.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketReplicationOutput()
