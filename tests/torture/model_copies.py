"""What the model makes of copies."""

from dataclasses import dataclass

from tests.torture.model_objects import (
    ALWAYS,
    If,
    Said,
    expect,
    failed,
    find,
    locked,
    there,
    unchanged,
)
from tests.torture.model_rights import LIST, OWN, WRITE, check, check_object, may, owner_of
from tests.torture.model_world import Acl, Bucket, Refused, Version, World, refuse


@dataclass(frozen=True)
class Source:
    """Of a copy."""

    bucket: str
    key: str
    id: str | None = None
    when: If = ALWAYS


def source(world: World, who: str, named: Source, now: int) -> Version:
    """The version to copy, to who may read it."""
    bucket = world.bucket(named.bucket)
    action = "s3:GetObject" if named.id is None else "s3:GetObjectVersion"
    found = there(bucket, named.key, named.id)
    check_object(bucket, who, "READ", action, key=named.key, version=found, named=False)
    if found is None and not may(bucket, who, LIST, action, key=named.key, tags={}):
        refuse("NoSuchKey")
    try:
        found = find(bucket, named.key, named.id)
    except Refused as refusal:
        if refusal.code == "MethodNotAllowed":
            refuse("InvalidRequest")
        raise
    if failed(found, named.when) or unchanged(found, named.when, now):
        refuse("PreconditionFailed")
    return found


def copy(
    world: World,
    who: str,
    target: Bucket,
    key: str,
    named: Source,
    said: Said,
    when: If,
    now: int,
    *,
    replaced: bool,
) -> Version:
    """``replaced``: metadata is that of the request. Tags are when it says some.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    check(target, who, WRITE, *said.rights(target), key=key)
    found = source(world, who, named, now)
    if (named.bucket, named.key, named.id, replaced) == (target.name, key, None, False):
        refuse("InvalidRequest")
    if said.tags is not None:
        check(target, who, OWN, "s3:PutObjectTagging", key=key)
    elif found.tags:
        action = "s3:GetObjectTagging" if named.id is None else "s3:GetObjectVersionTagging"
        check(world.bucket(named.bucket), who, OWN, action, key=named.key, tags=found.tags)
        check(target, who, OWN, "s3:PutObjectTagging", key=key)
    expect(target, key, when)
    copied = Version(
        owner=owner_of(target, who),
        modified=now,
        body=found.body,
        etag=found.etag,
        said=dict(said.headers if replaced else found.said),
        tags=dict(found.tags if said.tags is None else said.tags),
        acl=said.acl or Acl(),
        parts=found.parts,
        lock=locked(target, said.lock, now),
    )
    return target.add(key, copied)
