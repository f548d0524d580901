"""Access control lists of buckets and objects: put and get. How they are written is ``grants``."""

from typing import Annotated

from msgspec.structs import replace

from gateway.access import Needs, holding
from gateway.errors import MissingSecurityHeader, OperationAborted, UnexpectedContent
from gateway.naming import Owner, owner
from gateway.operation import Call
from gateway.operations.grants import (
    OF_BUCKETS,
    OF_OBJECTS,
    AccessControlPolicy,
    Grant,
    grants,
    in_document,
    in_headers,
)
from gateway.operations.named_version import current
from gateway.operations.ownership import may_give
from gateway.policy.grants import CONFIG, Acl, CannedAcl, kept
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Xml
from store import errors as store_errors

ATTEMPTS = 8
"""How often an ACL is put again because the object was replaced in the meantime."""


class PutBucketAclInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    acl: Annotated[str | None, Header("x-amz-acl")] = None
    access_control_policy: Annotated[AccessControlPolicy | None, Payload()] = None


class PutBucketAclOutput(Shape):
    """Nothing: 200."""


async def put_bucket_acl(call: Call, ask: PutBucketAclInput) -> PutBucketAclOutput:
    """Give the bucket an ACL: a canned one, grants in headers, or a document.

    Raises ``MalformedACLError`` for a document that is none, ``MissingSecurityHeader`` for
    nothing at all, ``UnexpectedContent`` for headers and document together, ``AccessDenied`` for a
    document with another owner or a public ACL where those are blocked,
    ``AccessControlListNotSupported`` where ownership is enforced, and as ``in_headers``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
    """
    acl = in_headers(call, ask.acl, OF_BUCKETS)
    acl = _either(call, acl, ask.access_control_policy, call.bucket.owner)
    if acl.grants is not None:
        await call.store.set_bucket_config(call.bucket, CONFIG, kept(acl.grants))
        return PutBucketAclOutput()
    await call.store.set_bucket_acl(call.bucket, for_bucket(acl).canned)
    if CONFIG in call.bucket.config:  # until it is gone, the old ACL holds
        await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return PutBucketAclOutput()


def for_bucket(acl: Acl) -> Acl:
    """A bucket is its owner's anyway, so the canned ACLs that say so are private."""
    ignored = acl.canned in {CannedAcl.BUCKET_OWNER_READ, CannedAcl.BUCKET_OWNER_FULL_CONTROL}
    return Acl() if acl.grants is None and ignored else acl


class GetBucketAclInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketAclOutput(Shape, root="AccessControlPolicy"):
    owner: Owner
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")]


async def get_bucket_acl(call: Call, ask: GetBucketAclInput) -> GetBucketAclOutput:
    """The bucket's grants, those included that its canned ACL stands for.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html
    """
    holder, acl = holding(call.bucket, None, call.config)
    return GetBucketAclOutput(owner=owner(holder), grants=grants(acl, holder, holder, call.config))


class PutObjectAclInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    acl: Annotated[str | None, Header("x-amz-acl")] = None
    access_control_policy: Annotated[AccessControlPolicy | None, Payload()] = None


class PutObjectAclOutput(Shape):
    """Nothing: 200."""


async def put_object_acl(call: Call, ask: PutObjectAclInput) -> PutObjectAclOutput:
    """Give the object an ACL of its own, as ``put_bucket_acl``; nothing else of it changes.

    Raises as that, ``NoSuchKey``, ``NoSuchVersion``, ``OperationAborted``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html
    """
    given = in_headers(call, ask.acl, OF_OBJECTS)
    action = "s3:PutObjectVersionAcl" if ask.version_id else "s3:PutObjectAcl"
    for _ in range(ATTEMPTS):
        entry = current(call, ask.key, ask.version_id)
        # The one that was allowed may have been replaced while the document came in.
        call.allow(
            Needs.PUT_ACP, call.bucket, action, key=ask.key, entry=entry, version=ask.version_id
        )
        holder, _acl = holding(call.bucket, entry, call.config)
        acl = _either(call, given, ask.access_control_policy, holder)
        said = replace(entry.attributes, acl=acl.canned, grants=acl.grants)
        try:
            await call.store.set_attributes(entry, said)
        except store_errors.NoSuchEntry:
            continue
        return PutObjectAclOutput()
    raise OperationAborted


class GetObjectAclInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None


class GetObjectAclOutput(Shape, root="AccessControlPolicy"):
    owner: Owner
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")]


async def get_object_acl(call: Call, ask: GetObjectAclInput) -> GetObjectAclOutput:
    """The object's own ACL with its writer as owner; without one, what holds in its place.

    Raises as ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
    """
    entry = current(call, ask.key, ask.version_id)
    holder, acl = holding(call.bucket, entry, call.config)
    shown = grants(acl, holder, call.bucket.owner, call.config)
    return GetObjectAclOutput(owner=owner(holder), grants=shown)


def _either(call: Call, acl: Acl | None, policy: AccessControlPolicy | None, holder: str) -> Acl:
    """The one that was given, if it may be."""
    if acl is not None and policy is not None:
        raise UnexpectedContent
    if policy is not None:
        acl = in_document(call, policy, holder)
    elif acl is None:
        raise MissingSecurityHeader(MissingHeaderName="x-amz-acl")
    may_give(call, acl, written=policy is not None)
    return acl
