"""Signature Version 2: ``?AWSAccessKeyId=…&Signature=…&Expires=…``, ``Authorization: AWS id:sig``.

boto3 still presigns so for a custom endpoint in us-east-1, and signs its forms so.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html

V2 signs the path, a fixed list of subresources, ``x-amz-*``, Content-Type and Content-MD5; all
other parameters may be added by anybody. So a request naming a subresource outside that list is
refused: it would turn a signed GetObject into another operation.
"""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime
from operator import itemgetter
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from gateway.auth.claim import format_extra, parse_time
from gateway.auth.header import check_skew, http_date
from gateway.errors import AccessDenied
from gateway.request import Headers, Query, Request

PARAMETERS = ("AWSAccessKeyId", "Signature", "Expires")

SIGNED_SUBRESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "inventory",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "partNumber",
        "policy",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)
"""What clients sign (botocore's list; AWS's page names the older ones)."""

UNSIGNED_SUBRESOURCES = frozenset(
    {
        "abac",
        "annotation",
        "attributes",
        "encryption",
        "intelligent-tiering",
        "legal-hold",
        "metadataAnnotationTable",
        "metadataConfiguration",
        "metadataInventoryTable",
        "metadataJournalTable",
        "metadataTable",
        "ownershipControls",
        "policyStatus",
        "publicAccessBlock",
        "renameObject",
        "retention",
        "session",
    }
)
"""Subresources younger than V2: nobody signs them, so nobody may use them with it."""

_epoch = re.compile(r"\d{1,11}", re.ASCII).fullmatch


class Claim(Struct, frozen=True):
    """What a request says about its signer. Nothing is believed yet."""

    key_id: str
    signature: str
    date: str
    """The line of the string to sign that bounds it in time."""
    in_query: bool

    def __repr__(self) -> str:
        """Without the signature."""
        return f"Claim({self.key_id}, {self.date})"


def in_header(headers: Headers) -> bool:
    """There is a claim in an Authorization header, and it is of this version."""
    said = headers.get("authorization")
    return said is not None and said.startswith("AWS ") and ":" in said


def read(request: Request, now: datetime) -> Claim:
    """The claim in the query, or in the header where ``in_header`` says so.

    Raises ``AccessDenied`` (a parameter or date is missing, doubled or malformed, or too late; a
    subresource that V2 does not sign), ``RequestTimeTooSkewed``.
    """
    if in_header(request.headers):
        claim = _of_header(request.headers, now)
    else:
        claim = _of_query(request.query, now)
    unsigned = sorted(UNSIGNED_SUBRESOURCES.intersection(request.query.names))
    if unsigned:
        raise AccessDenied(
            "There were parameters present in the request which were not signed",
            ParametersNotSigned=", ".join(unsigned),
        )
    return claim


def _of_query(query: Query, now: datetime) -> Claim:
    names = [name for name, _ in query.pairs]
    if any(names.count(name) != 1 or not query[name] for name in PARAMETERS):
        raise AccessDenied(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId"
            " parameters"
        )
    expires = query["Expires"]
    if not _epoch(expires):
        raise AccessDenied(f"Invalid date (should be seconds since epoch): {expires}")
    if now.timestamp() > int(expires):
        end = datetime.fromtimestamp(int(expires), UTC)
        raise AccessDenied(
            "Request has expired", Expires=format_extra(end), ServerTime=format_extra(now)
        )
    return Claim(query["AWSAccessKeyId"], query["Signature"], expires, in_query=True)


def _of_header(headers: Headers, now: datetime) -> Claim:
    """``x-amz-date`` counts before ``Date``; it is signed among the headers, so its line is empty.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html#RESTAuthenticationTimeStamp
    """
    amz = headers.get("x-amz-date")
    date = (headers.get("date") or "") if amz is None else amz
    moment = http_date(date) or parse_time(date)
    if moment is None or moment.timestamp() < 0:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    check_skew(moment, date, now)
    key_id, _, given = headers["authorization"].partition(" ")[2].strip().rpartition(":")
    return Claim(key_id, given, date if amz is None else "", in_query=False)


def strings_to_sign(request: Request, claim: Claim) -> list[bytes]:
    """Method, the two content headers, the date, ``x-amz-*`` headers and the resource, by lines.

    More than one where clients sign one resource in two ways; any of them will do.
    """
    query = _parameters(request.query) if claim.in_query else []
    amz = _amz_headers(request.headers, query)
    lines = [
        request.method,
        _header(request.headers, query, "content-md5"),
        _header(request.headers, query, "content-type"),
        claim.date,
        *(f"{name}:{value}" for name, value in sorted(amz.items())),
    ]
    head = "\n".join(lines).encode("latin-1") + b"\n"
    return [head + resource for resource in _resources(request)]


def signature(secret: str, message: bytes) -> str:
    """Base64 of HMAC-SHA1, the only digest V2 has here. Of a form, ``message`` is its policy."""
    return base64.b64encode(hmac.digest(secret.encode(), message, hashlib.sha1)).decode()


def _parameters(query: Query) -> list[tuple[str, str]]:
    """Decoded to latin-1 text, names too: ``%61cl`` is ``acl`` to whoever looks for operations."""
    return [(_decoded(name), _decoded(value)) for name, value in query.raw]


def _decoded(raw: str) -> str:
    return unquote_to_bytes(raw.encode("latin-1")).decode("latin-1") if "%" in raw else raw


def _header(headers: Headers, query: list[tuple[str, str]], name: str) -> str:
    """The header as sent; botocore's presigner puts what it signed into the query as well."""
    sent = headers.get(name)
    if sent is not None:
        return sent
    return next((value for other, value in query if other == name), "")


def _amz_headers(headers: Headers, query: list[tuple[str, str]]) -> dict[str, str]:
    """All that arrived, unsigned ones too: those make the signature wrong, as they should."""
    amz = _join(headers)
    for name, value in query:
        if name.startswith("x-amz-"):
            amz.setdefault(name, value.strip(" \t"))
    return amz


def _join(headers: Headers) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers.pairs:
        if name.startswith("x-amz-"):
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _resources(request: Request) -> list[bytes]:
    """The path as sent, below the bucket even when that came from the Host, and subresources.

    boto3 signs ``/bucket/`` and sends ``/bucket``, which is the same resource.
    """
    path = f"/{request.bucket}{request.path}" if request.virtual_host else request.path
    paths = [path, f"{path}/"] if path.count("/") == 1 and path != "/" else [path]
    subresources = [pair for pair in _parameters(request.query) if pair[0] in SIGNED_SUBRESOURCES]
    subresources.sort(key=itemgetter(0))
    text = "&".join(f"{name}={value}" if value else name for name, value in subresources)
    return [(f"{each}?{text}" if text else each).encode("latin-1") for each in paths]
