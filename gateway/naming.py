"""What S3 allows as names and how it writes them: buckets, keys, ETags, metadata, owners, tokens.

Pure functions over text and bytes. Who may use a name is ``access``; where it stands in a request
is ``addressing``.
"""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated
from urllib.parse import quote_from_bytes
from zlib import crc32

from gateway.errors import InvalidArgument, InvalidBucketName, MetadataTooLarge
from gateway.wire.shape import Shape, Xml

MAX_METADATA_BYTES = 2048

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")

ANONYMOUS_ID = "65a011a29cdf8ec533ec3d1ccaae921c"
"""What AWS shows as the owner of what nobody in particular wrote."""


class Owner(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Owner.html"""

    id: Annotated[str | None, Xml("ID")] = None
    display_name: str | None = None


def canonical_id(access_key: str) -> str:
    """The canonical user id of an access key: 64 hex digits, SHA-256 of its id.

    AWS's ids have that form and clients put them into ACL documents; derived, it needs no column,
    is the same in every gateway, and never changes since the key's id never does. It is not a
    secret: ``display_name`` shows the id it was made from.
    """
    return hashlib.sha256(access_key.encode()).hexdigest() if access_key else ANONYMOUS_ID


@lru_cache(maxsize=1024)
def owner(access_key: str) -> Owner:
    """An access key id as S3 documents show it; the empty one is anonymous."""
    return Owner(id=canonical_id(access_key), display_name=access_key or "anonymous")


def is_owner(access_key: str, expected: str | None) -> bool:
    """Whether an owner is the one a client expects, by access key id or canonical id.

    ``None`` expects nobody in particular.
    """
    return expected is None or expected in (access_key, canonical_id(access_key))


def check_bucket_name(name: str) -> None:
    """AWS's rules for new general purpose buckets. Raises ``InvalidBucketName``.

    Only asked when a bucket is made: an existing name is always served.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    if (
        not _BUCKET.fullmatch(name)
        or any(pair in name for pair in ("..", ".-", "-."))
        or name.startswith(_BUCKET_PREFIXES)
        or name.endswith(_BUCKET_SUFFIXES)
        or _is_ipv4(name)
    ):
        raise InvalidBucketName(BucketName=name)


def _is_ipv4(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name) is not None
    return True


def quote_etag(etag: str) -> str:
    """``d41d8c... -> "d41d8c..."``"""
    return f'"{etag}"'


def unquote_etag(etag: str) -> str:
    """An ETag as a client wrote it, without quotes and the weak mark.

    Unquoted ones pass: PySpark's s3a sends them, and Complete documents hold both forms.
    """
    text = etag.strip().removeprefix("W/")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def key_bytes(key: str) -> bytes:
    """A key, prefix or marker as the store orders it: UTF-8, undecodable bytes kept."""
    return key.encode("utf-8", "surrogateescape")


def key_text(key: bytes) -> str:
    """The reverse of ``key_bytes``."""
    return key.decode("utf-8", "surrogateescape")


def url_key(key: bytes) -> str:
    """A key under ``encoding-type=url``: ``a b+c/d -> a%20b%2Bc/d``.

    A space is ``%20``, which clients that decode a plus as a space and those that do not both read.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    return quote_from_bytes(key, "/")


def user_metadata(given: Mapping[str, str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """User metadata as it is stored: names in lower case, those in ``reserved`` left out.

    Reserved are the names under which the gateway itself shows the CID: a client that sends back
    what it read must not make them part of the object. Raises ``MetadataTooLarge`` when names and
    values together are more than 2 KiB in UTF-8.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
    """
    if not given:
        return {}
    hidden = {name.lower() for name in reserved}
    kept = {name.lower(): value for name, value in given.items() if name.lower() not in hidden}
    size = sum(len(key_bytes(name)) + len(key_bytes(value)) for name, value in kept.items())
    if size > MAX_METADATA_BYTES:
        raise MetadataTooLarge(Size=size, MaxSizeAllowed=MAX_METADATA_BYTES)
    return kept


def token(after: bytes) -> str:
    """A continuation token: where the last page ended, opaque and URL-safe.

    Holds a check sum, so that a token that was cut or made up is refused instead of silently
    skipping keys.
    """
    sealed = crc32(after).to_bytes(4, "big") + after
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def token_position(text: str) -> bytes:
    """The reverse of ``token``. Raises ``InvalidArgument`` for all but what ``token`` made."""
    try:
        after = base64.b64decode(text + "=" * (-len(text) % 4), b"-_")[4:]
    except ValueError:
        after = b""
    if token(after) != text:
        raise InvalidArgument(
            "The continuation token provided is incorrect",
            ArgumentName="continuation-token",
            ArgumentValue=text,
        )
    return after
