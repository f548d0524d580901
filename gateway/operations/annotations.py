"""Annotations of one version of an object: put, get, list, delete."""

from datetime import datetime
from typing import Annotated

from gateway import checksums, conditions
from gateway.auth.body import GuardedBody
from gateway.conditions import moment
from gateway.encryption.choice import alike
from gateway.encryption.object_keys import CUSTOMER
from gateway.encryption.opening import opened
from gateway.encryption.sealing import stage
from gateway.errors import (
    AnnotationNameTooLong,
    EntityTooLarge,
    InvalidAnnotationName,
    InvalidArgument,
    InvalidPrefix,
    InvalidRequest,
    MaxMessageLengthExceeded,
    NoSuchAnnotation,
    UnsupportedMediaType,
)
from gateway.naming import quote_etag
from gateway.operation import Call
from gateway.operations import locks
from gateway.operations.members import ChecksumHeaders, checksum_members
from gateway.operations.named_version import current, shown
from gateway.operations.stored import StoredBody
from gateway.ranges import Span
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Xml
from store.annotated import MOST, annotation_name
from store.records import Attributes, Encryption
from store.store import Outgoing

MOST_BYTES = 1024 * 1024
NAME_BYTES = 512
_RESERVED = ("aws", "s3")


class PutObjectAnnotationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    annotation_name: Annotated[str, Query("annotationName")]
    version_id: Annotated[str | None, Query("versionId")] = None
    annotation_payload: Annotated[GuardedBody, Payload()]
    object_if_match: Annotated[str | None, Header("x-amz-object-if-match")] = None


class PutObjectAnnotationOutput(ChecksumHeaders):
    key: str
    annotation_name: str
    object_version_id: Annotated[str | None, Header("x-amz-object-version-id")] = None
    etag: Annotated[str, Header("ETag")]
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None
    server_side_encryption: Annotated[str | None, Header("x-amz-server-side-encryption")] = None


async def put_object_annotation(
    call: Call, ask: PutObjectAnnotationInput
) -> PutObjectAnnotationOutput:
    """Attach a text to a version of an object, encrypted as that is; one of its name is replaced.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAnnotation.html

    Raises as ``current``, ``_check_name``, ``_text`` and ``Store.put_annotation``;
    ``InvalidRequest`` (only the client has the object's key).
    """
    _check_name(ask.annotation_name)
    expect = conditions.expect(ask.object_if_match, None)
    entry = current(call, ask.key, ask.version_id)
    record = entry.attributes.encryption
    if record is not None and record.kind == CUSTOMER:
        raise InvalidRequest("Objects encrypted with SSE-C cannot have annotations.")
    algorithm = ask.annotation_payload.checksum_algorithm or checksums.DEFAULT
    text = await _text(ask.annotation_payload)
    body = StoredBody(text, len(text), frozenset((checksums.digest_name(algorithm),)))
    key = None if record is None else await alike(call, record)
    staged, encryption = await stage(call, body, key)
    sums = {algorithm: checksums.text(algorithm, staged.digests)}
    made = await call.store.put_annotation(
        entry,
        ask.annotation_name,
        staged,
        owner=call.caller.id,
        attributes=Attributes(
            checksums=sums, checksum_type=checksums.FULL_OBJECT, encryption=encryption
        ),
        expect=expect,
    )
    return PutObjectAnnotationOutput(
        key=ask.key,
        annotation_name=ask.annotation_name,
        object_version_id=shown(call.bucket, entry),
        etag=quote_etag(made.etag),
        checksum_type=checksums.FULL_OBJECT,
        server_side_encryption=_kind(encryption),
        **checksum_members(sums),
    )


def _kind(record: Encryption | None) -> str | None:
    return None if record is None else record.kind


def _check_name(name: str) -> None:
    """Raises ``AnnotationNameTooLong``, ``InvalidAnnotationName``."""
    if not _legible(name) or not name or name.lower().startswith(_RESERVED):
        raise InvalidAnnotationName(AnnotationName=ascii(name))
    if len(name.encode()) > NAME_BYTES:
        raise AnnotationNameTooLong


def _legible(name: str) -> bool:
    """Text of UTF-8 that XML can say."""
    return not any(
        each < " " or each == "\x7f" or "\ud800" <= each <= "\udfff" or each in "\ufffe\uffff"
        for each in name
    )


async def _text(body: GuardedBody) -> bytes:
    """Raises ``InvalidRequest`` (nothing), ``EntityTooLarge``, ``UnsupportedMediaType``."""
    body.limit(MOST_BYTES)
    try:
        text = await body.read(MOST_BYTES)
    except MaxMessageLengthExceeded as error:
        raise EntityTooLarge(MaxSizeAllowed=MOST_BYTES) from error
    if not text:
        raise InvalidRequest("An annotation has at least one byte.")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise UnsupportedMediaType from error
    return text


class GetObjectAnnotationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    annotation_name: Annotated[str, Query("annotationName")]
    version_id: Annotated[str | None, Query("versionId")] = None
    checksum_mode: Annotated[str | None, Header("x-amz-checksum-mode")] = None


class GetObjectAnnotationOutput(ChecksumHeaders):
    annotation_payload: Annotated[bytes | Outgoing, Payload()]
    object_version_id: Annotated[str | None, Header("x-amz-object-version-id")] = None
    last_modified: Annotated[datetime, Header("Last-Modified")]
    content_length: Annotated[int, Header("Content-Length")]
    etag: Annotated[str, Header("ETag")]
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None
    server_side_encryption: Annotated[str | None, Header("x-amz-server-side-encryption")] = None


async def get_object_annotation(
    call: Call, ask: GetObjectAnnotationInput
) -> GetObjectAnnotationOutput:
    """One annotation. Raises as ``current``, and ``NoSuchAnnotation``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAnnotation.html
    """
    _check_name(ask.annotation_name)
    entry = current(call, ask.key, ask.version_id)
    found = call.store.annotation(entry, ask.annotation_name)
    if found is None:
        raise NoSuchAnnotation(AnnotationName=ask.annotation_name)
    kept = found.attributes
    body = await opened(call, found, Span(0, found.size), None)
    asked = (ask.checksum_mode or "").upper() == "ENABLED"
    return GetObjectAnnotationOutput(
        annotation_payload=body,
        object_version_id=shown(call.bucket, entry),
        last_modified=moment(found.modified),
        content_length=found.size,
        etag=quote_etag(found.etag),
        checksum_type=kept.checksum_type if asked else None,
        server_side_encryption=_kind(kept.encryption),
        **(checksum_members(kept.checksums) if asked else {}),
    )


class ListObjectAnnotationsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    max_annotation_results: Annotated[int, Query("max-annotation-results")] = MOST
    annotation_prefix: Annotated[str | None, Query("annotation-prefix")] = None
    continuation_token: Annotated[str | None, Query("continuation-token")] = None


class AnnotationEntry(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AnnotationEntry.html"""

    annotation_name: str
    last_modified: datetime
    etag: Annotated[str, Xml("ETag")]
    checksum_algorithm: tuple[str, ...] = ()
    size: int


class ListObjectAnnotationsOutput(Shape):
    annotations: Annotated[
        tuple[AnnotationEntry, ...], Xml("Annotations", member="AnnotationEntry")
    ]
    bucket: str
    key: str
    object_version_id: Annotated[str | None, Header("x-amz-object-version-id")] = None
    annotation_prefix: str | None = None
    max_annotation_results: int
    annotation_count: int
    continuation_token: str | None = None
    next_continuation_token: str | None = None


async def list_object_annotations(
    call: Call, ask: ListObjectAnnotationsInput
) -> ListObjectAnnotationsOutput:
    """Names and sizes of annotations, in byte order; a token is the last name before a page.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectAnnotations.html

    Raises as ``current``, ``InvalidArgument``, ``InvalidPrefix``.
    """
    if not 1 <= ask.max_annotation_results <= MOST:
        raise InvalidArgument(
            ArgumentName="max-annotation-results", ArgumentValue=ask.max_annotation_results
        )
    prefix, after = ask.annotation_prefix or "", ask.continuation_token or ""
    if not _legible(prefix) or len(prefix.encode()) > NAME_BYTES:
        raise InvalidPrefix
    if not _legible(after):
        raise InvalidArgument(ArgumentName="continuation-token")
    entry = current(call, ask.key, ask.version_id)
    page = call.store.annotations(
        entry, prefix=prefix, after=after, limit=ask.max_annotation_results
    )
    found = tuple(
        AnnotationEntry(
            annotation_name=annotation_name(each),
            last_modified=moment(each.modified),
            etag=quote_etag(each.etag),
            checksum_algorithm=tuple(each.attributes.checksums),
            size=each.size,
        )
        for each in page.entries
    )
    return ListObjectAnnotationsOutput(
        annotations=found,
        bucket=ask.bucket,
        key=ask.key,
        object_version_id=shown(call.bucket, entry),
        annotation_prefix=ask.annotation_prefix,
        max_annotation_results=ask.max_annotation_results,
        annotation_count=len(found),
        continuation_token=ask.continuation_token,
        next_continuation_token=found[-1].annotation_name if page.more else None,
    )


class DeleteObjectAnnotationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    annotation_name: Annotated[str, Query("annotationName")]
    version_id: Annotated[str | None, Query("versionId")] = None
    object_if_match: Annotated[str | None, Header("x-amz-object-if-match")] = None


class DeleteObjectAnnotationOutput(Shape):
    object_version_id: Annotated[str | None, Header("x-amz-object-version-id")] = None


async def delete_object_annotation(
    call: Call, ask: DeleteObjectAnnotationInput
) -> DeleteObjectAnnotationOutput:
    """Remove an annotation for good; having none of that name is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectAnnotation.html

    Raises as ``current``, ``may_bypass`` and ``Store.delete_annotation``.
    """
    _check_name(ask.annotation_name)
    expect = conditions.expect(ask.object_if_match, None)
    said = call.request.headers.get(locks.BYPASS)
    bypass = locks.bypasses(call, (said or "").lower() == "true")
    if bypass:
        locks.may_bypass(call, ask.key, ask.version_id)
    entry = current(call, ask.key, ask.version_id)
    await call.store.delete_annotation(entry, ask.annotation_name, expect=expect, bypass=bypass)
    return DeleteObjectAnnotationOutput(object_version_id=shown(call.bucket, entry))
