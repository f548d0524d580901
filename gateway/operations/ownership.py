"""A bucket's ownership controls: put, get, delete; and what they and the block say of an ACL."""

from typing import Annotated

from gateway.errors import (
    AccessControlListNotSupported,
    AccessDenied,
    InvalidBucketAclWithObjectOwnership,
    MalformedXML,
    OwnershipControlsNotFoundError,
)
from gateway.operation import Call
from gateway.operations.grants import OF_OBJECTS, in_headers
from gateway.policy.blocks import blocks
from gateway.policy.grants import Acl, CannedAcl, Permission, of_bucket, of_object
from gateway.policy.ownership import CONFIG, Ownership, OwnershipControls, enforced, ownership
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Label, Payload, Shape
from store.records import Bucket, Upload


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
    check_bucket_acl(rule.object_ownership, of_bucket(call.bucket), call.bucket.owner)
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


def check_bucket_acl(controls: Ownership, acl: Acl, owner: str) -> None:
    """Raises ``InvalidBucketAclWithObjectOwnership`` when a bucket cannot have both."""
    if controls is not Ownership.BUCKET_OWNER_ENFORCED:
        return
    if any(grant.key != owner for grant in acl.all(owner, owner)):
        raise InvalidBucketAclWithObjectOwnership


def object_acl(call: Call, canned: str | None) -> Acl | None:
    """The ACL that a request to make an object gives it; ``None``: none of its own.

    Raises as ``in_headers`` and ``may_give``.
    """
    acl = in_headers(call, canned, OF_OBJECTS)
    if acl is not None:
        may_give(call, acl)
    return acl


def may_give(call: Call, acl: Acl, *, written: bool = False) -> None:
    """Whether the bucket or an object in it may get an ACL; ``written``: as a document of grants.

    Raises ``AccessControlListNotSupported`` (ownership is enforced, and it does not say just
    that), ``AccessDenied`` (a public one, where those are blocked).

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    config, owner = call.bucket.config, call.bucket.owner
    if enforced(config) and acl.canned != CannedAcl.BUCKET_OWNER_FULL_CONTROL:
        given = acl.all(owner, owner) if written else acl.grants
        if not given or any(
            (each.key, each.permission) != (owner, Permission.FULL_CONTROL) for each in given
        ):
            raise AccessControlListNotSupported
    if blocks(config).block_public_acls and acl.public:
        raise AccessDenied


def owner_of(bucket: Bucket, writer: str, acl: Acl | None) -> str:
    """Access key id of the owner of an object that ``writer`` puts with this ACL."""
    if CONFIG not in bucket.config:
        return writer
    match ownership(bucket.config):
        case Ownership.BUCKET_OWNER_ENFORCED:
            return bucket.owner
        case Ownership.BUCKET_OWNER_PREFERRED if acl == _BUCKET_OWNERS:
            return bucket.owner
        case _:
            return writer


def owner_of_upload(bucket: Bucket, upload: Upload) -> str:
    """Access key id of the owner of what an upload becomes."""
    return owner_of(bucket, upload.owner, of_object(upload.attributes))


_BUCKET_OWNERS = Acl(CannedAcl.BUCKET_OWNER_FULL_CONTROL)
