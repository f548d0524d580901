"""RenameObject and RestoreObject by boto3."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

BODY = b"0123456789" * 10_000


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


@pytest.fixture
def source(s3, bucket):
    """An object ``a b``; what renames it to ``new``."""
    s3.put_object(Bucket=bucket, Key="a b", Body=BODY, Metadata={"x": "y"}, Tagging="t=1")
    return {"Bucket": bucket, "Key": "new", "RenameSource": "a%20b"}


def test_an_object_moves_with_all_that_is_said_of_it(s3, bucket, source):
    s3.put_object(Bucket=bucket, Key="new", Body=b"replaced")
    before = s3.head_object(Bucket=bucket, Key="a b")
    s3.rename_object(**source)
    after = s3.get_object(Bucket=bucket, Key="new")
    assert after["Body"].read() == BODY
    for same in ("ETag", "LastModified", "Metadata", "TagCount"):
        assert after[same] == before[same]
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["new"]
    assert refusal(s3.rename_object, **source) == (404, "NoSuchKey")


def test_conditions_on_either_end_hold(s3, bucket, source):
    put = s3.put_object(Bucket=bucket, Key="new", Body=b"there")
    changed = s3.head_object(Bucket=bucket, Key="new")["LastModified"]
    early, failed = changed - timedelta(days=1), (412, "PreconditionFailed")
    for wrong in (
        {"DestinationIfNoneMatch": "*"},
        {"DestinationIfMatch": '"other"'},
        {"DestinationIfUnmodifiedSince": early},
        {"DestinationIfModifiedSince": changed},
        {"SourceIfMatch": '"other"'},
        {"SourceIfNoneMatch": "*"},
        {"SourceIfUnmodifiedSince": early},
    ):
        assert refusal(s3.rename_object, **source, **wrong) == failed
    absent = source | {"Key": "absent"}
    assert refusal(s3.rename_object, **absent, DestinationIfMatch="*") == (404, "NoSuchKey")
    asked = {"DestinationIfMatch": put["ETag"], "DestinationIfModifiedSince": early}
    s3.rename_object(**source, **asked, SourceIfUnmodifiedSince=changed + timedelta(days=1))
    assert s3.get_object(Bucket=bucket, Key="new")["Body"].read() == BODY


def test_what_cannot_be_renamed(s3, bucket, source):
    rename = s3.rename_object
    assert refusal(rename, **source | {"Key": "a b"}) == (400, "InvalidRequest")
    assert refusal(rename, **source | {"RenameSource": "%FF"}) == (400, "InvalidArgument")
    assert refusal(rename, **source | {"RenameSource": "absent"}) == (404, "NoSuchKey")


def test_only_who_may_write_renames(s3, new_bucket, stranger):
    asked = {"Key": "new", "RenameSource": "k"}
    for acl, allowed in (("public-read", False), ("public-read-write", True)):
        bucket = new_bucket(ACL=acl)
        s3.put_object(Bucket=bucket, Key="k", Body=BODY)
        if allowed:
            stranger.rename_object(Bucket=bucket, **asked)
        else:
            denied = refusal(stranger.rename_object, Bucket=bucket, **asked)
            assert denied == (403, "AccessDenied")


def test_what_is_in_an_archive_needs_no_restoring(s3, bucket, stranger):
    for name in ("GLACIER", "DEEP_ARCHIVE", "STANDARD"):
        s3.put_object(Bucket=bucket, Key=name, Body=BODY, StorageClass=name)
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == BODY
    wanted = {"RestoreRequest": {"Days": 2, "GlacierJobParameters": {"Tier": "Bulk"}}}
    restore = s3.restore_object
    for name in ("GLACIER", "DEEP_ARCHIVE"):
        answer = restore(Bucket=bucket, Key=name, **wanted)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
        denied = refusal(stranger.restore_object, Bucket=bucket, Key=name, **wanted)
        assert denied == (403, "AccessDenied")
    asked = {"Bucket": bucket, "Key": "STANDARD"}
    assert refusal(restore, **asked, **wanted) == (403, "InvalidObjectState")
    for wrong, code in (
        ({"Days": 0}, "InvalidArgument"),
        ({}, "InvalidArgument"),
        ({"Days": 1, "Tier": "Fast"}, "MalformedXML"),
    ):
        assert refusal(restore, **asked, RestoreRequest=wrong) == (400, code)
    query = {"Type": "SELECT", "Days": 1}
    assert refusal(restore, **asked, RestoreRequest=query) == (501, "NotImplemented")
    assert refusal(restore, Bucket=bucket, Key="absent", **wanted) == (404, "NoSuchKey")
