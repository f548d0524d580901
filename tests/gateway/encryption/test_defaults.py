"""A bucket's default encryption, and what it makes of objects nobody said it of."""

import pytest
from botocore.exceptions import ClientError

from tests.gateway.conftest import running
from tests.gateway.encryption.conftest import customer

DEFAULT = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "two"}


def rules(default, **more):
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, **more}]}


def refused(call, **asked):
    with pytest.raises(ClientError) as error:
        call(**asked)
    return error.value.response["Error"]["Code"]


@pytest.fixture
def fresh(s3):
    s3.create_bucket(Bucket="fresh")
    yield "fresh"
    for one in s3.list_objects_v2(Bucket="fresh").get("Contents", ()):
        s3.delete_object(Bucket="fresh", Key=one["Key"])
    s3.delete_bucket(Bucket="fresh")


def test_a_default_is_kept_given_back_and_removed(s3, fresh):
    missing = "ServerSideEncryptionConfigurationNotFoundError"
    said = rules(DEFAULT, BucketKeyEnabled=True)
    s3.delete_bucket_encryption(Bucket=fresh)
    assert refused(s3.get_bucket_encryption, Bucket=fresh) == missing

    s3.put_bucket_encryption(Bucket=fresh, ServerSideEncryptionConfiguration=said)
    got = s3.get_bucket_encryption(Bucket=fresh)
    assert got["ServerSideEncryptionConfiguration"] == said

    s3.delete_bucket_encryption(Bucket=fresh)
    assert refused(s3.get_bucket_encryption, Bucket=fresh) == missing


def test_an_object_nobody_said_it_of_is_encrypted(s3, fresh):
    said = rules(DEFAULT, BucketKeyEnabled=True)
    s3.put_bucket_encryption(Bucket=fresh, ServerSideEncryptionConfiguration=said)
    s3.put_object(Bucket=fresh, Key="a", Body=b"x")
    s3.put_object(Bucket=fresh, Key="b", Body=b"x", ServerSideEncryption="AES256")
    s3.put_object(Bucket=fresh, Key="c", Body=b"x", **customer())
    s3.copy_object(Bucket=fresh, Key="d", CopySource=f"{fresh}/b")
    told = {
        key: s3.head_object(Bucket=fresh, Key=key, **(customer() if key == "c" else {}))
        for key in "abcd"
    }

    assert [told[key].get("ServerSideEncryption") for key in "abcd"] == [
        "aws:kms",
        "AES256",
        None,
        "aws:kms",
    ]
    assert (told["a"]["SSEKMSKeyId"], told["a"]["BucketKeyEnabled"]) == ("two", True)


def test_what_was_stored_before_stays_as_it_is(s3, fresh):
    s3.put_object(Bucket=fresh, Key="old", Body=b"x")
    said = rules({"SSEAlgorithm": "AES256"})
    s3.put_bucket_encryption(Bucket=fresh, ServerSideEncryptionConfiguration=said)

    assert "ServerSideEncryption" not in s3.get_object(Bucket=fresh, Key="old")


def test_customers_keys_can_be_blocked(s3, fresh):
    blocked = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    said = rules({"SSEAlgorithm": "AES256"}, **blocked)
    s3.put_bucket_encryption(Bucket=fresh, ServerSideEncryptionConfiguration=said)

    assert refused(s3.put_object, Bucket=fresh, Key="c", **customer()) == "AccessDenied"
    assert s3.put_object(Bucket=fresh, Key="s")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"Rules": []}, "MalformedXML"),
        ({"Rules": rules(DEFAULT)["Rules"] * 2}, "MalformedXML"),
        (rules({"SSEAlgorithm": "ROT13"}), "MalformedXML"),
        (rules({"SSEAlgorithm": "AES256", "KMSMasterKeyID": "two"}), "InvalidArgument"),
    ],
)
def test_a_default_that_cannot_be_is_refused(s3, fresh, said, code):
    put = s3.put_bucket_encryption
    assert refused(put, Bucket=fresh, ServerSideEncryptionConfiguration=said) == code


def test_every_version_keeps_its_own_encryption(s3, fresh):
    s3.put_bucket_versioning(Bucket=fresh, VersioningConfiguration={"Status": "Enabled"})
    kinds = ({"ServerSideEncryption": "AES256"}, {}, customer())
    ids = [s3.put_object(Bucket=fresh, Key="v", Body=b"%d" % n, **kind)["VersionId"]
           for n, kind in enumerate(kinds)]  # fmt: skip
    for n, (version, kind) in enumerate(zip(ids, kinds, strict=True)):
        key = kind if n == 2 else {}
        read = s3.get_object(Bucket=fresh, Key="v", VersionId=version, **key)
        assert read["Body"].read() == b"%d" % n
        assert read.get("ServerSideEncryption") == kind.get("ServerSideEncryption")
    for version in ids:
        s3.delete_object(Bucket=fresh, Key="v", VersionId=version)


def test_everything_is_there_after_a_restart(tmp_path):
    with running(tmp_path) as gateway:
        gateway.keys.kms.create("k")
        owner, s3 = gateway.owner, gateway.client(gateway.owner)
        s3.create_bucket(Bucket="kept")
        for key, kind in (("s", "AES256"), ("k", "aws:kms")):
            more = {"SSEKMSKeyId": "k"} if key == "k" else {}
            s3.put_object(
                Bucket="kept", Key=key, Body=key * 30_000, ServerSideEncryption=kind, **more
            )
    with running(tmp_path) as gateway:
        s3 = gateway.client(owner)
        for key in "sk":
            assert s3.get_object(Bucket="kept", Key=key)["Body"].read() == key.encode() * 30_000
