"""Retention and legal hold of one version: put and get. What they forbid: ``store.retention``."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

from msgspec.structs import replace

from gateway.access import Needs
from gateway.errors import (
    MalformedXML,
    NoSuchObjectLockConfiguration,
    OperationAborted,
    S3NotImplemented,
)
from gateway.operation import Call
from gateway.operations import locks
from gateway.operations.locks import ObjectLockLegalHoldStatus, ObjectLockMode
from gateway.operations.named_version import current
from gateway.operations.object_lock import EventHoldDuration
from gateway.wire.shape import Header, Label, Payload, Query, Shape
from gateway.wire.text import write_iso_date
from store import errors as store_errors
from store.records import Lock

ATTEMPTS = 8
"""How often a lock is put again because something else about the object was changed meanwhile."""


class ObjectLockRetention(Shape, root="Retention"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectLockRetention.html"""

    mode: ObjectLockMode | None = None
    retain_until_date: datetime | None = None
    event_hold: str | None = None
    event_hold_duration: EventHoldDuration | None = None


class PutObjectRetentionInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    retention: Annotated[ObjectLockRetention | None, Payload()] = None
    bypass_governance_retention: Annotated[bool, Header(locks.BYPASS)] = False


class PutObjectRetentionOutput(Shape):
    """Nothing: 200."""


async def put_object_retention(
    call: Call, ask: PutObjectRetentionInput
) -> PutObjectRetentionOutput:
    """Keep a version until a date. Later is always allowed; sooner, or another mode, only against
    governance and with the right to bypass it. An empty document takes the retention off.

    Raises ``MalformedXML``, ``InvalidArgument`` (a date that has passed), ``AccessDenied``,
    ``S3NotImplemented`` (event holds), ``Locked``, ``OperationAborted``, as ``check_locks`` and
    ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectRetention.html
    """
    wanted = ask.retention
    if wanted is None or (wanted.mode is None) != (wanted.retain_until_date is None):
        raise MalformedXML
    if wanted.event_hold is not None or wanted.event_hold_duration is not None:
        raise S3NotImplemented("Event holds are not supported.", Header="EventHold")
    stated = {}
    if wanted.mode is not None and wanted.retain_until_date is not None:
        stated = {locks.MODE: wanted.mode, locks.UNTIL: write_iso_date(wanted.retain_until_date)}
    _allow(call, "s3:PutObjectRetention", ask, stated)
    if ask.bypass_governance_retention:
        locks.may_bypass(call, ask.key, ask.version_id)
    locks.check_locks(call)
    until = 0
    if wanted.retain_until_date is not None:
        until = locks.retain_until(call, wanted.retain_until_date)
    compliance = wanted.mode is ObjectLockMode.COMPLIANCE
    await _relock(
        call,
        ask.key,
        ask.version_id,
        lambda lock: replace(lock, retain_until=until, compliance=compliance),
        bypass=ask.bypass_governance_retention,
    )
    return PutObjectRetentionOutput()


class GetObjectRetentionInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None


class GetObjectRetentionOutput(Shape):
    retention: Annotated[ObjectLockRetention, Payload()]


async def get_object_retention(
    call: Call, ask: GetObjectRetentionInput
) -> GetObjectRetentionOutput:
    """How and until when a version is kept, also when that is over.

    Raises ``NoSuchObjectLockConfiguration``, as ``check_locks`` and ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectRetention.html
    """
    lock = _lock(call, ask.key, ask.version_id)
    if not lock.retain_until:
        raise NoSuchObjectLockConfiguration(Key=ask.key)
    retention = ObjectLockRetention(mode=locks.mode_of(lock), retain_until_date=locks.date_of(lock))
    return GetObjectRetentionOutput(retention=retention)


class ObjectLockLegalHold(Shape, root="LegalHold"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectLockLegalHold.html"""

    status: ObjectLockLegalHoldStatus | None = None


class PutObjectLegalHoldInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    legal_hold: Annotated[ObjectLockLegalHold | None, Payload()] = None


class PutObjectLegalHoldOutput(Shape):
    """Nothing: 200."""


async def put_object_legal_hold(
    call: Call, ask: PutObjectLegalHoldInput
) -> PutObjectLegalHoldOutput:
    """Keep a version until the hold is taken off again; retention goes on beside it.

    Raises ``MalformedXML``, ``AccessDenied``, ``OperationAborted``, as ``check_locks`` and
    ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLegalHold.html
    """
    status = ask.legal_hold.status if ask.legal_hold else None
    if status is None:
        raise MalformedXML
    _allow(call, "s3:PutObjectLegalHold", ask, {locks.HOLD: status})
    locks.check_locks(call)
    hold = status is ObjectLockLegalHoldStatus.ON
    await _relock(call, ask.key, ask.version_id, lambda lock: replace(lock, hold=hold))
    return PutObjectLegalHoldOutput()


class GetObjectLegalHoldInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None


class GetObjectLegalHoldOutput(Shape):
    legal_hold: Annotated[ObjectLockLegalHold, Payload()]


async def get_object_legal_hold(
    call: Call, ask: GetObjectLegalHoldInput
) -> GetObjectLegalHoldOutput:
    """Whether a version is under legal hold, or was once.

    Raises ``NoSuchObjectLockConfiguration``, as ``check_locks`` and ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectLegalHold.html
    """
    lock = _lock(call, ask.key, ask.version_id)
    if lock.hold is None:
        raise NoSuchObjectLockConfiguration(Key=ask.key)
    return GetObjectLegalHoldOutput(
        legal_hold=ObjectLockLegalHold(status=locks.status_of(lock.hold))
    )


def _allow(
    call: Call,
    action: str,
    ask: PutObjectRetentionInput | PutObjectLegalHoldInput,
    stated: Mapping[str, str],
) -> None:
    """Asks a policy again, which may be about what the body says. Raises ``AccessDenied``."""
    call.allow(Needs.OWNER, call.bucket, action, key=ask.key, version=ask.version_id, stated=stated)


def _lock(call: Call, key: str, version_id: str | None) -> Lock:
    locks.check_locks(call)
    return current(call, key, version_id).attributes.lock or Lock()


async def _relock(
    call: Call,
    key: str,
    version_id: str | None,
    changed: Callable[[Lock], Lock],
    *,
    bypass: bool = False,
) -> None:
    for _ in range(ATTEMPTS):
        entry = current(call, key, version_id)
        lock = changed(entry.attributes.lock or Lock())
        try:
            await call.store.set_lock(entry, lock, bypass=bypass)
        except store_errors.NoSuchEntry:
            continue
        return
    raise OperationAborted
