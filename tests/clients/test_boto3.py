"""boto3 with its defaults, over http and https: every operation, and what people do with it."""

import hashlib
import io
import os
import re
import socket
import ssl
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import boto3.s3.transfer
import pytest
from botocore.exceptions import ClientError
from ipfs_cid import cid_sha256_hash

from gateway.operations import OPERATIONS

MIB = 1024 * 1024
BODY = b"The quick brown fox jumps over the lazy dog\n"


def status(answer):
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def headers(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def put(s3, bucket, key="k", body=BODY, **options):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **options)


def read(s3, bucket, key="k", **options):
    return s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def keys(s3, bucket):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def begin(s3, bucket):
    """An upload, as the arguments that name it."""
    made = s3.create_multipart_upload(Bucket=bucket, Key="k", Metadata={"color": "blue"})
    return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}


def finish(s3, upload, *parts):
    listed = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(parts, 1)]
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})


# --- every row of the table -----------------------------------------------------------------------


def list_buckets(s3, bucket):
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    pages = s3.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 1})
    assert bucket in [each["Name"] for page in pages for each in page["Buckets"]]


def create_bucket(s3, bucket):
    name = f"{bucket}-eu"
    there = {"LocationConstraint": "eu-west-1"}
    made = s3.create_bucket(Bucket=name, CreateBucketConfiguration=there)
    assert made["Location"].endswith(f"/{name}")
    s3.get_waiter("bucket_exists").wait(Bucket=name)


def head_bucket(s3, bucket):
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=f"{bucket}-none")


def delete_bucket(s3, bucket):
    put(s3, bucket)
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    assert status(s3.delete_bucket(Bucket=bucket)) == 204
    s3.get_waiter("bucket_not_exists").wait(Bucket=bucket)


def get_bucket_location(s3, bucket):
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def get_bucket_versioning(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def put_bucket_versioning(s3, bucket):
    asked = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    assert status(s3.put_bucket_versioning(**asked)) == 200
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"


def put_bucket_acl(s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    grants = s3.get_bucket_acl(Bucket=bucket)
    assert grants["Grants"][1]["Grantee"]["URI"].endswith("/AllUsers")
    policy = {name: grants[name] for name in ("Owner", "Grants")}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == grants["Grants"]


def get_bucket_acl(s3, bucket):
    (grant,) = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"


def list_objects(s3, bucket):
    for key in ("a/1", "a/2", "b c+d"):
        put(s3, bucket, key)
    listed = s3.list_objects(Bucket=bucket, Delimiter="/")
    assert [each["Key"] for each in listed["Contents"]] == ["b c+d"]
    assert [each["Prefix"] for each in listed["CommonPrefixes"]] == ["a/"]


def list_objects_v2(s3, bucket):
    wanted = [f"{number:02}" for number in range(11)]
    for key in wanted:
        put(s3, bucket, key)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 4}
    )
    assert [[each["Key"] for each in page["Contents"]] for page in pages] == [
        wanted[:4],
        wanted[4:8],
        wanted[8:],
    ]


def list_object_versions(s3, bucket):
    put(s3, bucket)
    (version,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert (version["Key"], version["VersionId"], version["IsLatest"]) == ("k", "null", True)


def put_object(s3, bucket):
    answer = put(s3, bucket, ContentType="text/plain", Metadata={"color": "blue"})
    assert answer["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'
    assert headers(answer)["cid"] == cid_sha256_hash(BODY)


def get_object(s3, bucket):
    put(s3, bucket, ContentType="text/plain", Metadata={"color": "blue"})
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert (answer["Body"].read(), answer["ContentType"]) == (BODY, "text/plain")
    assert answer["Metadata"]["color"] == "blue"
    assert answer["Metadata"]["btfs-hash"] == cid_sha256_hash(BODY)
    assert read(s3, bucket, Range="bytes=4-8") == BODY[4:9]
    with pytest.raises(ClientError, match="NoSuchKey"):
        read(s3, bucket, "none")


def head_object(s3, bucket):
    etag = put(s3, bucket)["ETag"]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"]) == (len(BODY), etag)
    with pytest.raises(ClientError, match="304"):
        s3.head_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=bucket, Key="none")


def copy_object(s3, bucket):
    put(s3, bucket, "a b+c%/ü", Metadata={"color": "blue"})
    source = {"Bucket": bucket, "Key": "a b+c%/ü"}
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'
    assert read(s3, bucket, "copy") == BODY
    assert s3.head_object(Bucket=bucket, Key="copy")["Metadata"]["color"] == "blue"


def delete_object(s3, bucket):
    put(s3, bucket)
    for _again in range(2):
        assert status(s3.delete_object(Bucket=bucket, Key="k")) == 204
    assert keys(s3, bucket) == []


def delete_objects(s3, bucket):
    names = ["one", "two & three", "<four>", "not there"]
    for name in names[:3]:
        put(s3, bucket, name)
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in names]})
    assert sorted(each["Key"] for each in gone["Deleted"]) == sorted(names)
    assert keys(s3, bucket) == []


def get_object_acl(s3, bucket):
    put(s3, bucket)
    (grant,) = s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"


def put_object_acl(s3, bucket):
    put(s3, bucket)
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert len(s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]) == 2


def get_object_attributes(s3, bucket):
    put(s3, bucket)
    asked = ["ETag", "Checksum", "ObjectSize", "StorageClass"]
    said = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=asked)
    assert said["ObjectSize"] == len(BODY)
    assert said["ETag"] == hashlib.md5(BODY).hexdigest()
    assert said["Checksum"]["ChecksumType"] == "FULL_OBJECT"


def create_multipart_upload(s3, bucket):
    upload = begin(s3, bucket)
    part = s3.upload_part(**upload, PartNumber=1, Body=BODY)
    finish(s3, upload, part)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"]["color"] == "blue"


def upload_part(s3, bucket):
    upload = begin(s3, bucket)
    part = s3.upload_part(**upload, PartNumber=1, Body=BODY)
    assert part["ETag"] == f'"{hashlib.md5(BODY).hexdigest()}"'
    s3.abort_multipart_upload(**upload)


def upload_part_copy(s3, bucket):
    put(s3, bucket, "source")
    upload = begin(s3, bucket)
    part = s3.upload_part_copy(
        **upload,
        PartNumber=1,
        CopySource={"Bucket": bucket, "Key": "source"},
        CopySourceRange="bytes=4-8",
    )["CopyPartResult"]
    finish(s3, upload, part)
    assert read(s3, bucket) == BODY[4:9]


def list_parts(s3, bucket):
    upload = begin(s3, bucket)
    etags = [s3.upload_part(**upload, PartNumber=n, Body=b"x" * n)["ETag"] for n in (1, 2, 3)]
    pages = s3.get_paginator("list_parts").paginate(**upload, PaginationConfig={"PageSize": 2})
    listed = [part for page in pages for part in page["Parts"]]
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 1), (2, 2), (3, 3)]
    assert [part["ETag"] for part in listed] == etags


def list_multipart_uploads(s3, bucket):
    begun = [begin(s3, bucket)["UploadId"] for _ in range(3)]
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 2}
    )
    assert sorted(each["UploadId"] for page in pages for each in page["Uploads"]) == sorted(begun)


def complete_multipart_upload(s3, bucket):
    pieces = [os.urandom(5 * MIB), os.urandom(MIB + 1)]
    upload = begin(s3, bucket)
    parts = [s3.upload_part(**upload, PartNumber=n, Body=b) for n, b in enumerate(pieces, 1)]
    done = finish(s3, upload, *parts)
    md5s = b"".join(hashlib.md5(piece).digest() for piece in pieces)
    assert done["ETag"] == f'"{hashlib.md5(md5s).hexdigest()}-2"'
    assert finish(s3, upload, *parts)["ETag"] == done["ETag"]
    assert read(s3, bucket) == b"".join(pieces)
    assert read(s3, bucket, PartNumber=2) == pieces[1]


def abort_multipart_upload(s3, bucket):
    upload = begin(s3, bucket)
    s3.upload_part(**upload, PartNumber=1, Body=BODY)
    assert status(s3.abort_multipart_upload(**upload)) == 204
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.list_parts(**upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def rename_object(s3, bucket):
    etag = put(s3, bucket, "old")["ETag"]
    assert status(s3.rename_object(Bucket=bucket, Key="new", RenameSource="old")) == 200
    assert keys(s3, bucket) == ["new"]
    assert s3.head_object(Bucket=bucket, Key="new")["ETag"] == etag
    assert read(s3, bucket, "new") == BODY


def restore_object(s3, bucket):
    put(s3, bucket, "cold", StorageClass="GLACIER")
    put(s3, bucket, "warm")
    asked = {"Bucket": bucket, "RestoreRequest": {"Days": 1}}
    assert status(s3.restore_object(**asked, Key="cold")) == 200
    with pytest.raises(ClientError, match="InvalidObjectState"):
        s3.restore_object(**asked, Key="warm")


BY_DEFAULT = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


def put_bucket_encryption(s3, bucket):
    rules = {"Rules": [BY_DEFAULT]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    assert put(s3, bucket)["ServerSideEncryption"] == "AES256"
    assert read(s3, bucket) == BODY


def get_bucket_encryption(s3, bucket):
    put_bucket_encryption(s3, bucket)
    said = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert said["Rules"][0].items() >= BY_DEFAULT.items()


def delete_bucket_encryption(s3, bucket):
    put_bucket_encryption(s3, bucket)
    assert status(s3.delete_bucket_encryption(Bucket=bucket)) == 204
    with pytest.raises(ClientError, match="ServerSideEncryptionConfigurationNotFoundError"):
        s3.get_bucket_encryption(Bucket=bucket)
    assert "ServerSideEncryption" not in put(s3, bucket)
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="k")


def update_object_encryption(s3, bucket):
    put(s3, bucket)
    nobodys = {"SSEKMS": {"KMSKeyArn": "arn:aws:kms:us-east-1:1:key/none"}}
    with pytest.raises(ClientError, match="InvalidRequest"):  # it is not encrypted
        s3.update_object_encryption(Bucket=bucket, Key="k", ObjectEncryption=nobodys)
    assert read(s3, bucket) == BODY


STORIES = [
    list_buckets,
    create_bucket,
    head_bucket,
    delete_bucket,
    get_bucket_location,
    get_bucket_versioning,
    put_bucket_versioning,
    put_bucket_acl,
    get_bucket_acl,
    list_objects,
    list_objects_v2,
    list_object_versions,
    put_object,
    get_object,
    head_object,
    copy_object,
    delete_object,
    delete_objects,
    put_object_acl,
    get_object_acl,
    get_object_attributes,
    create_multipart_upload,
    upload_part,
    upload_part_copy,
    list_parts,
    list_multipart_uploads,
    complete_multipart_upload,
    abort_multipart_upload,
    rename_object,
    restore_object,
    put_bucket_encryption,
    get_bucket_encryption,
    delete_bucket_encryption,
    update_object_encryption,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_operation_is_what_boto3_expects(s3, bucket, story):
    story(s3, bucket)


UNCONFIGURED = "(get|list)_bucket_(analytics|intelligent_tiering|inventory|metrics)_"


def test_no_operation_is_left_out():
    """Each has its story here, or is called in the tests of the gateway.

    Apart: the lists that are always empty, judged as one table, and forms, which boto3 only signs.
    """
    told = {story.__name__ for story in STORIES}
    tests = Path(__file__).parents[1] / "gateway"
    said = "".join(path.read_text() for path in tests.rglob("test_*.py"))
    handlers = {row.handler.__name__ for row in OPERATIONS} - told - {"post_object"}
    left = {name for name in handlers if name not in said}

    assert {name for name in left if not re.match(UNCONFIGURED, name)} == set()


# --- how bodies are sent --------------------------------------------------------------------------


@contextmanager
def wire(s3):
    """The requests as they go out."""
    sent = []

    def hear(request, **_):
        sent.append(request)

    s3.meta.events.register("before-send.s3", hear)
    try:
        yield sent
    finally:
        s3.meta.events.unregister("before-send.s3", hear)


def field(request, name):
    value = request.headers.get(name)
    return value.decode() if isinstance(value, bytes) else value


def test_a_body_of_unknown_hash_goes_by_trailer_over_https_and_signed_over_http(s3, server, bucket):
    body = os.urandom(300_000)
    with wire(s3) as sent:
        answer = put(s3, bucket, body=io.BytesIO(body))
    if server.url.startswith("https:"):
        assert field(sent[0], "X-Amz-Content-SHA256") == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        assert field(sent[0], "X-Amz-Trailer") == "x-amz-checksum-crc32"
    else:
        assert field(sent[0], "X-Amz-Content-SHA256") == hashlib.sha256(body).hexdigest()
    assert answer["ChecksumCRC32"]
    assert read(s3, bucket) == body


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_every_checksum_algorithm_is_verified_and_given_back(s3, bucket, algorithm):
    put(s3, bucket, body=io.BytesIO(BODY), ChecksumAlgorithm=algorithm)
    answer = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert answer[f"Checksum{algorithm}"]
    assert answer["Body"].read() == BODY


@pytest.mark.parametrize("size", [0, 1, 16 * 1024, 16 * 1024 + 1, MIB, MIB + 1])
def test_a_body_comes_back_as_it_was_sent_with_the_cid_of_its_bytes(s3, bucket, size):
    body = os.urandom(size)
    put(s3, bucket, body=body)
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["Body"].read() == body
    if size <= MIB:  # one block: the CID is its SHA-256, which another package writes down
        assert headers(answer)["cid"] == cid_sha256_hash(body)


def test_upload_file_and_download_file_cut_a_large_file_into_parts(s3, bucket, tmp_path):
    body = os.urandom(9 * MIB + 12_345)
    (tmp_path / "up").write_bytes(body)
    s3.upload_file(str(tmp_path / "up"), bucket, "k")
    s3.download_file(bucket, "k", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == body
    head = s3.head_object(Bucket=bucket, Key="k")
    assert re.fullmatch('"[0-9a-f]{32}-2"', head["ETag"])
    assert headers(put(s3, bucket, "whole", body))["cid"] == head["Metadata"]["cid"]


def test_upload_fileobj_takes_a_stream_that_cannot_be_rewound(s3, bucket):
    body = os.urandom(6 * MIB)
    parts = boto3.s3.transfer.TransferConfig(
        multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB
    )
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        with open(writing, "wb") as pipe:
            pipe.write(body)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        s3.upload_fileobj(pipe, bucket, "k", Config=parts)
    os.waitpid(pid, 0)
    assert read(s3, bucket) == body


def test_a_managed_copy_of_a_large_object_copies_its_parts(s3, bucket):
    body = os.urandom(11 * MIB)
    parts = boto3.s3.transfer.TransferConfig(
        multipart_threshold=6 * MIB, multipart_chunksize=6 * MIB
    )
    put(s3, bucket, "source", body)
    s3.copy({"Bucket": bucket, "Key": "source"}, bucket, "k", Config=parts)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ETag"].endswith('-2"')
    assert read(s3, bucket) == body


def test_a_stream_is_read_piece_by_piece(s3, bucket):
    body = os.urandom(3 * MIB)
    put(s3, bucket, body=body)
    stream = s3.get_object(Bucket=bucket, Key="k")["Body"]
    assert b"".join(stream.iter_chunks(100_000)) == body


def test_conditional_writes_are_decided_by_the_server(s3, bucket):
    etag = put(s3, bucket, IfNoneMatch="*")["ETag"]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        put(s3, bucket, body=b"other", IfNoneMatch="*")
    put(s3, bucket, body=b"other", IfMatch=etag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        put(s3, bucket, body=b"third", IfMatch=etag)
    assert read(s3, bucket) == b"other"


# --- presigned ------------------------------------------------------------------------------------


@pytest.fixture
def fetch(server):
    """What curl does with a URL: no credentials, no boto3, no header that was not asked for."""

    def fetch(url, body=None, method="GET"):
        parts = urlsplit(url)
        if parts.scheme == "https":
            trusted = ssl.create_default_context(cafile=server.ca_bundle)
            connection = HTTPSConnection(parts.netloc, timeout=20, context=trusted)
        else:
            connection = HTTPConnection(parts.netloc, timeout=20)
        with closing(connection):
            connection.request(method, f"{parts.path}?{parts.query}", body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    return fetch


@pytest.fixture(params=["s3", "s3v4"])
def presigner(request, server):
    """What boto3 presigns with for a custom endpoint: SigV2 unless told otherwise."""
    return server.boto3(server.owner, signature_version=request.param)


def test_presigned_urls_put_and_get(presigner, s3, bucket, fetch):
    named = {"Bucket": bucket, "Key": "a b+c%/ü"}
    version = "AWSAccessKeyId=" if presigner.meta.config.signature_version == "s3" else "X-Amz-Sig"
    up = presigner.generate_presigned_url("put_object", named)
    down = presigner.generate_presigned_url("get_object", named, ExpiresIn=60)
    assert version in up
    assert fetch(up, BODY, "PUT") == (200, b"")
    assert fetch(down) == (200, BODY)
    assert read(s3, bucket, named["Key"]) == BODY
    asked = named | {"ResponseContentType": "text/x-fox"}
    assert fetch(presigner.generate_presigned_url("get_object", asked)) == (200, BODY)
    forged, refusal = fetch(down.replace("Signature=", "Signature=A"))
    assert forged == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in refusal


def test_the_default_presigned_url_is_one_of_those_two(s3, bucket, fetch):
    put(s3, bucket)
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"})
    assert fetch(url) == (200, BODY)


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "anonymous"])
def test_a_private_bucket_is_closed_to_others_and_a_public_one_open_for_reading(
    s3, server, bucket, who
):
    other = server.boto3(server.stranger if who == "stranger" else None)
    put(s3, bucket)
    with pytest.raises(ClientError, match="AccessDenied"):
        read(other, bucket)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert read(other, bucket) == BODY
    assert keys(other, bucket) == ["k"]
    with pytest.raises(ClientError, match="AccessDenied"):
        put(other, bucket, body=b"mine now")
    assert read(s3, bucket) == BODY


def test_a_wrong_secret_is_refused_with_the_string_that_was_signed(server):
    forger = server.boto3((server.owner[0], "not the secret"))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        forger.list_buckets()


@pytest.fixture
def every_localhost(monkeypatch):
    """``NAME.localhost`` is this machine (RFC 6761 6.3), which not every resolver knows."""
    resolve = socket.getaddrinfo

    def loopback(host, *rest, **options):
        name = host.decode() if isinstance(host, bytes) else host
        return resolve("127.0.0.1" if name.endswith(".localhost") else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)


@pytest.mark.usefixtures("every_localhost")
def test_virtual_host_style_reaches_the_same_objects(s3, server, bucket):
    put(s3, bucket, "a/b c")
    virtual = server.boto3(server.owner, host="localhost", s3={"addressing_style": "virtual"})
    with wire(virtual) as sent:
        assert read(virtual, bucket, "a/b c") == BODY
        put(virtual, bucket, "new", b"by name")
        assert keys(virtual, bucket) == ["a/b c", "new"]
    assert all(f"//{bucket}.localhost:" in request.url for request in sent)
    assert read(s3, bucket, "new") == b"by name"
