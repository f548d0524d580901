"""The claim in a presigned URL: ``?X-Amz-Algorithm=…&X-Amz-Credential=…&X-Amz-Signature=…``.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from gateway.auth import payload
from gateway.auth.canonical import ALGORITHM
from gateway.auth.claim import (
    MAX_SKEW,
    Claim,
    Scope,
    format_extra,
    parse_scope,
    parse_signed_headers,
    parse_time,
)
from gateway.compat import AWS, Compat
from gateway.errors import (
    AccessDenied,
    AuthorizationQueryParametersError,
    InvalidRequest,
    S3Error,
)
from gateway.memo import Memo
from gateway.request import Headers, Query

MAX_SECONDS = 604_800
"""Seven days: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html"""

REQUIRED = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
)
_REQUIRED = frozenset(REQUIRED)
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_integer = re.compile(r"-?\d{1,12}", re.ASCII).fullmatch


class _Terms(Struct, frozen=True):
    """What a presigned URL says beside its signature."""

    scope: Scope
    signed_headers: tuple[str, ...]
    timestamp: str
    start: datetime
    seconds: int
    wrong: str | None
    """What is wrong with ``seconds``."""
    end: datetime


def read(query: Query, headers: Headers, now: datetime, differences: Compat = AWS) -> Claim:
    """The claim of a request that has SigV4 query parameters.

    Raises ``AccessDenied`` (expired, not yet valid), ``AuthorizationQueryParametersError``,
    ``InvalidRequest``.
    """
    _check_presence(query)
    terms = _terms_of(query)
    if terms.wrong is not None:
        denied = differences.bad_expires_is_denied
        raise (AccessDenied if denied else AuthorizationQueryParametersError)(terms.wrong)
    if terms.start - now > MAX_SKEW:
        raise _outside("Request is not valid yet", terms, now)
    if now > terms.end or terms.seconds == 0:
        raise _outside("Request has expired", terms, now)
    return Claim(
        terms.scope,
        terms.signed_headers,
        query["X-Amz-Signature"],
        terms.timestamp,
        _payload(query, headers),
    )


def _terms(query: Query) -> _Terms:
    algorithm = query["X-Amz-Algorithm"]
    if algorithm != ALGORITHM:
        raise AuthorizationQueryParametersError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    scope = parse_scope(query["X-Amz-Credential"], malformed)
    signed_headers = parse_signed_headers(query["X-Amz-SignedHeaders"], _malformed_list)
    timestamp = query["X-Amz-Date"]
    start = parse_time(timestamp)
    if start is None:
        raise AuthorizationQueryParametersError(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    if timestamp[:8] != scope.day:
        raise malformed(
            f'Invalid credential date "{scope.day}". This date is not the same as X-Amz-Date:'
            f' "{timestamp[:8]}".'
        )
    seconds, wrong = _seconds(query["X-Amz-Expires"])
    return _Terms(scope, signed_headers, timestamp, start, seconds, wrong, _end(start, seconds))


_standing = Memo(_terms)
"""Of what the presigned URLs of one second have in common."""


def _terms_of(query: Query) -> _Terms:
    return _terms(query) if query.unsigned is None else _standing[query.unsigned]


def malformed(detail: str, region: str | None = None) -> S3Error:
    """AWS's words for a credential it cannot use; ``region``: the right one."""
    text = f"Error parsing the X-Amz-Credential parameter; {detail}"
    if region is None:
        return AuthorizationQueryParametersError(text)
    return AuthorizationQueryParametersError(text, Region=region)


def _malformed_list(detail: str) -> S3Error:
    return AuthorizationQueryParametersError(
        f"Error parsing the X-Amz-SignedHeaders parameter; {detail}"
    )


def _check_presence(query: Query) -> None:
    """Each parameter once: of two dates, one layer would sign the first, another obey the last."""
    if len(query.names) == len(query.pairs) and query.names >= _REQUIRED:
        return
    names = [name for name, _ in query.pairs]
    if any(names.count(name) != 1 for name in REQUIRED):
        raise AuthorizationQueryParametersError(
            "Query-string authentication version 4 requires the X-Amz-Algorithm,"
            " X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and"
            " X-Amz-Expires parameters."
        )


def _seconds(expires: str) -> tuple[int, str | None]:
    """Zero seconds is a well-formed URL that is always expired, as AWS has it."""
    if not _integer(expires):
        return 0, "X-Amz-Expires should be a number"
    seconds = int(expires)
    if seconds < 0:
        return 0, "X-Amz-Expires must be non-negative"
    if seconds > MAX_SECONDS:
        return 0, (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given"
            " X-Amz-Expires must be less than 604800 seconds"
        )
    return seconds, None


def _end(start: datetime, seconds: int) -> datetime:
    return start + min(timedelta(seconds=seconds), _LAST - start)


def window(query: Query) -> tuple[datetime, datetime]:
    """From when to when a claim that ``read`` has found valid stays so, both included."""
    terms = _terms_of(query)
    return terms.start - MAX_SKEW, terms.end


def _outside(text: str, terms: _Terms, now: datetime) -> S3Error:
    refusal = AccessDenied(text)
    refusal.extras["X-Amz-Expires"] = str(terms.seconds)
    refusal.extras["Expires"] = format_extra(terms.end)
    refusal.extras["ServerTime"] = format_extra(now)
    return refusal


def _payload(query: Query, headers: Headers) -> str:
    """UNSIGNED-PAYLOAD unless the URL or a header says otherwise; both may not disagree.

    Either way the value is part of the canonical request, so nobody can change it afterwards.
    """
    if not _says_payload[query.names] and "x-amz-content-sha256" not in headers:
        return payload.UNSIGNED
    said = {value for name, value in query.pairs if name.lower() == "x-amz-content-sha256"}
    said |= set(headers.all("x-amz-content-sha256"))
    if len(said) > 1:
        raise InvalidRequest("x-amz-content-sha256 was given twice, with different values")
    return payload.check(said.pop())


@Memo
def _says_payload(names: frozenset[str]) -> bool:
    return any(name.lower() == "x-amz-content-sha256" for name in names)
