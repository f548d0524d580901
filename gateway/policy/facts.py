"""What a request is worth under each condition key.

One table: a key that is not in it has no value, and no header field becomes a key by its name.
The address is the socket's, never one that a header claims.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote

from gateway.policy.wildcards import Values
from gateway.request import Request

LEAST_TLS = "1.2"
"""What ``gateway.tls`` accepts at least; which version it was does not get here."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A request, seen as values of condition keys."""

    request: Request
    key_id: str
    """Of the caller; empty when anonymous."""
    now: datetime
    tags: Callable[[], Mapping[str, str]] = dict
    """Looks up those of the object that is there already: only when a condition asks."""
    requested_tags: Mapping[str, str] | None = None
    """Those the body would set; ``None``: the header's."""
    stated: Mapping[str, str] = field(default_factory=dict)
    """What the body says in the place of header fields, by their names."""
    prefix: str | None = None
    """Stands for the query's, when the question is whether a missing key may be told."""

    def values(self, key: str) -> Values | None:
        """The values of a lower-case key; ``None`` when this request does not have it."""
        read = _KEYS.get(key)
        if read is not None:
            value = read(self)
            return None if value is None else (value,)
        if key == "s3:requestobjecttagkeys":
            return tuple(name for name, _ in self._requested()) or None
        family, _, tag = key.partition("/")
        if family == "s3:existingobjecttag":
            return _tagged(self.tags().items(), tag)
        if family == "s3:requestobjecttag":
            return _tagged(self._requested(), tag)
        return None

    def _requested(self) -> Iterable[tuple[str, str]]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (x-amz-tagging)"""
        if self.requested_tags is not None:
            return self.requested_tags.items()
        return parse_qsl(self.request.headers.get("x-amz-tagging") or "", keep_blank_values=True)


def _tagged(tags: Iterable[tuple[str, str]], wanted: str) -> Values | None:
    """Names of condition keys do not mind case, so a tag is found by its name in any case."""
    found = tuple(value for name, value in tags if name.lower() == wanted)
    return found[:1] or None


Read = Callable[[Facts], str | None]


def _header(name: str) -> Read:
    return lambda facts: facts.request.headers.get(name)


def _stated(name: str) -> Read:
    """Of a header field, or of what a body says in its place."""
    return lambda facts: facts.stated.get(name) or facts.request.headers.get(name)


def _remaining_days(facts: Facts) -> str | None:
    """Of the retention that is asked for; a day that has begun counts."""
    try:
        until = datetime.fromisoformat(_until(facts) or "")
    except ValueError:
        return None
    left = (until if until.tzinfo else until.replace(tzinfo=UTC)) - facts.now
    return str(-(-left // timedelta(days=1)))


def _query(name: str) -> Read:
    return lambda facts: facts.request.query.get(name)


def _prefix(facts: Facts) -> str | None:
    return facts.request.query.get("prefix") if facts.prefix is None else facts.prefix


def _copy_source(facts: Facts) -> str | None:
    """``bucket/key`` as it is opened, however the header spells it."""
    header = facts.request.headers.get("x-amz-copy-source")
    if header is None:
        return None
    return unquote(header.partition("?")[0].replace("+", " ")).removeprefix("/")


def _type(facts: Facts) -> str:
    return "User" if facts.key_id else "Anonymous"


def _arn(facts: Facts) -> str | None:
    return f"arn:aws:iam::{facts.key_id}:user/{facts.key_id}" if facts.key_id else None


def _auth_type(facts: Facts) -> str | None:
    if not facts.key_id:
        return None
    if "authorization" in facts.request.headers:
        return "REST-HEADER"
    in_query = "X-Amz-Algorithm" in facts.request.query or "Signature" in facts.request.query
    return "REST-QUERY-STRING" if in_query else "POST"


def _signature_version(facts: Facts) -> str | None:
    if not facts.key_id:
        return None
    request = facts.request
    v4 = (request.headers.get("authorization") or "").startswith("AWS4-")
    if _auth_type(facts) == "POST":  # a form's fields are its headers, verified like its signature
        v4 = "x-amz-algorithm" in request.headers
    return "AWS4-HMAC-SHA256" if v4 or "X-Amz-Algorithm" in request.query else "AWS"


def _signature_age(facts: Facts) -> str | None:
    """Milliseconds since it was made. A SigV2 signature does not say."""
    request = facts.request
    signed = request.query.get("X-Amz-Date") or request.headers.get("x-amz-date")
    if not facts.key_id or signed is None:
        return None
    try:
        made = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return str(int((facts.now - made).total_seconds() * 1000))


_HEADERS = """if-match if-none-match x-amz-acl x-amz-content-sha256 x-amz-grant-full-control
    x-amz-grant-read x-amz-grant-read-acp x-amz-grant-write x-amz-grant-write-acp
    x-amz-metadata-directive x-amz-object-ownership x-amz-server-side-encryption
    x-amz-server-side-encryption-aws-kms-key-id
    x-amz-server-side-encryption-customer-algorithm x-amz-storage-class
    x-amz-website-redirect-location"""
"""``s3:`` keys that are named after the header whose value they are."""

_until = _stated("x-amz-object-lock-retain-until-date")

_KEYS: dict[str, Read] = {
    "aws:currenttime": lambda facts: facts.now.isoformat(),
    "aws:epochtime": lambda facts: str(int(facts.now.timestamp())),
    "aws:principalarn": _arn,
    "aws:principaltype": _type,
    "aws:referer": _header("referer"),
    "aws:securetransport": lambda facts: "true" if facts.request.secure else "false",
    "aws:sourceip": lambda facts: facts.request.peer or None,
    "aws:useragent": _header("user-agent"),
    "aws:userid": lambda facts: facts.key_id or None,
    "aws:username": lambda facts: facts.key_id or None,
    "s3:authtype": _auth_type,
    "s3:delimiter": _query("delimiter"),
    "s3:max-keys": _query("max-keys"),
    "s3:object-lock-legal-hold": _stated("x-amz-object-lock-legal-hold"),
    "s3:object-lock-mode": _stated("x-amz-object-lock-mode"),
    "s3:object-lock-remaining-retention-days": _remaining_days,
    "s3:object-lock-retain-until-date": _until,
    "s3:prefix": _prefix,
    "s3:signatureage": _signature_age,
    "s3:signatureversion": _signature_version,
    "s3:tlsversion": lambda facts: LEAST_TLS if facts.request.secure else None,
    "s3:versionid": _query("versionId"),
    "s3:x-amz-copy-source": _copy_source,
} | {f"s3:{name}": _header(name) for name in _HEADERS.split()}
