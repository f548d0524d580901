"""A bucket's ownership controls: put, get, delete; and what they and the block say of an ACL."""

from typing import Annotated

from gateway.access import CannedAcl
from gateway.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    InvalidBucketAclWithObjectOwnership,
    MalformedXML,
    OwnershipControlsNotFoundError,
)
from gateway.operation import Call
from gateway.policy.blocks import blocks
from gateway.policy.ownership import CONFIG, Ownership, OwnershipControls, enforced, ownership
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape

BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"
PUBLIC = frozenset({"public-read", "public-read-write", "authenticated-read"})
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"""


class PutBucketOwnershipControlsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    ownership_controls: Annotated[OwnershipControls, Payload()]


class PutBucketOwnershipControlsOutput(Shape):
    """Nothing: 200."""


async def put_bucket_ownership_controls(
    call: Call, ask: PutBucketOwnershipControlsInput
) -> PutBucketOwnershipControlsOutput:
    """Say whose the objects are and whether ACLs count.

    Raises ``MalformedXML`` (not exactly one rule), ``InvalidBucketAclWithObjectOwnership`` (the
    bucket's ACL still opens something that enforced ownership would close).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketOwnershipControls.html
    """
    if len(ask.ownership_controls.rules) != 1:
        raise MalformedXML
    (rule,) = ask.ownership_controls.rules
    check_bucket_acl(rule.object_ownership, call.bucket.acl)
    await call.store.set_bucket_config(call.bucket, CONFIG, keep(ask.ownership_controls))
    return PutBucketOwnershipControlsOutput()


class GetBucketOwnershipControlsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketOwnershipControlsOutput(Shape):
    ownership_controls: Annotated[OwnershipControls, Payload()]


async def get_bucket_ownership_controls(
    call: Call, ask: GetBucketOwnershipControlsInput
) -> GetBucketOwnershipControlsOutput:
    """The bucket's controls. Raises ``OwnershipControlsNotFoundError``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketOwnershipControls.html
    """
    controls = kept(OwnershipControls, call.bucket.config, CONFIG)
    if controls is None:
        raise OwnershipControlsNotFoundError(BucketName=ask.bucket)
    return GetBucketOwnershipControlsOutput(ownership_controls=controls)


class DeleteBucketOwnershipControlsInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketOwnershipControlsOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_ownership_controls(
    call: Call, ask: DeleteBucketOwnershipControlsInput
) -> DeleteBucketOwnershipControlsOutput:
    """Remove the bucket's controls; having none is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketOwnershipControls.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketOwnershipControlsOutput()


def check_bucket_acl(controls: Ownership, acl: str) -> None:
    """Raises ``InvalidBucketAclWithObjectOwnership`` when a bucket cannot have both."""
    if controls is Ownership.BUCKET_OWNER_ENFORCED and acl != CannedAcl.PRIVATE:
        raise InvalidBucketAclWithObjectOwnership


def may_give(call: Call, acl: str | None) -> None:
    """Whether the bucket or an object in it may get the ACL a request names.

    Raises ``AccessControlListNotSupported`` (ownership is enforced), ``AccessDenied`` (a public
    one, where those are blocked).
    """
    if acl is None:
        return
    if acl != BUCKET_OWNER_FULL_CONTROL and enforced(call.bucket.config):
        raise AccessControlListNotSupported
    if acl in PUBLIC and blocks(call.bucket.config).block_public_acls:
        raise AccessDenied


def owner_of(call: Call, acl: str | None) -> str:
    """Access key id of the owner of an object that the caller puts with this ACL."""
    match ownership(call.bucket.config):
        case Ownership.BUCKET_OWNER_ENFORCED:
            return call.bucket.owner
        case Ownership.BUCKET_OWNER_PREFERRED if acl == BUCKET_OWNER_FULL_CONTROL:
            return call.bucket.owner
        case _:
            return call.caller.id
