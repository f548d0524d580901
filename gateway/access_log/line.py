"""One line of a server access log, in AWS's form. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
"""

import re
from datetime import datetime
from time import perf_counter
from urllib.parse import quote

from msgspec import Struct

from gateway.naming import canonical_id
from gateway.request import Request
from gateway.trace import Trace
from store.records import Bucket

_OPERATIONS = {
    "CopyObject": "REST.COPY.OBJECT",
    "UploadPartCopy": "REST.COPY.PART",
    "UploadPart": "REST.PUT.PART",
    "CreateMultipartUpload": "REST.POST.UPLOADS",
    "CompleteMultipartUpload": "REST.POST.UPLOAD",
    "AbortMultipartUpload": "REST.DELETE.UPLOAD",
    "ListParts": "REST.GET.UPLOAD",
    "ListMultipartUploads": "REST.GET.UPLOADS",
    "ListObjectVersions": "REST.GET.BUCKETVERSIONS",
    "DeleteObjects": "REST.POST.MULTI_OBJECT_DELETE",
    "PostObject": "REST.POST.OBJECT",
}
_RESOURCES = {
    "accelerate": "ACCELERATE",
    "acl": "ACL",
    "attributes": "ATTRIBUTES",
    "cors": "CORS",
    "encryption": "ENCRYPTION",
    "legal-hold": "OBJECT_LOCK_LEGALHOLD",
    "lifecycle": "LIFECYCLE",
    "location": "LOCATION",
    "logging": "LOGGING_STATUS",
    "notification": "NOTIFICATION",
    "object-lock": "OBJECT_LOCK_CONFIGURATION",
    "ownershipControls": "OWNERSHIP_CONTROLS",
    "policy": "BUCKETPOLICY",
    "policyStatus": "POLICY_STATUS",
    "publicAccessBlock": "PUBLIC_ACCESS_BLOCK",
    "requestPayment": "REQUEST_PAYMENT",
    "restore": "RESTORE",
    "retention": "OBJECT_LOCK_RETENTION",
    "tagging": "TAGGING",
    "torrent": "TORRENT",
    "versioning": "VERSIONING",
    "website": "WEBSITE",
}
_SECRETS = frozenset({"x-amz-signature", "signature", "x-amz-security-token"})
_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")


class Logged(Struct, frozen=True):
    """A request to a bucket that is logged."""

    bucket: Bucket
    request: Request
    when: datetime
    """Aware UTC."""
    size: int | None = None
    """Of the object it reads."""


def line(logged: Logged, trace: Trace) -> str:
    """Without its end. What is in the query to prove who asks is left out."""
    request = logged.request
    version = request.query.get("versionId")
    size = trace.bytes_in if request.method == "PUT" and request.key else logged.size
    signature, kind = _authentication(request)
    return " ".join(
        (
            canonical_id(logged.bucket.owner),
            logged.bucket.name,
            f"[{logged.when:%d/%b/%Y:%H:%M:%S} +0000]",
            trace.peer or "-",
            canonical_id(trace.caller) if trace.caller else "-",
            trace.request_id,
            _operation(request, trace.operation),
            quote(request.key, safe="/") if request.key else "-",
            _quoted(f"{request.method} {_target(request)} HTTP/1.1"),
            str(trace.status),
            trace.code or "-",
            str(trace.bytes_out or "-"),
            "-" if size is None else str(size),
            str(int((perf_counter() - trace.started) * 1000)),
            "-",
            _quoted(request.headers.get("referer") or "-"),
            _quoted(request.headers.get("user-agent") or "-"),
            quote(version, safe="") if version else "-",
            trace.request_id,
            signature,
            "-",
            kind,
            quote(request.headers.get("host") or "-", safe=":.[]"),
            "-",
            "-",
            "-",
        )
    )


def _operation(request: Request, name: str) -> str:
    if request.website:
        return f"WEBSITE.{request.method}.OBJECT"
    known = _OPERATIONS.get(name)
    if known is not None:
        return known
    what = "OBJECT" if request.key else "BUCKET"
    for each, _ in reversed(request.query.pairs):
        if each in _RESOURCES:
            what = _RESOURCES[each]
            what = "OBJECT_TAGGING" if each == "tagging" and request.key else what
    return f"REST.{request.method}.{what}"


def _target(request: Request) -> str:
    """As it was sent, but for signatures: a presigned URL would still let others in."""
    pairs = [
        (name, "-" if name.lower() in _SECRETS else value) for name, value in request.query.raw
    ]
    query = "&".join(f"{name}={value}" if value else name for name, value in pairs)
    return f"{request.path}?{query}" if query else request.path


def _authentication(request: Request) -> tuple[str, str]:
    """Signature version, and where it was."""
    header = request.headers.get("authorization")
    if header is not None:
        return ("SigV4" if header.startswith("AWS4") else "SigV2"), "AuthHeader"
    if "X-Amz-Signature" in request.query:
        return "SigV4", "QueryString"
    return ("SigV2", "QueryString") if "Signature" in request.query else ("-", "-")


def _quoted(text: str) -> str:
    """Nothing in it ends the field or the line."""
    return f'"{_UNQUOTABLE.sub(lambda found: quote(found[0]), text)}"'
