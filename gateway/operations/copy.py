"""CopyObject and UploadPartCopy: what is stored already, named again or made a part."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec.structs import replace

from gateway import checksums, conditions, ranges
from gateway.access import Needs
from gateway.config import Config
from gateway.encryption.choice import asked, chosen
from gateway.encryption.members import CidOf, CustomerKey, Encrypted, EncryptedInContext, Encrypting
from gateway.encryption.object_keys import Key, cid_of, said, upload_key
from gateway.encryption.sealing import stage
from gateway.errors import ConditionalRequestConflict, InvalidRequest, NoSuchKey, S3NotImplemented
from gateway.lifecycle.fates import expiration
from gateway.naming import key_bytes, quote_etag, user_metadata
from gateway.operation import Call
from gateway.operations import locks, tags
from gateway.operations.members import (
    ChecksumElements,
    Content,
    attributes,
    check_algorithm,
    check_part_number,
    checksum_members,
    placement,
)
from gateway.operations.multipart import part_checksums, put_part, running
from gateway.operations.named_version import made
from gateway.operations.ownership import object_acl, owner_of
from gateway.operations.source import Source, copied, named, readable
from gateway.operations.stored import StoredBody, stored
from gateway.operations.tagging import may_tag
from gateway.policy.grants import Acl
from gateway.ranges import Span
from gateway.replication.marking import marked
from gateway.wire.shape import Header, Label, Payload, Query, Xml
from store import cid, digests
from store import errors as store_errors
from store.records import Attributes, Entry, Expect, Extent

MAX_COPY_BYTES = 5 * 1024**3
"""More has to be copied by parts.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""
_OF_A_VERSION = "s3:GetObjectVersionTagging"
ATTEMPTS = 8
"""How often a copy starts again because its source was replaced while it ran."""


class MetadataDirective(StrEnum):
    COPY = "COPY"
    REPLACE = "REPLACE"


class TaggingDirective(StrEnum):
    COPY = "COPY"
    REPLACE = "REPLACE"


class AnnotationDirective(StrEnum):
    COPY = "COPY"
    EXCLUDE = "EXCLUDE"


class CopyObjectInput(Content, Source, Encrypting):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    checksum_algorithm: Annotated[str | None, Header("x-amz-checksum-algorithm")] = None
    annotation_directive: Annotated[
        AnnotationDirective, Header("x-amz-object-annotation-directive")
    ] = AnnotationDirective.COPY
    if_match: Annotated[str | None, Header("If-Match")] = None
    if_none_match: Annotated[str | None, Header("If-None-Match")] = None
    metadata_directive: Annotated[MetadataDirective, Header("x-amz-metadata-directive")] = (
        MetadataDirective.COPY
    )
    tagging_directive: Annotated[TaggingDirective, Header("x-amz-tagging-directive")] = (
        TaggingDirective.COPY
    )


class CopyObjectResult(ChecksumElements, root="CopyObjectResult"):
    etag: Annotated[str, Xml("ETag")]
    last_modified: datetime
    checksum_type: str | None = None


class CopyObjectOutput(EncryptedInContext, CidOf):
    cid: Annotated[str, Header("Cid")]
    copy_source_version_id: Annotated[str | None, Header("x-amz-copy-source-version-id")] = None
    expiration: Annotated[str | None, Header("x-amz-expiration")] = None
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None
    copy_object_result: Annotated[CopyObjectResult, Payload()]


class UploadPartCopyInput(Source, CustomerKey):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    part_number: Annotated[int, Query("partNumber")]
    upload_id: Annotated[str, Query("uploadId")]
    copy_source_range: Annotated[str | None, Header("x-amz-copy-source-range")] = None


class CopyPartResult(ChecksumElements, root="CopyPartResult"):
    etag: Annotated[str, Xml("ETag")]
    last_modified: datetime


class UploadPartCopyOutput(Encrypted):
    copy_source_version_id: Annotated[str | None, Header("x-amz-copy-source-version-id")] = None
    copy_part_result: Annotated[CopyPartResult, Payload()]


async def copy_object(call: Call, ask: CopyObjectInput) -> CopyObjectOutput:
    """Name an object's bytes once more; none is copied, so ETag, CID and parts stay the same.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html

    Raises as ``readable``, ``attributes`` and ``locks.of_new``; ``AccessDenied`` (a right on tags
    or annotations is missing); ``S3NotImplemented`` (annotations of what is encrypted);
    ``InvalidRequest`` (too large, or onto itself with no change); ``ConditionalRequestConflict``
    when the source is replaced faster than it can be named; and as ``Store.copy`` of the target.
    """
    acl = object_acl(call, ask.acl)
    lock = locks.of_new(call, ask)
    expect = conditions.expect(ask.if_match, ask.if_none_match)
    for _ in range(ATTEMPTS):
        source = readable(call, ask)
        _check_legal(call, ask, source)
        _check_tags(call, ask, source)
        annotations = _annotations(call, ask, source)
        key = await chosen(call, ask)
        owner = owner_of(call.bucket, call.caller.id, acl)
        try:
            kept = replace(await _checksummed(call, ask, acl, source), lock=lock)
            if key is None and source.attributes.encryption is None:
                entry = await call.store.copy(
                    source,
                    call.bucket,
                    key_bytes(ask.key),
                    owner=owner,
                    attributes=marked(call, ask.key, kept),
                    expect=expect,
                    annotations=annotations,
                )
            else:
                _check_copied(annotations)
                entry = await _sealed_anew(call, ask, source, key, owner, kept, expect)
        except store_errors.NoSuchEntry as error:
            if _place(readable(call, ask)) == _place(source):
                raise NoSuchKey(Key=ask.key) from error
            continue
        return CopyObjectOutput(
            cid=cid.text(entry.cid),
            cid_of=cid_of(entry.attributes.encryption),
            copy_source_version_id=copied(ask, source),
            expiration=expiration(call.bucket.config, entry),
            version_id=made(entry),
            copy_object_result=_result(entry),
            **said(entry.attributes.encryption, ask, context=True),
        )
    raise ConditionalRequestConflict(Condition="x-amz-copy-source", Key=ask.key)


async def upload_part_copy(call: Call, ask: UploadPartCopyInput) -> UploadPartCopyOutput:
    """Make an object, or a range of one, a part of an upload.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html

    Raises as ``_source``, ``running`` and ``upload_part``.
    """
    check_part_number(ask.part_number)
    upload = running(call, ask.key, ask.upload_id)
    key = await upload_key(call, upload, ask)
    names = part_checksums(upload)
    source, body = await _source(call, ask, names)
    try:
        staged, encryption = await stage(call, body, key, ask.part_number)
    finally:
        body.close()
    part = await put_part(call, upload, ask.part_number, staged, names)
    result = CopyPartResult(
        etag=quote_etag(part.etag),
        last_modified=conditions.moment(part.modified),
        **checksum_members(part.checksums),
    )
    return UploadPartCopyOutput(
        copy_source_version_id=copied(ask, source),
        copy_part_result=result,
        **said(encryption, ask),
    )


def _place(entry: Entry) -> tuple[int, tuple[Extent, ...]]:
    """The same as long as nobody has changed or moved it."""
    return entry.seq, entry.extents


async def _source(
    call: Call, ask: UploadPartCopyInput, names: Sequence[str]
) -> tuple[Entry, StoredBody]:
    """What is copied from, and of its bytes those that are asked for.

    Raises as ``readable``, ``ranges.copied`` and ``stored``; ``ConditionalRequestConflict`` when it
    is replaced faster than it can be opened.
    """
    for _ in range(ATTEMPTS):
        source = readable(call, ask)
        span = ranges.copied(ask.copy_source_range, source.size, call.config.differences)
        _check_size(span.length)
        with suppress(store_errors.NoSuchEntry):
            return source, await stored(call, ask, source, span, names)
    raise ConditionalRequestConflict(Condition="x-amz-copy-source", Key=ask.key)


async def _sealed_anew(
    call: Call,
    ask: CopyObjectInput,
    source: Entry,
    key: Key | None,
    owner: str,
    kept: Attributes,
    expect: Expect,
) -> Entry:
    """Store the bytes once more: what one key has encrypted is never read with another."""
    body = await stored(call, ask, source, Span(0, source.size), ())
    try:
        staged, encryption = await stage(call, body, key)
    finally:
        body.close()
    return await call.store.put(
        call.bucket,
        key_bytes(ask.key),
        staged,
        owner=owner,
        attributes=marked(call, ask.key, replace(kept, encryption=encryption)),
        expect=expect,
    )


def _result(entry: Entry) -> CopyObjectResult:
    return CopyObjectResult(
        etag=quote_etag(entry.etag),
        last_modified=conditions.moment(entry.modified),
        checksum_type=entry.attributes.checksum_type,
        **checksum_members(entry.attributes.checksums),
    )


def _check_legal(call: Call, ask: CopyObjectInput, source: Entry) -> None:
    _check_size(source.size)
    same = (source.bucket, source.key) == (call.bucket.id, key_bytes(ask.key))
    changed = (
        ask.metadata_directive is MetadataDirective.REPLACE
        or ask.storage_class is not None
        or ask.website_redirect_location is not None
        or asked(ask)
    )
    # A version that is named may be an old one, which this makes the current one again.
    if same and not changed and named(ask.copy_source).version_id is None:
        raise InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or "
            "encryption attributes."
        )


def _check_tags(call: Call, ask: CopyObjectInput, source: Entry) -> None:
    """Tags are read and written with rights of their own. Raises ``AccessDenied``.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html
    """
    if ask.tagging_directive is TaggingDirective.REPLACE:
        may_tag(call, ask.tagging)
    elif source.attributes.tags:
        wanted = named(ask.copy_source)
        there = call.store.bucket(wanted.bucket)
        if there is not None:
            action = "s3:GetObjectTagging" if wanted.version_id is None else _OF_A_VERSION
            call.allow(
                Needs.OWNER, there, action, key=wanted.key, entry=source, version=wanted.version_id
            )
        call.allow(Needs.OWNER, call.bucket, "s3:PutObjectTagging", key=ask.key)


def _annotations(call: Call, ask: CopyObjectInput, source: Entry) -> bool:
    """Whether there are some to be copied. Raises ``AccessDenied``."""
    wanted = ask.annotation_directive is AnnotationDirective.COPY
    if not wanted or source.attributes.annotations is None:
        return False
    at = named(ask.copy_source)
    there = call.store.bucket(at.bucket)
    if there is not None:
        action = "s3:GetObjectAnnotation"
        call.allow(Needs.OWNER, there, action, key=at.key, entry=source, version=at.version_id)
    call.allow(Needs.OWNER, call.bucket, "s3:PutObjectAnnotation", key=ask.key)
    return True


def _check_copied(annotations: bool) -> None:
    """Raises ``S3NotImplemented``: their keys are bound to the bucket they are in."""
    if annotations:
        raise S3NotImplemented(
            "Annotations of encrypted objects are not copied; exclude them.",
            Header="x-amz-object-annotation-directive",
        )


def _check_size(size: int) -> None:
    if size > MAX_COPY_BYTES:
        raise InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy "
            f"source: {MAX_COPY_BYTES}"
        )


async def _checksummed(
    call: Call, ask: CopyObjectInput, acl: Acl | None, source: Entry
) -> Attributes:
    """The target's attributes: its checksum is the source's unless another one is asked for."""
    old = source.attributes
    kept = _described(ask, acl, old, call.config)
    algorithm = ask.checksum_algorithm
    full = old.checksums if old.checksum_type == checksums.FULL_OBJECT else {}
    if algorithm is None or algorithm in full:
        return replace(kept, checksums=old.checksums, checksum_type=old.checksum_type)
    check_algorithm(algorithm)
    text = await _computed(call, ask, source, algorithm)
    return replace(kept, checksums={algorithm: text}, checksum_type=checksums.FULL_OBJECT)


def _described(
    ask: CopyObjectInput, acl: Acl | None, old: Attributes, config: Config
) -> Attributes:
    replaced = ask.tagging_directive is TaggingDirective.REPLACE
    kept_tags = tags.in_header(ask.tagging, config.differences) if replaced else old.tags
    if ask.metadata_directive is MetadataDirective.REPLACE:
        return replace(attributes(ask, acl, config), tags=kept_tags)
    headers = {name: text for name, text in old.headers.items() if not name.startswith("x-amz-")}
    return Attributes(
        headers=headers | placement(ask),
        metadata=user_metadata(old.metadata, config.content_hash_metadata),
        acl=acl.canned if acl else None,
        tags=kept_tags,
        grants=acl.grants if acl else None,
    )


async def _computed(call: Call, ask: CopyObjectInput, source: Entry, algorithm: str) -> str:
    """A checksum of stored bytes, made by reading them; each MiB is hashed off the loop."""
    name = checksums.digest_name(algorithm)
    hasher = digests.new(name)
    body = await stored(call, ask, source, Span(0, source.size), ())
    try:
        async for data in body:
            await asyncio.to_thread(hasher.update, data)
    finally:
        body.close()
    return checksums.text(algorithm, {name: hasher.digest()})
