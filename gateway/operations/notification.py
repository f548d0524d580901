"""Who is told of a bucket's changes: put and get. How they are is in ``gateway.notifications``."""

from typing import Annotated

from gateway.notifications.announcing import tested
from gateway.notifications.configuration import (
    CONFIG,
    LambdaFunctionConfiguration,
    NotificationConfiguration,
    QueueConfiguration,
    TopicConfiguration,
    check,
    wishes,
)
from gateway.notifications.event import Origin
from gateway.operation import Call
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Header, Label, Payload, Shape, Xml


class PutBucketNotificationConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    notification_configuration: Annotated[NotificationConfiguration, Payload()]
    skip_destination_validation: Annotated[
        bool | None, Header("x-amz-skip-destination-validation")
    ] = None


class PutBucketNotificationConfigurationOutput(Shape):
    """Nothing: 200."""


async def put_bucket_notification_configuration(
    call: Call, ask: PutBucketNotificationConfigurationInput
) -> PutBucketNotificationConfigurationOutput:
    """Tell these receivers of changes from now on, in place of all there were; each gets a test.

    Receivers are ``arn:s3gw:sqs::NAME:webhook`` (or ``sns``, ``lambda``; ``arn:minio:`` too), for
    the webhooks of the settings. A test is queued like every event: the call does not wait for it.
    Raises as ``check``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    """
    configuration, webhooks = ask.notification_configuration, dict(call.config.webhook_urls)
    check(configuration, webhooks)
    named = {wish.webhook for wish in wishes(configuration)}
    store = call.store
    if not ask.skip_destination_validation:
        store = tested(store, call.bucket, _origin(call), named)
    document = keep(configuration) if named else None
    await store.set_bucket_config(call.bucket, CONFIG, document)
    return PutBucketNotificationConfigurationOutput()


def _origin(call: Call) -> Origin:
    name = "PutBucketNotificationConfiguration"
    return Origin(name, call.caller.id, call.request.peer, call.request_id, call.now)


class GetBucketNotificationConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketNotificationConfigurationOutput(Shape, root="NotificationConfiguration"):
    topic_configurations: Annotated[tuple[TopicConfiguration, ...], Xml("TopicConfiguration")] = ()
    queue_configurations: Annotated[tuple[QueueConfiguration, ...], Xml("QueueConfiguration")] = ()
    lambda_function_configurations: Annotated[
        tuple[LambdaFunctionConfiguration, ...], Xml("CloudFunctionConfiguration")
    ] = ()


async def get_bucket_notification_configuration(
    call: Call, ask: GetBucketNotificationConfigurationInput
) -> GetBucketNotificationConfigurationOutput:
    """Who is told; an empty document when nobody is.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
    """
    found = kept(NotificationConfiguration, call.bucket.config, CONFIG)
    if found is None:
        return GetBucketNotificationConfigurationOutput()
    return GetBucketNotificationConfigurationOutput(
        topic_configurations=found.topic_configurations,
        queue_configurations=found.queue_configurations,
        lambda_function_configurations=found.lambda_function_configurations,
    )
