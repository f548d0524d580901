"""The claim in an Authorization header: ``AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, …``.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.auth import payload
from gateway.auth.canonical import ALGORITHM
from gateway.auth.claim import (
    MAX_SKEW,
    Claim,
    Scope,
    format_extra,
    format_time,
    parse_scope,
    parse_signed_headers,
    parse_time,
)
from gateway.errors import (
    AccessDenied,
    AuthorizationHeaderMalformed,
    InvalidArgument,
    InvalidRequest,
    RequestTimeTooSkewed,
    S3Error,
)
from gateway.memo import Memo
from gateway.request import Headers

UNSUPPORTED_MECHANISM = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
)


def read(headers: Headers, now: datetime) -> Claim:
    """The claim of a request that has an Authorization header.

    Raises ``AccessDenied``, ``AuthorizationHeaderMalformed``, ``InvalidArgument``,
    ``InvalidRequest``, ``RequestTimeTooSkewed``.
    """
    scope, signed_headers, signature = _parse(_parameters(headers["authorization"]))
    token = headers.get("x-amz-content-sha256")
    if token is None:
        raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
    moment, timestamp = _timestamp(headers)
    if timestamp[:8] != scope.day:
        raise malformed(
            f'Invalid credential date "{scope.day}". This date is not the same as X-Amz-Date:'
            f' "{timestamp[:8]}".'
        )
    check_skew(moment, timestamp, now)
    return Claim(scope, signed_headers, signature, timestamp, payload.check(token))


def check_skew(moment: datetime, said: str, now: datetime) -> None:
    """Raises ``RequestTimeTooSkewed`` when the client's clock is too far from ours."""
    if abs(now - moment) > MAX_SKEW:
        raise RequestTimeTooSkewed(
            RequestTime=said,
            ServerTime=format_extra(now),
            MaxAllowedSkewMilliseconds=int(MAX_SKEW.total_seconds() * 1000),
        )


def malformed(detail: str, region: str | None = None) -> S3Error:
    """AWS's words for an Authorization header it cannot use; ``region``: the right one."""
    text = f"The authorization header is malformed; {detail}"
    if region is None:
        return AuthorizationHeaderMalformed(text)
    return AuthorizationHeaderMalformed(text, Region=region)


def _parameters(authorization: str) -> str:
    """What follows the scheme, if the scheme is ours."""
    if not authorization:
        raise AccessDenied
    scheme, space, parameters = authorization.partition(" ")
    if scheme == ALGORITHM:
        return parameters
    if scheme.startswith("AWS4-") or (scheme == "AWS" and ":" in parameters):
        raise InvalidRequest(UNSUPPORTED_MECHANISM)
    # The value stays out of the answer: it may be a password somebody sent here by mistake.
    if not space:
        raise InvalidArgument(
            "Authorization header is invalid -- one and only one ' ' (space) required",
            ArgumentName="Authorization",
        )
    if scheme == "AWS":
        raise InvalidArgument(
            "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
            ArgumentName="Authorization",
        )
    raise InvalidArgument("Unsupported Authorization Type", ArgumentName="Authorization")


def _parse(parameters: str) -> tuple[Scope, tuple[str, ...], str]:
    """Split off the signature, which is new in each request; the rest repeats all day."""
    standing, comma, last = parameters.rpartition(",")
    name, _, signature = last.strip().partition("=")
    if not comma or name != "Signature":
        fields = _fields(parameters)
        signature = fields.pop("Signature", "")
        standing = ",".join(f"{name}={value}" for name, value in fields.items())
    if not signature:
        raise malformed(
            "the authorization header requires three components: Credential, SignedHeaders,"
            " and Signature."
        )
    return *_standing[standing], signature


@Memo
def _standing(text: str) -> tuple[Scope, tuple[str, ...]]:
    fields = _fields(text)
    if set(fields) != {"Credential", "SignedHeaders"}:
        raise malformed(
            "the authorization header requires three components: Credential, SignedHeaders,"
            " and Signature."
        )
    return (
        parse_scope(fields["Credential"], malformed),
        parse_signed_headers(fields["SignedHeaders"], malformed),
    )


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for piece in text.split(","):
        name, equals, value = piece.strip().partition("=")
        if not equals or name in fields:
            raise malformed(f"unexpected component {name!r}.")
        fields[name] = value
    return fields


def _timestamp(headers: Headers) -> tuple[datetime, str]:
    """The moment of signing: ``x-amz-date`` when there is one, else ``Date``."""
    text = headers.get("x-amz-date")
    if text is None:
        text = headers.get("date") or ""
        moment = http_date(text)
        if moment:
            return moment, format_time(moment)
    moment = parse_time(text)
    if moment is None:
        raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
    return moment, text


def http_date(text: str) -> datetime | None:
    """A date as HTTP has it, in UTC; ``None`` when it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: the year 10000, an offset of a million hours
        return None
