"""Who may do what: the one decision over bucket policies, ACLs, owners and public access blocks.

The order: an explicit Deny of the bucket's policy, then its Allow, or what the ACL opens (canned
ones, BTIP-25 "Access Control Lists (ACLs)"), or being the bucket's owner; else no.

Decides on values already read, so that a refusal says nothing about what exists.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html
"""

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from gateway.config import Config
from gateway.errors import AccessDenied, NoSuchKey
from gateway.policy import grants
from gateway.policy.actions import OWNERS_OWN
from gateway.policy.asks import Asks
from gateway.policy.blocks import blocks
from gateway.policy.document import CONFIG as POLICY
from gateway.policy.document import Policy, parse
from gateway.policy.errors import Malformed
from gateway.policy.evaluate import Question, Verdict, evaluate, might_allow
from gateway.policy.grants import BUCKET_OWNERS, PRIVATE, Acl, CannedAcl, Group, Permission
from gateway.policy.ownership import enforced
from gateway.policy.public import is_public
from keys.access_key import AccessKey
from store.records import Bucket, Entry, Grant


class Needs(StrEnum):
    """The right an operation needs on its bucket, or on one object."""

    READ = "read"
    """List the bucket's objects, head the bucket."""
    GET = "get"
    """Read one object: by the object's own ACL, else by its bucket's."""
    WRITE = "write"
    """Put, copy into, delete, all multipart."""
    READ_ACP = "read-acp"
    """Read the bucket's ACL."""
    WRITE_ACP = "write-acp"
    """Change the bucket's ACL."""
    GET_ACP = "get-acp"
    """Read the ACL of one object."""
    PUT_ACP = "put-acp"
    """Change the ACL of one object."""
    OWNER = "owner"
    """Bucket configuration, tags, deleting the bucket."""
    SIGNED = "signed"
    """No bucket yet: any enabled key (CreateBucket, ListBuckets)."""


OF_OBJECTS = frozenset({Needs.GET, Needs.GET_ACP, Needs.PUT_ACP})
"""Rights that the ACL of an object gives."""

GIVES: dict[str, frozenset[Needs]] = {
    Permission.READ: frozenset({Needs.READ, Needs.GET}),
    Permission.WRITE: frozenset({Needs.WRITE}),
    Permission.READ_ACP: frozenset({Needs.READ_ACP, Needs.GET_ACP}),
    Permission.WRITE_ACP: frozenset({Needs.WRITE_ACP, Needs.PUT_ACP}),
    Permission.FULL_CONTROL: frozenset(Needs) - {Needs.OWNER, Needs.SIGNED},
}
"""What each permission is good for, in a bucket's ACL or in an object's.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions
"""
_NOTHING: frozenset[Needs] = frozenset()
_SIGNED = Needs.SIGNED  # to read a member off its class takes Python 3.11 50 ns


def _opened(canned: str, *groups: Group) -> frozenset[Needs]:
    given = (each for each in grants.GROUPS.get(canned, ()) if each.group in groups)
    return _NOTHING.union(*(GIVES[each.permission] for each in given))


OPENS: dict[str, frozenset[Needs]] = {
    canned: _opened(canned, Group.ALL_USERS) for canned in CannedAcl
}
"""What each canned ACL lets everybody do. An ACL that is not here opens nothing."""
OPENS_TO_KEYS: dict[str, frozenset[Needs]] = {
    canned: _opened(canned, Group.ALL_USERS, Group.AUTHENTICATED_USERS) for canned in CannedAcl
}
"""What each canned ACL lets everybody do who has an access key."""


class Caller(Struct, frozen=True):
    """Who sent the request: an enabled, verified key, or nobody (anonymous)."""

    access_key: AccessKey | None

    @property
    def id(self) -> str:
        """The access key id; empty when anonymous."""
        return self.access_key.key if self.access_key else ""


def check(
    caller: Caller,
    needs: Needs,
    bucket: Bucket | None,
    config: Config,
    entry: Entry | None = None,
    asks: Asks | None = None,
) -> None:
    """Return when ``caller`` may do what ``needs`` says; else raise ``AccessDenied``.

    The owner of a bucket may do everything in it but read the objects of others that have an ACL
    of their own: an object is its writer's (unless ownership is enforced). Everybody else may do
    what the ACL grants; for ``OF_OBJECTS`` that is the object's own, if it has one, which may be
    wider or narrower than its bucket's. Without an ``entry`` (no such object) it takes the right
    to list, so that a caller who may not list learns nothing about which keys exist.

    A bucket with a policy is also judged by that: ``asks`` says the request in its words, and
    without that nobody gets in. That an object is not there is told to whoever may list, by
    ``NoSuchKey`` to those who could not read it either, and to nobody else.

    ``config.block_public`` and the bucket's own block close what is open to everybody; owners,
    writers and keys that an ACL names keep their access.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    """
    if bucket is not None and POLICY in bucket.config:
        if not _may_by_policy(caller, needs, bucket, config, entry, asks):
            raise AccessDenied
    elif not _may(caller, needs, bucket, config, entry):
        raise AccessDenied


def has_policy(bucket: Bucket) -> bool:
    return POLICY in bucket.config


def holding(bucket: Bucket, entry: Entry | None, config: Config) -> tuple[str, Acl]:
    """The ACL in force for an object, or for the bucket, and the access key id of its owner.

    An object that was put without one has its bucket's (BTIP-25), or is private to its writer
    (AWS): as ``config.default_object_acl`` says. What nobody in particular wrote is the bucket
    owner's.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
    """
    if bucket.config and enforced(bucket.config):
        return bucket.owner, PRIVATE
    if entry is not None:
        own = grants.of_object(entry.attributes)
        if own is not None or config.default_object_acl == "private":
            return entry.owner or bucket.owner, own or PRIVATE
    return bucket.owner, grants.of_bucket(bucket)


def _may(
    caller: Caller, needs: Needs, bucket: Bucket | None, config: Config, entry: Entry | None
) -> bool:
    """By ACL and ownership alone."""
    key_id = caller.id
    if needs is _SIGNED:
        return key_id != ""
    if bucket is None:
        return False
    if needs not in OF_OBJECTS:
        entry = None
    elif entry is None:
        needs = Needs.READ
    if key_id and key_id == bucket.owner and (entry is None or entry.owner == key_id):
        return True  # whatever ACL and ownership say: no need to read them
    owner, acl = holding(bucket, entry, config)
    if key_id:
        if key_id == owner or (acl.grants and _granted(acl.grants, needs, key=key_id)):
            return True
        if key_id == bucket.owner and needs in GIVES.get(BUCKET_OWNERS.get(acl.canned, ""), ()):
            return True
    if config.block_public or not _open(acl, needs, signed=key_id != ""):
        return False
    return not blocks(bucket.config).ignore_public_acls


def _granted(given: Iterable[Grant], needs: Needs, *, key: str = "", group: str = "") -> bool:
    """To this key, or to this group."""
    return any(
        needs in GIVES.get(each.permission, ()) and (each.key, each.group) == (key, group)
        for each in given
    )


def _open(acl: Acl, needs: Needs, *, signed: bool) -> bool:
    """To everybody, or when the caller has ``signed``, to all who have a key."""
    if acl.grants is None:
        opens = OPENS_TO_KEYS if signed else OPENS
        return needs in opens.get(acl.canned, _NOTHING)
    return _granted(acl.grants, needs, group=Group.ALL_USERS) or (
        signed and _granted(acl.grants, needs, group=Group.AUTHENTICATED_USERS)
    )


def _may_by_policy(
    caller: Caller,
    needs: Needs,
    bucket: Bucket,
    config: Config,
    entry: Entry | None,
    asks: Asks | None,
) -> bool:
    if asks is None:
        return False
    owns = caller.id != "" and caller.id == bucket.owner
    if not OWNERS_OWN.isdisjoint(asks.actions):
        # Not for a policy to give or take, or whoever it lets in could shut the owner out.
        return owns
    try:
        policy = parse(bucket.config[POLICY], bucket.name)
    except Malformed:
        return False
    if asks.later:
        return _may(caller, needs, bucket, config, entry) or any(
            might_allow(policy, caller.id, action) for action in asks.actions
        )
    may_allow = not _restricted(policy, bucket, config)

    def granted(right: Needs, *questions: Question) -> bool:
        by_acl = _may(caller, right, bucket, config, entry)
        by_policy = may_allow and _may_share(right, bucket, config, entry)
        return all(
            verdict is not Verdict.DENY and (by_acl or (by_policy and verdict is Verdict.ALLOW))
            for verdict in [evaluate(policy, each) for each in questions]
        )

    questions = asks.questions(bucket.name)
    if not asks.missing:
        return granted(needs, *questions)
    if any(evaluate(policy, each) is Verdict.DENY for each in questions):
        return False
    if not granted(Needs.READ, asks.listing(bucket.name)):
        return False
    if not granted(needs, *questions):
        # Said here: by the time it is read there may be an object that is not for this caller.
        raise NoSuchKey(Key=asks.key)
    return True


def _may_share(right: Needs, bucket: Bucket, config: Config, entry: Entry | None) -> bool:
    """A bucket's policy can give nobody what is not its owner's, only deny it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
    """
    if right not in OF_OBJECTS or entry is None:
        return True
    return holding(bucket, entry, config)[0] == bucket.owner


def _restricted(policy: Policy, bucket: Bucket, config: Config) -> bool:
    """Its Allow statements count for nobody, since some of them are for everybody.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    if not config.block_public and not blocks(bucket.config).restrict_public_buckets:
        return False
    return is_public(policy)
