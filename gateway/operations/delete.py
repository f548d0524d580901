"""DeleteObjects: many keys of one bucket in one transaction. One key alone is in ``object``."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from gateway import conditions
from gateway.access import Needs, has_policy
from gateway.errors import (
    BORDER,
    AccessDenied,
    InvalidRequest,
    MalformedXML,
    NoSuchVersion,
    S3Error,
)
from gateway.naming import key_bytes
from gateway.operation import Call
from gateway.operations import locks
from gateway.operations.members import ChecksumHeaders, given_checksums
from gateway.wire.shape import Header, Label, Payload, Shape, Xml
from store.errors import NoSuchEntry, StoreError
from store.records import Deleted, Deletion
from store.version_id import decode

MAX_DELETED = 1000
FEW = 100
"""Keys that are dealt with in one go."""
ASKED_AT_ONCE = 16
"""Keys that a bucket policy is asked about in a row."""


class ObjectIdentifier(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectIdentifier.html"""

    key: str
    version_id: str | None = None
    etag: Annotated[str | None, Xml("ETag")] = None
    last_modified_time: datetime | None = None
    size: int | None = None


class Delete(Shape, root="Delete"):
    objects: Annotated[tuple[ObjectIdentifier, ...], Xml("Object")]
    quiet: bool = False


class DeleteObjectsInput(ChecksumHeaders):
    bucket: Annotated[str, Label("Bucket")]
    delete: Annotated[Delete, Payload()]
    content_md5: Annotated[str | None, Header("Content-MD5")] = None
    checksum_algorithm: Annotated[str | None, Header("x-amz-sdk-checksum-algorithm")] = None
    bypass_governance_retention: Annotated[bool, Header(locks.BYPASS)] = False
    payload_hash: Annotated[str | None, Header("x-amz-content-sha256")] = None


class DeletedObject(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletedObject.html"""

    key: str
    version_id: str | None = None
    delete_marker: bool | None = None
    delete_marker_version_id: str | None = None


class Error(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Error.html"""

    key: str
    version_id: str | None = None
    code: str
    message: str


class DeleteObjectsOutput(Shape, root="DeleteResult"):
    deleted: tuple[DeletedObject, ...]
    errors: Annotated[tuple[Error, ...], Xml("Error")]


async def delete_objects(call: Call, ask: DeleteObjectsInput) -> DeleteObjectsOutput:
    """Remove up to 1,000 keys; what cannot be removed is told per key, the others go.

    A key that is not there counts as removed. ``Quiet`` leaves the removed ones out of the answer.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

    Raises ``MalformedXML`` (no key, too many), ``InvalidRequest`` (nothing protects the list of
    keys from damage on the way).
    """
    _check_protected(ask)
    wanted = ask.delete.objects
    if not 1 <= len(wanted) <= MAX_DELETED or not all(one.key for one in wanted):
        raise MalformedXML
    bypass = locks.bypasses(call, ask.bypass_governance_retention)
    denied = await _denied(call, wanted, bypass)
    served = [
        one
        for one in wanted
        if id(one) not in denied and (not one.version_id or decode(one.version_id) is not None)
    ]
    await _others_turn(wanted)
    answers = await call.store.delete(
        call.bucket,
        [
            Deletion(
                key_bytes(one.key),
                one.version_id or None,
                conditions.expect_of_deletion(one.etag, one.last_modified_time, one.size),
                bypass,
            )
            for one in served
        ],
        owner=call.caller.id,
    )
    await _others_turn(wanted)
    found = denied | dict(zip(map(id, served), answers, strict=True))
    deleted, errors = [], []
    for one in wanted:
        answer = found.get(id(one), NoSuchVersion())
        if isinstance(answer, Exception) and is_deleted(call, answer):
            answer = Deleted()
        if isinstance(answer, Exception):
            errors.append(_error(one, answer))
        elif not ask.delete.quiet:
            deleted.append(_deleted(one, answer))
    await _others_turn(wanted)
    return DeleteObjectsOutput(deleted=tuple(deleted), errors=tuple(errors))


async def _others_turn(wanted: Sequence[ObjectIdentifier]) -> None:
    """Between steps that take up to 0.6 ms each for 1,000 keys."""
    if len(wanted) > FEW:
        await asyncio.sleep(0)


def _deleted(one: ObjectIdentifier, answer: Deleted) -> DeletedObject:
    return DeletedObject(
        key=one.key,
        version_id=one.version_id or None,
        delete_marker=answer.marker or None,
        delete_marker_version_id=answer.version if answer.marker else None,
    )


async def _denied(
    call: Call, wanted: Sequence[ObjectIdentifier], bypass: bool
) -> dict[int, Exception | Deleted]:
    """The refusals, by id of what was wanted: each key and version is judged by itself."""
    versions = any(one.version_id for one in wanted)
    if not (bypass or versions or has_policy(call.bucket)):
        return {}
    denied: dict[int, Exception | Deleted] = {}
    for number, one in enumerate(wanted):
        if number % ASKED_AT_ONCE == 0:
            await asyncio.sleep(0)  # others' turn: a long policy takes its time on 1,000 keys
        try:
            if one.version_id:
                may_delete_version(call, one.key, one.version_id)
            else:
                call.allow(Needs.WRITE, call.bucket, "s3:DeleteObject", key=one.key)
            if bypass:
                locks.may_bypass(call, one.key, one.version_id or None)
        except AccessDenied as refusal:
            denied[id(one)] = refusal
    return denied


def may_delete_version(call: Call, key: str, version_id: str) -> None:
    """For good, which the right to write is not enough for: else nothing would be kept from it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions

    Raises ``AccessDenied``.
    """
    call.allow(Needs.OWNER, call.bucket, "s3:DeleteObjectVersion", key=key, version=version_id)


def is_deleted(call: Call, refusal: Exception) -> bool:
    """A condition on what is not there fails on AWS; to RGW it is as good as deleted."""
    return isinstance(refusal, NoSuchEntry) and call.config.differences.absent_is_deleted


def _check_protected(ask: DeleteObjectsInput) -> None:
    """A damaged list of keys deletes the wrong objects, so AWS wants it hashed in some way."""
    hashed = ask.payload_hash is not None and ask.payload_hash != "UNSIGNED-PAYLOAD"
    if not (hashed or ask.content_md5 or ask.checksum_algorithm or given_checksums(ask)):
        raise InvalidRequest("Missing required header for this request: Content-MD5")


def _error(one: ObjectIdentifier, refusal: Exception) -> Error:
    if isinstance(refusal, StoreError):
        refusal = BORDER[type(refusal)](refusal)
    if not isinstance(refusal, S3Error):
        raise refusal
    return Error(
        key=one.key,
        version_id=one.version_id or None,
        code=refusal.code,
        message=refusal.text,
    )
