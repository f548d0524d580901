"""Who may do what: the one decision over bucket policies, ACLs, owners and public access blocks.

The order: an explicit Deny of the bucket's policy, then its Allow, or what the ACL opens (canned
ones, BTIP-25 "Access Control Lists (ACLs)"), or being the bucket's owner; else no.

Decides on values already read, so that a refusal says nothing about what exists.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html
"""

from enum import StrEnum

from msgspec import Struct

from gateway.config import Config
from gateway.errors import AccessDenied, NoSuchKey
from gateway.policy import ownership
from gateway.policy.actions import OWNERS_OWN
from gateway.policy.asks import Asks
from gateway.policy.blocks import blocks
from gateway.policy.document import CONFIG as POLICY
from gateway.policy.document import Policy, parse
from gateway.policy.errors import Malformed
from gateway.policy.evaluate import Question, Verdict, evaluate, might_allow
from gateway.policy.public import is_public
from keys.access_key import AccessKey
from store.records import Bucket, Entry


class Needs(StrEnum):
    """The right an operation needs on its bucket."""

    READ = "read"
    """List the bucket's objects, head the bucket."""
    GET = "get"
    """Read one object: by the object's own ACL, else by its bucket's."""
    WRITE = "write"
    """Put, copy into, delete, all multipart."""
    OWNER = "owner"
    """ACLs, bucket configuration, deleting the bucket."""
    SIGNED = "signed"
    """No bucket yet: any enabled key (CreateBucket, ListBuckets)."""


class CannedAcl(StrEnum):
    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"


OPENS: dict[str, frozenset[Needs]] = {
    CannedAcl.PRIVATE: frozenset(),
    CannedAcl.PUBLIC_READ: frozenset({Needs.READ, Needs.GET}),
    CannedAcl.PUBLIC_READ_WRITE: frozenset({Needs.READ, Needs.GET, Needs.WRITE}),
}
"""What each canned ACL lets everybody do. An ACL that is not here opens nothing."""


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

    The owner of a bucket may do everything in it. Everybody else, signed or not, may do what the
    bucket's canned ACL opens, or for ``Needs.GET`` what the object's own ACL opens, if it has one:
    that one may be wider or narrower than its bucket's, and always lets the writer read. Without
    an ``entry`` (no such object) the bucket's ACL decides, so that a caller who may not list
    learns nothing about which keys exist.

    A bucket with a policy is also judged by that: ``asks`` says the request in its words, and
    without that nobody gets in. That an object is not there is told to whoever may list, by
    ``NoSuchKey`` to those who could not read it either, and to nobody else.

    ``config.block_public`` and the bucket's own block close what is open to everybody; owners and
    writers keep their access.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    """
    if bucket is not None and POLICY in bucket.config:
        if not _may_by_policy(caller, needs, bucket, config, entry, asks):
            raise AccessDenied
    elif not _may(caller, needs, bucket, config, entry):
        raise AccessDenied


def has_policy(bucket: Bucket) -> bool:
    return POLICY in bucket.config


def _may(
    caller: Caller, needs: Needs, bucket: Bucket | None, config: Config, entry: Entry | None
) -> bool:
    """By ACL and ownership alone."""
    signed = caller.id != ""
    if needs is Needs.SIGNED:
        return signed
    if bucket is None:
        return False
    if signed and caller.id == bucket.owner:
        return True
    acl = bucket.acl
    own = needs is Needs.GET and entry is not None and not ownership.enforced(bucket.config)
    if own and entry is not None and entry.attributes.acl is not None:
        if signed and caller.id == entry.owner:
            return True
        acl = entry.attributes.acl
    if config.block_public or needs not in OPENS.get(acl, frozenset()):
        return False
    return not blocks(bucket.config).ignore_public_acls


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
    by_policy = not _restricted(policy, bucket, config)

    def granted(right: Needs, *questions: Question) -> bool:
        by_acl = _may(caller, right, bucket, config, entry)
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


def _restricted(policy: Policy, bucket: Bucket, config: Config) -> bool:
    """Its Allow statements count for nobody, since some of them are for everybody.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
    """
    if not config.block_public and not blocks(bucket.config).restrict_public_buckets:
        return False
    return is_public(policy)
