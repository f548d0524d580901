"""Encrypted objects through boto3: every kind in, out by any range, copied to every other kind."""

import hashlib
import os

import pytest
from botocore.exceptions import ClientError

from store.fsck import check
from tests.gateway.encryption.conftest import KIB, MIB, customer

SSE_S3 = {"ServerSideEncryption": "AES256"}
KMS = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "one"}
TWO = "arn:aws:kms:us-east-1:1:key/two"
KINDS = {
    "plain": ({}, {}),
    "sse-s3": (SSE_S3, {}),
    "sse-kms": (KMS, {}),
    "dsse": ({"ServerSideEncryption": "aws:kms:dsse", "BucketKeyEnabled": True}, {}),
    "sse-c": (customer(), customer()),
}
SIZES = [0, 1, 16 * KIB - 80, 16 * KIB, 64 * KIB, 64 * KIB + 1, 3 * MIB + 5]
kinds = pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "plain"])


def refused(call, **asked):
    with pytest.raises(ClientError) as error:
        call(**asked)
    said = error.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


@kinds
@pytest.mark.parametrize("size", SIZES)
def test_an_object_comes_back(s3, bucket, kind, size):
    put, get = KINDS[kind]
    body = os.urandom(size)
    made = s3.put_object(Bucket=bucket, Key="whole", Body=body, **put)
    read = s3.get_object(Bucket=bucket, Key="whole", **get)

    assert read["Body"].read() == body
    assert read["ContentLength"] == size
    assert s3.head_object(Bucket=bucket, Key="whole", **get)["ContentLength"] == size
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="whole")["Contents"]
    assert [(one["Size"], one["ETag"]) for one in listed] == [(size, made["ETag"])]
    is_md5 = made["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert is_md5 == (kind == "sse-s3")
    for answer in (made, read):
        for name in ("ServerSideEncryption", "SSEKMSKeyId", "SSECustomerAlgorithm"):
            default = "aws/s3" if (kind, name) == ("dsse", "SSEKMSKeyId") else None
            assert answer.get(name) == put.get(name, default)
        assert answer["ResponseMetadata"]["HTTPHeaders"]["cid-of"] == "ciphertext"


@kinds
@pytest.mark.parametrize(("first", "last"), [(0, 0), (65535, 65536), (70_000, 200_000), (5, None)])
def test_a_range_comes_back(s3, bucket, kind, first, last):
    put, get = KINDS[kind]
    body = os.urandom(300_000)
    s3.put_object(Bucket=bucket, Key="range", Body=body, **put)
    asked = f"bytes={first}-{'' if last is None else last}"
    read = s3.get_object(Bucket=bucket, Key="range", Range=asked, **get)

    assert read["Body"].read() == body[first : None if last is None else last + 1]


@pytest.fixture(scope="module")
def upload(s3, bucket):
    """Makes an object of parts of an odd size and one that is copied in."""

    def make(kind: str, source: str) -> bytes:
        put, get = KINDS[kind]
        from_put, from_get = KINDS[source]
        sizes = [5 * MIB + 11, 5 * MIB, 100]
        bodies = [os.urandom(size) for size in sizes]
        s3.put_object(Bucket=bucket, Key="source", Body=bodies[1] + b"more", **from_put)
        begun = s3.create_multipart_upload(Bucket=bucket, Key="parts", **put)
        about = {"Bucket": bucket, "Key": "parts", "UploadId": begun["UploadId"]}
        etags = {}
        for number, body in ((3, bodies[0]), (9, bodies[2])):
            etags[number] = s3.upload_part(PartNumber=number, Body=body, **about, **get)["ETag"]
        copied = s3.upload_part_copy(
            PartNumber=5,
            CopySource=f"{bucket}/source",
            CopySourceRange=f"bytes=0-{sizes[1] - 1}",
            **about,
            **get,
            **{f"CopySource{name}": value for name, value in from_get.items()},
        )
        etags[5] = copied["CopyPartResult"]["ETag"]
        listed = s3.list_parts(**about)["Parts"]
        assert [(part["PartNumber"], part["Size"]) for part in listed] == [
            (3, sizes[0]),
            (5, sizes[1]),
            (9, sizes[2]),
        ]
        parts = [{"PartNumber": number, "ETag": etags[number]} for number in sorted(etags)]
        s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **about, **get)
        return b"".join(bodies)

    return make


@pytest.mark.parametrize(
    ("kind", "source"),
    [("sse-s3", "plain"), ("sse-kms", "sse-c"), ("sse-c", "sse-s3"), ("plain", "sse-kms")],
)
def test_parts_become_an_object_of_any_range(s3, bucket, upload, kind, source):
    body = upload(kind, source)
    get = KINDS[kind][1]
    seam = 5 * MIB + 11

    assert s3.get_object(Bucket=bucket, Key="parts", **get)["Body"].read() == body
    for first, last in ((seam - 3, seam + 3), (0, 9), (len(body) - 101, len(body) - 1)):
        asked = f"bytes={first}-{last}"
        read = s3.get_object(Bucket=bucket, Key="parts", Range=asked, **get)
        assert read["Body"].read() == body[first : last + 1]
    part = s3.get_object(Bucket=bucket, Key="parts", PartNumber=2, **get)
    assert part["Body"].read() == body[seam : seam + 5 * MIB]
    assert s3.head_object(Bucket=bucket, Key="parts", **get)["ContentLength"] == len(body)


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_copy_is_encrypted_as_it_says(s3, bucket, source, target):
    put, get = KINDS[source]
    body = os.urandom(100_000)
    made = s3.put_object(
        Bucket=bucket, Key="from", Body=body, Metadata={"a": "b"}, ChecksumAlgorithm="SHA256", **put
    )
    s3.copy_object(
        Bucket=bucket,
        Key="to",
        CopySource=f"{bucket}/from",
        **KINDS[target][0],
        **{f"CopySource{name}": value for name, value in get.items()},
    )
    read = s3.get_object(Bucket=bucket, Key="to", ChecksumMode="ENABLED", **KINDS[target][1])

    assert read["Body"].read() == body
    assert read["Metadata"]["a"] == "b"
    assert read["ChecksumSHA256"] == made["ChecksumSHA256"]
    assert read.get("ServerSideEncryption") == KINDS[target][0].get("ServerSideEncryption")


def test_an_object_is_encrypted_in_place(s3, bucket):
    s3.put_object(Bucket=bucket, Key="self", Body=b"x" * 20_000)
    s3.copy_object(Bucket=bucket, Key="self", CopySource=f"{bucket}/self", **SSE_S3)

    read = s3.get_object(Bucket=bucket, Key="self")
    assert (read["ServerSideEncryption"], read["Body"].read()) == ("AES256", b"x" * 20_000)


def test_encrypted_bytes_are_never_shared(s3, bucket):
    cids = set()
    for name in ("a", "b"):
        made = s3.put_object(Bucket=bucket, Key=name, Body=b"same" * 20_000, **SSE_S3)
        cids.add(made["ResponseMetadata"]["HTTPHeaders"]["cid"])
        s3.copy_object(Bucket=bucket, Key=f"{name}2", CopySource=f"{bucket}/{name}", **SSE_S3)
        head = s3.head_object(Bucket=bucket, Key=f"{name}2")
        cids.add(head["ResponseMetadata"]["HTTPHeaders"]["cid"])

    assert len(cids) == 4


@kinds
def test_no_plaintext_is_on_the_disk(gateway, s3, bucket, kind):
    """Neither in segments nor in the database, its log and the journal, for bodies of any size."""
    put, get = KINDS[kind]
    needle = os.urandom(8).hex().encode()
    for size in (100, 15_000, 200_000):
        s3.put_object(Bucket=bucket, Key=f"needle{size}", Body=needle * (size // 16), **put)
    s3.put_object(Bucket=bucket, Key=f"shown{needle.decode()}", Body=b"")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="needles", **put)
    about = {"Bucket": bucket, "Key": "needles", "UploadId": begun["UploadId"]}
    s3.upload_part(PartNumber=1, Body=needle * 1000, **about, **get)
    found = [
        path.name
        for path in gateway.config.data_dir.rglob("*")
        if path.is_file() and needle * 2 in path.read_bytes()
    ]

    assert found == []
    assert any(needle in path.read_bytes() for path in gateway.config.data_dir.glob("*.sqlite*")), (
        "the test must look where bytes would be"
    )


def test_a_customers_key_is_nowhere(gateway, s3, bucket, caplog):
    key = customer("Q")
    s3.put_object(Bucket=bucket, Key="secret", Body=b"x", **key)
    s3.get_object(Bucket=bucket, Key="secret", **key)
    told = caplog.text.encode()

    for form in (b"Q" * 32, key["SSECustomerKey"].encode(), key["SSECustomerKeyMD5"].encode()):
        assert form not in told
        files = [path for path in gateway.config.data_dir.rglob("*") if path.is_file()]
        assert [path for path in files if form in path.read_bytes()] == []


def test_a_customers_object_needs_its_key(s3, bucket):
    s3.put_object(Bucket=bucket, Key="mine", Body=b"x", **customer())
    s3.put_object(Bucket=bucket, Key="free", Body=b"x")
    mine, free = {"Bucket": bucket, "Key": "mine"}, {"Bucket": bucket, "Key": "free"}
    copy = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/mine"}
    attributes = {"ObjectAttributes": ["ObjectSize"]}

    assert refused(s3.get_object, **mine) == (400, "InvalidRequest")
    assert refused(s3.head_object, **mine) == (400, "400")
    assert refused(s3.get_object_attributes, **mine, **attributes) == (400, "InvalidRequest")
    assert refused(s3.copy_object, **copy) == (400, "InvalidRequest")
    assert refused(s3.get_object, **mine, **customer("w")) == (403, "AccessDenied")
    wrong = customer("w", "CopySource")
    assert refused(s3.copy_object, **copy, **wrong) == (403, "AccessDenied")
    assert refused(s3.get_object, **free, **customer()) == (400, "InvalidRequest")


@pytest.mark.parametrize(
    "change",
    [
        {"SSECustomerAlgorithm": "AES128"},
        {"SSECustomerKeyMD5": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"SSECustomerKeyMD5": "no base64"},
        {"SSECustomerKey": "c2hvcnQ=", "SSECustomerKeyMD5": "T7ZyMbXJZ7T9KbXG3VJyTg=="},
        {"ServerSideEncryption": "AES256"},
    ],
)
def test_a_customers_key_must_be_whole(s3, bucket, change):
    asked = customer() | change
    assert refused(s3.put_object, Bucket=bucket, Key="k", **asked) == (400, "InvalidArgument")


def test_an_upload_has_one_customers_key(s3, bucket):
    begun = s3.create_multipart_upload(Bucket=bucket, Key="up", **customer())
    about = {"Bucket": bucket, "Key": "up", "UploadId": begun["UploadId"], "PartNumber": 1}

    assert refused(s3.upload_part, **about, Body=b"x") == (400, "InvalidRequest")
    assert refused(s3.upload_part, **about, Body=b"x", **customer("w")) == (400, "InvalidRequest")
    s3.upload_part(**about, Body=b"x", **customer())


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ServerSideEncryption": "AES192"}, "InvalidArgument"),
        ({"SSEKMSKeyId": "one"}, "InvalidArgument"),
        ({**SSE_S3, "SSEKMSKeyId": "one"}, "InvalidArgument"),
        ({**KMS, "SSEKMSEncryptionContext": "no json"}, "InvalidArgument"),
        ({**KMS, "SSEKMSKeyId": "nobody"}, "KMS.NotFoundException"),
    ],
)
def test_what_does_not_go_together_is_refused(s3, bucket, asked, code):
    assert refused(s3.put_object, Bucket=bucket, Key="k", **asked) == (400, code)


def test_a_key_made_while_the_server_runs_works(gateway, s3, bucket):
    gateway.keys.kms.create("late")
    arn = "arn:aws:kms:us-east-1:1:key/late"
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn, "BucketKeyEnabled": True}
    context = {"SSEKMSEncryptionContext": "eyJhIjoiYiJ9"}
    made = s3.put_object(Bucket=bucket, Key="late", Body=b"x", **asked, **context)

    assert (made["SSEKMSKeyId"], made["BucketKeyEnabled"]) == (arn, True)
    assert made["SSEKMSEncryptionContext"] == context["SSEKMSEncryptionContext"]
    assert s3.get_object(Bucket=bucket, Key="late")["Body"].read() == b"x"


def test_another_kms_key_moves_no_byte(s3, bucket):
    made = s3.put_object(Bucket=bucket, Key="again", Body=b"x" * 70_000, **SSE_S3)
    said = {"SSEKMS": {"KMSKeyArn": TWO, "BucketKeyEnabled": True}}
    s3.update_object_encryption(Bucket=bucket, Key="again", ObjectEncryption=said)
    read = s3.get_object(Bucket=bucket, Key="again")

    assert read["Body"].read() == b"x" * 70_000
    assert (read["ServerSideEncryption"], read["SSEKMSKeyId"]) == ("aws:kms", TWO)
    assert (read["ETag"], read["BucketKeyEnabled"]) == (made["ETag"], True)
    for key, asked in (("plain", {}), ("customers", customer())):
        s3.put_object(Bucket=bucket, Key=key, **asked)
        again = refused(s3.update_object_encryption, Bucket=bucket, Key=key, ObjectEncryption=said)
        assert again == (400, "InvalidRequest")


def test_a_byte_that_was_changed_on_the_disk_is_never_served(gateway, s3, bucket):
    body = os.urandom(400_000)
    s3.put_object(Bucket=bucket, Key="hurt", Body=body, **SSE_S3)
    s3.get_object(Bucket=bucket, Key="hurt")["Body"].read()  # its leaf is known to be sound then
    entry = gateway.store.entry(gateway.store.bucket(bucket), b"hurt")
    (extent,) = entry.extents
    file = next(gateway.config.data_dir.rglob(f"{extent.segment:08d}.seg"))
    at = extent.offset + 32 + 65_552 + 100  # in the second frame
    original = file.read_bytes()[at : at + 1]
    with file.open("r+b") as raw:
        raw.seek(at)
        raw.write(bytes([original[0] ^ 1]))
    try:
        first = s3.get_object(Bucket=bucket, Key="hurt", Range="bytes=0-65535")
        assert first["Body"].read() == body[:65_536]
        asked = {"Bucket": bucket, "Key": "hurt", "Range": "bytes=65536-65536"}
        assert refused(s3.get_object, **asked) == (500, "InternalError")
    finally:
        with file.open("r+b") as raw:
            raw.seek(at)
            raw.write(original)


def test_fsck_finds_nothing_wrong(gateway, s3, bucket, upload):
    upload("sse-s3", "plain")

    assert list(check(gateway.config.data_dir)) == []
