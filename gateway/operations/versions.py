"""ListObjectVersions: all versions and delete markers of a bucket, a page at a time.

In a bucket that never kept any, every object is its key's only version: the same page as the other
listings have, as fast.
"""

from datetime import datetime
from typing import Annotated

from gateway.errors import InvalidArgument
from gateway.naming import Owner, key_bytes
from gateway.operation import Call
from gateway.operations import listing_page
from gateway.operations.listing import (
    EMPTY,
    MAX_KEYS,
    CommonPrefix,
    EncodingType,
    owned,
    writing,
)
from gateway.policy.ownership import enforced
from gateway.wire.shape import Label, Query, Shape, Written, Xml
from store.records import Listed, VersionPage
from store.version_id import NULL, decode


class ObjectVersion(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectVersion.html"""

    key: str
    version_id: str = NULL
    is_latest: bool = True
    last_modified: datetime
    etag: Annotated[str, Xml("ETag")]
    checksum_algorithm: tuple[str, ...] = ()
    checksum_type: str | None = None
    size: int
    storage_class: str = "STANDARD"
    owner: Owner


class DeleteMarkerEntry(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteMarkerEntry.html"""

    key: str
    version_id: str
    is_latest: bool
    last_modified: datetime
    owner: Owner


class ListObjectVersionsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    delimiter: Annotated[str, Query("delimiter")] = ""
    encoding_type: Annotated[EncodingType | None, Query("encoding-type")] = None
    key_marker: Annotated[str, Query("key-marker")] = ""
    max_keys: Annotated[int, Query("max-keys")] = MAX_KEYS
    prefix: Annotated[str, Query("prefix")] = ""
    version_id_marker: Annotated[str | None, Query("version-id-marker")] = None


class ListObjectVersionsOutput(Shape, root="ListVersionsResult"):
    name: str
    prefix: str
    key_marker: str
    version_id_marker: str
    next_key_marker: str | None
    next_version_id_marker: str | None
    max_keys: int
    delimiter: str | None
    is_truncated: bool
    encoding_type: EncodingType | None
    versions: Annotated[tuple[ObjectVersion, ...] | Written, Xml("Version")]
    """When written: the delete markers too, each in its place."""
    delete_markers: Annotated[tuple[DeleteMarkerEntry, ...], Xml("DeleteMarker")] = ()
    common_prefixes: tuple[CommonPrefix, ...] | Written


async def list_object_versions(
    call: Call, ask: ListObjectVersionsInput
) -> ListObjectVersionsOutput:
    """One page of versions, by key and from new to old, after the version the markers name.

    A page that ends with a common prefix has no ``NextVersionIdMarker``. Raises
    ``InvalidArgument`` for a version marker without a key marker, an empty one, or one that is no
    version id.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
    """
    _check_version_marker(ask)
    page, versions = _versions(call, ask) if call.bucket.versioning else _objects(call, ask)
    write, url = writing(ask.encoding_type), ask.encoding_type is not None
    next_key, next_version = (page.last_key, page.last_version) if page.more else (None, None)
    return ListObjectVersionsOutput(
        name=ask.bucket,
        prefix=write(key_bytes(ask.prefix)),
        key_marker=write(key_bytes(ask.key_marker)),
        version_id_marker=ask.version_id_marker or "",
        next_key_marker=None if next_key is None else write(next_key),
        next_version_id_marker=next_version,
        max_keys=min(ask.max_keys, MAX_KEYS),
        delimiter=write(key_bytes(ask.delimiter)) or None,
        is_truncated=page.more,
        encoding_type=ask.encoding_type,
        versions=versions,
        common_prefixes=listing_page.common_prefixes(page.prefixes, url=url),
    )


def _versions(call: Call, ask: ListObjectVersionsInput) -> tuple[VersionPage, Written]:
    page = call.store.list_versions(
        call.bucket,
        prefix=key_bytes(ask.prefix),
        delimiter=key_bytes(ask.delimiter),
        after_key=key_bytes(ask.key_marker),
        after_version=ask.version_id_marker,
        limit=min(ask.max_keys, MAX_KEYS),
    )
    holder = call.bucket.owner if enforced(call.bucket.config) else None
    return page, listing_page.versions(page, url=ask.encoding_type is not None, owner=holder)


def _objects(call: Call, ask: ListObjectVersionsInput) -> tuple[VersionPage, Written]:
    page = EMPTY
    if ask.max_keys:
        page = call.store.list_page(
            call.bucket,
            prefix=key_bytes(ask.prefix),
            delimiter=key_bytes(ask.delimiter),
            after=key_bytes(ask.key_marker),
            limit=min(ask.max_keys, MAX_KEYS),
            owners=True,
        )
        page = owned(call.bucket, page)
    written = listing_page.only_versions(page, url=ask.encoding_type is not None)
    return _paged(page), written


def _paged(page: Listed) -> VersionPage:
    """Where it ends, in the terms of versions."""
    at_prefix = bool(page.prefixes) and page.prefixes[-1] == page.last
    version = None if page.last is None or at_prefix else NULL
    return VersionPage([], [], page.prefixes, page.last, version, page.more)


def _check_version_marker(ask: ListObjectVersionsInput) -> None:
    marker = ask.version_id_marker
    if marker is None or (ask.key_marker and decode(marker) is not None):
        return
    if not marker:
        text = "A version-id marker cannot be empty."
    elif not ask.key_marker:
        text = "A version-id marker cannot be specified without a key marker."
    else:
        text = "Invalid version id specified"
    raise InvalidArgument(text, ArgumentName="version-id-marker", ArgumentValue=marker)
