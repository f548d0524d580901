"""What the model makes of multipart uploads.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

from tests.torture.model_bodies import Body, body, etag_of_parts
from tests.torture.model_copies import Source, source
from tests.torture.model_objects import If, Said, expect, may_make
from tests.torture.model_rights import WRITE, check, owner_of
from tests.torture.model_world import DAY, Acl, Bucket, Upload, Version, World, refuse

LEAST_PART = 100
"""The product's limit of 5 MiB is made this small while the model runs."""


def create(bucket: Bucket, who: str, key: str, said: Said, id: str, now: int) -> Upload:
    may_make(bucket, who, key, said)
    upload = Upload(id, key, who, now, dict(said.headers))
    bucket.uploads[id] = upload
    return upload


def running(bucket: Bucket, key: str, id: str) -> Upload:
    upload = bucket.uploads.get(id)
    if upload is None or upload.key != key or upload.completed:
        refuse("NoSuchUpload")
    return upload


def put_part(
    bucket: Bucket, who: str, key: str, id: str, number: int, data: Body, now: int
) -> None:
    check(bucket, who, WRITE, "s3:PutObject", key=key)
    if not 1 <= number <= 10_000:
        refuse("InvalidArgument")
    running(bucket, key, id).parts[number] = (data, now)


def copy_part(
    world: World,
    bucket: Bucket,
    who: str,
    key: str,
    id: str,
    number: int,
    named: Source,
    span: tuple[int, int] | None,
    now: int,
) -> Body:
    """``span``: first and last byte, of the source."""
    check(bucket, who, WRITE, "s3:PutObject", key=key)
    upload = running(bucket, key, id)
    found = source(world, who, named, now)
    data = found.held.data
    if span is not None:
        first, last = span
        if first >= len(data):
            refuse("InvalidRequest")
        if last >= len(data):
            refuse("InvalidArgument")
        data = data[first : last + 1]
    part = body(data)
    upload.parts[number] = (part, now)
    return part


def complete(
    bucket: Bucket,
    who: str,
    key: str,
    id: str,
    named: list[tuple[int, str]],
    when: If,
    now: int,
) -> tuple[str, Version | None]:
    """The ETag; and the new version, unless it was completed before.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    check(bucket, who, WRITE, "s3:PutObject", key=key)
    upload = bucket.uploads.get(id)
    if upload is None or upload.key != key:
        refuse("NoSuchUpload")
    numbers = [number for number, _ in named]
    if sorted(set(numbers)) != numbers:
        refuse("InvalidPartOrder")
    if upload.completed:
        return upload.completed, None
    chosen = []
    for number, etag in named:
        part = upload.parts.get(number)
        if part is None or part[0].etag != etag:
            refuse("InvalidPart")
        chosen.append(part[0])
    if any(len(part.data) < LEAST_PART for part in chosen[:-1]):
        refuse("EntityTooSmall")
    expect(bucket, key, when)
    etag = etag_of_parts(chosen)
    made = Version(
        owner=owner_of(bucket, upload.owner),
        modified=now,
        body=body(b"".join(part.data for part in chosen)),
        etag=etag,
        said=dict(upload.said),
        acl=Acl(),
        parts=tuple(len(part.data) for part in chosen),
        lock=bucket.default_lock(now),
    )
    upload.completed, upload.completed_at = etag, now
    return etag, bucket.add(key, made)


def abort(bucket: Bucket, who: str, key: str, id: str) -> None:
    check(bucket, who, WRITE, "s3:AbortMultipartUpload", key=key)
    running(bucket, key, id)
    del bucket.uploads[id]


def collect(bucket: Bucket, now: int) -> None:
    """What the collector forgets: completed a day ago, or begun a week ago."""
    bucket.uploads = {
        id: each
        for id, each in bucket.uploads.items()
        if (each.completed_at >= now - DAY if each.completed else each.created >= now - 7 * DAY)
    }
