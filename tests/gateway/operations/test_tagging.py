"""Tags of buckets and objects by boto3 over a real socket."""

import pytest
from botocore.exceptions import ClientError

LARGE = bytes(range(256)) * 1024
TAGS = [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "x y"}]


def tagging(count: int = 2) -> dict:
    if count == 2:
        return {"TagSet": TAGS}
    return {"TagSet": [{"Key": f"key-{n}", "Value": "v"} for n in range(count)]}


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def tags_of(s3, bucket, key="key"):
    return s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]


@pytest.fixture
def key(s3, bucket):
    s3.put_object(Bucket=bucket, Key="key", Body=b"body", Metadata={"color": "blue"})
    return "key"


CALLS = {
    "put_bucket_tagging": {"Tagging": tagging()},
    "get_bucket_tagging": {},
    "delete_bucket_tagging": {},
    "put_object_tagging": {"Key": "key", "Tagging": tagging()},
    "get_object_tagging": {"Key": "key"},
    "delete_object_tagging": {"Key": "key"},
}


@pytest.mark.parametrize("call", CALLS)
def test_tags_are_the_owners_alone(call, new_bucket, s3, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    s3.put_object(Bucket=bucket, Key="key", Tagging="a=b")

    for client in (stranger, anonymous):
        asked = {"Bucket": bucket, **CALLS[call]}
        assert refusal(getattr(client, call), **asked) == (403, "AccessDenied")
    assert tags_of(s3, bucket) == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize("call", [name for name in CALLS if "object" in name])
def test_tags_of_what_is_not_there(call, bucket, s3):
    call, asked = getattr(s3, call), {"Bucket": bucket, **CALLS[call]}

    assert refusal(call, **asked) == (404, "NoSuchKey")
    s3.put_object(Bucket=bucket, Key="key")
    assert refusal(call, **asked, VersionId="1") == (400, "InvalidArgument")
    call(**asked, VersionId="null")


# --- buckets -------------------------------------------------------------------------------------


def test_a_bucket_keeps_its_tags_until_they_are_removed(bucket, s3):
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")

    s3.put_bucket_tagging(Bucket=bucket, Tagging=tagging())
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tagging(50))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tagging(50)["TagSet"]

    for _ in range(2):
        s3.delete_bucket_tagging(Bucket=bucket)
        assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")


def test_fifty_one_bucket_tags_are_too_many(bucket, s3):
    asked = {"Bucket": bucket, "Tagging": tagging(51)}
    assert refusal(s3.put_bucket_tagging, **asked) == (400, "BadRequest")
    assert refusal(s3.get_bucket_tagging, Bucket=bucket) == (404, "NoSuchTagSet")


def made_with(*tags: dict) -> dict:
    return {"CreateBucketConfiguration": {"Tags": list(tags)}}


def test_a_bucket_has_the_tags_it_is_made_with(new_bucket, s3):
    tagged, bare = new_bucket(**made_with(*TAGS)), new_bucket(**made_with())

    assert s3.get_bucket_tagging(Bucket=tagged)["TagSet"] == TAGS
    assert refusal(s3.get_bucket_tagging, Bucket=bare) == (404, "NoSuchTagSet")


def test_a_bucket_made_again_with_other_tags_keeps_its_own(new_bucket, s3):
    bucket = new_bucket(**made_with(*TAGS))
    for tags in (TAGS, []):
        s3.create_bucket(Bucket=bucket, **made_with(*tags))

    asked = {"Bucket": bucket, **made_with(TAGS[0])}
    assert refusal(s3.create_bucket, **asked) == (409, "BucketAlreadyOwnedByYou")
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS


def test_no_bucket_is_made_with_a_tag_that_cannot_be(s3):
    bad = made_with({"Key": "aws:x", "Value": "y"})

    assert refusal(s3.create_bucket, Bucket="never-made", **bad) == (400, "InvalidTag")
    assert refusal(s3.head_bucket, Bucket="never-made") == (404, "404")


# --- objects -------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"inline", LARGE], ids=["empty", "inline", "large"])
def test_tags_change_and_nothing_else(body, bucket, s3):
    s3.put_object(
        Bucket=bucket, Key="key", Body=body, ContentType="text/plain", Metadata={"a": "b"}
    )
    before = s3.get_object(Bucket=bucket, Key="key")
    assert tags_of(s3, bucket) == []

    s3.put_object_tagging(Bucket=bucket, Key="key", Tagging=tagging())

    after = s3.get_object(Bucket=bucket, Key="key")
    assert after["Body"].read() == body
    same = ("ETag", "LastModified", "ContentType", "Metadata", "ContentLength")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert tags_of(s3, bucket) == TAGS
    s3.delete_object_tagging(Bucket=bucket, Key="key")
    assert tags_of(s3, bucket) == []
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == body


def test_reads_count_the_tags_for_the_owner(new_bucket, s3, anonymous):
    bucket = new_bucket(ACL="public-read")
    s3.put_object(Bucket=bucket, Key="key", Tagging="a=1&b=x%20y")

    assert s3.get_object(Bucket=bucket, Key="key")["TagCount"] == 2
    assert s3.head_object(Bucket=bucket, Key="key")["TagCount"] == 2
    assert "TagCount" not in anonymous.head_object(Bucket=bucket, Key="key")
    s3.delete_object_tagging(Bucket=bucket, Key="key")
    assert "TagCount" not in s3.head_object(Bucket=bucket, Key="key")


@pytest.mark.parametrize(
    ("tag_set", "error"),
    [
        (tagging(11)["TagSet"], (400, "BadRequest")),
        ([TAGS[0], TAGS[0]], (400, "InvalidTag")),
        ([{"Key": "aws:a", "Value": ""}], (400, "InvalidTag")),
        ([{"Key": "k" * 129, "Value": ""}], (400, "InvalidTag")),
    ],
)
def test_a_bad_set_leaves_the_old_one(tag_set, error, bucket, key, s3):
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging=tagging())

    asked = {"Bucket": bucket, "Key": key, "Tagging": {"TagSet": tag_set}}
    assert refusal(s3.put_object_tagging, **asked) == error
    assert tags_of(s3, bucket) == TAGS


@pytest.mark.parametrize("tagging", ["a=1&a=2", "a=%FF"])
def test_a_bad_header_stores_nothing(tagging, bucket, s3):
    for call in (s3.put_object, s3.create_multipart_upload):
        asked = {"Bucket": bucket, "Key": "new", "Tagging": tagging}
        assert refusal(call, **asked) == (400, "InvalidArgument")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_who_may_only_write_may_not_tag(new_bucket, s3, stranger):
    bucket = new_bucket(ACL="public-read-write")
    s3.put_object(Bucket=bucket, Key="tagged", Tagging="a=b")
    s3.put_object(Bucket=bucket, Key="plain")
    denied = (403, "AccessDenied")
    to = {"Bucket": bucket, "Key": "new"}

    assert refusal(stranger.put_object, **to, Tagging="a=b") == denied
    assert refusal(stranger.create_multipart_upload, **to, Tagging="a=b") == denied
    assert refusal(stranger.copy_object, **to, CopySource=f"{bucket}/tagged") == denied
    replaced = {"TaggingDirective": "REPLACE", "Tagging": "a=b"}
    assert refusal(stranger.copy_object, **to, CopySource=f"{bucket}/plain", **replaced) == denied
    stranger.copy_object(**to, CopySource=f"{bucket}/tagged", TaggingDirective="REPLACE")
    assert tags_of(s3, bucket, "new") == []


def test_a_new_object_has_no_old_tags(bucket, key, s3):
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging=tagging())
    s3.put_object(Bucket=bucket, Key=key)

    assert tags_of(s3, bucket) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, TAGS),
        ({"TaggingDirective": "COPY", "Tagging": "c=3"}, TAGS),
        ({"MetadataDirective": "REPLACE"}, TAGS),
        ({"TaggingDirective": "REPLACE", "Tagging": "c=3"}, [{"Key": "c", "Value": "3"}]),
        ({"TaggingDirective": "REPLACE"}, []),
    ],
)
def test_a_copy_takes_its_tags_along_unless_it_is_told_others(said, expected, bucket, key, s3):
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging=tagging())

    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/{key}", **said)

    assert tags_of(s3, bucket, "copy") == expected
    assert tags_of(s3, bucket) == TAGS


def test_an_upload_gives_its_tags_to_the_object(bucket, s3):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", Tagging="a=1")["UploadId"]
    part = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    etag = s3.upload_part(**part, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**part, MultipartUpload=parts)

    assert tags_of(s3, bucket) == [{"Key": "a", "Value": "1"}]
