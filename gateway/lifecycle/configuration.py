"""A bucket's lifecycle configuration as a document. Pure.

What it may say is in ``checks``, what its rules mean in ``rules`` and ``fates``. https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from gateway.wire.kept import kept
from gateway.wire.shape import Shape, Xml
from store.bucket_config import LIFECYCLE

CONFIG = LIFECYCLE


class RuleStatus(StrEnum):
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class SmallestToMove(StrEnum):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""

    ALL_128K = "all_storage_classes_128K"
    VARIES = "varies_by_storage_class"


class Tag(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tag.html"""

    key: str
    value: str


class LifecycleRuleAndOperator(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleAndOperator.html"""

    prefix: str | None = None
    tags: Annotated[tuple[Tag, ...], Xml("Tag")] = ()
    object_size_greater_than: int | None = None
    object_size_less_than: int | None = None


class LifecycleRuleFilter(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html"""

    prefix: str | None = None
    tag: Tag | None = None
    object_size_greater_than: int | None = None
    object_size_less_than: int | None = None
    conjunction: Annotated[LifecycleRuleAndOperator | None, Xml("And")] = None


class LifecycleExpiration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleExpiration.html"""

    date: datetime | None = None
    days: int | None = None
    expired_object_delete_marker: bool | None = None


class NoncurrentVersionExpiration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html"""

    noncurrent_days: int | None = None
    newer_noncurrent_versions: int | None = None


class AbortIncompleteMultipartUpload(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortIncompleteMultipartUpload.html"""

    days_after_initiation: int | None = None


class TransitionStorageClass(StrEnum):
    """From warm to cold: a rule only ever moves an object on.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
    """

    STANDARD_IA = "STANDARD_IA"
    INTELLIGENT_TIERING = "INTELLIGENT_TIERING"
    ONEZONE_IA = "ONEZONE_IA"
    GLACIER_IR = "GLACIER_IR"
    GLACIER = "GLACIER"
    DEEP_ARCHIVE = "DEEP_ARCHIVE"


class Transition(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Transition.html"""

    date: datetime | None = None
    days: int | None = None
    storage_class: TransitionStorageClass | None = None


class NoncurrentVersionTransition(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionTransition.html"""

    noncurrent_days: int | None = None
    storage_class: TransitionStorageClass | None = None
    newer_noncurrent_versions: int | None = None


class LifecycleRule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html"""

    expiration: LifecycleExpiration | None = None
    id: Annotated[str | None, Xml("ID")] = None
    prefix: str | None = None
    filter: LifecycleRuleFilter | None = None
    status: RuleStatus
    transitions: Annotated[tuple[Transition, ...], Xml("Transition")] = ()
    noncurrent_version_transitions: Annotated[
        tuple[NoncurrentVersionTransition, ...], Xml("NoncurrentVersionTransition")
    ] = ()
    noncurrent_version_expiration: NoncurrentVersionExpiration | None = None
    abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload | None = None


class LifecycleConfiguration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_BucketLifecycleConfiguration.html"""

    rules: Annotated[tuple[LifecycleRule, ...], Xml("Rule")]


class KeptConfiguration(Shape):
    """The document that is kept: with what came as a header."""

    rules: Annotated[tuple[LifecycleRule, ...], Xml("Rule")]
    smallest_to_move: SmallestToMove


def configuration(documents: Mapping[str, bytes]) -> KeptConfiguration | None:
    """What a bucket's documents say of it, if anything. Cheap."""
    return kept(KeptConfiguration, documents, CONFIG)


def wants(rule: LifecycleRule) -> LifecycleRuleAndOperator:
    """All that an object must be for the rule to hold, however the rule says it."""
    given = rule.filter or LifecycleRuleFilter(prefix=rule.prefix)
    both = given.conjunction or LifecycleRuleAndOperator()
    prefixes = [prefix for prefix in (given.prefix, both.prefix) if prefix is not None]
    least = [given.object_size_greater_than, both.object_size_greater_than]
    most = [given.object_size_less_than, both.object_size_less_than]
    return LifecycleRuleAndOperator(
        prefix=max(prefixes, key=len, default=None),
        tags=((given.tag, *both.tags) if given.tag else both.tags),
        object_size_greater_than=max((size for size in least if size is not None), default=None),
        object_size_less_than=min((size for size in most if size is not None), default=None),
    )
