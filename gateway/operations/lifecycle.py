"""A bucket's lifecycle configuration: put, get, delete. What it does: ``gateway.lifecycle``."""

from datetime import datetime
from typing import Annotated, Any

from gateway.errors import MalformedXML, NoSuchLifecycleConfiguration
from gateway.lifecycle.checks import checked
from gateway.lifecycle.configuration import (
    CONFIG,
    KeptConfiguration,
    LifecycleConfiguration,
    LifecycleRule,
    SmallestToMove,
    configuration,
)
from gateway.lifecycle.fates import abortion
from gateway.operation import Call
from gateway.wire.kept import keep
from gateway.wire.shape import Header, Label, Payload, Shape, Xml
from store.records import Upload

SMALLEST = "x-amz-transition-default-minimum-object-size"


class AbortHeaders(Shape):
    """When an upload in progress will be aborted, where a rule says so."""

    abort_date: Annotated[datetime | None, Header("x-amz-abort-date")] = None
    abort_rule_id: Annotated[str | None, Header("x-amz-abort-rule-id")] = None


def abort_headers(call: Call, upload: Upload) -> dict[str, Any]:
    """As keyword arguments of ``AbortHeaders``."""
    date, rule = abortion(call.bucket.config, upload.key, upload.created)
    return {"abort_date": date, "abort_rule_id": rule}


class PutBucketLifecycleConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    lifecycle_configuration: Annotated[LifecycleConfiguration | None, Payload()] = None
    transition_default_minimum_object_size: Annotated[SmallestToMove, Header(SMALLEST)] = (
        SmallestToMove.ALL_128K
    )


class PutBucketLifecycleConfigurationOutput(Shape):
    transition_default_minimum_object_size: Annotated[SmallestToMove, Header(SMALLEST)]


async def put_bucket_lifecycle_configuration(
    call: Call, ask: PutBucketLifecycleConfigurationInput
) -> PutBucketLifecycleConfigurationOutput:
    """Give the bucket these rules in place of all it had; a rule without an ID gets one.

    Raises as ``checked``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html
    """
    if ask.lifecycle_configuration is None:
        raise MalformedXML
    rules = checked(ask.lifecycle_configuration.rules, call.config.differences)
    smallest = ask.transition_default_minimum_object_size
    document = keep(KeptConfiguration(rules=tuple(rules), smallest_to_move=smallest))
    await call.store.set_bucket_config(call.bucket, CONFIG, document)
    return PutBucketLifecycleConfigurationOutput(transition_default_minimum_object_size=smallest)


class GetBucketLifecycleConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketLifecycleConfigurationOutput(Shape, root="LifecycleConfiguration"):
    rules: Annotated[tuple[LifecycleRule, ...], Xml("Rule")]
    transition_default_minimum_object_size: Annotated[SmallestToMove, Header(SMALLEST)]


async def get_bucket_lifecycle_configuration(
    call: Call, ask: GetBucketLifecycleConfigurationInput
) -> GetBucketLifecycleConfigurationOutput:
    """The bucket's rules. Raises ``NoSuchLifecycleConfiguration``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html
    """
    found = configuration(call.bucket.config)
    if found is None:
        raise NoSuchLifecycleConfiguration(BucketName=ask.bucket)
    return GetBucketLifecycleConfigurationOutput(
        rules=found.rules, transition_default_minimum_object_size=found.smallest_to_move
    )


class DeleteBucketLifecycleInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketLifecycleOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_lifecycle(
    call: Call, ask: DeleteBucketLifecycleInput
) -> DeleteBucketLifecycleOutput:
    """Remove the bucket's rules; having none is not an error. Nothing expires after the answer.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketLifecycle.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketLifecycleOutput()
