"""CopyObject and UploadPartCopy by boto3 over a real socket."""

import base64
import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from gateway.errors import InvalidArgument
from gateway.operations.source import Named, named

BODY = b"0123456789"
LARGE = bytes(range(256)) * 1024
MIB = 1024 * 1024
OTHER = '"ffffffffffffffffffffffffffffffff"'


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def cid(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]["cid"]


@pytest.fixture
def copy(s3, bucket):
    """Copies ``source`` of the bucket to ``target`` of the same."""

    def ask(source, target, **asked):
        return s3.copy_object(
            Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": source}, **asked
        )

    return ask


# --- the header ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("b/k", Named("b", "k", None)),
        ("/b/k", Named("b", "k", None)),
        ("b//k", Named("b", "/k", None)),
        ("b/a/b/", Named("b", "a/b/", None)),
        ("b/a%20b", Named("b", "a b", None)),
        ("b/a+b", Named("b", "a b", None)),
        ("b/a%2Bb", Named("b", "a+b", None)),
        ("b%2Fk", Named("b", "k", None)),
        ("b/a%252Fb", Named("b", "a%2Fb", None)),
        ("b/%E6%97%A5", Named("b", "日", None)),
        ("b/\xe6\x97\xa5", Named("b", "日", None)),
        ("b/k?versionId=null", Named("b", "k", "null")),
        ("b/k?versionId=", Named("b", "k", "")),
        ("b/k%3FversionId=null", Named("b", "k?versionId=null", None)),
        ("b/%0A", Named("b", "\n", None)),
    ],
)
def test_a_copy_source_is_decoded_once(header, source):
    assert named(header) == source


@pytest.mark.parametrize("header", ["", "/", "b", "/b", "b/", "/b/", "b/k?x=1", "b/k?x", "b/%FF"])
def test_a_copy_source_that_names_no_object_is_refused(header):
    with pytest.raises(InvalidArgument):
        named(header)


# --- who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["stranger", "anonymous"])
def test_a_copy_needs_to_read_the_source_and_write_the_target(request, s3, new_bucket, caller):
    client = request.getfixturevalue(caller)
    private, readable = new_bucket(), new_bucket(ACL="public-read")
    open_to_all = new_bucket(ACL="public-read-write")
    for bucket in (private, readable):
        s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    table = [
        (private, "k", open_to_all, (403, "AccessDenied")),
        (private, "missing", open_to_all, (403, "AccessDenied")),  # not told that it is missing
        (readable, "missing", open_to_all, (404, "NoSuchKey")),
        (readable, "k", private, (403, "AccessDenied")),
        (readable, "k", readable, (403, "AccessDenied")),
    ]
    for source, key, target, answer in table:
        asked = {"Bucket": target, "Key": "new", "CopySource": {"Bucket": source, "Key": key}}
        assert refusal(client.copy_object, **asked) == answer
    source = {"Bucket": readable, "Key": "k"}
    client.copy_object(Bucket=open_to_all, Key="new", CopySource=source)
    assert s3.get_object(Bucket=open_to_all, Key="new")["Body"].read() == BODY


def test_an_objects_own_acl_decides_whether_it_may_be_copied(s3, stranger, new_bucket):
    source, target = new_bucket(ACL="public-read"), new_bucket(ACL="public-read-write")
    s3.put_object(Bucket=source, Key="shut", Body=BODY, ACL="private")
    asked = {"Bucket": target, "Key": "k", "CopySource": {"Bucket": source, "Key": "shut"}}
    assert refusal(stranger.copy_object, **asked) == (403, "AccessDenied")


def test_a_missing_source_is_told(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k"}
    missing = [
        ({"Bucket": "no-such-bucket-1", "Key": "k"}, (404, "NoSuchBucket")),
        ({"Bucket": bucket, "Key": "missing"}, (404, "NoSuchKey")),
        ("nonsense", (400, "InvalidArgument")),
    ]
    for source, answer in missing:
        assert refusal(s3.copy_object, **asked, CopySource=source) == answer


# --- CopyObject ------------------------------------------------------------------------------

SAID = {
    "CacheControl": "max-age=60",
    "ContentDisposition": "inline",
    "ContentEncoding": "gzip",
    "ContentLanguage": "de",
    "ContentType": "text/plain",
    "Metadata": {"color": "blue"},
}


@pytest.mark.parametrize("body", [b"", BODY, LARGE], ids=["empty", "inline", "segment"])
def test_a_copy_is_the_same_object_under_another_name(s3, bucket, copy, body):
    put = s3.put_object(Bucket=bucket, Key="a", Body=body, ChecksumAlgorithm="SHA1", **SAID)
    answer = copy("a", "b/ü +%?#")
    result = answer["CopyObjectResult"]
    assert (result["ETag"], result["ChecksumSHA1"]) == (put["ETag"], put["ChecksumSHA1"])
    assert cid(answer) == cid(put)
    got = s3.get_object(Bucket=bucket, Key="b/ü +%?#")
    assert got["Body"].read() == body
    assert {name: got[name] for name in SAID if name != "Metadata"} == {
        name: text for name, text in SAID.items() if name != "Metadata"
    }
    assert got["Metadata"]["color"] == "blue"
    s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="b/ü +%?#")["Body"].read() == body


def test_odd_keys_are_copied_from_as_they_are(s3, bucket, copy):
    for key in ("a+b", "a b", "a%2Bb", "//", "日本語", "q?versionId=null", "\u0001", "/lead"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        copy(key, "target")
        assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == key.encode()


def test_a_copy_takes_storage_class_redirect_and_acl_from_its_own_request(s3, bucket, copy):
    own = {"StorageClass": "GLACIER_IR", "WebsiteRedirectLocation": "/x", "ACL": "public-read"}
    s3.put_object(Bucket=bucket, Key="a", Body=BODY, **own)
    copy("a", "plain")
    head = s3.head_object(Bucket=bucket, Key="plain")
    assert not {"StorageClass", "WebsiteRedirectLocation"} & set(head)
    copy("a", "own", StorageClass="ONEZONE_IA", WebsiteRedirectLocation="/y")
    head = s3.head_object(Bucket=bucket, Key="own")
    assert (head["StorageClass"], head["WebsiteRedirectLocation"]) == ("ONEZONE_IA", "/y")


def test_replace_drops_all_that_was_said_before(s3, bucket, copy):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY, **SAID)
    copy("a", "b", MetadataDirective="REPLACE", Metadata={"shape": "round"})
    head = s3.head_object(Bucket=bucket, Key="b")
    assert head["ContentType"] == "binary/octet-stream"
    assert not {"CacheControl", "ContentEncoding", "ContentLanguage"} & set(head)
    assert head["Metadata"].get("shape") == "round"
    assert "color" not in head["Metadata"]


def test_copy_ignores_new_metadata_without_replace(s3, bucket, copy):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY, **SAID)
    copy("a", "b", Metadata={"shape": "round"}, ContentType="text/html")
    head = s3.head_object(Bucket=bucket, Key="b")
    assert head["ContentType"] == "text/plain"
    assert head["Metadata"]["color"] == "blue"
    assert "shape" not in head["Metadata"]


def test_an_unknown_directive_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    source = {"Bucket": bucket, "Key": "a"}
    asked = {"Bucket": bucket, "Key": "b", "CopySource": source, "MetadataDirective": "MERGE"}
    assert refusal(s3.copy_object, **asked) == (400, "InvalidArgument")


def test_a_copy_onto_itself_must_change_something(s3, bucket, copy):
    """go-btfs refuses even with REPLACE, and loses the bytes when it does not (its defect 2)."""
    s3.put_object(Bucket=bucket, Key="a", Body=LARGE, **SAID)
    asked = {"Bucket": bucket, "Key": "a", "CopySource": {"Bucket": bucket, "Key": "a"}}
    assert refusal(s3.copy_object, **asked) == (400, "InvalidRequest")
    for _ in range(3):
        copy("a", "a", MetadataDirective="REPLACE", Metadata={"shape": "round"})
    copy("a", "a", StorageClass="STANDARD_IA")
    got = s3.get_object(Bucket=bucket, Key="a")
    assert got["Body"].read() == LARGE
    assert (got["StorageClass"], got["Metadata"]["shape"]) == ("STANDARD_IA", "round")


def test_a_source_above_5_gib_is_refused(s3, bucket, copy, monkeypatch):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    monkeypatch.setattr("gateway.operations.copy.MAX_COPY_BYTES", 9)
    asked = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a"}}
    assert refusal(s3.copy_object, **asked) == (400, "InvalidRequest")


@pytest.mark.parametrize("body", [b"", BODY, LARGE], ids=["empty", "inline", "segment"])
def test_another_checksum_is_computed_when_asked_for(s3, bucket, copy, body):
    s3.put_object(Bucket=bucket, Key="a", Body=body, ChecksumAlgorithm="CRC32")
    result = copy("a", "b", ChecksumAlgorithm="SHA256")["CopyObjectResult"]
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    assert (result["ChecksumSHA256"], result["ChecksumType"]) == (digest, "FULL_OBJECT")
    assert "ChecksumCRC32" not in result
    head = s3.head_object(Bucket=bucket, Key="b", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == digest


def test_an_unknown_checksum_algorithm_is_refused(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    source = {"Bucket": bucket, "Key": "a"}
    asked = {"Bucket": bucket, "Key": "b", "CopySource": source, "ChecksumAlgorithm": "CRC8"}
    assert refusal(s3.copy_object, **asked) == (400, "InvalidRequest")


def test_conditions_on_the_source_always_answer_412(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="a", Body=BODY)["ETag"]
    changed = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    before = changed - timedelta(seconds=1)
    failed = (412, "PreconditionFailed")
    table = [
        ({"CopySourceIfMatch": etag}, None),
        ({"CopySourceIfMatch": OTHER}, failed),
        ({"CopySourceIfNoneMatch": OTHER}, None),
        ({"CopySourceIfNoneMatch": etag}, failed),
        ({"CopySourceIfModifiedSince": before}, None),
        ({"CopySourceIfModifiedSince": changed}, failed),
        ({"CopySourceIfUnmodifiedSince": changed}, None),
        ({"CopySourceIfUnmodifiedSince": before}, failed),
        ({"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": before}, None),
        ({"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": before}, failed),
    ]
    asked = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a"}}
    for condition, answer in table:
        if answer is None:
            s3.copy_object(**asked, **condition)
        else:
            assert refusal(s3.copy_object, **asked, **condition) == answer


def test_a_copy_costs_no_bytes(gateway, s3, bucket, copy):
    body = hashlib.sha256(bucket.encode()).digest() * 40_000
    s3.put_object(Bucket=bucket, Key="a", Body=body)
    before = gateway.store.stats()
    for number in range(5):
        copy("a", f"copy/{number}")
    after = gateway.store.stats()
    assert after.segment_bytes == before.segment_bytes
    assert after.logical_bytes == before.logical_bytes + 5 * len(body)


def test_copies_made_while_the_source_changes_are_of_one_version_each(s3, bucket, copy):
    bodies = [bytes([number]) * 20_000 for number in range(8)]
    s3.put_object(Bucket=bucket, Key="a", Body=bodies[0])

    def replace(number):
        s3.put_object(Bucket=bucket, Key="a", Body=bodies[number])

    with ThreadPoolExecutor(8) as pool:
        changes = [pool.submit(replace, number) for number in range(8)]
        copies = [pool.submit(copy, "a", f"b/{number}") for number in range(8)]
        for done in changes + copies:
            done.result()
    for number in range(8):
        assert s3.get_object(Bucket=bucket, Key=f"b/{number}")["Body"].read() in bodies


# --- UploadPartCopy --------------------------------------------------------------------------


@pytest.fixture
def upload(s3, bucket):
    """An upload of ``target`` without a checksum of its own."""
    made = s3.create_multipart_upload(Bucket=bucket, Key="target")
    return {"Bucket": bucket, "Key": "target", "UploadId": made["UploadId"]}


@pytest.mark.parametrize("size", [0, 10, 6 * MIB + 5], ids=["empty", "inline", "segment"])
def test_parts_can_be_copied_from_objects(s3, bucket, upload, size):
    body = (hashlib.sha256(b"x").digest() * (size // 32 + 1))[:size]
    s3.put_object(Bucket=bucket, Key="s p+c", Body=body)
    source = {"Bucket": bucket, "Key": "s p+c"}
    answer = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)
    result = answer["CopyPartResult"]
    assert result["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    parts = {"Parts": [{"PartNumber": 1, "ETag": result["ETag"]}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    got = s3.get_object(Bucket=bucket, Key="target")
    assert got["Body"].read() == body
    head = s3.head_object(Bucket=bucket, Key="s p+c")
    assert cid(got) == cid(head)


def test_ranges_of_objects_become_parts(s3, bucket, upload):
    body = bytes(range(256)) * (12 * MIB // 256)
    s3.put_object(Bucket=bucket, Key="a", Body=body)
    source = {"Bucket": bucket, "Key": "a"}
    cuts = [(7, 5 * MIB + 99), (0, 5 * MIB - 1), (12 * MIB - 1, 12 * MIB - 1)]
    parts = []
    for number, (first, last) in enumerate(cuts, 1):
        text = f"bytes={first}-{last}"
        answer = s3.upload_part_copy(
            **upload, PartNumber=number, CopySource=source, CopySourceRange=text
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    expected = b"".join(body[first : last + 1] for first, last in cuts)
    assert s3.get_object(Bucket=bucket, Key="target")["Body"].read() == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("bytes=0-10", (400, "InvalidArgument")),
        ("bytes=10-12", (400, "InvalidRequest")),
        ("bytes=0-", (400, "InvalidArgument")),
        ("bytes=-5", (400, "InvalidArgument")),
        ("0-5", (400, "InvalidArgument")),
    ],
)
def test_a_range_of_a_source_is_not_clamped(s3, bucket, upload, text, answer):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    source = {"Bucket": bucket, "Key": "a"}
    asked = {"PartNumber": 1, "CopySource": source, "CopySourceRange": text}
    assert refusal(s3.upload_part_copy, **upload, **asked) == answer


def test_a_copied_part_has_the_uploads_checksum(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    made = s3.create_multipart_upload(Bucket=bucket, Key="target", ChecksumAlgorithm="CRC32")
    upload = {"Bucket": bucket, "Key": "target", "UploadId": made["UploadId"]}
    source = {"Bucket": bucket, "Key": "a"}
    answer = s3.upload_part_copy(**upload, PartNumber=1, CopySource=source)
    crc = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
    assert answer["CopyPartResult"]["ChecksumCRC32"] == crc


def test_refusals_of_part_copies(s3, stranger, bucket, upload, new_bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=BODY)
    source = {"Bucket": bucket, "Key": "a"}
    asked = upload | {"PartNumber": 1, "CopySource": source}
    table = [
        ({"PartNumber": 0}, (400, "InvalidArgument")),
        ({"PartNumber": 10001}, (400, "InvalidArgument")),
        ({"UploadId": "nothing"}, (404, "NoSuchUpload")),
        ({"Key": "another"}, (404, "NoSuchUpload")),
        ({"CopySource": {"Bucket": bucket, "Key": "missing"}}, (404, "NoSuchKey")),
        ({"CopySourceIfMatch": OTHER}, (412, "PreconditionFailed")),
    ]
    for change, answer in table:
        assert refusal(s3.upload_part_copy, **asked | change) == answer
    open_to_all = new_bucket(ACL="public-read-write")
    made = stranger.create_multipart_upload(Bucket=open_to_all, Key="k")
    theirs = {"Bucket": open_to_all, "Key": "k", "UploadId": made["UploadId"], "PartNumber": 1}
    assert refusal(stranger.upload_part_copy, **theirs, CopySource=source) == (
        403,
        "AccessDenied",
    )
