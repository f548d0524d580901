"""Object annotations by boto3: they belong to one version and go with it."""

import base64
import hashlib

import pytest
from botocore.exceptions import ClientError

from store.fsck import check

BIG = ("é" * 100_000).encode()


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


@pytest.fixture
def put(s3, bucket):
    """What puts annotations of one object."""
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"object")

    def run(name, text=b"text", key="a/b", **more):
        return s3.put_object_annotation(
            Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=text, **more
        )

    return run


def names(s3, bucket, key="a/b", **more):
    found = s3.list_object_annotations(Bucket=bucket, Key=key, **more)
    return [each["AnnotationName"] for each in found.get("Annotations", [])]


def read(s3, bucket, name, key="a/b", **more):
    found = s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **more)
    return found["AnnotationPayload"].read()


@pytest.mark.parametrize("text", [b"x", b'{"label": "cat"}', BIG], ids=["one", "json", "big"])
def test_an_annotation_comes_back(s3, bucket, put, text):
    before = s3.head_object(Bucket=bucket, Key="a/b")
    made = put("ä name/1", text, ChecksumAlgorithm="SHA256")
    found = s3.get_object_annotation(
        Bucket=bucket, Key="a/b", AnnotationName="ä name/1", ChecksumMode="ENABLED"
    )
    assert found["AnnotationPayload"].read() == text
    assert found["ETag"] == made["ETag"] == f'"{hashlib.md5(text).hexdigest()}"'
    digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
    assert found["ChecksumSHA256"] == made["ChecksumSHA256"] == digest
    (listed,) = s3.list_object_annotations(Bucket=bucket, Key="a/b")["Annotations"]
    assert (listed["AnnotationName"], listed["Size"]) == ("ä name/1", len(text))
    after = s3.head_object(Bucket=bucket, Key="a/b")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a/b"]


def test_one_of_the_same_name_is_replaced_and_one_that_is_deleted_is_gone(s3, bucket, put):
    put("one", b"first")
    put("one", b"second")
    put("two")
    assert read(s3, bucket, "one") == b"second"
    for _ in range(2):  # what is not there is as good as deleted
        s3.delete_object_annotation(Bucket=bucket, Key="a/b", AnnotationName="one")
    assert names(s3, bucket) == ["two"]
    asked = {"Bucket": bucket, "Key": "a/b", "AnnotationName": "one"}
    assert refusal(s3.get_object_annotation, **asked) == (404, "NoSuchAnnotation")


def test_a_list_has_pages_and_prefixes(s3, bucket, put):
    for name in ("b2", "a", "b1", "B", "b3"):
        put(name)
    assert names(s3, bucket) == ["B", "a", "b1", "b2", "b3"]
    assert names(s3, bucket, AnnotationPrefix="b") == ["b1", "b2", "b3"]
    found, token = [], {}
    while True:
        page = s3.list_object_annotations(
            Bucket=bucket, Key="a/b", MaxAnnotationResults=2, AnnotationPrefix="b", **token
        )
        found += [each["AnnotationName"] for each in page["Annotations"]]
        assert page["AnnotationCount"] == len(page["Annotations"])
        if "NextContinuationToken" not in page:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert found == ["b1", "b2", "b3"]


def test_conditions_are_of_the_object(s3, bucket, put):
    etag = s3.head_object(Bucket=bucket, Key="a/b")["ETag"]
    put("one", ObjectIfMatch=etag)
    asked = {"Bucket": bucket, "Key": "a/b", "AnnotationName": "one", "ObjectIfMatch": '"no"'}
    failed = (412, "PreconditionFailed")
    assert refusal(s3.delete_object_annotation, **asked) == failed
    assert refusal(s3.put_object_annotation, **asked, AnnotationPayload=b"x") == failed


@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("AWS-name", b"x", (400, "InvalidAnnotationName")),
        ("s3", b"x", (400, "InvalidAnnotationName")),
        ("a\tb", b"x", (400, "InvalidAnnotationName")),
        ("n" * 513, b"x", (400, "AnnotationNameTooLong")),
        ("one", b"\xff", (415, "UnsupportedMediaType")),
        ("one", b"", (400, "InvalidRequest")),
        ("one", b"x" * (1024 * 1024 + 1), (400, "EntityTooLarge")),
    ],
)
def test_what_is_no_annotation_is_refused(s3, bucket, put, name, text, answer):
    asked = {"Bucket": bucket, "Key": "a/b", "AnnotationName": name, "AnnotationPayload": text}
    assert refusal(s3.put_object_annotation, **asked) == answer
    missing = {**asked, "Key": "none", "AnnotationName": "fine", "AnnotationPayload": b"x"}
    assert refusal(s3.put_object_annotation, **missing) == (404, "NoSuchKey")


def test_they_are_of_one_version(s3, bucket, put):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put("old", b"of the null version")
    new = s3.put_object(Bucket=bucket, Key="a/b", Body=b"new")["VersionId"]
    assert names(s3, bucket) == []
    assert put("one")["ObjectVersionId"] == new
    put("later", VersionId="null")
    assert names(s3, bucket, VersionId="null") == ["later", "old"]
    s3.delete_object(Bucket=bucket, Key="a/b")
    assert refusal(s3.list_object_annotations, Bucket=bucket, Key="a/b") == (404, "NoSuchKey")
    assert names(s3, bucket, VersionId=new) == ["one"]
    s3.put_object_tagging(
        Bucket=bucket, Key="a/b", VersionId=new, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}
    )
    assert names(s3, bucket, VersionId=new) == ["one"]


def rows(gateway):
    (count,) = next(iter(gateway.store._db.execute("SELECT count(*) FROM entry WHERE bucket < 0")))
    return count


@pytest.mark.parametrize("end", ["overwritten", "deleted", "expired version", "completed over"])
def test_they_go_with_their_version(gateway, s3, bucket, put, end):
    before = rows(gateway)
    if end == "expired version":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put("big", BIG)
    put("small", b"annotations")
    assert rows(gateway) == before + 2
    if end == "overwritten":
        s3.put_object(Bucket=bucket, Key="a/b", Body=b"other", Metadata={"annotations": "x"})
        s3.delete_object(Bucket=bucket, Key="a/b")
    elif end == "deleted":
        s3.delete_object(Bucket=bucket, Key="a/b")
    elif end == "expired version":
        s3.delete_object(Bucket=bucket, Key="a/b", VersionId="null")
    else:
        asked = {"Bucket": bucket, "Key": "a/b"}
        asked["UploadId"] = s3.create_multipart_upload(**asked)["UploadId"]
        etag = s3.upload_part(**asked, PartNumber=1, Body=b"part")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        s3.complete_multipart_upload(**asked, MultipartUpload=parts)
    assert rows(gateway) == before
    assert list(check(gateway.config.data_dir)) == []


def test_they_are_copied_unless_excluded_and_renamed(s3, bucket, put, gateway):
    put("big", BIG)
    put("small")
    source = {"Bucket": bucket, "Key": "a/b"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="bare", CopySource=source, AnnotationDirective="EXCLUDE")
    s3.copy_object(  # onto itself
        Bucket=bucket, Key="a/b", CopySource=source, MetadataDirective="REPLACE"
    )
    s3.rename_object(Bucket=bucket, Key="renamed", RenameSource="copy")
    assert names(s3, bucket) == names(s3, bucket, "renamed") == ["big", "small"]
    assert names(s3, bucket, "bare") == []
    s3.delete_object(Bucket=bucket, Key="a/b")
    assert read(s3, bucket, "big", "renamed") == BIG
    assert read(s3, bucket, "small", "renamed") == b"text"
    assert list(check(gateway.config.data_dir)) == []


def test_they_are_encrypted_as_their_object_is(s3, bucket, gateway, put):
    secret = b"annotated secret " * 4000
    s3.put_object(Bucket=bucket, Key="sealed", Body=b"x", ServerSideEncryption="AES256")
    assert put("one", secret, "sealed")["ServerSideEncryption"] == "AES256"
    assert read(s3, bucket, "one", "sealed") == secret
    segments = (gateway.config.data_dir).rglob("*")
    assert not any(b"annotated secret" in path.read_bytes() for path in segments if path.is_file())
    source = {"Bucket": bucket, "Key": "sealed"}
    asked = {"Bucket": bucket, "Key": "copy", "CopySource": source}
    assert refusal(s3.copy_object, **asked) == (501, "NotImplemented")
    s3.copy_object(**asked, AnnotationDirective="EXCLUDE")
    key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    s3.put_object(Bucket=bucket, Key="theirs", Body=b"x", **key)
    asked = {"Bucket": bucket, "Key": "theirs", "AnnotationName": "a", "AnnotationPayload": b"x"}
    assert refusal(s3.put_object_annotation, **asked) == (400, "InvalidRequest")


def test_what_is_locked_keeps_its_annotations(s3, put):
    s3.create_bucket(Bucket="locked-notes", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked-notes", Key="a/b", Body=b"x", ObjectLockLegalHoldStatus="ON")
    one = {"Bucket": "locked-notes", "Key": "a/b", "AnnotationName": "one"}
    s3.put_object_annotation(**one, AnnotationPayload=b"x")
    denied = (403, "AccessDenied")
    assert refusal(s3.put_object_annotation, **one, AnnotationPayload=b"y") == denied
    assert refusal(s3.delete_object_annotation, **one) == denied
    s3.put_object_legal_hold(Bucket="locked-notes", Key="a/b", LegalHold={"Status": "OFF"})
    s3.delete_object_annotation(**one)
    assert names(s3, "locked-notes") == []
