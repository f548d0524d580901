"""PutObjectLockConfiguration, GetObjectLockConfiguration: does a bucket lock its objects?"""

from enum import StrEnum
from typing import Annotated

from gateway.compat import Compat
from gateway.errors import (
    InvalidArgument,
    InvalidRetentionPeriod,
    MalformedXML,
    ObjectLockConfigurationNotFoundError,
    S3NotImplemented,
)
from gateway.operation import Call
from gateway.operations.locks import ObjectLockMode
from gateway.wire.shape import Header, Label, Payload, Shape
from store import records
from store.retention import YEAR_DAYS

MAX_YEARS = 100
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html"""


class ObjectLockEnabled(StrEnum):
    ENABLED = "Enabled"


class EventHoldDuration(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_EventHoldDuration.html"""


class DefaultRetention(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html"""

    mode: ObjectLockMode | None = None
    days: int | None = None
    years: int | None = None
    default_event_hold: EventHoldDuration | None = None


class ObjectLockRule(Shape):
    default_retention: DefaultRetention | None = None


class ObjectLockConfiguration(Shape, root="ObjectLockConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectLockConfiguration.html"""

    object_lock_enabled: ObjectLockEnabled | None = None
    rule: ObjectLockRule | None = None


class PutObjectLockConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    object_lock_configuration: Annotated[ObjectLockConfiguration | None, Payload()] = None
    token: Annotated[str | None, Header("x-amz-bucket-object-lock-token")] = None


class PutObjectLockConfigurationOutput(Shape):
    """Nothing: 200."""


async def put_object_lock_configuration(
    call: Call, ask: PutObjectLockConfigurationInput
) -> PutObjectLockConfigurationOutput:
    """Lock objects from now on, for good, and keep new ones for a while, if a rule says so.

    A bucket that keeps versions needs no token for it, as with AWS since 2023.

    Raises ``MalformedXML``, ``InvalidArgument`` (or RGW's ``InvalidRetentionPeriod``),
    ``NotVersioned``, ``S3NotImplemented`` (event holds).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html
    """
    wanted = ask.object_lock_configuration
    if wanted is None or wanted.object_lock_enabled is None:
        raise MalformedXML
    lock = _lock(wanted.rule, call.config.differences)
    await call.store.set_bucket_lock(call.bucket, lock)
    return PutObjectLockConfigurationOutput()


def _lock(rule: ObjectLockRule | None, differences: Compat) -> records.ObjectLock:
    if rule is None:
        return records.ObjectLock()
    retention = rule.default_retention
    if retention is not None and retention.default_event_hold is not None:
        raise S3NotImplemented("Event holds are not supported.", Header="DefaultEventHold")
    if retention is None or retention.mode is None:
        raise MalformedXML
    if (retention.days is None) == (retention.years is None):
        raise MalformedXML
    days, years = retention.days or 0, retention.years or 0
    if days + years < 1:
        if differences.bad_period_is_invalid_retention_period:
            raise InvalidRetentionPeriod
        raise InvalidArgument("Default retention period must be a positive integer value.")
    if days > MAX_YEARS * YEAR_DAYS or years > MAX_YEARS:
        raise InvalidArgument("Default retention period too large.")
    compliance = retention.mode is ObjectLockMode.COMPLIANCE
    return records.ObjectLock(compliance=compliance, days=days, years=years)


class GetObjectLockConfigurationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetObjectLockConfigurationOutput(Shape):
    object_lock_configuration: Annotated[ObjectLockConfiguration, Payload()]


async def get_object_lock_configuration(
    call: Call, ask: GetObjectLockConfigurationInput
) -> GetObjectLockConfigurationOutput:
    """That the bucket locks objects, and by which rule.

    Raises ``ObjectLockConfigurationNotFoundError`` when it does not.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLockConfiguration.html
    """
    lock = call.bucket.lock
    if lock is None:
        raise ObjectLockConfigurationNotFoundError(BucketName=ask.bucket)
    retention = DefaultRetention(
        mode=ObjectLockMode.COMPLIANCE if lock.compliance else ObjectLockMode.GOVERNANCE,
        days=lock.days or None,
        years=lock.years or None,
    )
    rule = ObjectLockRule(default_retention=retention) if lock.days or lock.years else None
    return GetObjectLockConfigurationOutput(
        object_lock_configuration=ObjectLockConfiguration(
            object_lock_enabled=ObjectLockEnabled.ENABLED, rule=rule
        )
    )
