"""A bucket's notification configuration: its document and what it may say. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
"""

import re
from collections.abc import Collection, Iterator
from itertools import combinations
from typing import Annotated, NamedTuple

from gateway.errors import InvalidArgument, MalformedXML, S3NotImplemented
from gateway.wire.shape import Shape, Xml

CONFIG = "notification"
MAX_VALUE = 1024
_ARN = re.compile(r"arn:(?:s3gw|minio):(sqs|sns|lambda):[a-z0-9-]*:([A-Za-z0-9_-]+):webhook")
_OF_OBJECTS = {
    "ObjectCreated": ("Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("Delete", "DeleteMarkerCreated"),
    "ObjectRestore": ("Post", "Completed", "Delete"),
    "ObjectTagging": ("Put", "Delete"),
    "LifecycleExpiration": ("Delete", "DeleteMarkerCreated"),
    "Replication": (
        "OperationFailedReplication",
        "OperationMissedThreshold",
        "OperationNotTracked",
        "OperationReplicatedAfterThreshold",
    ),
}
EVENTS = frozenset(
    {f"s3:{kind}:{each}" for kind, all_of in _OF_OBJECTS.items() for each in (*all_of, "*")}
    | {"s3:ObjectAcl:Put", "s3:LifecycleTransition", "s3:IntelligentTiering"}
    | {"s3:ReducedRedundancyLostObject"}
)
"""What may be asked for, also of what never happens here.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
"""


class FilterRule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_FilterRule.html"""

    name: str | None = None
    value: str | None = None


class S3KeyFilter(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_S3KeyFilter.html"""

    filter_rules: Annotated[tuple[FilterRule, ...], Xml("FilterRule")] = ()


class NotificationConfigurationFilter(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_NotificationConfigurationFilter.html"""

    key: Annotated[S3KeyFilter | None, Xml("S3Key")] = None


class _Told(Shape):
    """What the three kinds of receivers have in common."""

    id: str | None = None
    events: Annotated[tuple[str, ...], Xml("Event")]
    filter: NotificationConfigurationFilter | None = None


class TopicConfiguration(_Told):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_TopicConfiguration.html"""

    topic_arn: Annotated[str, Xml("Topic")]


class QueueConfiguration(_Told):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_QueueConfiguration.html"""

    queue_arn: Annotated[str, Xml("Queue")]


class LambdaFunctionConfiguration(_Told):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LambdaFunctionConfiguration.html"""

    lambda_function_arn: Annotated[str, Xml("CloudFunction")]


class EventBridgeConfiguration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_EventBridgeConfiguration.html"""


class NotificationConfiguration(Shape, root="NotificationConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_NotificationConfiguration.html"""

    topic_configurations: Annotated[tuple[TopicConfiguration, ...], Xml("TopicConfiguration")] = ()
    queue_configurations: Annotated[tuple[QueueConfiguration, ...], Xml("QueueConfiguration")] = ()
    lambda_function_configurations: Annotated[
        tuple[LambdaFunctionConfiguration, ...], Xml("CloudFunctionConfiguration")
    ] = ()
    event_bridge_configuration: EventBridgeConfiguration | None = None


class Wish(NamedTuple):
    """One receiver's configuration, whatever its kind."""

    id: str
    arn: str
    service: str
    """What its kind of ARN must name: sqs, sns or lambda."""
    events: tuple[str, ...]
    prefix: str
    suffix: str

    @property
    def webhook(self) -> str:
        """The name of the operator's webhook in its ARN; empty when it names none."""
        found = _ARN.fullmatch(self.arn)
        return found[2] if found and found[1] == self.service else ""

    def wants(self, event: str, key: str) -> bool:
        """``event``: ``ObjectCreated:Put``."""
        return (
            (f"s3:{event}" in self.events or f"s3:{event.partition(':')[0]}:*" in self.events)
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
        )


def wishes(configuration: NotificationConfiguration) -> Iterator[Wish]:
    """All of them. Raises ``InvalidArgument`` for a filter that is none."""
    for topic in configuration.topic_configurations:
        yield Wish(topic.id or "", topic.topic_arn, "sns", topic.events, *_filter(topic))
    for queue in configuration.queue_configurations:
        yield Wish(queue.id or "", queue.queue_arn, "sqs", queue.events, *_filter(queue))
    for each in configuration.lambda_function_configurations:
        yield Wish(each.id or "", each.lambda_function_arn, "lambda", each.events, *_filter(each))


def check(configuration: NotificationConfiguration, webhooks: Collection[str]) -> None:
    """``webhooks``: the names of those there are.

    Raises ``InvalidArgument``, ``MalformedXML``, ``S3NotImplemented`` (EventBridge).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    """
    if configuration.event_bridge_configuration is not None:
        raise S3NotImplemented("There is no EventBridge here.")
    found = list(wishes(configuration))
    ids = [wish.id for wish in found if wish.id]
    if len(set(ids)) < len(ids):
        text = "Same ID used for multiple configurations. IDs must be unique"
        raise InvalidArgument(text, ArgumentName="Id", ArgumentValue=",".join(ids))
    for wish in found:
        _check(wish, webhooks)
    for one, other in combinations(found, 2):
        if _overlap(one, other):
            raise InvalidArgument(
                "Configurations overlap. Configurations on the same bucket cannot share a common "
                "event type with overlapping prefixes and suffixes.",
                ArgumentName="Event",
                ArgumentValue=",".join(other.events),
            )


def _check(wish: Wish, webhooks: Collection[str]) -> None:
    if not wish.events:
        raise MalformedXML
    for event in wish.events:
        if event not in EVENTS:
            text = "The event is not supported for notifications"
            raise InvalidArgument(text, ArgumentName="Event", ArgumentValue=event)
    if wish.webhook not in webhooks:
        raise InvalidArgument(
            "Unable to validate the following destination configurations",
            ArgumentName=wish.arn,
            ArgumentValue="The destination is no webhook of this server",
        )


def _filter(told: _Told) -> tuple[str, str]:
    """The prefix and the suffix of keys."""
    said: dict[str, str] = {}
    for rule in (told.filter and told.filter.key and told.filter.key.filter_rules) or ():
        name, value = (rule.name or "").lower(), rule.value or ""
        if name not in ("prefix", "suffix"):
            text = "filter rule name must be either prefix or suffix"
        elif name in said:
            text = f"Cannot specify more than one {name} rule in a filter."
        elif len(value.encode()) > MAX_VALUE:
            text = f"Size of filter rule value cannot exceed {MAX_VALUE} bytes in UTF-8"
        else:
            said[name] = value
            continue
        raise InvalidArgument(text, ArgumentName="FilterRule", ArgumentValue=rule.name or "")
    return said.get("prefix", ""), said.get("suffix", "")


def _overlap(one: Wish, other: Wish) -> bool:
    """Some event would be told to both."""

    def affix(first: str, second: str) -> bool:
        return first.startswith(second) or second.startswith(first)

    return (
        any(_same(a, b) for a in one.events for b in other.events)
        and affix(one.prefix, other.prefix)
        and affix(one.suffix[::-1], other.suffix[::-1])
    )


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    kinds = [each.removesuffix("*") for each in (one, other)]
    return any(
        each.endswith("*") and full.startswith(kind)
        for each, kind, full in ((one, kinds[0], other), (other, kinds[1], one))
    )
