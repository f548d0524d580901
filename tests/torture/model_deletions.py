"""What the model makes of deletions: of what is current, of one version, of many.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html
"""

from tests.torture.model_objects import ALWAYS, If, holds
from tests.torture.model_rights import OWN, WRITE, check, may, might
from tests.torture.model_world import NULL, Bucket, Refused, Version, protected, refuse


def delete(
    bucket: Bucket, who: str, key: str, id: str | None, when: If, now: int, *, bypass: bool
) -> tuple[Version | None, bool]:
    """The delete marker that was made or removed, if one was; and whether it was made.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html
    """
    if id is None:
        check(bucket, who, WRITE, "s3:DeleteObject", key=key)
        _may_bypass(bucket, who, key, bypass)
        return drop(bucket, who, key, when, now)
    if not may(bucket, who, WRITE, "s3:DeleteObjectVersion", key=key):
        refuse("AccessDenied")
    check(bucket, who, OWN, "s3:DeleteObjectVersion", key=key)
    _may_bypass(bucket, who, key, bypass)
    return drop_version(bucket, key, id, when, now, bypass=bypass)


def _may_bypass(bucket: Bucket, who: str, key: str, bypass: bool) -> None:
    if bypass and bucket.locks:
        check(bucket, who, OWN, "s3:BypassGovernanceRetention", key=key)


def drop(bucket: Bucket, who: str, key: str, when: If, now: int) -> tuple[Version | None, bool]:
    """The current object goes, or a delete marker comes."""
    if when.match is not None:
        newest = bucket.newest(key)
        if newest is None or (newest.body is None and when.match == "*"):
            refuse("NoSuchKey")
        if newest.body is None or not holds(newest.etag, when.match):
            refuse("PreconditionFailed")
    if not bucket.versioning:
        bucket.remove(key, NULL)
        return None, False
    return bucket.add(key, Version(owner=who, modified=now)), True


def drop_version(
    bucket: Bucket, key: str, id: str, when: If, now: int, *, bypass: bool
) -> tuple[Version | None, bool]:
    found = bucket.version(key, id)
    if when.match is not None:
        if found is None:
            refuse("NoSuchKey")
        if found.body is None or not holds(found.etag, when.match):
            refuse("PreconditionFailed")
    if found is not None and protected(found.lock, now, bypass=bypass and bucket.locks):
        refuse("AccessDenied")
    bucket.remove(key, id)
    return (found, False) if found is not None and found.body is None else (None, False)


def delete_many(
    bucket: Bucket, who: str, wanted: list[tuple[str, str | None]], now: int
) -> list[tuple[Version | None, bool] | str]:
    """For each what ``delete`` says, or the code of its refusal.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    if not may(bucket, who, WRITE) and not might(bucket, who, "s3:DeleteObject"):
        refuse("AccessDenied")
    answers: list[tuple[Version | None, bool] | str] = []
    for key, id in wanted:
        try:
            if id is None:
                check(bucket, who, WRITE, "s3:DeleteObject", key=key)
                answers.append(drop(bucket, who, key, ALWAYS, now))
            else:
                check(bucket, who, OWN, "s3:DeleteObjectVersion", key=key)
                answers.append(drop_version(bucket, key, id, ALWAYS, now, bypass=False))
        except Refused as refusal:
            answers.append(refusal.code)
    return answers
