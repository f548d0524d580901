"""All checksums of S3 through the server: sent, computed, kept, shown, refused."""

import pytest
from botocore.exceptions import ClientError

from gateway import checksums
from store import digests

BODY = b"0123456789" * 300
ALGORITHMS = pytest.mark.parametrize("algorithm", checksums.TYPES)


def text(algorithm, data=BODY):
    running = digests.new(checksums.digest_name(algorithm))
    running.update(data)
    return checksums.encode(running.digest())


def refusal(call, **asked):
    with pytest.raises(ClientError) as caught:
        call(**asked)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


@ALGORITHMS
def test_what_was_sent_is_compared_and_shown_to_who_asks(s3, bucket, algorithm):
    name, right = f"Checksum{algorithm}", text(algorithm)
    asked = {"Bucket": bucket, "Key": "k"}
    assert s3.put_object(**asked, Body=BODY, **{name: right})[name] == right
    assert name not in s3.head_object(**asked)
    shown = s3.get_object(**asked, ChecksumMode="ENABLED")
    assert (shown[name], shown["ChecksumType"]) == (right, "FULL_OBJECT")
    assert name not in s3.get_object(**asked, ChecksumMode="ENABLED", Range="bytes=0-9")
    told = s3.get_object_attributes(**asked, ObjectAttributes=["Checksum"])["Checksum"]
    assert told == {name: right, "ChecksumType": "FULL_OBJECT"}
    (listed,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed["ChecksumAlgorithm"] == [algorithm]


@ALGORITHMS
def test_a_wrong_checksum_is_no_object_and_half_a_one_no_request(s3, bucket, algorithm):
    name, asked = f"Checksum{algorithm}", {"Bucket": bucket, "Key": "k", "Body": BODY}
    wrong = {name: text(algorithm, b"other")}
    assert refusal(s3.put_object, **asked, **wrong) == (400, "BadDigest")
    assert refusal(s3.put_object, **asked, **{name: "AAA="}) == (400, "InvalidRequest")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


@ALGORITHMS
def test_a_trailer_is_as_good_as_a_header(gateway, s3, new_bucket, algorithm):
    bucket = new_bucket(ACL="public-read-write")
    frames = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
    field = f"x-amz-checksum-{algorithm.lower()}"

    def put(key, checksum):
        body = frames + f"{field}:{checksum}\r\n\r\n".encode()
        head = [
            f"PUT /{bucket}/{key} HTTP/1.1",
            f"Host: {gateway.host}",
            f"Content-Length: {len(body)}",
            "Content-Encoding: aws-chunked",
            "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            f"x-amz-decoded-content-length: {len(BODY)}",
            f"x-amz-trailer: {field}",
        ]
        return gateway.raw("\r\n".join([*head, "", ""]).encode() + body)

    assert put("k", text(algorithm)).startswith(b"HTTP/1.1 200 ")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == text(algorithm)
    assert got["Body"].read() == BODY
    assert b"<Code>BadDigest</Code>" in put("wrong", text(algorithm, b"other"))
    assert b"<Code>InvalidRequest</Code>" in put("half", "AAA=")


@ALGORITHMS
def test_a_copy_computes_what_it_is_asked_for(s3, bucket, algorithm):
    s3.put_object(Bucket=bucket, Key="from", Body=BODY)
    source = {"CopySource": f"{bucket}/from", "ChecksumAlgorithm": algorithm}
    made = s3.copy_object(Bucket=bucket, Key="to", **source)["CopyObjectResult"]
    assert made[f"Checksum{algorithm}"] == text(algorithm)


def test_without_a_checksum_crc64nvme_is_computed(gateway, new_bucket):
    bucket = new_bucket(ACL="public-read-write")
    lines = [f"PUT /{bucket}/k HTTP/1.1", f"Host: {gateway.host}", f"Content-Length: {len(BODY)}"]
    answer = gateway.raw("\r\n".join([*lines, "", ""]).encode() + BODY)
    assert f"x-amz-checksum-crc64nvme: {text('CRC64NVME')}".encode() in answer
    assert b"x-amz-checksum-type: FULL_OBJECT" in answer
