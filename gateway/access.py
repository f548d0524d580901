"""Who may do what: canned ACLs of BTIP-25 "Access Control Lists (ACLs)". Pure.

Decides on values already read; never looks anything up, so that a refusal says nothing about what
exists.
"""

from enum import StrEnum

from msgspec import Struct

from gateway.config import Config
from gateway.errors import AccessDenied
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
) -> None:
    """Return when ``caller`` may do what ``needs`` says; else raise ``AccessDenied``.

    The owner of a bucket may do everything in it. Everybody else, signed or not, may do what the
    bucket's canned ACL opens, or for ``Needs.GET`` what the object's own ACL opens, if it has one:
    that one may be wider or narrower than its bucket's, and always lets the writer read. Without
    an ``entry`` (no such object) the bucket's ACL decides, so that a caller who may not list
    learns nothing about which keys exist.

    ``config.block_public`` closes what is open to everybody; owners and writers keep their access.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
    """
    if not _may(caller, needs, bucket, config, entry):
        raise AccessDenied


def _may(
    caller: Caller, needs: Needs, bucket: Bucket | None, config: Config, entry: Entry | None
) -> bool:
    signed = caller.id != ""
    if needs is Needs.SIGNED:
        return signed
    if bucket is None:
        return False
    if signed and caller.id == bucket.owner:
        return True
    acl = bucket.acl
    if needs is Needs.GET and entry is not None and entry.attributes.acl is not None:
        if signed and caller.id == entry.owner:
            return True
        acl = entry.attributes.acl
    return not config.block_public and needs in OPENS.get(acl, frozenset())
