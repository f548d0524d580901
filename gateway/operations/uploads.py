"""Listings of what is being uploaded: ListParts of one upload, ListMultipartUploads of a bucket."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from gateway.encryption.members import CustomerKey
from gateway.encryption.opening import shown
from gateway.naming import Owner, key_bytes, key_text, owner, url_key
from gateway.operation import Call
from gateway.operations.lifecycle import AbortHeaders, abort_headers
from gateway.operations.listing import CommonPrefix, EncodingType
from gateway.operations.members import STANDARD, ChecksumElements, checksum_members, xml_key
from gateway.operations.multipart import running
from gateway.operations.ownership import owner_of_upload
from gateway.wire.shape import Label, Query, Shape, Xml
from store.records import Part, Upload, UploadPage

MAX_LISTED = 1000


class ListPartsInput(CustomerKey):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    upload_id: Annotated[str, Query("uploadId")]
    max_parts: Annotated[int, Query("max-parts")] = MAX_LISTED
    part_number_marker: Annotated[int, Query("part-number-marker")] = 0


class ListedPart(ChecksumElements):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Part.html"""

    part_number: int
    last_modified: datetime
    etag: Annotated[str, Xml("ETag")]
    size: int


class ListPartsOutput(AbortHeaders, root="ListPartsResult"):
    bucket: str
    key: str | None
    upload_id: str
    part_number_marker: int
    next_part_number_marker: int
    max_parts: int
    is_truncated: bool
    parts: Annotated[tuple[ListedPart, ...], Xml("Part")]
    initiator: Owner
    owner: Owner
    storage_class: str
    checksum_algorithm: str | None
    checksum_type: str | None


class ListMultipartUploadsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    delimiter: Annotated[str, Query("delimiter")] = ""
    encoding_type: Annotated[EncodingType | None, Query("encoding-type")] = None
    key_marker: Annotated[str, Query("key-marker")] = ""
    max_uploads: Annotated[int, Query("max-uploads")] = MAX_LISTED
    prefix: Annotated[str, Query("prefix")] = ""
    upload_id_marker: Annotated[str, Query("upload-id-marker")] = ""


class MultipartUpload(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_MultipartUpload.html"""

    upload_id: str
    key: str
    initiated: datetime
    storage_class: str
    owner: Owner
    initiator: Owner
    checksum_algorithm: str | None
    checksum_type: str | None


class ListMultipartUploadsOutput(Shape, root="ListMultipartUploadsResult"):
    bucket: str
    key_marker: str
    upload_id_marker: str
    next_key_marker: str
    next_upload_id_marker: str
    prefix: str
    delimiter: str | None
    max_uploads: int
    is_truncated: bool
    encoding_type: EncodingType | None
    uploads: Annotated[tuple[MultipartUpload, ...], Xml("Upload")]
    common_prefixes: tuple[CommonPrefix, ...]


async def list_parts(call: Call, ask: ListPartsInput) -> ListPartsOutput:
    """One page of an upload's parts by number. The next marker is there on the last page too.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html

    Raises ``NoSuchUpload``.
    """
    upload = running(call, ask.key, ask.upload_id)
    limit = min(ask.max_parts, MAX_LISTED)
    # One more than asked for tells whether there are more.
    found = call.store.upload_parts(upload, after=ask.part_number_marker, limit=limit + 1)
    page = found[:limit]
    listed = page if upload.attributes.encryption is None else map(shown, page)
    return ListPartsOutput(
        bucket=ask.bucket,
        key=xml_key(ask.key),
        upload_id=ask.upload_id,
        part_number_marker=ask.part_number_marker,
        next_part_number_marker=page[-1].number if page else 0,
        max_parts=limit,
        is_truncated=limit > 0 and len(found) > limit,
        parts=tuple(_listed(part, upload) for part in listed),
        initiator=owner(upload.owner),
        owner=owner(owner_of_upload(call.bucket, upload)),
        storage_class=_storage_class(upload),
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
        **abort_headers(call, upload),
    )


async def list_multipart_uploads(
    call: Call, ask: ListMultipartUploadsInput
) -> ListMultipartUploadsOutput:
    """One page of the uploads in progress, by key and then by age.

    ``upload-id-marker`` means nothing without ``key-marker``. Completed uploads are not listed.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
    """
    limit = min(ask.max_uploads, MAX_LISTED)
    page = _page(call, ask, limit)
    write = key_text if ask.encoding_type is None else url_key
    more = page.more and page.last_key is not None
    return ListMultipartUploadsOutput(
        bucket=ask.bucket,
        key_marker=write(key_bytes(ask.key_marker)),
        upload_id_marker=ask.upload_id_marker,
        next_key_marker=write(page.last_key) if page.last_key is not None and more else "",
        next_upload_id_marker=page.last_id or "" if more else "",
        prefix=write(key_bytes(ask.prefix)),
        delimiter=write(key_bytes(ask.delimiter)) or None,
        max_uploads=limit,
        is_truncated=page.more,
        encoding_type=ask.encoding_type,
        uploads=tuple(_upload(call, upload, write) for upload in page.uploads),
        common_prefixes=tuple(CommonPrefix(prefix=write(prefix)) for prefix in page.prefixes),
    )


def _page(call: Call, ask: ListMultipartUploadsInput, limit: int) -> UploadPage:
    if limit == 0:
        return UploadPage(uploads=[], prefixes=[], last_key=None, last_id=None, more=False)
    return call.store.uploads(
        call.bucket,
        prefix=key_bytes(ask.prefix),
        delimiter=key_bytes(ask.delimiter),
        after_key=key_bytes(ask.key_marker),
        after_id=ask.upload_id_marker if ask.key_marker else "",
        limit=limit,
    )


def _listed(part: Part, upload: Upload) -> ListedPart:
    # Without an algorithm of the upload's the parts' checksums are ours: AWS shows none.
    sums = part.checksums if upload.checksum_algorithm else {}
    return ListedPart(
        part_number=part.number,
        last_modified=datetime.fromtimestamp(part.modified / 1000, UTC),
        etag=f'"{part.etag}"',
        size=part.size,
        **checksum_members(sums),
    )


def _upload(call: Call, upload: Upload, write: Callable[[bytes], str]) -> MultipartUpload:
    return MultipartUpload(
        upload_id=upload.id,
        key=write(upload.key),
        initiated=datetime.fromtimestamp(upload.created / 1000, UTC),
        storage_class=_storage_class(upload),
        owner=owner(owner_of_upload(call.bucket, upload)),
        initiator=owner(upload.owner),
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
    )


def _storage_class(upload: Upload) -> str:
    return upload.attributes.headers.get("x-amz-storage-class", STANDARD)
