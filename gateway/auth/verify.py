"""verify: a request and the key table -> who sent it, and its body under guard.

Nobody is anonymous by failing: only a request that carries no sign of authentication at all is.
Order: mechanism, claim (form, clock, region), signature, key, then the headers of the body.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hmac import compare_digest
from itertools import chain
from typing import Protocol

from msgspec import Struct

from gateway.access import Caller
from gateway.auth import canonical, header, payload, presigned, sigv2
from gateway.auth.aws_chunked import ChunkSigner
from gateway.auth.body import GuardedBody, guard
from gateway.auth.claim import MAX_TOKEN, Claim
from gateway.config import Config
from gateway.errors import (
    AccessDenied,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidRequest,
    InvalidToken,
    S3Error,
    SignatureDoesNotMatch,
)
from gateway.memo import Memo
from gateway.request import Request
from keys.access_key import AccessKey

SIGV4_PARAMETERS = frozenset(
    {
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)
BOUND_BY_PAYLOAD = "x-amz-content-sha256"
"""Needs no place in SignedHeaders: its value is the last line of the canonical request."""
_NEVER = datetime.fromtimestamp(0, UTC)
NOBODY = AccessKey("", "0" * 40, "", False, _NEVER, _NEVER)
"""In place of a key that is not there: what it signs is refused, in the time that others take."""


class Keys(Protocol):
    """Where access keys are looked up (``keys.table.Table``)."""

    def find(self, key: str) -> AccessKey | None: ...

    def changed(self) -> bool: ...


class Verified(Struct, frozen=True):
    """Who sent the request, and its body: not believed before it has been read to its end."""

    caller: Caller
    body: GuardedBody


def verify(request: Request, keys: Keys, config: Config, now: datetime) -> Verified:
    """Decide who sent a request. ``now`` is aware UTC.

    Raises an ``S3Error`` unless the request is soundly signed by an enabled key, or anonymous.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
    """
    if len(request.headers.all("host")) != 1:
        raise InvalidRequest("A request must have exactly one Host header")
    found = mechanisms(request)
    if len(found) > 1:
        raise several()
    if not found:
        return Verified(Caller(None), guard(request, differences=config.differences))
    if found[0] == "sigv2" or sigv2.in_header(request.headers):
        return Verified(
            Caller(_sigv2(request, keys, config, now)),
            guard(request, differences=config.differences),
        )
    if found[0] == "header":
        claim = header.read(request.headers, now)
        refuse_region = header.malformed
    else:
        claim = presigned.read(request.query, request.headers, now, config.differences)
        refuse_region = presigned.malformed
    region = claim.scope.region
    if config.strict_region and region != config.region:
        raise refuse_region(
            f"the region '{region}' is wrong; expecting '{config.region}'", config.region
        )
    access_key, signer = _sigv4(request, claim, keys)
    return Verified(
        Caller(access_key), guard(request, claim.payload, signer, differences=config.differences)
    )


def several() -> S3Error:
    """The refusal of a request that is signed in more than one way."""
    return InvalidArgument(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature"
        " query string parameter or the Authorization header should be specified",
        ArgumentName="Authorization",
    )


def mechanisms(request: Request) -> list[str]:
    """Every way in which the request claims to be signed, complete or not."""
    if "x-amz-security-token" in request.headers:
        raise InvalidToken
    return _mechanisms[request.query.names, len(request.headers.all("authorization"))]


@Memo
def _mechanisms(key: tuple[frozenset[str], int]) -> list[str]:
    """By the names of query parameters, and how many Authorization fields there are."""
    names, fields = key
    lower = {name.lower() for name in names}
    if "x-amz-security-token" in lower:
        raise InvalidToken
    found = ["header"] * fields
    if not lower.isdisjoint(SIGV4_PARAMETERS):
        found.append("presigned")
    if "AWSAccessKeyId" in names or "Signature" in names or ("Expires" in names and not found):
        found.append("sigv2")
    return found


def _find(key_id: str, keys: Keys) -> AccessKey:
    """The key, if it exists and is enabled; else ``NOBODY``."""
    if len(key_id) > MAX_TOKEN or not key_id.isascii():
        return NOBODY
    access_key = keys.find(key_id) or NOBODY
    return access_key if access_key.enable else NOBODY


def _sigv4(request: Request, claim: Claim, keys: Keys) -> tuple[AccessKey, ChunkSigner | None]:
    _check_all_signed(request.headers.names, claim.signed_headers)
    scope = claim.scope
    access_key = _find(scope.key_id, keys)
    # Nobody's keys must not push those in use out of the cache.
    region = "" if access_key is NOBODY else scope.region
    key = canonical.signing_key(access_key.key, access_key.secret, scope.day, region)
    scope_text = scope.text
    refusal: S3Error | None = None
    came = _as_it_came(request, claim)
    # Not one generator: to leave that after its first text raises an exception in it.
    for text in chain(came, _respelled(request, claim, len(came))):
        message = canonical.string_to_sign(claim.timestamp, scope_text, text)
        expected = key.sign(message)
        same = _same(expected, claim.signature)
        if same and access_key is not NOBODY:
            chunked = claim.payload in payload.SIGNED
            signer = ChunkSigner(key, claim.timestamp, scope_text, expected) if chunked else None
            return access_key, signer
        refusal = refusal or _mismatch(scope.key_id, claim.signature, message, text)
    if keys.changed():
        return _sigv4(request, claim, keys)
    assert refusal is not None
    unknown = InvalidAccessKeyId(AWSAccessKeyId=scope.key_id)  # both are made: see NOBODY
    raise unknown if access_key is NOBODY else refusal


def _as_it_came(request: Request, claim: Claim) -> list[bytes]:
    """The canonical request; none when header fields are not canonical as they came."""
    lines = canonical.plain_lines(request.headers.unique, claim.signed_headers)
    if lines is None:
        return []
    uri, query = _canonical_target(request)
    return [f"{request.method}\n{uri}\n{query}\n{lines}\n{claim.payload}".encode("latin-1")]


def _respelled(request: Request, claim: Claim, tried: int) -> Iterator[bytes]:
    """With the Host spelled as the client may have signed it, but for those that were tried."""
    uri, query = _canonical_target(request)
    headers = canonical.join_headers(request.headers.pairs)
    for host in canonical.host_spellings(headers["host"])[tried:]:
        yield canonical.canonical_request(
            request.method,
            uri,
            query,
            {**headers, "host": host},
            claim.signed_headers,
            claim.payload,
        )


def _canonical_target(request: Request) -> tuple[str, str]:
    """Path and query. That of the query is made once, for all that differ in the signature."""
    query = request.query.unsigned or request.query
    if query.canonical is None:
        query.canonical = canonical.canonical_query(query.raw)
    return canonical.canonical_uri(request.path), query.canonical


def _check_all_signed(names: frozenset[str], signed: tuple[str, ...]) -> None:
    """An ``x-amz-*`` header outside the signature was added by somebody else on the way."""
    unsigned = _unsigned[names, signed]
    if unsigned:
        raise AccessDenied(
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(unsigned),
        )


@Memo
def _unsigned(key: tuple[frozenset[str], tuple[str, ...]]) -> list[str]:
    names, signed = key
    bound = {name for name in names if name.startswith("x-amz-")} - {BOUND_BY_PAYLOAD}
    return sorted(bound.difference(signed))


def _sigv2(request: Request, keys: Keys, config: Config, now: datetime) -> AccessKey:
    if not config.sigv2:
        raise InvalidRequest(header.UNSUPPORTED_MECHANISM)
    claim = sigv2.read(request, now)
    messages = sigv2.strings_to_sign(request, claim)
    return signed(claim.key_id, claim.signature, messages, keys, sigv2.signature)


def signed(
    key_id: str,
    given: str,
    messages: Sequence[bytes],
    keys: Keys,
    sign: Callable[[str, bytes], str],
) -> AccessKey:
    """The key, if it made the signature of a message: ``sign`` takes its secret and the message.

    Raises ``InvalidAccessKeyId``, ``SignatureDoesNotMatch``.
    """
    access_key = _find(key_id, keys)
    same = any([_same(sign(access_key.secret, message), given) for message in messages])
    if same and access_key is not NOBODY:
        return access_key
    if keys.changed():
        return signed(key_id, given, messages, keys, sign)
    mismatch = _mismatch(key_id, given, messages[0])
    unknown = InvalidAccessKeyId(AWSAccessKeyId=key_id)
    raise unknown if access_key is NOBODY else mismatch


def _same(expected: str, given: str) -> bool:
    return given.isascii() and compare_digest(expected, given)


def _mismatch(key_id: str, given: str, message: bytes, request: bytes | None = None) -> S3Error:
    """What we signed, so that a developer sees where it differs from what they signed."""
    refusal = SignatureDoesNotMatch(
        AWSAccessKeyId=key_id,
        StringToSign=_shown(message),
        SignatureProvided=given,
        StringToSignBytes=message.hex(" "),
    )
    if request is not None:
        refusal.extras["CanonicalRequest"] = _shown(request)
        refusal.extras["CanonicalRequestBytes"] = request.hex(" ")
    return refusal


def _shown(text: bytes) -> str:
    """Text that an XML document can hold, whatever the client sent."""
    decoded = text.decode("utf-8", "replace")
    return "".join([c if c >= " " or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in decoded])
