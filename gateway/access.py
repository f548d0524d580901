"""Who may do what: canned ACLs of BTIP-25 "Access Control Lists (ACLs)". Pure."""

from dataclasses import dataclass
from enum import StrEnum

from keys.access_key import AccessKey


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


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent the request: an enabled, verified key, or nobody (anonymous)."""

    access_key: AccessKey | None

    @property
    def id(self) -> str:
        """The access key id; empty when anonymous."""
        return self.access_key.key if self.access_key else ""
