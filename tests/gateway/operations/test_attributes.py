"""GetObjectAttributes by boto3 over a real socket."""

import base64
import hashlib

import pytest
from botocore.exceptions import ClientError

MIB = 1024 * 1024
BODY = b"0123456789"
FIRST = b"x" * (5 * MIB)
ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def upload(s3, bucket, bodies, **asked):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", **asked)
    named = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    parts = []
    for number, body in bodies.items():
        answer = s3.upload_part(**named, PartNumber=number, Body=body, **asked)
        sums = {name: answer[name] for name in answer if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": answer["ETag"], **sums})
    return s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


def test_each_caller_sees_the_attributes_of_what_it_may_read(
    s3, stranger, anonymous, bucket, public_bucket
):
    asked = {"Key": "k", "ObjectAttributes": ["ObjectSize"]}
    for name in (bucket, public_bucket):
        s3.put_object(Bucket=name, Key="k", Body=BODY)
        assert s3.get_object_attributes(Bucket=name, **asked)["ObjectSize"] == 10
    for client in (stranger, anonymous):
        call = client.get_object_attributes
        assert refusal(call, Bucket=bucket, **asked) == (403, "AccessDenied")
        assert call(Bucket=public_bucket, **asked)["ObjectSize"] == 10
        missing = {"Key": "missing", "ObjectAttributes": ["ObjectSize"]}
        assert refusal(call, Bucket=public_bucket, **missing) == (404, "NoSuchKey")


def test_an_object_put_whole_has_no_parts(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm="SHA256")
    answer = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=ALL)
    assert answer["ETag"] == put["ETag"].strip('"')
    assert answer["Checksum"] == {"ChecksumSHA256": sha256(BODY), "ChecksumType": "FULL_OBJECT"}
    assert (answer["StorageClass"], answer["ObjectSize"]) == ("STANDARD", 10)
    assert "ObjectParts" not in answer
    head = s3.head_object(Bucket=bucket, Key="k")
    assert answer["LastModified"] == head["LastModified"]


@pytest.mark.parametrize("name", ALL)
def test_only_what_was_asked_for_is_answered(s3, bucket, name):
    upload(s3, bucket, {1: BODY}, ChecksumAlgorithm="SHA256")
    answer = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=[name])
    assert set(answer) & set(ALL) == {name}


def test_parts_with_checksums_are_listed_in_pages(s3, bucket):
    bodies = {1: FIRST, 2: FIRST + b"y", 3: BODY}
    upload(s3, bucket, bodies, ChecksumAlgorithm="SHA256")
    asked = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ObjectParts", "Checksum"]}
    answer = s3.get_object_attributes(**asked)
    whole = answer["ObjectParts"]
    assert (whole["TotalPartsCount"], whole["IsTruncated"]) == (3, False)
    assert [
        (part["PartNumber"], part["Size"], part["ChecksumSHA256"]) for part in whole["Parts"]
    ] == [(number, len(body), sha256(body)) for number, body in bodies.items()]
    assert answer["Checksum"]["ChecksumType"] == "COMPOSITE"
    assert answer["Checksum"]["ChecksumSHA256"].endswith("-3")
    page = s3.get_object_attributes(**asked, MaxParts=1, PartNumberMarker=1)["ObjectParts"]
    assert [part["PartNumber"] for part in page["Parts"]] == [2]
    assert (page["PartNumberMarker"], page["NextPartNumberMarker"]) == (1, 2)
    assert (page["MaxParts"], page["IsTruncated"]) == (1, True)


def test_parts_without_checksums_of_their_own_are_only_counted(s3, bucket):
    upload(s3, bucket, {1: FIRST, 2: BODY})
    answer = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=ALL)
    assert answer["ObjectParts"] == {"TotalPartsCount": 2}
    assert answer["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert answer["ETag"].endswith("-2")


def test_unknown_attributes_and_versions_are_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    asked = {"Bucket": bucket, "Key": "k"}
    call = s3.get_object_attributes
    assert refusal(call, **asked, ObjectAttributes=["Color"]) == (400, "InvalidArgument")
    assert refusal(call, **asked, ObjectAttributes=["ETag", "etag"]) == (400, "InvalidArgument")
    asked |= {"ObjectAttributes": ["ETag"], "VersionId": "no-such"}
    assert refusal(call, **asked) == (400, "InvalidArgument")
