"""An access control list as a value: a canned one by its name, or the grants of one that has none.

What a list lets whom do is ``gateway.access``; how it is written is ``gateway.operations.grants``.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

import msgspec
from msgspec import Struct

from store.records import Attributes, Bucket, Grant

CONFIG = "acl"
"""Its name among a bucket's documents, when ``Bucket.acl`` cannot say it."""
MOST_GRANTS = 100
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#specifying-grantee"""


class Permission(StrEnum):
    FULL_CONTROL = "FULL_CONTROL"
    WRITE = "WRITE"
    WRITE_ACP = "WRITE_ACP"
    READ = "READ"
    READ_ACP = "READ_ACP"


class Group(StrEnum):
    ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
    AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
    LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"


PUBLIC = frozenset({Group.ALL_USERS, Group.AUTHENTICATED_USERS})
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html"""


class CannedAcl(StrEnum):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl"""

    PRIVATE = "private"
    PUBLIC_READ = "public-read"
    PUBLIC_READ_WRITE = "public-read-write"
    AUTHENTICATED_READ = "authenticated-read"
    AWS_EXEC_READ = "aws-exec-read"
    """As private: the READ it gives is for EC2, which has no access key here."""
    BUCKET_OWNER_READ = "bucket-owner-read"
    BUCKET_OWNER_FULL_CONTROL = "bucket-owner-full-control"
    LOG_DELIVERY_WRITE = "log-delivery-write"


GROUPS: Mapping[str, tuple[Grant, ...]] = {
    CannedAcl.PUBLIC_READ: (Grant("READ", group=Group.ALL_USERS),),
    CannedAcl.PUBLIC_READ_WRITE: (
        Grant("READ", group=Group.ALL_USERS),
        Grant("WRITE", group=Group.ALL_USERS),
    ),
    CannedAcl.AUTHENTICATED_READ: (Grant("READ", group=Group.AUTHENTICATED_USERS),),
    CannedAcl.LOG_DELIVERY_WRITE: (
        Grant("WRITE", group=Group.LOG_DELIVERY),
        Grant("READ_ACP", group=Group.LOG_DELIVERY),
    ),
}
"""What canned ACLs give to groups; what is not here gives them nothing."""
BUCKET_OWNERS: Mapping[str, Permission] = {
    CannedAcl.BUCKET_OWNER_READ: Permission.READ,
    CannedAcl.BUCKET_OWNER_FULL_CONTROL: Permission.FULL_CONTROL,
}
"""What canned ACLs of objects give to the bucket's owner."""


class Acl(Struct, frozen=True):
    """A canned ACL, or ``grants`` where they are none."""

    canned: str = CannedAcl.PRIVATE
    grants: tuple[Grant, ...] | None = None

    @property
    def public(self) -> bool:
        """It gives something to everybody or to whoever has a key."""
        given = GROUPS.get(self.canned, ()) if self.grants is None else self.grants
        return any(grant.group in PUBLIC for grant in given)

    def all(self, owner: str, bucket_owner: str) -> tuple[Grant, ...]:
        """Every grant, that of the ``owner`` of the object (or bucket) first. Access key ids."""
        if self.grants is not None:
            return self.grants
        more = BUCKET_OWNERS.get(self.canned)
        bucket_owners = (Grant(more, bucket_owner),) if more and bucket_owner != owner else ()
        return (
            Grant(Permission.FULL_CONTROL, owner),
            *bucket_owners,
            *GROUPS.get(self.canned, ()),
        )


PRIVATE = Acl()


def named(grants: Iterable[Grant], owner: str, bucket_owner: str) -> Acl:
    """The ACL of these grants, by its name if they are exactly those of a canned one."""
    given = tuple(grants)
    for canned in CannedAcl:
        acl = Acl(canned)
        if set(given) == set(acl.all(owner, bucket_owner)):
            return acl
    return Acl(grants=given)


def of_bucket(bucket: Bucket) -> Acl:
    """Cheap: read once."""
    document = bucket.config.get(CONFIG)
    return Acl(bucket.acl) if document is None else Acl(bucket.acl, _read(document))


def of_object(attributes: Attributes) -> Acl | None:
    """``None``: it has none of its own."""
    if attributes.grants is not None:
        return Acl(grants=attributes.grants)
    return None if attributes.acl is None else Acl(attributes.acl)


def kept(grants: tuple[Grant, ...]) -> bytes:
    """Grants as a document of a bucket's configuration."""
    return msgspec.json.encode(grants)


@lru_cache(maxsize=256)
def _read(document: bytes) -> tuple[Grant, ...]:
    return _decode(document)


_decode = msgspec.json.Decoder(tuple[Grant, ...]).decode
