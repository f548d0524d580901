"""Auditing: what is said of requests in the audit log, and which may not happen without it.

A request that changes who may do what has a line on disk before it is run, and another one with
what came of it before it is answered; when the log cannot be written it is refused. All others have
one line once they are answered, and go on without it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.audit.log import AuditLog
from gateway.errors import ServiceUnavailable
from gateway.request import Request
from gateway.trace import Trace

CHANGES = frozenset(
    {
        "CreateBucket",
        "DeleteBucket",
        "DeleteBucketCors",
        "DeleteBucketEncryption",
        "DeleteBucketLifecycle",
        "DeleteBucketOwnershipControls",
        "DeleteBucketPolicy",
        "DeleteBucketReplication",
        "DeleteBucketWebsite",
        "DeletePublicAccessBlock",
        "PutBucketAcl",
        "PutBucketCors",
        "PutBucketEncryption",
        "PutBucketLifecycleConfiguration",
        "PutBucketLogging",
        "PutBucketNotificationConfiguration",
        "PutBucketOwnershipControls",
        "PutBucketPolicy",
        "PutBucketReplication",
        "PutBucketRequestPayment",
        "PutBucketVersioning",
        "PutBucketWebsite",
        "PutObjectAcl",
        "PutObjectLegalHold",
        "PutObjectLockConfiguration",
        "PutObjectRetention",
        "PutPublicAccessBlock",
        "UpdateObjectEncryption",
    }
)
"""Operations that change who may do what, what is kept, or what is told to whom."""
BYPASS = "x-amz-bypass-governance-retention"
_DENIED = frozenset({401, 403})
_UNAUTHENTICATED = frozenset({"AuthorizationHeaderMalformed", "AuthorizationQueryParametersError"})
_FULL = "The audit log cannot be written, so nothing is changed."


class Auditing:
    """Of one worker."""

    def __init__(
        self,
        written: AuditLog,
        owner: Callable[[str], str | None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``owner``: the access key id that a bucket belongs to, if there is such a bucket."""
        self._log = written
        self._owner = owner
        self._clock = clock

    def request(self, trace: Trace) -> None:
        """A line for a request that has been answered. Never raises."""
        with contextlib.suppress(OSError):  # the log says so once
            self._log.append(self._fields("request", trace))

    async def before(self, trace: Trace, *, note: str = "") -> None:
        """A line for a change that is allowed, on disk. Raises ``ServiceUnavailable``."""
        await self._must("asked", trace, note)
        trace.changes = True

    async def after(self, trace: Trace) -> None:
        """Another one with its end. Raises ``ServiceUnavailable``: it may have happened."""
        trace.audited = None
        await self._must("done", trace)

    async def _must(self, event: str, trace: Trace, note: str = "") -> None:
        fields = self._fields(event, trace) | ({"note": note} if note else {})
        try:
            self._log.append(fields)
            await asyncio.to_thread(self._log.syncing())
        except OSError as error:
            raise ServiceUnavailable(_FULL) from error

    def _fields(self, event: str, trace: Trace) -> dict[str, object]:
        """Nothing of the query, the head or the body: no signature, token or secret."""
        decision, reason = self._judged(trace)
        return {
            "time": self._clock().isoformat(timespec="milliseconds"),
            "event": event,
            "request_id": trace.request_id,
            "key_id": trace.caller,
            "source": trace.peer,
            "action": trace.operation,
            "bucket": trace.bucket,
            "key": trace.key,
            "decision": decision,
            "reason": reason,
            "status": trace.status,
            "code": trace.code,
            "bytes_in": trace.bytes_in,
            "bytes_out": trace.bytes_out,
        }

    def _judged(self, trace: Trace) -> tuple[str, str]:
        if trace.status in _DENIED or trace.code in _UNAUTHENTICATED:
            return "deny", trace.code or str(trace.status)
        if not trace.caller:
            return "allow", "anonymous"
        owner = self._owner(trace.bucket) if trace.bucket else None
        if owner is None:
            return "allow", "signed"
        return "allow", "owner" if owner == trace.caller else "granted"


def is_change(operation: str, request: Request) -> bool:
    """It may not happen without a line on disk."""
    return operation in CHANGES or BYPASS in request.headers


def note(operation: str, request: Request, default_acl: str) -> str:
    """What is not in the request, but follows from it: a bucket that is public unasked."""
    said = any(
        name == "x-amz-acl" or name.startswith("x-amz-grant") for name in request.headers.names
    )
    public = operation == "CreateBucket" and default_acl != "private" and not said
    return "public_by_default" if public else ""
