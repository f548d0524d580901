"""PutObject, GetObject, HeadObject, DeleteObject: one object in, out, described, gone."""

from datetime import datetime
from typing import Annotated

from msgspec.structs import replace

from gateway import checksums, conditions
from gateway.auth.body import GuardedBody
from gateway.encryption.choice import chosen
from gateway.encryption.customer import customer_key
from gateway.encryption.members import CidOf, EncryptedInContext, Encrypting
from gateway.encryption.object_keys import cid_of, said
from gateway.encryption.opening import opened
from gateway.encryption.sealing import stage
from gateway.lifecycle.fates import expiration
from gateway.naming import key_bytes, quote_etag
from gateway.operation import Call
from gateway.operations import locks
from gateway.operations.delete import is_deleted, may_delete_version
from gateway.operations.members import (
    ChecksumHeaders,
    Content,
    Description,
    attributes,
    checksum_members,
)
from gateway.operations.named_version import check_version, made
from gateway.operations.ownership import object_acl, owner_of
from gateway.operations.tagging import may_tag
from gateway.operations.view import ReadInput, view
from gateway.replication.marking import check_deletion, marked
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Status
from store import cid
from store.records import Deleted, Deletion
from store.store import Outgoing


class PutObjectInput(Content, Encrypting):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    body: Annotated[GuardedBody, Payload()]
    if_match: Annotated[str | None, Header("If-Match")] = None
    if_none_match: Annotated[str | None, Header("If-None-Match")] = None


class PutObjectOutput(ChecksumHeaders, EncryptedInContext, CidOf):
    etag: Annotated[str, Header("ETag")]
    cid: Annotated[str, Header("Cid")]
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None
    expiration: Annotated[str | None, Header("x-amz-expiration")] = None
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None


class HeadObjectInput(ReadInput):
    pass


class HeadObjectOutput(Description):
    status: Annotated[int, Status()]


class GetObjectInput(ReadInput):
    pass


class GetObjectOutput(Description):
    status: Annotated[int, Status()]
    body: Annotated[bytes | Outgoing, Payload()]


class DeleteObjectInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    if_match: Annotated[str | None, Header("If-Match")] = None
    if_match_last_modified_time: Annotated[
        datetime | None, Header("x-amz-if-match-last-modified-time")
    ] = None
    if_match_size: Annotated[int | None, Header("x-amz-if-match-size")] = None
    bypass_governance_retention: Annotated[bool, Header(locks.BYPASS)] = False


class DeleteObjectOutput(Shape):
    delete_marker: Annotated[bool | None, Header("x-amz-delete-marker")] = None
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None


async def put_object(call: Call, ask: PutObjectInput) -> PutObjectOutput:
    """Store a body under a key, whole or not at all; the last writer wins.

    Without a checksum from the client CRC64NVME is computed, as AWS does.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html

    Raises ``MissingContentLength``, ``EntityTooLarge``, what ``object_acl``, ``attributes``,
    ``chosen``, ``locks`` and ``conditions.expect`` raise, what the body raises when it is not what
    was signed or announced, and as ``Store.put``.
    """
    acl = object_acl(call, ask.acl)
    may_tag(call, ask.tagging)
    lock = locks.of_new(call, ask)
    if lock is not None:
        locks.check_protected(call, ask.body)
    expect = conditions.expect(ask.if_match, ask.if_none_match)
    kept = attributes(ask, acl, call.config)
    ask.body.limit(call.config.max_put_bytes)
    algorithm = ask.body.checksum_algorithm or checksums.DEFAULT
    ask.body.also(algorithm)
    staged, encryption = await stage(call, ask.body, await chosen(call, ask))
    sums = {algorithm: checksums.text(algorithm, staged.digests)}
    entry = await call.store.put(
        call.bucket,
        key_bytes(ask.key),
        staged,
        owner=owner_of(call.bucket, call.caller.id, acl),
        attributes=marked(
            call,
            ask.key,
            replace(
                kept,
                checksums=sums,
                checksum_type=checksums.FULL_OBJECT,
                encryption=encryption,
                lock=lock,
            ),
        ),
        expect=expect,
    )
    return PutObjectOutput(
        etag=quote_etag(entry.etag),
        cid=cid.text(entry.cid),
        cid_of=cid_of(encryption),
        checksum_type=checksums.FULL_OBJECT,
        expiration=expiration(call.bucket.config, entry),
        version_id=made(entry),
        **checksum_members(sums),
        **said(encryption, ask, context=True),
    )


async def get_object(call: Call, ask: GetObjectInput) -> GetObjectOutput:
    """The bytes of an object, of a range of it, or of one part, and what is known about it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html

    Raises as ``view``.
    """
    entry, span, told = view(call, ask)
    body = await opened(call, entry, span, customer_key(call, ask))
    return GetObjectOutput(body=body, **told)


async def head_object(call: Call, ask: HeadObjectInput) -> HeadObjectOutput:
    """What GetObject would answer, without the bytes: ranges and parts included.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html

    Raises as ``view``.
    """
    return HeadObjectOutput(**view(call, ask).said)


async def delete_object(call: Call, ask: DeleteObjectInput) -> DeleteObjectOutput:
    """Remove a key, or hide it behind a delete marker where versions are kept; or one version.

    What is not there is as good as removed, unless a condition is given.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html

    Raises ``InvalidArgument``, as ``may_delete_version``, ``may_bypass`` and ``check_deletion``,
    and as ``Store.delete`` answers.
    """
    check_version(ask.version_id)
    check_deletion(call, ask.key)
    if ask.version_id is not None:
        may_delete_version(call, ask.key, ask.version_id)
    expect = conditions.expect_of_deletion(
        ask.if_match, ask.if_match_last_modified_time, ask.if_match_size
    )
    bypass = locks.bypasses(call, ask.bypass_governance_retention)
    if bypass:
        locks.may_bypass(call, ask.key, ask.version_id)
    deletion = Deletion(key_bytes(ask.key), ask.version_id, expect, bypass)
    (answer,) = await call.store.delete(call.bucket, [deletion], owner=call.caller.id)
    if isinstance(answer, Exception):
        if not is_deleted(call, answer):
            raise answer
        answer = Deleted()
    return DeleteObjectOutput(delete_marker=answer.marker or None, version_id=answer.version)
