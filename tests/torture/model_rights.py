"""Who may do what in the model: bucket policy, access control lists, ownership.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.torture.model_world import NOBODY, Acl, Bucket, Statement, Version, refuse

EVERYBODY = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
CANNED = {
    "private": (),
    "public-read": ((EVERYBODY, "READ"),),
    "public-read-write": ((EVERYBODY, "READ"), (EVERYBODY, "WRITE")),
    "authenticated-read": ((SIGNED, "READ"),),
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl"""
OF_THE_BUCKETS_OWNER = {"bucket-owner-read": "READ", "bucket-owner-full-control": "FULL_CONTROL"}

ENFORCED, PREFERRED = "BucketOwnerEnforced", "BucketOwnerPreferred"
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html"""
LIST, WRITE, OWN = "READ", "WRITE", ""
"""Permissions on a bucket; ``OWN``: no ACL gives it."""
READ_ACP, WRITE_ACP = "READ_ACP", "WRITE_ACP"
"""On a bucket or on an object, as ``READ`` is."""


def grants(acl: Acl, owner: str, bucket_owner: str) -> tuple[tuple[str, str], ...]:
    """(user or group, permission), in the order in which they are shown."""
    if acl.grants is not None:
        return acl.grants
    more = OF_THE_BUCKETS_OWNER.get(acl.canned)
    others = ((bucket_owner, more),) if more and bucket_owner != owner else ()
    return ((owner, "FULL_CONTROL"), *others, *CANNED.get(acl.canned, ()))


def holding(bucket: Bucket, version: Version | None) -> tuple[str, Acl]:
    """Whose the version is, or the bucket, and the ACL that counts."""
    if bucket.ownership == ENFORCED:
        return bucket.owner, Acl()
    if version is None:
        return bucket.owner, bucket.acl
    return version.owner or bucket.owner, version.acl


def shown_owner(bucket: Bucket, version: Version) -> str:
    """In listings: nobody in particular is shown as that."""
    return bucket.owner if bucket.ownership == ENFORCED else version.owner


def owner_of(bucket: Bucket, writer: str, acl: Acl | None = None) -> str:
    """Of a new object."""
    given = bucket.ownership == PREFERRED and acl == Acl("bucket-owner-full-control")
    return bucket.owner if given or bucket.ownership == ENFORCED else writer


def is_public(acl: Acl) -> bool:
    return any(who in (EVERYBODY, SIGNED) for who, _ in grants(acl, "A", "A"))


def may_give(bucket: Bucket, acl: Acl) -> None:
    """Whether the bucket or an object in it may get the ACL.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    owners = ((bucket.owner, "FULL_CONTROL"),)
    harmless = acl == Acl("bucket-owner-full-control") or acl.grants == owners
    if bucket.ownership == ENFORCED and not harmless:
        refuse("AccessControlListNotSupported")
    if "BlockPublicAcls" in bucket.blocked and is_public(acl):
        refuse("AccessDenied")


def _by_acl(bucket: Bucket, who: str, permission: str, version: Version | None) -> bool:
    if permission == OWN:
        return who == bucket.owner
    holder, acl = holding(bucket, version)
    if who == holder:
        return True
    names = {EVERYBODY} if who == NOBODY else {EVERYBODY, SIGNED}
    if "IgnorePublicAcls" in bucket.blocked:
        names = set()
    names |= {who} - {NOBODY}
    return any(
        grantee in names and given in (permission, "FULL_CONTROL")
        for grantee, given in grants(acl, holder, bucket.owner)
    )


@dataclass(frozen=True)
class Facts:
    """What the conditions of a policy are about."""

    tags: Mapping[str, str]
    prefix: str = ""


def _says(bucket: Bucket, who: str, action: str, key: str | None, facts: Facts) -> str:
    said = ""
    for each in bucket.policy:
        if _about(each, who, action, key) and _holds(each, facts):
            if not each.allow:
                return "Deny"
            said = "Allow"
    return said


def _holds(statement: Statement, facts: Facts) -> bool:
    """What a request does not have equals nothing."""
    tagged = not statement.tag or facts.tags.get("a") == statement.tag
    return tagged and facts.prefix.startswith(statement.prefix)


def opens(policy: Iterable[Statement]) -> bool:
    """The policy is public."""
    return any(each.allow and each.who == "*" for each in policy)


def _about(statement: Statement, who: str, action: str, key: str | None) -> bool:
    return (
        (statement.who == "*" or (who != NOBODY and statement.who == who))
        and any(fnmatchcase(action, pattern) for pattern in statement.actions)
        and (key is None or key.startswith(statement.keys))
    )


def may(
    bucket: Bucket,
    who: str,
    permission: str,
    *actions: str,
    key: str | None = None,
    version: Version | None = None,
    tags: Mapping[str, str] | None = None,
    prefix: str = "",
) -> bool:
    """All of ``actions`` on the bucket, or on ``key``. ``version``: the object, for what its ACL
    gives. ``tags``: not those of the object that is there now."""
    current = version or (None if key is None else bucket.current(key))
    if tags is None:
        tags = current.tags if current else {}
    said = [_says(bucket, who, action, key, Facts(tags, prefix)) for action in actions]
    if "Deny" in said:
        return False
    if _by_acl(bucket, who, permission, version):
        return True
    ours = holding(bucket, version)[0] == bucket.owner
    if "RestrictPublicBuckets" in bucket.blocked and opens(bucket.policy):
        return False
    return ours and bool(said) and all(each == "Allow" for each in said)


def check(
    bucket: Bucket,
    who: str,
    permission: str,
    *actions: str,
    key: str | None = None,
    tags: Mapping[str, str] | None = None,
    prefix: str = "",
) -> None:
    """Of a right on the bucket. Refuses."""
    if not may(bucket, who, permission, *actions, key=key, tags=tags, prefix=prefix):
        refuse("AccessDenied")


def check_object(
    bucket: Bucket,
    who: str,
    permission: str,
    *actions: str,
    key: str,
    version: Version | None,
    named: bool,
) -> None:
    """Of a right on an object that may not be there. ``named``: by a version id.

    That it is not there is told to who may list the bucket.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    if version is not None:
        if not may(bucket, who, permission, *actions, key=key, version=version):
            refuse("AccessDenied")
        return
    if named:
        if not may(bucket, who, LIST, *actions, key=key, tags={}):
            refuse("AccessDenied")
        return
    denied = any(_says(bucket, who, action, key, Facts({})) == "Deny" for action in actions)
    if denied or not may(bucket, who, LIST, "s3:ListBucket", prefix=key):
        refuse("AccessDenied")


def might(bucket: Bucket, who: str, action: str) -> bool:
    """Some statement could allow it, for some key."""
    return any(each.allow and _about(each, who, action, None) for each in bucket.policy)
