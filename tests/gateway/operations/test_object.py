"""PutObject, GetObject, HeadObject, DeleteObject, DeleteObjects by boto3 over a real socket."""

import base64
import hashlib
import http.client
import io
import socket
import zlib
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

INLINE = b"0123456789"
LARGE = bytes(range(256)) * 1024  # more than inline_bytes: in a segment
MIB = 1024 * 1024


def refusal(call, **asked):
    """The status and code of the error a call must answer with."""
    with pytest.raises(ClientError) as refused:
        call(**asked)
    return refused.value.response["ResponseMetadata"]["HTTPStatusCode"], refused.value.response[
        "Error"
    ]["Code"]


def details(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    return refused.value.response["Error"]


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def exchange(gateway):
    """One unsigned request of any headers; for buckets open to everybody."""

    def ask(method, path, body=b"", sent=()):
        connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
        connection.putrequest(method, path)
        for name, value in sent:
            connection.putheader(name, value)
        if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in sent):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body)
        answer = connection.getresponse()
        answer.document = answer.read()
        connection.close()
        return answer

    return ask


@pytest.fixture
def shared_bucket(new_bucket):
    return new_bucket(ACL="public-read-write")


# --- who may ---------------------------------------------------------------------------------

MAY = {
    # bucket ACL: {caller: (may read, may write)}
    "private": {"s3": (True, True), "stranger": (False, False), "anonymous": (False, False)},
    "public-read": {"s3": (True, True), "stranger": (True, False), "anonymous": (True, False)},
    "public-read-write": {"s3": (True, True), "stranger": (True, True), "anonymous": (True, True)},
}


@pytest.mark.parametrize("acl", MAY)
@pytest.mark.parametrize("caller", ["s3", "stranger", "anonymous"])
def test_each_caller_may_do_what_the_bucket_says(request, s3, new_bucket, acl, caller):
    bucket = new_bucket(ACL=acl)
    client = request.getfixturevalue(caller)
    may_read, may_write = MAY[acl][caller]
    s3.put_object(Bucket=bucket, Key="there", Body=INLINE)
    one = {"Bucket": bucket, "Key": "there"}
    none = {"Bucket": bucket, "Key": "missing"}
    if may_read:
        assert client.get_object(**one)["Body"].read() == INLINE
        assert client.head_object(**one)["ContentLength"] == 10
        assert refusal(client.get_object, **none) == (404, "NoSuchKey")
        assert refusal(client.head_object, **none) == (404, "404")
    else:
        assert refusal(client.get_object, **one) == (403, "AccessDenied")
        assert refusal(client.head_object, **one) == (403, "403")
        assert refusal(client.get_object, **none) == (403, "AccessDenied")
        assert refusal(client.head_object, **none) == (403, "403")
    named = {"Bucket": bucket, "Delete": {"Objects": [{"Key": "there"}]}}
    if may_write:
        client.put_object(Bucket=bucket, Key="new", Body=b"x")
        client.delete_object(Bucket=bucket, Key="new")
        assert [one["Key"] for one in client.delete_objects(**named)["Deleted"]] == ["there"]
    else:
        assert refusal(client.put_object, **one, Body=b"x") == (403, "AccessDenied")
        assert refusal(client.delete_object, **one) == (403, "AccessDenied")
        assert refusal(client.delete_objects, **named) == (403, "AccessDenied")
        assert s3.get_object(**one)["Body"].read() == INLINE


def test_a_missing_bucket_is_told_apart_from_a_missing_key(s3, bucket):
    assert refusal(s3.get_object, Bucket="no-such-bucket-1", Key="k") == (404, "NoSuchBucket")
    assert refusal(s3.put_object, Bucket="no-such-bucket-1", Key="k") == (404, "NoSuchBucket")
    assert refusal(s3.delete_object, Bucket="no-such-bucket-1", Key="k") == (404, "NoSuchBucket")
    assert details(s3.get_object, Bucket=bucket, Key="gone")["Key"] == "gone"


def test_an_objects_own_acl_is_wider_or_narrower_than_its_buckets(
    s3, anonymous, bucket, public_bucket
):
    s3.put_object(Bucket=bucket, Key="open", Body=b"x", ACL="public-read")
    assert anonymous.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"
    s3.put_object(Bucket=public_bucket, Key="shut", Body=b"x", ACL="private")
    assert refusal(anonymous.get_object, Bucket=public_bucket, Key="shut") == (403, "AccessDenied")
    s3.put_object(Bucket=public_bucket, Key="shut", Body=b"y")
    assert anonymous.get_object(Bucket=public_bucket, Key="shut")["Body"].read() == b"y"


@pytest.mark.parametrize(
    ("acl", "answer"),
    [
        ("bucket-owner-full-control", None),
        ("bucket-owner-read", None),
        ("authenticated-read", None),
        ("aws-exec-read", None),
        ("log-delivery-write", (400, "InvalidArgument")),
        ("everybody", (400, "InvalidArgument")),
    ],
)
def test_other_canned_acls_open_nothing_to_everybody(s3, anonymous, public_bucket, acl, answer):
    asked = {"Bucket": public_bucket, "Key": "k", "Body": b"x", "ACL": acl}
    if answer:
        assert refusal(s3.put_object, **asked) == answer
        return
    s3.put_object(**asked)
    assert refusal(anonymous.get_object, Bucket=public_bucket, Key="k") == (403, "AccessDenied")


# --- what is said about an object ------------------------------------------------------------

SAID = {
    "CacheControl": "max-age=60, public",
    "ContentDisposition": 'attachment; filename="a b.txt"',
    "ContentEncoding": "gzip",
    "ContentLanguage": "de-AT",
    "ContentType": "text/plain; charset=utf-8",
    "WebsiteRedirectLocation": "/elsewhere",
    "StorageClass": "STANDARD_IA",
    "Metadata": {"color": "blue", "shape": "round and flat"},
}


@pytest.mark.parametrize("body", [INLINE, LARGE], ids=["inline", "segment"])
def test_everything_said_with_an_object_comes_back(s3, bucket, body):
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, **SAID)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got, head = s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    for answer in (got, head):
        assert {name: answer[name] for name in SAID if name != "Metadata"} == {
            name: text for name, text in SAID.items() if name != "Metadata"
        }
        assert answer["Metadata"].items() >= SAID["Metadata"].items()
        assert answer["ETag"] == put["ETag"]
        assert answer["ContentLength"] == len(body)
        assert answer["AcceptRanges"] == "bytes"
        assert (datetime.now(UTC) - answer["LastModified"]).total_seconds() < 60
        assert headers(answer)["cid"] == headers(put)["cid"]


def test_expires_comes_back_as_it_was_said(exchange, shared_bucket):
    for text in ("Thu, 01 Dec 2094 16:00:00 GMT", "0", "next year"):
        exchange("PUT", f"/{shared_bucket}/k", b"x", [("Expires", text)])
        assert exchange("GET", f"/{shared_bucket}/k").getheader("Expires") == text


def test_an_overwrite_forgets_everything_said_before(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **SAID)
    s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentType"] == "binary/octet-stream"
    assert not {"CacheControl", "ContentEncoding", "StorageClass"} & set(head)
    assert "color" not in head["Metadata"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("gzip", "gzip"),
        ("gzip, br", "gzip,br"),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, AWS-Chunked", "gzip"),
        ("aws-chunked", None),
        ("", None),
    ],
)
def test_aws_chunked_is_no_content_encoding(exchange, shared_bucket, sent, kept):
    exchange("PUT", f"/{shared_bucket}/k", b"x", [("Content-Encoding", sent)])
    answer = exchange("GET", f"/{shared_bucket}/k").getheader("Content-Encoding")
    assert (answer and answer.replace(" ", "")) == kept


def test_a_form_is_stored_as_it_was_sent(exchange, shared_bucket):
    kind = "application/x-www-form-urlencoded"
    exchange("PUT", f"/{shared_bucket}/k", b"a=1&b=%20", [("Content-Type", kind)])
    answer = exchange("GET", f"/{shared_bucket}/k")
    assert (answer.document, answer.getheader("Content-Type")) == (b"a=1&b=%20", kind)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("plain", "plain"),
        ("a, b", "a, b"),
        ("=?UTF-8?B?4oKs?=", "=?UTF-8?B?4oKs?="),
        # AWS's own example, UTF-8 taken for latin-1 and all:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
        ("ÄMÄZÕÑ S3", "=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?="),
    ],
)
def test_metadata_comes_back_as_text_or_as_an_encoded_word(exchange, shared_bucket, sent, shown):
    exchange("PUT", f"/{shared_bucket}/k", b"", [("X-Amz-Meta-Note", sent.encode())])
    assert exchange("HEAD", f"/{shared_bucket}/k").getheader("x-amz-meta-note") == shown


def test_too_much_metadata_is_refused(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k", "Metadata": {"a": "x" * 2048}}
    assert refusal(s3.put_object, **asked) == (400, "MetadataTooLarge")
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_an_unknown_storage_class_is_refused(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k", "StorageClass": "SHOEBOX"}
    assert refusal(s3.put_object, **asked) == (400, "InvalidStorageClass")


def test_a_redirect_must_lead_somewhere(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k", "WebsiteRedirectLocation": "ftp://elsewhere"}
    assert refusal(s3.put_object, **asked) == (400, "InvalidRedirectLocation")


def test_the_standard_storage_class_is_not_mentioned(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", StorageClass="STANDARD")
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="k")


# --- bodies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, MIB - 1, MIB, MIB + 1, 3 * MIB + 7])
def test_bodies_of_every_size_class_come_back(s3, bucket, size):
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["ContentLength"] == size
    assert answer["Body"].read() == body


def test_an_empty_object_is_an_object(s3, bucket):
    """go-btfs answers EntityTooSmall (its defect 9)."""
    put = s3.put_object(Bucket=bucket, Key="marker/")
    assert put["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'
    got = s3.get_object(Bucket=bucket, Key="marker/")
    assert (got["ContentLength"], got["Body"].read(), status(got)) == (0, b"", 200)
    assert headers(got)["content-length"] == "0"
    asked = {"Bucket": bucket, "Key": "marker/", "Range": "bytes=0-"}
    assert refusal(s3.get_object, **asked) == (416, "InvalidRange")


def test_a_body_without_any_length_is_refused(gateway, exchange, shared_bucket):
    head = f"PUT /{shared_bucket}/k HTTP/1.1\r\nHost: {gateway.host}\r\n\r\n"
    answer = gateway.raw(head.encode())
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"<Code>MissingContentLength</Code>" in answer
    assert exchange("HEAD", f"/{shared_bucket}/k").status == 404


def test_a_stream_that_tells_its_own_end_needs_no_length(exchange, shared_bucket):
    sent = [("Transfer-Encoding", "chunked")]
    answer = exchange("PUT", f"/{shared_bucket}/k", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", sent)
    assert answer.status == 200
    answer = exchange("GET", f"/{shared_bucket}/k")
    assert (answer.document, answer.getheader("Content-Length")) == (b"abcde", "5")


def test_size_is_that_of_the_body_not_of_its_framing(gateway, exchange, shared_bucket):
    """go-btfs stores the encoded length (its defect 11)."""
    body = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n"
    sent = [
        ("Content-Encoding", "aws-chunked"),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-decoded-content-length", "11"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ]
    answer = exchange("PUT", f"/{shared_bucket}/k", body, sent)
    assert (answer.status, answer.document) == (200, b"")
    answer = exchange("GET", f"/{shared_bucket}/k")
    assert (answer.document, answer.getheader("Content-Length")) == (b"hello world", "11")
    assert answer.getheader("Content-Encoding") is None


def test_a_tampered_body_is_refused_and_leaves_nothing(s3, bucket):
    """go-btfs stores it with 200 (its defect 3)."""

    def tamper(request, **_):
        request.body = b"what the thief wrote"
        request.headers["Content-Length"] = str(len(request.body))

    s3.put_object(Bucket=bucket, Key="k", Body=b"what the owner wrote")
    s3.meta.events.register("before-send.s3.PutObject", tamper)
    try:
        code = refusal(s3.put_object, Bucket=bucket, Key="k", Body=b"what the owner write")[1]
    finally:
        s3.meta.events.unregister("before-send.s3.PutObject", tamper)
    assert code in ("XAmzContentSHA256Mismatch", "BadDigest")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"what the owner wrote"


def test_content_md5_is_checked(s3, bucket):
    right = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=right)
    asked = {"Bucket": bucket, "Key": "k", "Body": b"y", "ContentMD5": right}
    assert refusal(s3.put_object, **asked) == (400, "BadDigest")
    asked["ContentMD5"] = "short"
    assert refusal(s3.put_object, **asked) == (400, "InvalidDigest")


def test_a_body_above_the_limit_is_refused_before_it_is_read(gateway, exchange, shared_bucket):
    sent = [("Content-Length", str(gateway.config.max_put_bytes + 1))]
    answer = exchange("PUT", f"/{shared_bucket}/k", b"", sent)
    assert (answer.status, b"<Code>EntityTooLarge</Code>" in answer.document) == (400, True)


def test_files_stream_up_and_down(s3, bucket):
    data = hashlib.sha256(b"stream").digest() * (20 * MIB // 32)
    s3.upload_fileobj(io.BytesIO(data), bucket, "k", ExtraArgs={"ContentType": "text/plain"})
    received = io.BytesIO()
    s3.download_fileobj(bucket, "k", received)
    assert received.getvalue() == data
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "text/plain"


@pytest.fixture
def half_sent(gateway, shared_bucket):
    """A PUT of ``k`` that has sent its head and 100 of 200 kB of its body."""
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    connection.putrequest("PUT", f"/{shared_bucket}/k")
    connection.putheader("Content-Length", "200000")
    connection.endheaders()
    connection.send(b"n" * 100_000)
    yield connection
    connection.close()


def test_an_object_is_the_old_one_until_the_new_one_has_come_whole(s3, shared_bucket, half_sent):
    s3.put_object(Bucket=shared_bucket, Key="k", Body=b"old")
    assert s3.get_object(Bucket=shared_bucket, Key="k")["Body"].read() == b"old"
    s3.put_object(Bucket=shared_bucket, Key="k", Body=b"older")
    half_sent.send(b"n" * 100_000)
    assert half_sent.getresponse().status == 200
    assert s3.get_object(Bucket=shared_bucket, Key="k")["Body"].read() == b"n" * 200_000


def test_a_body_cut_short_leaves_nothing(s3, shared_bucket, half_sent):
    half_sent.sock.shutdown(socket.SHUT_WR)
    with suppress(http.client.HTTPException, OSError):
        assert half_sent.getresponse().status == 400
    assert refusal(s3.head_object, Bucket=shared_bucket, Key="k") == (404, "404")


# --- checksums -------------------------------------------------------------------------------

CHECKSUMS = {
    "CRC32": base64.b64encode(zlib.crc32(INLINE).to_bytes(4, "big")).decode(),
    "CRC32C": "KAwGng==",
    "CRC64NVME": None,
    "SHA1": base64.b64encode(hashlib.sha1(INLINE).digest()).decode(),
    "SHA256": base64.b64encode(hashlib.sha256(INLINE).digest()).decode(),
}


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_a_declared_checksum_is_kept_and_shown_when_asked_for(s3, bucket, algorithm):
    """go-btfs reads SHA256 as hex and refuses the right one (its defect 7)."""
    put = s3.put_object(Bucket=bucket, Key="k", Body=INLINE, ChecksumAlgorithm=algorithm)
    value = put[f"Checksum{algorithm}"]
    assert CHECKSUMS[algorithm] in (None, value)
    assert put["ChecksumType"] == "FULL_OBJECT"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (value, "FULL_OBJECT")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == INLINE
    plain = s3.head_object(Bucket=bucket, Key="k")
    assert not any(name.startswith("Checksum") for name in plain)


def test_a_wrong_checksum_stores_nothing(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k", "Body": b"other", "ChecksumSHA256": CHECKSUMS["SHA256"]}
    assert refusal(s3.put_object, **asked) == (400, "BadDigest")
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_without_a_checksum_crc64nvme_is_computed(exchange, shared_bucket):
    put = exchange("PUT", f"/{shared_bucket}/k", b"123456789")
    assert put.getheader("x-amz-checksum-crc64nvme") == "rosUhgp5mIg="
    assert put.getheader("x-amz-checksum-type") == "FULL_OBJECT"


def test_a_range_is_answered_without_the_checksum_of_the_whole(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE, ChecksumAlgorithm="CRC32")
    answer = s3.get_object(Bucket=bucket, Key="k", Range="bytes=1-3", ChecksumMode="ENABLED")
    assert answer["Body"].read() == b"123"
    assert "ChecksumCRC32" not in answer


# --- ranges ----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [INLINE, LARGE], ids=["inline", "segment"])
@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("bytes=2-5", 2, 6),
        ("bytes=7-", 7, None),
        ("bytes=-4", -4, None),
        ("bytes=3-9999999", 3, None),
    ],
)
def test_a_range_answers_its_bytes_alone(s3, bucket, body, text, start, end):
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for call in (s3.get_object, s3.head_object):
        answer = call(Bucket=bucket, Key="k", Range=text)
        assert status(answer) == 206
        assert answer["ContentLength"] == len(body[start:end])
        first = range(len(body))[start]
        last = first + len(body[start:end]) - 1
        assert answer["ContentRange"] == f"bytes {first}-{last}/{len(body)}"
    assert s3.get_object(Bucket=bucket, Key="k", Range=text)["Body"].read() == body[start:end]


@pytest.mark.parametrize("text", ["bytes=0-1,4-5", "bytes=x", "items=0-1", "bytes=5-2"])
def test_what_is_no_single_range_is_ignored(s3, bucket, text):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    answer = s3.get_object(Bucket=bucket, Key="k", Range=text)
    assert (status(answer), answer["Body"].read()) == (200, INLINE)


def test_a_range_behind_the_end_tells_the_size(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-")
    answer = refused.value.response
    assert (status(answer), answer["Error"]["Code"]) == (416, "InvalidRange")
    assert answer["Error"]["ActualObjectSize"] == "10"
    assert answer["Error"]["RangeRequested"] == "bytes=10-"
    assert headers(answer)["content-range"] == "bytes */10"


# --- partNumber, versionId, response-* -------------------------------------------------------


def test_an_object_put_whole_is_its_own_first_part(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    answer = s3.get_object(Bucket=bucket, Key="k", PartNumber=1)
    assert answer["Body"].read() == INLINE
    assert "PartsCount" not in answer
    asked = {"Bucket": bucket, "Key": "k", "PartNumber": 2}
    assert refusal(s3.get_object, **asked) == (416, "InvalidPartNumber")
    assert details(s3.get_object, **asked)["ActualPartCount"] == "1"
    assert refusal(s3.get_object, **asked | {"PartNumber": 0}) == (400, "InvalidArgument")
    assert refusal(s3.get_object, **asked | {"PartNumber": 10001}) == (400, "InvalidArgument")
    asked |= {"PartNumber": 1, "Range": "bytes=0-1"}
    assert refusal(s3.get_object, **asked) == (400, "InvalidRequest")


def test_the_null_version_is_the_object_itself(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId="null")["Body"].read() == INLINE
    other = {"Bucket": bucket, "Key": "k", "VersionId": "3HL4kqtJvjVBH40Nrjfkd"}
    assert refusal(s3.get_object, **other) == (400, "InvalidArgument")
    assert refusal(s3.delete_object, **other) == (400, "InvalidArgument")
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


OVERRIDES = {
    "ResponseCacheControl": "no-store",
    "ResponseContentDisposition": 'inline; filename="x"',
    "ResponseContentEncoding": "identity",
    "ResponseContentLanguage": "eo",
    "ResponseContentType": "text/x-special",
    "ResponseExpires": datetime(2094, 12, 1, 16, tzinfo=UTC),
}


def test_a_signed_request_may_override_headers(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE, **SAID)
    for call in (s3.get_object, s3.head_object):
        answer = call(Bucket=bucket, Key="k", **OVERRIDES)
        for name, value in OVERRIDES.items():
            member = name.removeprefix("Response")
            if member == "Expires":
                assert headers(answer)["expires"] == "Wed, 01 Dec 2094 16:00:00 GMT"
            else:
                assert answer[member] == value


def test_an_anonymous_request_may_not_override_headers(s3, anonymous, public_bucket):
    s3.put_object(Bucket=public_bucket, Key="k", Body=INLINE)
    asked = {"Bucket": public_bucket, "Key": "k", "ResponseContentType": "text/html"}
    assert refusal(anonymous.get_object, **asked) == (400, "InvalidRequest")


def test_an_override_cannot_write_another_header(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    asked = {"Bucket": bucket, "Key": "k", "ResponseContentType": "a\r\nSet-Cookie: b=c"}
    assert refusal(s3.get_object, **asked) == (400, "InvalidArgument")


# --- keys ------------------------------------------------------------------------------------

KEYS = [
    "a",
    "a/",
    "a/b",
    "/leading",
    "//",
    "x//y",
    ".",
    "..",
    "../escape",
    "a/./b",
    "a/../b",
    "sp ace",
    "plus+plus",
    "per%cent",
    "a%2Fb",
    "a%41b",
    "question?mark&and=more",
    "hash#tag",
    "semi;colon:at@",
    "quote'\"<>\\^`{|}~",
    "trailing ",
    " leading",
    "caf\u00e9",
    "cafe\u0301",
    "日本語",
    "\U0001f600",
    "\u0001\u001f",
    "tab\tand\nline",
    "\u007f",
    "k" * 1024,
]


def test_keys_of_every_kind_name_different_objects(s3, bucket):
    for number, key in enumerate(KEYS):
        s3.put_object(Bucket=bucket, Key=key, Body=b"%d" % number)
    for number, key in enumerate(KEYS):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"%d" % number
    for key in KEYS[::2]:
        s3.delete_object(Bucket=bucket, Key=key)
    left = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert left == sorted(KEYS[1::2], key=str.encode)


def test_refusals_of_unprintable_keys_can_be_read(s3, bucket):
    missing = {"Bucket": bucket, "Key": "\u0001\u001f"}
    assert refusal(s3.get_object, **missing) == (404, "NoSuchKey")


def test_a_key_of_more_than_1024_bytes_is_refused(s3, bucket):
    asked = {"Bucket": bucket, "Key": "é" * 513, "Body": b""}
    assert refusal(s3.put_object, **asked) == (400, "KeyTooLongError")


# --- delete ----------------------------------------------------------------------------------


def test_deleting_what_is_not_there_succeeds(s3, bucket):
    """go-btfs answers 404, and 200 instead of 204 when it is there."""
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    for _ in range(2):
        assert status(s3.delete_object(Bucket=bucket, Key="k")) == 204
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")


def test_identical_content_put_twice_survives_deletion_of_one(s3, bucket):
    """go-btfs drops the only reference on a second PUT of the same bytes (its defect 2)."""
    for _ in range(3):
        s3.put_object(Bucket=bucket, Key="k", Body=LARGE)
    s3.put_object(Bucket=bucket, Key="twin", Body=LARGE)
    s3.delete_object(Bucket=bucket, Key="twin")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == LARGE


def test_many_keys_are_deleted_at_once(s3, bucket):
    keys = ["there", "there/too", "odd <&> ü", "missing"]
    for key in keys[:3]:
        s3.put_object(Bucket=bucket, Key=key, Body=INLINE)
    asked = {"Objects": [{"Key": key} for key in keys]}
    answer = s3.delete_objects(Bucket=bucket, Delete=asked)
    assert len(answer["Deleted"]) == 4
    assert "Errors" not in answer
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_quiet_deletion_tells_of_errors_only(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=INLINE)
    objects = [{"Key": "k", "VersionId": "null"}, {"Key": "k2", "VersionId": "no-such"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in answer
    assert [(one["Key"], one["Code"], one["VersionId"]) for one in answer["Errors"]] == [
        ("k2", "NoSuchVersion", "no-such")
    ]
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")


def test_each_key_has_its_own_condition(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="same", Body=INLINE)["ETag"]
    s3.put_object(Bucket=bucket, Key="changed", Body=b"new")
    objects = [{"Key": "same", "ETag": etag}, {"Key": "changed", "ETag": etag}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [one["Key"] for one in answer["Deleted"]] == ["same"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [
        ("changed", "PreconditionFailed")
    ]


@pytest.mark.parametrize("count", [0, 1001])
def test_no_key_and_too_many_keys_are_malformed(s3, bucket, count):
    asked = {"Objects": [{"Key": f"k{number}"} for number in range(count)]}
    assert refusal(s3.delete_objects, Bucket=bucket, Delete=asked) == (400, "MalformedXML")


def test_a_list_of_keys_must_be_protected_from_damage(exchange, shared_bucket):
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    answer = exchange("POST", f"/{shared_bucket}?delete", body)
    assert (answer.status, b"<Code>InvalidRequest</Code>" in answer.document) == (400, True)
    md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
    answer = exchange("POST", f"/{shared_bucket}?delete", body, [("Content-MD5", md5)])
    assert answer.status == 200
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    sent = [("x-amz-checksum-crc32", crc)]
    assert exchange("POST", f"/{shared_bucket}?delete", body, sent).status == 200
