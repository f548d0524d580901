"""Locks among the headers: asked for with a new object, shown with one, bypassed by a deletion.

What a lock forbids is decided in the store (``store.retention``); here is who may ask for what.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Protocol

from gateway.access import Needs
from gateway.auth.body import GuardedBody
from gateway.errors import AccessDenied, InvalidArgument, InvalidRequest
from gateway.operation import Call
from gateway.wire.shape import Header, Shape
from store.errors import NoObjectLock
from store.records import Lock

MODE = "x-amz-object-lock-mode"
UNTIL = "x-amz-object-lock-retain-until-date"
HOLD = "x-amz-object-lock-legal-hold"
BYPASS = "x-amz-bypass-governance-retention"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


class ObjectLockMode(StrEnum):
    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


class ObjectLockLegalHoldStatus(StrEnum):
    ON = "ON"
    OFF = "OFF"


class Locking(Shape):
    """The lock of one version."""

    object_lock_mode: Annotated[ObjectLockMode | None, Header(MODE)] = None
    object_lock_retain_until_date: Annotated[datetime | None, Header(UNTIL, iso=True)] = None
    object_lock_legal_hold_status: Annotated[ObjectLockLegalHoldStatus | None, Header(HOLD)] = None


class _Named(Protocol):
    """An object and a version of it, as a request names them."""

    @property
    def key(self) -> str: ...
    @property
    def version_id(self) -> str | None: ...


def of_new(call: Call, ask: Locking) -> Lock | None:
    """The lock that a request to make an object asks for; ``None``: just the bucket's default.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html

    Raises ``AccessDenied`` (each takes a right of its own), ``NoObjectLock``, ``InvalidArgument``.
    """
    mode, until = ask.object_lock_mode, ask.object_lock_retain_until_date
    hold = ask.object_lock_legal_hold_status
    if mode is None and until is None and hold is None:
        return None
    key = call.request.key
    if mode is not None or until is not None:
        call.allow(Needs.OWNER, call.bucket, "s3:PutObjectRetention", key=key)
    if hold is not None:
        call.allow(Needs.OWNER, call.bucket, "s3:PutObjectLegalHold", key=key)
    check_locks(call)
    held = None if hold is None else hold is ObjectLockLegalHoldStatus.ON
    if mode is None and until is None:
        return Lock(hold=held)
    if mode is None or until is None:
        missing = MODE if mode is None else UNTIL
        raise InvalidArgument(f"{UNTIL} and {MODE} must both be supplied", ArgumentName=missing)
    return Lock(retain_until(call, until), mode is ObjectLockMode.COMPLIANCE, held)


def check_locks(call: Call) -> None:
    """Raises ``NoObjectLock``."""
    if call.bucket.lock is None:
        raise NoObjectLock


def retain_until(call: Call, until: datetime) -> int:
    """Milliseconds since the epoch, not before ``until``. Raises ``InvalidArgument``."""
    if until <= call.now:
        raise InvalidArgument(
            "The retain until date must be in the future!",
            ArgumentName=UNTIL,
            ArgumentValue=until.isoformat(),
        )
    return min(-((_EPOCH - until) // _MILLISECOND), _LAST)


def check_protected(call: Call, body: GuardedBody) -> None:
    """What cannot be deleted again had better be what was sent. Forms have no way to say it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (Content-MD5)

    Raises ``InvalidRequest``.
    """
    protected = body.checksum_algorithm is not None or "content-md5" in call.request.headers
    if call.request.method == "PUT" and not protected:
        raise InvalidRequest(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with "
            "Object Lock parameters"
        )


def shown(call: Call, lock: Lock, ask: _Named) -> dict[str, Any]:
    """What a read tells of a lock, to those who may read it: members of ``Locking``."""
    said: dict[str, Any] = {}
    if lock.retain_until and _may(call, "s3:GetObjectRetention", ask):
        said["object_lock_mode"] = mode_of(lock)
        said["object_lock_retain_until_date"] = date_of(lock)
    if lock.hold is not None and _may(call, "s3:GetObjectLegalHold", ask):
        said["object_lock_legal_hold_status"] = status_of(lock.hold)
    return said


def _may(call: Call, action: str, ask: _Named) -> bool:
    try:
        call.allow(Needs.OWNER, call.bucket, action, key=ask.key, version=ask.version_id)
    except AccessDenied:
        return False
    return True


def mode_of(lock: Lock) -> ObjectLockMode:
    return ObjectLockMode.COMPLIANCE if lock.compliance else ObjectLockMode.GOVERNANCE


def date_of(lock: Lock) -> datetime:
    """The end of a retention, exact however far away it is, so that it can be put again."""
    return _EPOCH + lock.retain_until * _MILLISECOND


def status_of(hold: bool) -> ObjectLockLegalHoldStatus:
    return ObjectLockLegalHoldStatus.ON if hold else ObjectLockLegalHoldStatus.OFF


def bypasses(call: Call, asked: bool) -> bool:
    """Whether a deletion is to bypass governance. In a bucket without locks there is none.

    AWS answers InvalidArgument there; nothing is lost by taking the header for what it is, and
    ceph/s3-tests ends every test with it.
    """
    return asked and call.bucket.lock is not None


def may_bypass(call: Call, key: str, version_id: str | None) -> None:
    """Raises ``AccessDenied``."""
    action = "s3:BypassGovernanceRetention"
    call.allow(Needs.OWNER, call.bucket, action, key=key, version=version_id)
