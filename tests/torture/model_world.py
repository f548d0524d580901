"""A plain model of S3: buckets are dicts, versions are lists. As AWS's pages say, nothing more.

It never looks at the product. Ids of versions and uploads are what the product says they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn

from tests.torture.model_bodies import Body

NULL = "null"
DAY = 86_400_000
"""In milliseconds, as all times here."""
NOBODY = ""
"""Who does not sign."""


class Refused(Exception):
    """What the caller is to be told."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


_STATUS = {
    "AccessControlListNotSupported": 400,
    "AccessDenied": 403,
    "BucketAlreadyExists": 409,
    "BucketAlreadyOwnedByYou": 409,
    "BucketNotEmpty": 409,
    "EntityTooSmall": 400,
    "InvalidArgument": 400,
    "InvalidBucketAclWithObjectOwnership": 400,
    "InvalidBucketState": 409,
    "InvalidPart": 400,
    "InvalidPartOrder": 400,
    "InvalidRange": 416,
    "InvalidRequest": 400,
    "InvalidURI": 400,
    "KeyTooLongError": 400,
    "MethodNotAllowed": 405,
    "NoSuchBucket": 404,
    "NoSuchBucketPolicy": 404,
    "NoSuchKey": 404,
    "NoSuchObjectLockConfiguration": 404,
    "NoSuchTagSet": 404,
    "NoSuchUpload": 404,
    "NoSuchVersion": 404,
    "NotModified": 304,
    "ObjectLockConfigurationNotFoundError": 404,
    "PreconditionFailed": 412,
}


def refuse(code: str) -> NoReturn:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
    raise Refused(_STATUS[code], code)


@dataclass(frozen=True)
class Acl:
    """``grants``: (user or group, permission) where the ACL is not a canned one."""

    canned: str = "private"
    grants: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Statement:
    """Of a bucket policy."""

    allow: bool
    who: str
    """A user, or ``*``."""
    actions: tuple[str, ...]
    keys: str = ""
    """What the keys it is about begin with."""
    tag: str = ""
    """If the object's tag ``a`` has this value (s3:ExistingObjectTag/a)."""
    prefix: str = ""
    """If what is listed begins so (s3:prefix)."""


@dataclass(frozen=True)
class Lock:
    """Of one version."""

    mode: str = ""
    until: int = 0
    hold: bool | None = None


FREE = Lock()


@dataclass(eq=False)
class Version:
    """A version of an object; without a body it is a delete marker."""

    owner: str
    modified: int
    body: Body | None = None
    etag: str = ""
    id: str = NULL
    said: dict[str, str] = field(default_factory=dict)
    """Headers that come back, lower-case."""
    tags: dict[str, str] = field(default_factory=dict)
    acl: Acl = Acl()
    parts: tuple[int, ...] = ()
    """Sizes, when it was uploaded in parts."""
    lock: Lock = FREE

    @property
    def held(self) -> Body:
        assert self.body is not None
        return self.body


@dataclass
class Upload:
    """One that is in progress, or was completed: then ``completed`` is the ETag."""

    id: str
    key: str
    owner: str
    created: int
    said: dict[str, str]
    parts: dict[int, tuple[Body, int]] = field(default_factory=dict)
    """By number: the bytes, and when they came."""
    completed: str = ""
    completed_at: int = 0


@dataclass
class Bucket:
    """One bucket and all that is in it."""

    name: str
    owner: str
    created: int
    acl: Acl = Acl()
    versioning: str = ""
    locks: bool = False
    rule: tuple[str, int] | None = None
    """Mode and days of the default retention."""
    policy: tuple[Statement, ...] = ()
    ownership: str = ""
    """Its controls, if it has some."""
    blocked: frozenset[str] = frozenset()
    """What its public access block names."""
    tags: dict[str, str] | None = None
    keys: dict[str, list[Version]] = field(default_factory=dict, repr=False)
    """Newest first, never empty."""
    uploads: dict[str, Upload] = field(default_factory=dict, repr=False)
    gone: list[str] = field(default_factory=list, repr=False)
    """Ids of versions that were deleted."""

    def current(self, key: str) -> Version | None:
        """The object that a request without a version id is about."""
        newest = self.newest(key)
        return None if newest is None or newest.body is None else newest

    def newest(self, key: str) -> Version | None:
        return self.keys[key][0] if key in self.keys else None

    def version(self, key: str, id: str) -> Version | None:
        return next((each for each in self.keys.get(key, ()) if each.id == id), None)

    def sorted(self) -> list[str]:
        """All keys, in the order of their UTF-8 bytes."""
        return sorted(self.keys, key=str.encode)

    def listed(self) -> Iterator[tuple[str, Version]]:
        """Current objects in order."""
        for key in self.sorted():
            version = self.current(key)
            if version is not None:
                yield key, version

    def add(self, key: str, version: Version) -> Version:
        """Make it the newest. In a bucket that is not versioned now it is the null version; else
        its id is still to be learned.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
        """
        there = self.keys.get(key, [])
        version.id = ""
        if self.versioning != "Enabled":
            there = [each for each in there if each.id != NULL]
            version.id = NULL
        self.keys[key] = [version, *there]
        return version

    def remove(self, key: str, id: str) -> Version | None:
        """One version for good."""
        found = self.version(key, id)
        if found is not None:
            self.keys[key].remove(found)
            self.gone.append(id)
            if not self.keys[key]:
                del self.keys[key]
        return found

    def default_lock(self, now: int) -> Lock:
        if self.rule is None:
            return Lock()
        mode, days = self.rule
        return Lock(mode, now + days * DAY)


@dataclass
class World:
    """All buckets, by name."""

    buckets: dict[str, Bucket] = field(default_factory=dict)

    def bucket(self, name: str) -> Bucket:
        if name not in self.buckets:
            refuse("NoSuchBucket")
        return self.buckets[name]


def protected(lock: Lock, now: int, *, bypass: bool) -> bool:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"""
    binds = lock.until > now and (lock.mode == "COMPLIANCE" or not bypass)
    return lock.hold is True or binds


def relocked(old: Lock, mode: str, until: int, now: int, *, bypass: bool) -> Lock:
    """A retention can be made longer; anything else takes a bypass, which compliance has not."""
    shorter = until < old.until or mode != old.mode
    if shorter and old.until > now and (old.mode == "COMPLIANCE" or not bypass):
        refuse("AccessDenied")
    return replace(old, mode=mode, until=until)
