"""Listings of a bucket's keys: ListObjects (1 and 2), a page at a time.

The Shapes of the rows define what a page looks like; ``listing_page`` writes them by the thousand.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec.structs import replace

from gateway.naming import Owner, key_bytes, key_text, token, token_position, url_key
from gateway.operation import Call
from gateway.operations import listing_page
from gateway.policy.ownership import enforced
from gateway.wire.error import is_legible
from gateway.wire.shape import Label, Query, Shape, Written, Xml
from store.records import Bucket, Listed

MAX_KEYS = 1000
EMPTY = Listed([], [], [], [], [], [], [], [], None, more=False)


class EncodingType(StrEnum):
    URL = "url"


class CommonPrefix(Shape):
    prefix: str


class Object(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html"""

    key: str
    last_modified: datetime
    etag: Annotated[str, Xml("ETag")]
    checksum_algorithm: tuple[str, ...] = ()
    checksum_type: str | None = None
    size: int
    storage_class: str = "STANDARD"
    owner: Owner | None = None


class ListObjectsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    delimiter: Annotated[str, Query("delimiter")] = ""
    encoding_type: Annotated[EncodingType | None, Query("encoding-type")] = None
    marker: Annotated[str, Query("marker")] = ""
    max_keys: Annotated[int, Query("max-keys")] = MAX_KEYS
    prefix: Annotated[str, Query("prefix")] = ""


class ListObjectsOutput(Shape, root="ListBucketResult"):
    name: str
    prefix: str
    marker: str
    next_marker: str | None
    max_keys: int
    delimiter: str | None
    is_truncated: bool
    encoding_type: EncodingType | None
    contents: tuple[Object, ...] | Written
    common_prefixes: tuple[CommonPrefix, ...] | Written


async def list_objects(call: Call, ask: ListObjectsInput) -> ListObjectsOutput:
    """One page of keys in byte order after ``marker``, which need not be a key nor have the prefix.

    ``NextMarker`` only with a delimiter, as on AWS: without, clients go on from the last key.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html
    """
    page = _page(call, ask, after=key_bytes(ask.marker), owners=True)
    write, url = writing(ask.encoding_type), ask.encoding_type is not None
    following = page.last if page.more and ask.delimiter else None
    as_is = call.config.differences.prefix_of_v1_is_not_encoded and is_legible(ask.prefix)
    return ListObjectsOutput(
        name=ask.bucket,
        prefix=ask.prefix if as_is else write(key_bytes(ask.prefix)),
        marker=write(key_bytes(ask.marker)),
        next_marker=None if following is None else write(following),
        max_keys=min(ask.max_keys, MAX_KEYS),
        delimiter=write(key_bytes(ask.delimiter)) or None,
        is_truncated=page.more,
        encoding_type=ask.encoding_type,
        contents=listing_page.objects(page, url=url, owners=True),
        common_prefixes=listing_page.common_prefixes(page.prefixes, url=url),
    )


class ListObjectsV2Input(Shape):
    bucket: Annotated[str, Label("Bucket")]
    delimiter: Annotated[str, Query("delimiter")] = ""
    encoding_type: Annotated[EncodingType | None, Query("encoding-type")] = None
    max_keys: Annotated[int, Query("max-keys")] = MAX_KEYS
    prefix: Annotated[str, Query("prefix")] = ""
    continuation_token: Annotated[str | None, Query("continuation-token")] = None
    fetch_owner: Annotated[bool, Query("fetch-owner")] = False
    start_after: Annotated[str | None, Query("start-after")] = None


class ListObjectsV2Output(Shape, root="ListBucketResult"):
    name: str
    prefix: str
    delimiter: str | None
    max_keys: int
    key_count: int
    is_truncated: bool
    encoding_type: EncodingType | None
    continuation_token: str | None
    next_continuation_token: str | None
    start_after: str | None
    contents: tuple[Object, ...] | Written
    common_prefixes: tuple[CommonPrefix, ...] | Written


async def list_objects_v2(call: Call, ask: ListObjectsV2Input) -> ListObjectsV2Output:
    """One page of keys in byte order; the token goes before ``start_after``.

    An empty token is no token, but comes back like any other. Raises ``InvalidArgument`` for one
    that this gateway did not make.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    """
    if ask.continuation_token:
        after = token_position(ask.continuation_token)
    else:
        after = key_bytes(ask.start_after or "")
    page = _page(call, ask, after=after, owners=ask.fetch_owner)
    write, url = writing(ask.encoding_type), ask.encoding_type is not None
    return ListObjectsV2Output(
        name=ask.bucket,
        prefix=write(key_bytes(ask.prefix)),
        delimiter=write(key_bytes(ask.delimiter)) or None,
        max_keys=min(ask.max_keys, MAX_KEYS),
        key_count=len(page.keys) + len(page.prefixes),
        is_truncated=page.more,
        encoding_type=ask.encoding_type,
        continuation_token=ask.continuation_token,
        next_continuation_token=token(page.last) if page.more and page.last is not None else None,
        start_after=None if ask.start_after is None else write(key_bytes(ask.start_after)),
        contents=listing_page.objects(page, url=url, owners=ask.fetch_owner),
        common_prefixes=listing_page.common_prefixes(page.prefixes, url=url),
    )


def _page(
    call: Call,
    ask: ListObjectsInput | ListObjectsV2Input,
    *,
    after: bytes,
    owners: bool,
) -> Listed:
    """What is asked for, at most 1,000 rows; asking for more is not an error."""
    if ask.max_keys == 0:
        return EMPTY
    page = call.store.list_page(
        call.bucket,
        prefix=key_bytes(ask.prefix),
        delimiter=key_bytes(ask.delimiter),
        after=after,
        limit=min(ask.max_keys, MAX_KEYS),
        owners=owners,
    )
    return owned(call.bucket, page) if owners else page


def owned(bucket: Bucket, page: Listed) -> Listed:
    """With the owners that hold now: where ownership is enforced, who put them does not matter.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    if not (bucket.config and enforced(bucket.config)):
        return page
    return replace(page, owners=[bucket.owner] * len(page.owners))


def writing(encoding: EncodingType | None) -> Callable[[bytes], str]:
    return key_text if encoding is None else url_key
