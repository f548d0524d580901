"""What the model makes of requests about objects. Refusals are raised, in AWS's order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tests.torture.model_bodies import Body
from tests.torture.model_rights import (
    OF_THE_BUCKETS_OWNER,
    OWN,
    READ_ACP,
    WRITE,
    WRITE_ACP,
    check,
    check_object,
    may,
    may_give,
    owner_of,
)
from tests.torture.model_world import (
    FREE,
    Acl,
    Bucket,
    Lock,
    Refused,
    Version,
    refuse,
)


@dataclass(frozen=True)
class If:
    """Conditions: ETags, or ``*``; and for reads, times in milliseconds."""

    match: str | None = None
    none_match: str | None = None
    modified_since: int | None = None
    unmodified_since: int | None = None


ALWAYS = If()


def holds(etag: str, wanted: str | None) -> bool:
    return wanted in ("*", etag)


def expect(bucket: Bucket, key: str, condition: If) -> None:
    """Of a write. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    there = bucket.current(key)
    if condition.match is not None:
        if there is None:
            refuse("NoSuchKey")
        if not holds(there.etag, condition.match):
            refuse("PreconditionFailed")
    if (
        condition.none_match is not None
        and there is not None
        and holds(there.etag, condition.none_match)
    ):
        refuse("PreconditionFailed")


@dataclass(frozen=True)
class Said:
    """What a request says about the object it makes."""

    headers: Mapping[str, str]
    tags: Mapping[str, str] | None = None
    acl: Acl | None = None
    lock: Lock = FREE

    def rights(self, bucket: Bucket) -> Iterable[str]:
        """Whoever may put objects may give them to the bucket's owner.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
        """
        yield "s3:PutObject"
        if self.acl is not None and not _of_owner(self.acl, bucket.owner):
            yield "s3:PutObjectAcl"
        if self.tags is not None:
            yield "s3:PutObjectTagging"
        if self.lock.mode:
            yield "s3:PutObjectRetention"
        if self.lock.hold is not None:
            yield "s3:PutObjectLegalHold"


def _of_owner(acl: Acl, owner: str) -> bool:
    if acl.grants is None:
        return acl.canned in OF_THE_BUCKETS_OWNER
    return {who for who, _ in acl.grants} == {owner}


def may_make(bucket: Bucket, who: str, key: str, said: Said) -> None:
    check(bucket, who, WRITE, *said.rights(bucket), key=key)
    if said.acl is not None:
        may_give(bucket, said.acl)
    if said.tags is not None:
        check(bucket, who, OWN, "s3:PutObjectTagging", key=key)
    if said.lock.mode:
        check(bucket, who, OWN, "s3:PutObjectRetention", key=key)
    if said.lock.hold is not None:
        check(bucket, who, OWN, "s3:PutObjectLegalHold", key=key)
    if said.lock != FREE and not bucket.locks:
        refuse("InvalidRequest")


def put(bucket: Bucket, who: str, key: str, body: Body, said: Said, when: If, now: int) -> Version:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""
    may_make(bucket, who, key, said)
    expect(bucket, key, when)
    return bucket.add(
        key,
        Version(
            owner=owner_of(bucket, who, said.acl),
            modified=now,
            body=body,
            etag=body.etag,
            said=dict(said.headers),
            tags=dict(said.tags or {}),
            acl=said.acl or Acl(),
            lock=locked(bucket, said.lock, now),
        ),
    )


def locked(bucket: Bucket, own: Lock, now: int) -> Lock:
    """With the bucket's default, where it has none of its own."""
    rule = bucket.default_lock(now)
    return own if own.until or not rule.until else replace(rule, hold=own.hold)


def find(bucket: Bucket, key: str, id: str | None) -> Version:
    """What a request is about, once it may know.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
    """
    if id is None:
        return bucket.current(key) or refuse("NoSuchKey")
    found = bucket.version(key, id) or refuse("NoSuchVersion")
    if found.body is None:
        refuse("MethodNotAllowed")
    return found


def there(bucket: Bucket, key: str, id: str | None) -> Version | None:
    """As ``find``; ``None`` instead of a refusal."""
    try:
        return find(bucket, key, id)
    except Refused:
        return None


def read(
    bucket: Bucket,
    who: str,
    key: str,
    id: str | None,
    *more: str,
    when: If = ALWAYS,
    now: int = 0,
    action: str = "s3:GetObject",
) -> Version:
    """GetObject, HeadObject; with another ``action`` (and ``more``) what else reads an object."""
    if id is not None:
        action = action.replace("s3:GetObject", "s3:GetObjectVersion")
    permission = READ_ACP if action.endswith("Acl") else "READ"
    found = there(bucket, key, id)
    named = id is not None
    check_object(bucket, who, permission, action, *more, key=key, version=found, named=named)
    found = find(bucket, key, id)
    if failed(found, when):
        refuse("PreconditionFailed")
    if unchanged(found, when, now):
        refuse("NotModified")
    return found


def failed(found: Version, when: If) -> bool:
    """Times count whole seconds. https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2"""
    if when.match is not None:
        return not holds(found.etag, when.match)
    since = when.unmodified_since
    return since is not None and found.modified // 1000 > since // 1000


def unchanged(found: Version, when: If, now: int) -> bool:
    """A time that is still to come says nothing."""
    if when.none_match is not None:
        return holds(found.etag, when.none_match)
    since = when.modified_since
    return since is not None and found.modified // 1000 <= since // 1000 and since <= now


def of_object(bucket: Bucket, who: str, key: str, id: str | None, action: str) -> Version:
    """What only the bucket's owner and a policy let one do with an object: tags, locks."""
    if id is not None and action.endswith("Tagging"):
        action = action.replace("Object", "ObjectVersion")
    if bucket.policy and id is None and action.startswith("s3:Get"):
        found = bucket.current(key)
        if found is None:
            check_object(bucket, who, OWN, action, key=key, version=None, named=False)
            if not may(bucket, who, OWN, action, key=key):
                refuse("NoSuchKey")
    existing = there(bucket, key, id)
    check(bucket, who, OWN, action, key=key, tags=existing.tags if existing else {})
    if not action.endswith("Tagging") and not bucket.locks:
        refuse("InvalidRequest")
    return find(bucket, key, id)


def of_acl(bucket: Bucket, who: str, key: str, id: str | None, acl: Acl) -> Version:
    """The object whose ACL is to be another."""
    action = "s3:PutObjectAcl" if id is None else "s3:PutObjectVersionAcl"
    found = there(bucket, key, id)
    named = id is not None
    check_object(bucket, who, WRITE_ACP, action, key=key, version=found, named=named)
    found = find(bucket, key, id)
    may_give(bucket, acl)
    return found
