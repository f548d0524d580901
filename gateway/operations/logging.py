"""A bucket's logging configuration: put and get. What it does is in ``gateway.access_log``."""

from typing import Annotated

from gateway.access_log.configuration import CONFIG, BucketLoggingStatus, LoggingEnabled, check
from gateway.errors import InvalidTargetBucketForLogging, S3NotImplemented
from gateway.operation import Call
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape


class PutBucketLoggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    bucket_logging_status: Annotated[BucketLoggingStatus, Payload()]


class PutBucketLoggingOutput(Shape):
    """Nothing: 200."""


async def put_bucket_logging(call: Call, ask: PutBucketLoggingInput) -> PutBucketLoggingOutput:
    """Log requests to this bucket into objects of another one of its owner, or no longer.

    The owner need not let a log delivery service write there: the gateway is that service.
    Raises ``InvalidTargetBucketForLogging``, ``S3NotImplemented`` (TargetGrants), as ``check``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html
    """
    enabled = ask.bucket_logging_status.logging_enabled
    if enabled is not None:
        check(enabled)
        _check_target(call, enabled)
    document = keep(ask.bucket_logging_status) if enabled else None
    await call.store.set_bucket_config(call.bucket, CONFIG, document)
    return PutBucketLoggingOutput()


def _check_target(call: Call, enabled: LoggingEnabled) -> None:
    if enabled.target_grants:
        raise S3NotImplemented("Grants on log objects are not supported: use the bucket's policy.")
    target = call.store.bucket(enabled.target_bucket)
    text = None
    if target is None:
        text = "The target bucket for logging does not exist"
    elif target.owner != call.bucket.owner:
        text = "The owner for the bucket to be logged and the target bucket must be the same."
    if text is not None:
        raise InvalidTargetBucketForLogging(text, TargetBucket=enabled.target_bucket)


class GetBucketLoggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketLoggingOutput(Shape, root="BucketLoggingStatus"):
    logging_enabled: LoggingEnabled | None = None


async def get_bucket_logging(call: Call, ask: GetBucketLoggingInput) -> GetBucketLoggingOutput:
    """Where requests are logged; an empty document when they are not.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLogging.html
    """
    found = kept(BucketLoggingStatus, call.bucket.config, CONFIG)
    return GetBucketLoggingOutput(logging_enabled=found.logging_enabled if found else None)
