"""Declared: what the head of a request announces about its body. Read once, checked for sense.

Only header fields count: an SDK's presigned URL may carry the checksum of the empty body it was
made with in its query (aws-sdk-js: ``x-amz-checksum-crc32=AAAAAA==``), which AWS ignores too.
"""

import base64
import binascii

from msgspec import Struct

from gateway import checksums
from gateway.auth import payload
from gateway.compat import AWS, Compat
from gateway.errors import BadDigest, InvalidArgument, InvalidDigest, InvalidRequest
from gateway.memo import Memo
from gateway.request import Headers

_OF_A_BODY = frozenset(
    {
        "content-encoding",
        "content-length",
        "transfer-encoding",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
    }
)
"""Without these a read has no body."""
_OF_SOME_BODIES = _OF_A_BODY - {"content-length"} | {"content-md5"}
ALGORITHM_HEADERS = ("x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm")


class Declared(Struct, frozen=True):
    """Sizes in bytes, digests raw."""

    size: int | None = None
    """Of the body itself, without aws-chunked framing; ``None`` when nobody said."""
    chunked: bool = False
    """The bytes on the wire are aws-chunked."""
    delimited: bool = False
    """HTTP's own framing tells where the body ends (Transfer-Encoding: chunked)."""
    token: str = payload.UNSIGNED
    """What x-amz-content-sha256 says."""
    md5: bytes | None = None
    checksum_algorithm: str | None = None
    """S3 name: ``CRC32``."""
    checksum: bytes | None = None
    """``None`` with an algorithm: it comes as a trailer."""

    @property
    def sha256(self) -> bytes | None:
        """The payload hash that was signed or announced."""
        # Nothing else that ``payload.check`` lets through is as long.
        return bytes.fromhex(self.token) if len(self.token) == payload.SHA256_DIGITS else None

    @property
    def trailer(self) -> str | None:
        """Lower-case name of the trailer to come."""
        if self.checksum_algorithm is None or self.checksum is not None:
            return None
        return f"x-amz-checksum-{self.checksum_algorithm.lower()}"


def read(
    headers: Headers,
    token: str | None,
    *,
    checksums_of_body: bool,
    differences: Compat = AWS,
) -> Declared:
    """``token`` is what the signature was made over, or ``None`` when it covers no payload.

    ``checksums_of_body``: false where x-amz-checksum-* describe something else than the body, as
    on CompleteMultipartUpload, or where there is no body.

    Raises ``InvalidArgument``, ``InvalidDigest``, ``InvalidRequest``.
    """
    if not checksums_of_body and token and headers.names.isdisjoint(_OF_A_BODY):
        return Declared(chunked=token in payload.CHUNKED, token=token)
    if token is None:
        token = payload.check(headers.get("x-amz-content-sha256") or payload.UNSIGNED)
        if token in payload.SIGNED:
            raise InvalidRequest("Signed chunks need an AWS4-HMAC-SHA256 signature")
    if token not in payload.CHUNKED and _says_no_more[headers.names]:
        return Declared(size=_length(headers, "content-length"), token=token)
    chunked = token in payload.CHUNKED or (token == payload.UNSIGNED and _announces_chunks(headers))
    algorithm, value = _checksum(headers, differences) if checksums_of_body else (None, None)
    trailer = _trailer(headers)
    if trailer is not None:
        if algorithm is not None:
            raise InvalidRequest("Expecting a single x-amz-checksum- header")
        if not chunked or token == payload.SIGNED_CHUNKS:
            raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
        algorithm = checksums.HEADERS[trailer]
    if algorithm is not None:
        _check_named(headers, algorithm)
    length = "x-amz-decoded-content-length" if chunked else "content-length"
    return Declared(
        size=_length(headers, length),
        chunked=chunked,
        delimited=not chunked and "transfer-encoding" in headers,
        token=token,
        md5=_md5(headers) if checksums_of_body else None,
        checksum_algorithm=algorithm,
        checksum=value,
    )


@Memo
def _says_no_more(names: frozenset[str]) -> bool:
    """Than the payload hash and the length."""
    return names.isdisjoint(_OF_SOME_BODIES) and not any(map(_is_checksum, names))


def content_encoding_without_chunked(value: str) -> str | None:
    """The Content-Encoding to keep: ``aws-chunked,gzip`` -> ``gzip``; ``None``: nothing is."""
    tokens = [token.strip() for token in value.split(",")]
    kept = [token for token in tokens if token and token.lower() != "aws-chunked"]
    return ", ".join(kept) or None


def _announces_chunks(headers: Headers) -> bool:
    """Requests that sign no payload say it without x-amz-content-sha256 (botocore, anonymous)."""
    tokens = {token.strip().lower() for token in (headers.get("content-encoding") or "").split(",")}
    return "aws-chunked" in tokens and (
        "x-amz-decoded-content-length" in headers or "x-amz-trailer" in headers
    )


def _length(headers: Headers, name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidArgument(f"Invalid {name}", ArgumentName=name, ArgumentValue=text)
    return int(text)


def _md5(headers: Headers) -> bytes | None:
    """Raises ``InvalidDigest`` unless it is base64 of 16 bytes, as RFC 1864 has it."""
    values = headers.all("content-md5")
    if not values:
        return None
    try:
        raw = base64.b64decode(",".join(values).encode("latin-1"), validate=True)
    except binascii.Error as error:
        raise InvalidDigest from error
    if len(raw) != 16:
        raise InvalidDigest
    return raw


def _checksum(headers: Headers, differences: Compat) -> tuple[str | None, bytes | None]:
    """The one checksum among the headers, by S3 name and raw value."""
    if _says_no_more[headers.names]:
        return None, None
    given = [(name, value) for name, value in headers.pairs if _is_checksum(name)]
    if not given:
        return None, None
    if len(given) > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    ((name, value),) = given
    algorithm = _algorithm(name)
    try:
        return algorithm, checksums.decode(algorithm, value)
    except ValueError as error:
        refusal = BadDigest if differences.unreadable_checksum_is_bad_digest else InvalidRequest
        raise refusal(f"Value for {name} header is invalid.") from error


def _is_checksum(name: str) -> bool:
    return name.startswith("x-amz-checksum-") and name not in (
        "x-amz-checksum-algorithm",
        "x-amz-checksum-mode",
        "x-amz-checksum-type",
    )


def _algorithm(name: str) -> str:
    if name not in checksums.HEADERS:
        raise InvalidRequest(
            "The algorithm type you specified in x-amz-checksum- header is invalid."
        )
    return checksums.HEADERS[name]


def _trailer(headers: Headers) -> str | None:
    """The one trailer announced, by lower-case name. Only checksums are served as trailers."""
    values = headers.all("x-amz-trailer")
    names = [name.strip().lower() for value in values for name in value.split(",") if name.strip()]
    if not names:
        return None
    if len(names) > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if not _is_checksum(names[0]):
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    _algorithm(names[0])
    return names[0]


def _check_named(headers: Headers, algorithm: str) -> None:
    for header in ALGORITHM_HEADERS:
        named = headers.get(header)
        if named is not None and named.upper() != algorithm:
            raise InvalidRequest(f"Value for {header} header is invalid.")
