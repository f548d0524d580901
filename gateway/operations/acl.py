"""Access control lists: BTIP-25's three canned ones, by header or as the grants they stand for.

What they let anybody do is decided in ``gateway.access``.
"""

from typing import Annotated

from gateway.access import CannedAcl
from gateway.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MalformedACLError,
    MissingSecurityHeader,
    NoSuchKey,
    NoSuchVersion,
    S3NotImplemented,
    UnexpectedContent,
)
from gateway.naming import Owner, canonical_id, key_bytes, owner
from gateway.operation import Call
from gateway.operations.ownership import may_give
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Xml

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
GROUPS = frozenset(
    {
        ALL_USERS,
        "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
        "http://acs.amazonaws.com/groups/s3/LogDelivery",
    }
)
PERMISSIONS = frozenset({"FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP"})
TYPES = frozenset({"CanonicalUser", "AmazonCustomerByEmail", "Group"})

PUBLIC: dict[str, tuple[str, ...]] = {
    CannedAcl.PRIVATE: (),
    CannedAcl.PUBLIC_READ: ("READ",),
    CannedAcl.PUBLIC_READ_WRITE: ("READ", "WRITE"),
}
"""What each canned ACL grants to all users, beside FULL_CONTROL to the owner.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
"""


class Grantee(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Grantee.html"""

    type: Annotated[str | None, Xml("xsi:type", attribute=True)] = None
    id: Annotated[str | None, Xml("ID")] = None
    display_name: str | None = None
    email_address: str | None = None
    uri: Annotated[str | None, Xml("URI")] = None


class Grant(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Grant.html"""

    grantee: Grantee | None = None
    permission: str | None = None


class AccessControlPolicy(Shape, malformed=MalformedACLError):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_AccessControlPolicy.html"""

    owner: Owner | None = None
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")] = ()


class AclHeaders(Shape):
    """How a request for a bucket says its ACL in headers."""

    acl: Annotated[str | None, Header("x-amz-acl")] = None
    grant_full_control: Annotated[str | None, Header("x-amz-grant-full-control")] = None
    grant_read: Annotated[str | None, Header("x-amz-grant-read")] = None
    grant_read_acp: Annotated[str | None, Header("x-amz-grant-read-acp")] = None
    grant_write: Annotated[str | None, Header("x-amz-grant-write")] = None
    grant_write_acp: Annotated[str | None, Header("x-amz-grant-write-acp")] = None


def named(ask: AclHeaders) -> CannedAcl | None:
    """The canned ACL a bucket request names in its headers, if it does.

    Raises ``S3NotImplemented`` for what AWS has and we do not (grants to single users,
    ``authenticated-read``): ignored, the bucket would be open to others than the client said.
    """
    granted = {
        "x-amz-grant-full-control": ask.grant_full_control,
        "x-amz-grant-read": ask.grant_read,
        "x-amz-grant-read-acp": ask.grant_read_acp,
        "x-amz-grant-write": ask.grant_write,
        "x-amz-grant-write-acp": ask.grant_write_acp,
    }
    for header, value in granted.items():
        if value is None:
            continue
        if ask.acl is not None:
            raise InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
        raise S3NotImplemented(Header=header)
    if ask.acl == "authenticated-read":
        raise S3NotImplemented(Header="x-amz-acl", additionalMessage=ask.acl)
    if ask.acl is not None and ask.acl not in set(CannedAcl):
        raise InvalidArgument(ArgumentName="x-amz-acl", ArgumentValue=ask.acl)
    return None if ask.acl is None else CannedAcl(ask.acl)


class PutBucketAclInput(AclHeaders):
    bucket: Annotated[str, Label("Bucket")]
    access_control_policy: Annotated[AccessControlPolicy | None, Payload()] = None


class PutBucketAclOutput(Shape):
    """Nothing: 200."""


async def put_bucket_acl(call: Call, ask: PutBucketAclInput) -> PutBucketAclOutput:
    """Give the bucket a canned ACL, named in ``x-amz-acl`` or spelled out as its grants.

    Whatever is not one of the three is refused and changes nothing: ``S3NotImplemented`` for other
    grants, ``MalformedACLError`` for a document that is none, ``MissingSecurityHeader`` for
    nothing at all, ``UnexpectedContent`` for header and document together, ``AccessDenied`` for a
    document with another owner or a public ACL where those are blocked,
    ``AccessControlListNotSupported`` where ownership is enforced.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
    """
    may_give(call, ask.acl)
    acl = named(ask)
    policy = ask.access_control_policy
    if acl is not None and policy is not None:
        raise UnexpectedContent
    if policy is not None:
        acl = canned(policy, call.bucket.owner)
    if acl is None:
        raise MissingSecurityHeader(MissingHeaderName="x-amz-acl")
    if policy is not None and acl is not CannedAcl.PRIVATE:
        may_give(call, acl)
    await call.store.set_bucket_acl(call.bucket, str(acl))
    return PutBucketAclOutput()


def canned(policy: AccessControlPolicy, owner_key: str) -> CannedAcl:
    """The canned ACL that has exactly these grants. Raises as ``put_bucket_acl``."""
    if policy.owner is None or not policy.owner.id:
        raise MalformedACLError
    if policy.owner.id != canonical_id(owner_key):
        raise AccessDenied
    asked = {_grant(grant) for grant in policy.grants}
    for acl in CannedAcl:
        if asked == {_grant(grant) for grant in grants(acl, owner_key)}:
            return acl
    raise S3NotImplemented("Only the grants of private, public-read and public-read-write.")


def _grant(grant: Grant) -> tuple[str, str]:
    """(canonical id, e-mail address or group URI; permission)"""
    grantee = grant.grantee
    if grantee is None or grantee.type not in TYPES or grant.permission not in PERMISSIONS:
        raise MalformedACLError
    who = {
        "CanonicalUser": grantee.id,
        "AmazonCustomerByEmail": grantee.email_address,
        "Group": grantee.uri,
    }[grantee.type]
    if not who:
        raise MalformedACLError
    if grantee.type == "Group" and who not in GROUPS:
        raise InvalidArgument("Invalid group uri", ArgumentName=who, ArgumentValue=who)
    return who, grant.permission


def grants(acl: str, owner_key: str) -> tuple[Grant, ...]:
    """What a canned ACL stands for: the owner's FULL_CONTROL first, then all users."""
    name = owner(owner_key)
    holder = Grantee(type="CanonicalUser", id=name.id, display_name=name.display_name)
    everybody = Grantee(type="Group", uri=ALL_USERS)
    return (
        Grant(grantee=holder, permission="FULL_CONTROL"),
        *(Grant(grantee=everybody, permission=permission) for permission in PUBLIC[acl]),
    )


class GetBucketAclInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketAclOutput(Shape, root="AccessControlPolicy"):
    owner: Owner
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")]


async def get_bucket_acl(call: Call, ask: GetBucketAclInput) -> GetBucketAclOutput:
    """The grants the bucket's canned ACL stands for.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html
    """
    bucket = call.bucket
    return GetBucketAclOutput(owner=owner(bucket.owner), grants=grants(bucket.acl, bucket.owner))


class GetObjectAclInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None


class GetObjectAclOutput(Shape, root="AccessControlPolicy"):
    owner: Owner
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")]


async def get_object_acl(call: Call, ask: GetObjectAclInput) -> GetObjectAclOutput:
    """The object's own ACL with its writer as owner; without one, its bucket's as it is.

    Raises ``NoSuchKey``; ``NoSuchVersion`` for any version but ``null``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html
    """
    if ask.version_id not in {None, "", "null"}:
        raise NoSuchVersion(Key=ask.key, VersionId=ask.version_id)
    entry = call.store.entry(call.bucket, key_bytes(ask.key))
    if entry is None:
        raise NoSuchKey(Key=ask.key)
    acl, holder = entry.attributes.acl, entry.owner
    if acl is None:
        acl, holder = call.bucket.acl, call.bucket.owner
    return GetObjectAclOutput(owner=owner(holder), grants=grants(acl, holder))
