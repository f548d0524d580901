"""Tags of buckets and objects: put, get, delete. What a tag may be is in ``tags``."""

from typing import Annotated

from msgspec.structs import replace

from gateway.access import Needs
from gateway.errors import NoSuchTagSet, OperationAborted
from gateway.operation import Call
from gateway.operations import tags
from gateway.operations.named_version import current, shown
from gateway.operations.tags import Tag, Tagging
from gateway.wire.kept import keep, kept
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Xml
from store import errors as store_errors
from store.records import Entry

CONFIG = "tagging"
ATTEMPTS = 8
"""How often tags are put again because the object was replaced in the meantime."""


class PutBucketTaggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    tagging: Annotated[Tagging, Payload()]


class PutBucketTaggingOutput(Shape):
    """Nothing: 200."""


async def put_bucket_tagging(call: Call, ask: PutBucketTaggingInput) -> PutBucketTaggingOutput:
    """Give the bucket these tags in place of all it had, at most 50.

    Raises ``InvalidTag``, ``BadRequest`` (too many).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html
    """
    given = tags.of_bucket(tags.pairs(ask.tagging))
    document = keep(Tagging(tag_set=tags.elements(given)))
    await call.store.set_bucket_config(call.bucket, CONFIG, document)
    return PutBucketTaggingOutput()


class GetBucketTaggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class GetBucketTaggingOutput(Shape, root="Tagging"):
    tag_set: Annotated[tuple[Tag, ...], Xml("TagSet", member="Tag")]


async def get_bucket_tagging(call: Call, ask: GetBucketTaggingInput) -> GetBucketTaggingOutput:
    """The bucket's tags. Raises ``NoSuchTagSet`` when none were ever put.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketTagging.html
    """
    tagging = kept(Tagging, call.bucket.config, CONFIG)
    if tagging is None:
        raise NoSuchTagSet(BucketName=ask.bucket)
    return GetBucketTaggingOutput(tag_set=tagging.tag_set)


class DeleteBucketTaggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]


class DeleteBucketTaggingOutput(Shape):
    """Nothing: 204."""


async def delete_bucket_tagging(
    call: Call, ask: DeleteBucketTaggingInput
) -> DeleteBucketTaggingOutput:
    """Remove the bucket's tags; having none is not an error.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketTagging.html
    """
    await call.store.set_bucket_config(call.bucket, CONFIG, None)
    return DeleteBucketTaggingOutput()


class PutObjectTaggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None
    tagging: Annotated[Tagging, Payload()]


class PutObjectTaggingOutput(Shape):
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None


async def put_object_tagging(call: Call, ask: PutObjectTaggingInput) -> PutObjectTaggingOutput:
    """Give the object these tags in place of all it had, at most 10; nothing else changes.

    Raises ``InvalidTag``, ``BadRequest`` (too many), ``OperationAborted``, and as
    ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html
    """
    given = tags.of_object(tags.pairs(ask.tagging), call.config.differences)
    action = "s3:PutObjectVersionTagging" if ask.version_id else "s3:PutObjectTagging"
    call.allow(
        Needs.OWNER, call.bucket, action, key=ask.key, version=ask.version_id, requested_tags=given
    )
    entry = await _retag(call, ask.key, ask.version_id, given)
    return PutObjectTaggingOutput(version_id=shown(call.bucket, entry))


class GetObjectTaggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None


class GetObjectTaggingOutput(Shape, root="Tagging"):
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None
    tag_set: Annotated[tuple[Tag, ...], Xml("TagSet", member="Tag")]


async def get_object_tagging(call: Call, ask: GetObjectTaggingInput) -> GetObjectTaggingOutput:
    """The object's tags; an empty set when it has none. Raises as ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
    """
    entry = current(call, ask.key, ask.version_id)
    given = entry.attributes.tags
    if call.config.differences.object_tags_are_sorted:
        given = dict(sorted(given.items()))
    return GetObjectTaggingOutput(
        version_id=shown(call.bucket, entry), tag_set=tags.elements(given)
    )


class DeleteObjectTaggingInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    version_id: Annotated[str | None, Query("versionId")] = None


class DeleteObjectTaggingOutput(Shape):
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None


async def delete_object_tagging(
    call: Call, ask: DeleteObjectTaggingInput
) -> DeleteObjectTaggingOutput:
    """Remove the object's tags; having none is not an error.

    Raises ``OperationAborted``, and as ``current``.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html
    """
    entry = await _retag(call, ask.key, ask.version_id, {})
    return DeleteObjectTaggingOutput(version_id=shown(call.bucket, entry))


def may_tag(call: Call, tagging: str | None) -> None:
    """Raises ``AccessDenied`` when ``x-amz-tagging`` comes from who may write but not tag.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (s3:PutObjectTagging)
    """
    if tagging is not None and not call.config.differences.who_may_put_may_tag:
        key = call.request.key
        call.allow(Needs.OWNER, call.bucket, "s3:PutObjectTagging", key=key)


async def _retag(call: Call, key: str, version_id: str | None, given: dict[str, str]) -> Entry:
    for _ in range(ATTEMPTS):
        entry = current(call, key, version_id)
        try:
            return await call.store.set_attributes(entry, replace(entry.attributes, tags=given))
        except store_errors.NoSuchEntry:
            continue
    raise OperationAborted
