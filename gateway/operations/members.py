"""Members that several object shapes have, and how they become store values and come back.

Only what is said about an object: content headers, user metadata, storage class, checksums. What
is done with an object is in the modules named after the operations.
"""

from dataclasses import field
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any

from gateway import checksums, conditions
from gateway.auth.declared import content_encoding_without_chunked
from gateway.config import Config
from gateway.encryption.members import CidOf, Encrypted
from gateway.errors import (
    InvalidArgument,
    InvalidRedirectLocation,
    InvalidRequest,
    InvalidStorageClass,
)
from gateway.naming import quote_etag, user_metadata
from gateway.operations import tags
from gateway.operations.locks import Locking
from gateway.policy.grants import Acl
from gateway.wire.error import legible
from gateway.wire.shape import Header, PrefixHeaders, Shape, Xml
from store import cid
from store.records import Attributes, Entry

MAX_PARTS = 10_000
STANDARD = "STANDARD"
STORAGE_CLASSES = frozenset(
    {
        STANDARD,
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
        "OUTPOSTS",
        "SNOW",
        "EXPRESS_ONEZONE",
    }
)
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (x-amz-storage-class)"""

DEFAULT_CONTENT_TYPE = "binary/octet-stream"

_CONTENT_MEMBERS = (
    "cache_control",
    "content_disposition",
    "content_encoding",
    "content_language",
    "content_type",
    "expires",
)
_CONTENT_HEADERS = [name.replace("_", "-") for name in _CONTENT_MEMBERS]
_content = attrgetter(*_CONTENT_MEMBERS)
_ANY_CONTENT = frozenset(_CONTENT_MEMBERS)
_KEPT_MEMBERS = {
    **dict(zip(_CONTENT_HEADERS, _CONTENT_MEMBERS, strict=True)),
    "x-amz-replication-status": "replication_status",
    "x-amz-storage-class": "storage_class",
    "x-amz-website-redirect-location": "website_redirect_location",
}
"""The members that show what is in ``Attributes.headers``."""
_CHECKSUM_MEMBERS = {
    "CRC32": "checksum_crc32",
    "CRC32C": "checksum_crc32c",
    "CRC64NVME": "checksum_crc64nvme",
    "SHA1": "checksum_sha1",
    "SHA256": "checksum_sha256",
    "SHA512": "checksum_sha512",
    "MD5": "checksum_md5",
    "XXHASH64": "checksum_xxhash64",
    "XXHASH3": "checksum_xxhash3",
    "XXHASH128": "checksum_xxhash128",
}


class Content(Locking):
    """What a client may say about an object it makes: by Put, Copy or CreateMultipartUpload."""

    acl: Annotated[str | None, Header("x-amz-acl")] = None
    cache_control: Annotated[str | None, Header("Cache-Control")] = None
    content_disposition: Annotated[str | None, Header("Content-Disposition")] = None
    content_encoding: Annotated[str | None, Header("Content-Encoding")] = None
    content_language: Annotated[str | None, Header("Content-Language")] = None
    content_type: Annotated[str | None, Header("Content-Type")] = None
    expires: Annotated[str | None, Header("Expires")] = None
    metadata: Annotated[dict[str, str], PrefixHeaders("x-amz-meta-")] = field(default_factory=dict)
    storage_class: Annotated[str | None, Header("x-amz-storage-class")] = None
    tagging: Annotated[str | None, Header("x-amz-tagging")] = None
    website_redirect_location: Annotated[str | None, Header("x-amz-website-redirect-location")] = (
        None
    )


class ChecksumHeaders(Shape):
    """Checksums as header fields, base64; with ``-N`` when composite."""

    checksum_crc32: Annotated[str | None, Header("x-amz-checksum-crc32")] = None
    checksum_crc32c: Annotated[str | None, Header("x-amz-checksum-crc32c")] = None
    checksum_crc64nvme: Annotated[str | None, Header("x-amz-checksum-crc64nvme")] = None
    checksum_sha1: Annotated[str | None, Header("x-amz-checksum-sha1")] = None
    checksum_sha256: Annotated[str | None, Header("x-amz-checksum-sha256")] = None
    checksum_sha512: Annotated[str | None, Header("x-amz-checksum-sha512")] = None
    checksum_md5: Annotated[str | None, Header("x-amz-checksum-md5")] = None
    checksum_xxhash64: Annotated[str | None, Header("x-amz-checksum-xxhash64")] = None
    checksum_xxhash3: Annotated[str | None, Header("x-amz-checksum-xxhash3")] = None
    checksum_xxhash128: Annotated[str | None, Header("x-amz-checksum-xxhash128")] = None


class ChecksumElements(Shape):
    """Checksums as XML elements."""

    checksum_crc32: Annotated[str | None, Xml("ChecksumCRC32")] = None
    checksum_crc32c: Annotated[str | None, Xml("ChecksumCRC32C")] = None
    checksum_crc64nvme: Annotated[str | None, Xml("ChecksumCRC64NVME")] = None
    checksum_sha1: Annotated[str | None, Xml("ChecksumSHA1")] = None
    checksum_sha256: Annotated[str | None, Xml("ChecksumSHA256")] = None
    checksum_sha512: Annotated[str | None, Xml("ChecksumSHA512")] = None
    checksum_md5: Annotated[str | None, Xml("ChecksumMD5")] = None
    checksum_xxhash64: Annotated[str | None, Xml("ChecksumXXHASH64")] = None
    checksum_xxhash3: Annotated[str | None, Xml("ChecksumXXHASH3")] = None
    checksum_xxhash128: Annotated[str | None, Xml("ChecksumXXHASH128")] = None


class Description(ChecksumHeaders, Encrypted, CidOf, Locking):
    """What Get and Head answer about an object, its bytes aside."""

    accept_ranges: Annotated[str, Header("Accept-Ranges")] = "bytes"
    content_length: Annotated[int, Header("Content-Length")]
    content_range: Annotated[str | None, Header("Content-Range")] = None
    etag: Annotated[str, Header("ETag")]
    last_modified: Annotated[datetime, Header("Last-Modified")]
    cid: Annotated[str, Header("Cid")]
    cache_control: Annotated[str | None, Header("Cache-Control")] = None
    content_disposition: Annotated[str | None, Header("Content-Disposition")] = None
    content_encoding: Annotated[str | None, Header("Content-Encoding")] = None
    content_language: Annotated[str | None, Header("Content-Language")] = None
    content_type: Annotated[str | None, Header("Content-Type")] = None
    expires: Annotated[str | None, Header("Expires")] = None
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None
    expiration: Annotated[str | None, Header("x-amz-expiration")] = None
    metadata: Annotated[dict[str, str], PrefixHeaders("x-amz-meta-")]
    parts_count: Annotated[int | None, Header("x-amz-mp-parts-count")] = None
    replication_status: Annotated[str | None, Header("x-amz-replication-status")] = None
    storage_class: Annotated[str | None, Header("x-amz-storage-class")] = None
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None
    tag_count: Annotated[int | None, Header("x-amz-tagging-count")] = None
    website_redirect_location: Annotated[str | None, Header("x-amz-website-redirect-location")] = (
        None
    )


def attributes(said: Content, acl: Acl | None, config: Config) -> Attributes:
    """What is kept of what a client said. The names that show the CID are never kept.

    Raises as ``placement`` and ``tags.in_header``, ``MetadataTooLarge``.
    """
    return Attributes(
        headers=_content_headers(said) | placement(said),
        metadata=user_metadata(said.metadata, config.content_hash_metadata),
        acl=acl.canned if acl else None,
        tags=tags.in_header(said.tagging, config.differences) if said.tagging else {},
        grants=acl.grants if acl else None,
    )


def _content_headers(said: Content) -> dict[str, str]:
    if _ANY_CONTENT.isdisjoint(vars(said)):
        return {"content-type": DEFAULT_CONTENT_TYPE}
    values = zip(_CONTENT_HEADERS, _content(said), strict=True)
    headers = {name: value for name, value in values if value is not None}
    # aws-chunked is how the body was sent, not what it is.
    if "content-encoding" in headers:
        encoding = content_encoding_without_chunked(headers.pop("content-encoding"))
        if encoding:
            headers["content-encoding"] = encoding
    headers["content-type"] = said.content_type or DEFAULT_CONTENT_TYPE
    return headers


def placement(said: Content) -> dict[str, str]:
    """Storage class and redirect: kept with the headers, but a copy never takes them along.

    Raises ``InvalidStorageClass``, ``InvalidRedirectLocation``.
    """
    kept = {}
    if said.storage_class is not None:
        if said.storage_class not in STORAGE_CLASSES:
            raise InvalidStorageClass(StorageClassRequested=said.storage_class)
        if said.storage_class != STANDARD:
            kept["x-amz-storage-class"] = said.storage_class
    redirect = said.website_redirect_location
    if redirect is not None:
        if not redirect.startswith(("/", "http://", "https://")):
            raise InvalidRedirectLocation
        kept["x-amz-website-redirect-location"] = redirect
    return kept


def xml_key(key: str) -> str | None:
    """The key for an answer that only echoes it; ``None`` when XML 1.0 cannot hold it.

    The caller knows the key, but one that gets a document it cannot read takes the call for failed.
    """
    return key if legible(key) == key else None


def check_part_number(number: int) -> None:
    """Raises ``InvalidArgument`` outside of 1 to 10,000.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
    """
    if not 1 <= number <= MAX_PARTS:
        raise InvalidArgument(
            f"Part number must be an integer between 1 and {MAX_PARTS}, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )


def check_algorithm(name: str) -> None:
    """Raises ``InvalidRequest`` for a checksum algorithm that is not served."""
    if name not in checksums.TYPES:
        raise InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            f"types: [{', '.join(checksums.TYPES)}]"
        )


def checksum_members(checksums: dict[str, str]) -> dict[str, Any]:
    """Checksums by S3 algorithm name, as keyword arguments of a shape that shows them."""
    return {_CHECKSUM_MEMBERS[name]: text for name, text in checksums.items()}


def given_checksums(shape: ChecksumHeaders | ChecksumElements) -> dict[str, str]:
    """The reverse: the checksums a request names, by S3 algorithm name."""
    values = {name: getattr(shape, member) for name, member in _CHECKSUM_MEMBERS.items()}
    return {name: value for name, value in values.items() if value is not None}


def description(entry: Entry, config: Config) -> dict[str, Any]:
    """What every read says about an entry, as keyword arguments of ``Description``."""
    kept = entry.attributes
    shown = cid.text(entry.cid)
    said: dict[str, Any] = {
        _KEPT_MEMBERS[name]: value for name, value in kept.headers.items() if name in _KEPT_MEMBERS
    }
    said["etag"] = quote_etag(entry.etag)
    said["last_modified"] = conditions.modified(entry)
    said["cid"] = shown
    said["metadata"] = kept.metadata | dict.fromkeys(config.content_hash_metadata, shown)
    return said
