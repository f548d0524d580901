"""What AWS's S3 has and this gateway does not: a fence, so that it never becomes another verb.

In S3 the query decides what a request is: ``DELETE /bucket?policy`` without a fence deletes the
bucket, ``PUT /bucket/key?tagging`` replaces the object by its tags. ``tests/gateway/test_model.py``
compares the tables with AWS's own model.
"""

import re
from collections.abc import Container

from gateway.errors import InvalidArgument, MethodNotAllowed, S3NotImplemented
from gateway.request import Request

SUBRESOURCES: dict[tuple[str, str], frozenset[str]] = {
    place: frozenset(names.split())
    for place, names in {
        ("GET", "service"): "",
        ("HEAD", "bucket"): "",
        ("GET", "bucket"): """abac accelerate acl analytics cors encryption intelligent-tiering
            inventory lifecycle list-type location logging metadataConfiguration metadataTable
            metrics notification object-lock ownershipControls policy policyStatus
            publicAccessBlock replication requestPayment session tagging uploads versioning
            versions website""",
        ("PUT", "bucket"): """abac accelerate acl analytics cors encryption intelligent-tiering
            inventory lifecycle logging metadataAnnotationTable metadataInventoryTable
            metadataJournalTable metrics notification object-lock ownershipControls policy
            publicAccessBlock replication requestPayment tagging versioning website""",
        ("DELETE", "bucket"): """analytics cors encryption intelligent-tiering inventory lifecycle
            metadataConfiguration metadataTable metrics ownershipControls policy publicAccessBlock
            replication tagging website""",
        ("POST", "bucket"): "delete metadataConfiguration metadataTable",
        ("HEAD", "object"): "",
        (
            "GET",
            "object",
        ): "acl annotation attributes legal-hold retention tagging torrent uploadId",
        ("PUT", "object"): """acl annotation encryption legal-hold partNumber renameObject
            retention tagging uploadId""",
        ("DELETE", "object"): "annotation tagging uploadId",
        ("POST", "object"): "restore select select-type uploadId uploads",
    }.items()
}
"""Query parameters that choose the operation, by method and level."""

_ALL = frozenset().union(*SUBRESOURCES.values()) - {"uploadId", "partNumber"}

_SUBRESOURCE = re.compile(r"(?!x-)[a-z][A-Za-z-]*")

_HEADERS = frozenset(
    {
        "x-amz-if-match-initiated-time",
        "x-amz-mfa",
        "x-amz-request-route",
        "x-amz-write-offset-bytes",
    }
)
_ORDINARY = frozenset(
    {
        "accept",
        "accept-encoding",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "content-type",
        "date",
        "host",
        "if-match",
        "if-none-match",
        "range",
        "user-agent",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-user-agent",
    }
)
"""What requests mostly consist of; none of it asks for what is not served."""
_LOCKS = "x-amz-object-lock-"
_SERVED_LOCKS = frozenset(
    {f"{_LOCKS}{name}" for name in ("mode", "retain-until-date", "legal-hold")}
)
_HARMLESS = {"x-amz-bucket-namespace": "global"}
"""Headers with the one value (in lower case) that asks for what is done anyway."""


def refuse_subresources(request: Request, level: str, selected: Container[str]) -> None:
    """Refuse a subresource of AWS's model that is in the query but did not choose the operation.

    One that belongs to another method or level is ignored on reads, as AWS does, but never on a
    request that changes something; there even an unknown name without a value is refused.

    Raises ``S3NotImplemented``, ``InvalidArgument`` (half of what names a part),
    ``MethodNotAllowed``.
    """
    here = SUBRESOURCES.get((request.method, level), frozenset())
    for name, value in request.query.pairs:
        if name in selected:
            continue
        if request.method == "PUT" and level == "object" and name in ("partNumber", "uploadId"):
            # https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html wants both
            raise InvalidArgument(
                "This operation needs both partNumber and uploadId",
                ArgumentName=name,
                ArgumentValue=value,
            )
        if name in here:
            raise S3NotImplemented(QueryParameter=name)
        if request.method in ("GET", "HEAD"):
            continue
        if name in _ALL:
            raise MethodNotAllowed(Method=request.method, ResourceType=name.upper())
        if not value and _SUBRESOURCE.fullmatch(name) and name != "versionId":
            # One that AWS has added since: DELETE /bucket?new must not delete the bucket.
            raise S3NotImplemented(QueryParameter=name)


def refuse_unsupported(request: Request) -> None:
    """Refuse header fields of AWS's model that ask for what is not done here.

    Ignored, they would break a promise silently: bytes stored unencrypted, tags lost, a condition
    not checked. Grants are judged by ``gateway.operations.grants``.

    Raises ``S3NotImplemented`` with the name of the field.
    """
    if request.headers.names <= _ORDINARY:
        return
    for name, value in request.headers.pairs:
        if not name.startswith("x-amz-") or name in _ORDINARY:
            continue
        if name.startswith("x-amz-server-side-encryption"):
            _refuse_encryption(request, name, value)
        asks = (
            name in _HEADERS
            or (name.startswith(_LOCKS) and not _locks(request, name))
            or (name == "x-amz-rename-source" and "renameObject" not in request.query)
            or (name in _HARMLESS and value.lower() != _HARMLESS[name])
        )
        if asks:
            raise S3NotImplemented(Header=name)


def _locks(request: Request, name: str) -> bool:
    """It is about an object that is made, so that the operation does it."""
    if request.key is None or request.method not in ("PUT", "POST") or name not in _SERVED_LOCKS:
        return False
    others = SUBRESOURCES[request.method, "object"] - {"uploads"}
    return others.isdisjoint(request.query.names)


def _refuse_encryption(request: Request, name: str, value: str) -> None:
    """Of an object that is made, or read with the client's own key, the operation judges it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-encryption.html
    """
    if request.key is None:
        raise S3NotImplemented(Header=name)
    if request.method in ("GET", "HEAD") and "-customer-" not in name:
        raise InvalidArgument(
            f"{name} header is not supported for this operation.",
            ArgumentName=name,
            ArgumentValue=value,
        )
