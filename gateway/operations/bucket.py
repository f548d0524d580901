"""Buckets: make, find, list and remove them, and say where they are."""

import re
from datetime import UTC, datetime
from typing import Annotated

from gateway.errors import (
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    IllegalLocationConstraintException,
    InvalidArgument,
    InvalidLocationConstraint,
)
from gateway.naming import Owner, check_bucket_name, key_text, owner, token, token_position
from gateway.operation import Call
from gateway.operations.acl import for_bucket
from gateway.operations.grants import OF_BUCKETS, in_headers
from gateway.operations.ownership import check_bucket_acl
from gateway.operations.tagging import CONFIG as TAGGING
from gateway.operations.tags import Tag, Tagging, elements, of_bucket, pairs
from gateway.policy.grants import CONFIG as ACL
from gateway.policy.grants import Acl, CannedAcl, kept
from gateway.policy.ownership import CONFIG as OWNERSHIP
from gateway.policy.ownership import Ownership, OwnershipControls, OwnershipControlsRule
from gateway.wire.kept import keep
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Xml
from store import records
from store.errors import BucketExists

MAX_BUCKETS = 10_000
US_EAST_1 = "us-east-1"
_REGION = re.compile(r"[A-Za-z0-9_-]{1,64}")


class CreateBucketConfiguration(Shape):
    location_constraint: str | None = None
    tags: Annotated[tuple[Tag, ...], Xml("Tags", member="Tag")] = ()


class CreateBucketInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    acl: Annotated[str | None, Header("x-amz-acl")] = None
    create_bucket_configuration: Annotated[CreateBucketConfiguration | None, Payload()] = None
    object_lock_enabled_for_bucket: Annotated[bool, Header("x-amz-bucket-object-lock-enabled")] = (
        False
    )
    object_ownership: Annotated[str | None, Header("x-amz-object-ownership")] = None


class CreateBucketOutput(Shape):
    location: Annotated[str, Header("Location")]


async def create_bucket(call: Call, ask: CreateBucketInput) -> CreateBucketOutput:
    """Make a bucket that belongs to the calling key; the name is taken for all keys.

    Without ``x-amz-acl`` it gets ``config.default_bucket_acl``, else BTIP-25's ``public-read``.
    Any region is accepted and given back, unless ``config.strict_region``.

    Made again by its owner: where nothing would change, us-east-1 answers 200 as AWS does there
    (two starting servers that race for "their" bucket both come up). Everywhere else, and when ACL
    or region differ, it is ``BucketAlreadyOwnedByYou``: what is asked for is not what there is, and
    AWS's silent reset of the ACL would open or close a bucket nobody meant to touch. Clients that
    create before every copy (rclone) take both answers. Tags count only when some are given.

    Raises ``InvalidBucketName``, ``BucketAlreadyExists`` (another key's),
    ``BucketAlreadyOwnedByYou``, ``InvalidLocationConstraint``,
    ``IllegalLocationConstraintException``, ``InvalidBucketAclWithObjectOwnership``,
    and as ``in_headers`` and ``of_bucket``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    check_bucket_name(ask.bucket)
    region = _region(call, ask.create_bucket_configuration)
    controls = _ownership(ask.object_ownership)
    acl = for_bucket(in_headers(call, ask.acl, OF_BUCKETS) or _default_acl(call, controls))
    config = _documents(controls, acl, ask.create_bucket_configuration)
    lock = records.ObjectLock() if ask.object_lock_enabled_for_bucket else None
    access_key = call.caller.access_key
    assert access_key is not None  # the row needs SIGNED
    if controls is not None:
        check_bucket_acl(controls, acl, access_key.key)
    try:
        await call.store.create_bucket(
            ask.bucket,
            owner=access_key.key,
            path=f"{access_key.root}/{ask.bucket}",
            acl=acl.canned,
            region=region,
            profile=call.config.import_profile,
            config=config,
            lock=lock,
        )
    except BucketExists as error:
        if error.owner != access_key.key:
            raise BucketAlreadyExists(BucketName=ask.bucket) from error
        there = call.store.bucket(ask.bucket)
        same = there is not None and (there.acl, there.region) == (acl.canned, region)
        same = same and there is not None and (there.lock is None) == (lock is None)
        for name in {OWNERSHIP, ACL, *config}:
            same = same and there is not None and there.config.get(name) == config.get(name)
        if not same and call.config.differences.own_bucket_again_exists:
            raise BucketAlreadyExists(BucketName=ask.bucket) from error
        if not same or call.config.region != US_EAST_1:
            raise BucketAlreadyOwnedByYou(BucketName=ask.bucket) from error
    return CreateBucketOutput(location=f"/{ask.bucket}")


def _ownership(name: str | None) -> Ownership | None:
    if name is None:
        return None
    if name not in set(Ownership):
        header = "x-amz-object-ownership"
        raise InvalidArgument(
            f"Invalid {header} header: {name}", ArgumentName=header, ArgumentValue=name
        )
    return Ownership(name)


def _documents(
    controls: Ownership | None, acl: Acl, configuration: CreateBucketConfiguration | None
) -> dict[str, bytes]:
    """The configuration a bucket is made with."""
    config = {}
    if controls is not None:
        rule = OwnershipControlsRule(object_ownership=controls)
        config[OWNERSHIP] = keep(OwnershipControls(rules=(rule,)))
    if acl.grants is not None:
        config[ACL] = kept(acl.grants)
    if configuration is not None and configuration.tags:
        tags = of_bucket(pairs(Tagging(tag_set=configuration.tags)))
        config[TAGGING] = keep(Tagging(tag_set=elements(tags)))
    return config


def _default_acl(call: Call, controls: Ownership | None) -> Acl:
    if controls is Ownership.BUCKET_OWNER_ENFORCED:
        return Acl()
    return Acl(call.config.default_bucket_acl or CannedAcl.PUBLIC_READ)


def _region(call: Call, configuration: CreateBucketConfiguration | None) -> str:
    """The region a new bucket is in. Its characters are checked: it comes back in a header."""
    asked = configuration.location_constraint if configuration else None
    if not asked:
        if call.config.strict_region and call.config.region != US_EAST_1:
            raise IllegalLocationConstraintException(
                "The unspecified location constraint is incompatible for the region specific "
                "endpoint this request was sent to."
            )
        return call.config.region
    if not _REGION.fullmatch(asked):
        raise InvalidLocationConstraint(LocationConstraint=asked)
    if call.config.strict_region and asked != call.config.region:
        raise IllegalLocationConstraintException(
            f"The {asked} location constraint is incompatible for the region specific endpoint "
            "this request was sent to."
        )
    return asked


class HeadBucketInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class HeadBucketOutput(Shape):
    bucket_region: Annotated[str, Header("x-amz-bucket-region")]


async def head_bucket(call: Call, ask: HeadBucketInput) -> HeadBucketOutput:
    """Say that the bucket is there and where; allowed to whoever may list it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
    """
    return HeadBucketOutput(bucket_region=call.bucket.region)


class Bucket(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Bucket.html"""

    name: str
    creation_date: datetime
    bucket_region: str


class ListBucketsInput(Shape):
    max_buckets: Annotated[int, Query("max-buckets")] = MAX_BUCKETS
    continuation_token: Annotated[str, Query("continuation-token")] = ""
    prefix: Annotated[str | None, Query("prefix")] = None
    bucket_region: Annotated[str, Query("bucket-region")] = ""


class ListBucketsOutput(Shape, root="ListAllMyBucketsResult"):
    owner: Owner
    buckets: Annotated[tuple[Bucket, ...], Xml("Buckets", member="Bucket")]
    continuation_token: str | None = None
    prefix: str | None = None


async def list_buckets(call: Call, ask: ListBucketsInput) -> ListBucketsOutput:
    """The caller's own buckets by name, at most ``max_buckets`` of them.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
    """
    if not 1 <= ask.max_buckets <= MAX_BUCKETS:
        raise InvalidArgument(
            "Argument max-buckets must be an integer between 1 and 10000",
            ArgumentName="max-buckets",
            ArgumentValue=ask.max_buckets,
        )
    found = _page(call, ask)
    page = found[: ask.max_buckets]
    more = len(found) > len(page)
    return ListBucketsOutput(
        owner=owner(call.caller.id),
        buckets=tuple(
            Bucket(
                name=bucket.name,
                creation_date=datetime.fromtimestamp(bucket.created / 1000, UTC),
                bucket_region=bucket.region,
            )
            for bucket in page
        ),
        continuation_token=token(page[-1].name.encode()) if more else None,
        prefix=ask.prefix,
    )


def _page(call: Call, ask: ListBucketsInput) -> list[records.Bucket]:
    """The page and one more bucket, if there is one. The region is filtered here."""
    after = key_text(token_position(ask.continuation_token)) if ask.continuation_token else ""
    limit = ask.max_buckets + 1
    found: list[records.Bucket] = []
    while len(found) < limit:
        batch = call.store.buckets(
            call.caller.id, prefix=ask.prefix or "", after=after, limit=limit
        )
        found += [b for b in batch if not ask.bucket_region or b.region == ask.bucket_region]
        if len(batch) < limit:
            break
        after = batch[-1].name
    return found[:limit]


class DeleteBucketInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketOutput(Shape):
    """Nothing: 204."""


async def delete_bucket(call: Call, ask: DeleteBucketInput) -> DeleteBucketOutput:
    """Remove an empty bucket; its unfinished uploads go with it. Raises ``BucketNotEmpty``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html
    """
    await call.store.delete_bucket(call.bucket)
    return DeleteBucketOutput()


class GetBucketLocationInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketLocationOutput(Shape, root="LocationConstraint"):
    location_constraint: Annotated[str | None, Xml("")]


async def get_bucket_location(call: Call, ask: GetBucketLocationInput) -> GetBucketLocationOutput:
    """The region of the bucket; an empty element means us-east-1.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    """
    region = call.bucket.region
    return GetBucketLocationOutput(location_constraint=None if region == US_EAST_1 else region)
