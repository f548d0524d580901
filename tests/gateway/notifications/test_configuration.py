"""What a notification configuration may say, and which events it wants."""

import pytest

from gateway.errors import InvalidArgument, MalformedXML, S3NotImplemented
from gateway.notifications.configuration import (
    EventBridgeConfiguration,
    FilterRule,
    LambdaFunctionConfiguration,
    NotificationConfiguration,
    NotificationConfigurationFilter,
    QueueConfiguration,
    S3KeyFilter,
    TopicConfiguration,
    check,
    wishes,
)
from gateway.wire.kept import keep, kept

HOOKS = {"hook", "other"}
CREATED = ("s3:ObjectCreated:*",)


def queue(*events: str, arn: str = "arn:s3gw:sqs::hook:webhook", id: str | None = None, **rules):
    pairs = [FilterRule(name=name.capitalize(), value=value) for name, value in rules.items()]
    only = NotificationConfigurationFilter(key=S3KeyFilter(filter_rules=tuple(pairs)))
    return QueueConfiguration(
        id=id, queue_arn=arn, events=events or CREATED, filter=only if pairs else None
    )


def told(*queues: QueueConfiguration) -> NotificationConfiguration:
    return NotificationConfiguration(queue_configurations=queues)


@pytest.mark.parametrize(
    "configuration",
    [
        told(),
        told(queue(arn="arn:minio:sqs:us-east-1:hook:webhook", id="mine", prefix="a/", suffix="é")),
        told(queue(prefix="a/"), queue(prefix="b/")),
        told(queue(suffix=".jpg"), queue(suffix=".png")),
        told(queue("s3:ObjectCreated:Put"), queue("s3:ObjectCreated:Copy", "s3:ObjectRemoved:*")),
        NotificationConfiguration(
            topic_configurations=(
                TopicConfiguration(topic_arn="arn:s3gw:sns::hook:webhook", events=CREATED),
            ),
            lambda_function_configurations=(
                LambdaFunctionConfiguration(
                    lambda_function_arn="arn:s3gw:lambda::other:webhook",
                    events=("s3:ObjectAcl:Put",),
                ),
            ),
        ),
    ],
)
def test_what_aws_takes_is_taken_and_kept(configuration):
    check(configuration, HOOKS)
    written = {"notification": keep(configuration)}
    assert kept(NotificationConfiguration, written, "notification") == configuration


NAMELESS = NotificationConfigurationFilter(
    key=S3KeyFilter(filter_rules=(FilterRule(name="infix", value="a"),))
)
TWICE = NotificationConfigurationFilter(
    key=S3KeyFilter(filter_rules=(FilterRule(name="prefix", value="a"),) * 2)
)


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        (told(queue(arn="arn:s3gw:sqs::nobody:webhook")), InvalidArgument),
        (told(queue(arn="arn:s3gw:sns::hook:webhook")), InvalidArgument),
        (told(queue(arn="arn:aws:sqs:us-east-1:123456789012:hook")), InvalidArgument),
        (told(queue(arn="http://169.254.169.254/")), InvalidArgument),
        (told(queue("s3:ObjectCreated")), InvalidArgument),
        (told(queue("s3:*")), InvalidArgument),
        (told(QueueConfiguration(queue_arn="arn:s3gw:sqs::hook:webhook", events=())), MalformedXML),
        (told(queue(id="a"), queue("s3:ObjectRemoved:*", id="a")), InvalidArgument),
        (told(queue(prefix="x" * 1025)), InvalidArgument),
        (told(QueueConfiguration(queue_arn="a", events=CREATED, filter=NAMELESS)), InvalidArgument),
        (told(QueueConfiguration(queue_arn="a", events=CREATED, filter=TWICE)), InvalidArgument),
        (told(queue(), queue("s3:ObjectCreated:Put")), InvalidArgument),
        (told(queue(prefix="a"), queue(prefix="a/b")), InvalidArgument),
        (told(queue(prefix="a", suffix="g"), queue(suffix=".jpg")), InvalidArgument),
        (
            NotificationConfiguration(event_bridge_configuration=EventBridgeConfiguration()),
            S3NotImplemented,
        ),
    ],
)
def test_what_aws_refuses_is_refused(configuration, error):
    with pytest.raises(error):
        check(configuration, HOOKS)


@pytest.mark.parametrize(
    ("event", "key", "wanted"),
    [
        ("ObjectCreated:Put", "a/1.jpg", True),
        ("ObjectCreated:CompleteMultipartUpload", "a/1.jpg", True),
        ("ObjectRemoved:Delete", "a/1.jpg", False),
        ("ObjectCreated:Put", "b/1.jpg", False),
        ("ObjectCreated:Put", "a/1.png", False),
    ],
)
def test_a_wish_has_events_prefix_and_suffix(event, key, wanted):
    (wish,) = wishes(told(queue(prefix="a/", suffix=".jpg")))
    assert wish.wants(event, key) is wanted
