"""BTIP-25, S3-Compatible API service (draft): sentence by sentence, as far as a client can see."""

import re
import urllib.request

import pytest
from botocore.exceptions import ClientError

DOCUMENT = "https://github.com/bittorrent/BTIPs/blob/main/BTIPs/btip-25.md"
ACL = pytest.mark.source("BTIP-25 'Access Control Lists (ACLs)'", DOCUMENT)
CALLS = pytest.mark.source("BTIP-25 'Supported API methods'", DOCUMENT)
HASH = pytest.mark.source("BTIP-25 'Methods for obtaining BTFS Hash'", DOCUMENT)
AUTH = pytest.mark.source("BTIP-25 'Authentication'", DOCUMENT)
KEYS = pytest.mark.source("BTIP-25 'Access Keys related commands'", DOCUMENT)

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
CANNED = ("private", "public-read", "public-read-write")
WHO = ("owner", "other", "anonymous")


def put(s3, bucket, key="k", body=b"body", **options):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **options)


def read(s3, bucket, key="k"):
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def keys(s3, bucket):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def begun(s3, bucket, key="parts"):
    made = s3.create_multipart_upload(Bucket=bucket, Key=key)
    return {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]}


def completed(s3, upload):
    part = s3.upload_part(**upload, PartNumber=1, Body=b"body")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return s3.complete_multipart_upload(**upload, MultipartUpload=parts)


def granted_to_all(answer):
    return {
        each["Permission"] for each in answer["Grants"] if each["Grantee"].get("URI") == ALL_USERS
    }


def refused(call, *args, **asked):
    """The call answers 403."""
    with pytest.raises(ClientError) as refusal:
        call(*args, **asked)
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert refusal.value.response["Error"]["Code"] in ("AccessDenied", "403")


# --- Access Control Lists (ACLs): each cell -------------------------------------------------------

READS = {
    "GetObject": lambda s3, bucket, owner: read(s3, bucket),
    "HeadObject": lambda s3, bucket, owner: s3.head_object(Bucket=bucket, Key="k"),
    "ListObjects": lambda s3, bucket, owner: s3.list_objects(Bucket=bucket),
    "ListObjectsV2": lambda s3, bucket, owner: s3.list_objects_v2(Bucket=bucket),
}


def _upload_part(s3, bucket, owner):
    s3.upload_part(**begun(owner, bucket), PartNumber=1, Body=b"x")


def _complete(s3, bucket, owner):
    upload = begun(owner, bucket)
    part = owner.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)


def _copy(s3, bucket, owner):
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})


def _delete_many(s3, bucket, owner):
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert "Errors" not in answer


WRITES = {
    "PutObject": lambda s3, bucket, owner: put(s3, bucket, body=b"changed"),
    "PutObject of a new key": lambda s3, bucket, owner: put(s3, bucket, "new"),
    "CopyObject": _copy,
    "DeleteObject": lambda s3, bucket, owner: s3.delete_object(Bucket=bucket, Key="k"),
    "DeleteObjects": _delete_many,
    "CreateMultipartUpload": lambda s3, bucket, owner: begun(s3, bucket),
    "UploadPart": _upload_part,
    "CompleteMultipartUpload": _complete,
    "AbortMultipartUpload": lambda s3, bucket, owner: s3.abort_multipart_upload(
        **begun(owner, bucket)
    ),
}
OWNS = {
    "DeleteBucket": lambda s3, bucket, owner: s3.delete_bucket(Bucket=bucket),
    "PutBucketAcl": lambda s3, bucket, owner: s3.put_bucket_acl(Bucket=bucket, ACL="private"),
    "GetBucketAcl": lambda s3, bucket, owner: s3.get_bucket_acl(Bucket=bucket),
    "GetObjectAcl": lambda s3, bucket, owner: s3.get_object_acl(Bucket=bucket, Key="k"),
}


def judge(owner, caller, bucket, call, may):
    """The call is let through, or refused and then nothing has changed."""
    put(owner, bucket)
    if may:
        call(caller, bucket, owner)
        return
    before = keys(owner, bucket), owner.get_bucket_acl(Bucket=bucket)["Grants"]
    refused(call, caller, bucket, owner)
    assert before == (keys(owner, bucket), owner.get_bucket_acl(Bucket=bucket)["Grants"])
    assert read(owner, bucket) == b"body"


@ACL
@pytest.mark.parametrize("acl", CANNED)
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("call", READS)
def test_objects_and_lists_are_read_by_the_owner_and_in_public_buckets_by_everyone(
    owner, callers, new_bucket, call, who, acl
):
    may = who == "owner" or acl != "private"
    judge(owner, callers[who], new_bucket(ACL=acl), READS[call], may)


@ACL
@pytest.mark.parametrize("acl", CANNED)
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("call", WRITES)
def test_objects_are_written_by_the_owner_and_in_public_read_write_buckets_by_everyone(
    owner, callers, new_bucket, call, who, acl
):
    may = who == "owner" or acl == "public-read-write"
    judge(owner, callers[who], new_bucket(ACL=acl), WRITES[call], may)


@ACL
@pytest.mark.parametrize("acl", CANNED)
@pytest.mark.parametrize("who", ["other", "anonymous"])
@pytest.mark.parametrize("call", OWNS)
def test_only_the_owner_can_modify_the_acl_and_delete_the_bucket(
    owner, callers, new_bucket, call, who, acl
):
    judge(owner, callers[who], new_bucket(ACL=acl), OWNS[call], may=False)


@ACL
def test_the_owner_modifies_the_acl_and_deletes_the_bucket(owner, anonymous, new_bucket):
    bucket = new_bucket(ACL="private")
    put(owner, bucket)
    refused(read, anonymous, bucket)
    owner.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert read(anonymous, bucket) == b"body"
    owner.put_bucket_acl(Bucket=bucket, ACL="private")
    refused(read, anonymous, bucket)
    owner.delete_object(Bucket=bucket, Key="k")
    owner.delete_bucket(Bucket=bucket)
    with pytest.raises(ClientError, match="404"):
        owner.head_bucket(Bucket=bucket)


@ACL
def test_the_default_permission_is_public_read(owner, anonymous, new_bucket):
    bucket = new_bucket()
    put(owner, bucket)
    assert granted_to_all(owner.get_bucket_acl(Bucket=bucket)) == {"READ"}
    assert read(anonymous, bucket) == b"body"
    refused(put, anonymous, bucket)


@ACL
@pytest.mark.parametrize(
    ("acl", "permissions"),
    list(zip(CANNED, [set(), {"READ"}, {"READ", "WRITE"}], strict=True)),
)
def test_predefined_acls_are_those_of_aws(owner, new_bucket, acl, permissions):
    assert granted_to_all(owner.get_bucket_acl(Bucket=new_bucket(ACL=acl))) == permissions


@ACL
@pytest.mark.parametrize("acl", CANNED)
def test_get_object_acl_returns_the_acl_of_the_bucket(owner, new_bucket, acl):
    bucket = new_bucket(ACL=acl)
    put(owner, bucket)
    of_bucket = owner.get_bucket_acl(Bucket=bucket)
    of_object = owner.get_object_acl(Bucket=bucket, Key="k")
    assert of_object["Owner"] == of_bucket["Owner"]
    assert granted_to_all(of_object) == granted_to_all(of_bucket)


@ACL
def test_the_owner_of_a_bucket_is_the_access_key_that_created_it(owner, other, new_bucket):
    mine, theirs = new_bucket(), new_bucket(other)
    assert (
        owner.get_bucket_acl(Bucket=mine)["Owner"]["ID"]
        != other.get_bucket_acl(Bucket=theirs)["Owner"]["ID"]
    )
    refused(owner.get_bucket_acl, Bucket=theirs)
    refused(other.get_bucket_acl, Bucket=mine)


@ACL
def test_an_acl_nobody_knows_is_refused_and_changes_nothing(owner, new_bucket):
    bucket = new_bucket(ACL="private")
    with pytest.raises(ClientError) as refusal:
        owner.put_bucket_acl(Bucket=bucket, ACL="public-reed")
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert granted_to_all(owner.get_bucket_acl(Bucket=bucket)) == set()


@ACL
@pytest.mark.parametrize("who", ["other", "anonymous"])
def test_a_copy_needs_the_right_to_read_its_source(owner, callers, new_bucket, who):
    source, target = new_bucket(ACL="private"), new_bucket(ACL="public-read-write")
    put(owner, source)
    copy = {"Bucket": target, "Key": "stolen", "CopySource": {"Bucket": source, "Key": "k"}}
    refused(callers[who].copy_object, **copy)
    assert keys(owner, target) == []


@ACL
def test_who_knows_no_key_makes_no_bucket_and_lists_none(anonymous):
    refused(anonymous.list_buckets)
    refused(anonymous.create_bucket, Bucket="conformance-anonymous")


# --- Access Keys ----------------------------------------------------------------------------------


@KEYS
def test_each_access_key_lists_only_the_buckets_under_its_root(owner, other, new_bucket):
    mine, theirs = new_bucket(), new_bucket(other)
    for s3, own, foreign in ((owner, mine, theirs), (other, theirs, mine)):
        names = [each["Name"] for each in s3.list_buckets()["Buckets"]]
        assert own in names
        assert foreign not in names


@KEYS
def test_a_bucket_name_is_taken_for_all_access_keys(owner, other, new_bucket):
    bucket = new_bucket(ACL="private")
    put(owner, bucket)
    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        other.create_bucket(Bucket=bucket)
    assert read(owner, bucket) == b"body"


# --- Authentication -------------------------------------------------------------------------------


@AUTH
def test_signatures_of_version_4_are_verified(owner, endpoint, monkeypatch):
    import boto3

    def listed(key, secret):
        named = {"aws_access_key_id": key, "aws_secret_access_key": secret}
        s3 = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **named)
        return s3.list_buckets()

    credentials = owner._request_signer._credentials
    assert listed(credentials.access_key, credentials.secret_key)
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        listed(credentials.access_key, credentials.secret_key[::-1] + "x")
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        listed("NOSUCHACCESSKEY12345", credentials.secret_key)


@AUTH
@pytest.mark.parametrize("header", ["Basic eDp5", "AWS4-HMAC-SHA256", "Bearer x", "nonsense"])
def test_authorization_that_is_none_does_not_count_as_anonymous(
    owner, endpoint, new_bucket, header
):
    bucket = new_bucket(ACL="public-read-write")
    put(owner, bucket)
    asked = urllib.request.Request(f"{endpoint}/{bucket}/k", headers={"Authorization": header})
    with pytest.raises(urllib.request.HTTPError) as refusal:
        urllib.request.urlopen(asked, timeout=20)
    with refusal.value as answer:
        assert answer.status in (400, 403)
        assert b"<Code>" in answer.read()


# --- Supported API methods ------------------------------------------------------------------------


def create_bucket(s3, bucket, new_bucket):
    assert new_bucket() in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def head_bucket(s3, bucket, new_bucket):
    s3.head_bucket(Bucket=bucket)
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket=f"{bucket}-none")


def list_buckets(s3, bucket, new_bucket):
    answer = s3.list_buckets()
    assert bucket in [each["Name"] for each in answer["Buckets"]]
    assert answer["Owner"]["ID"]


def delete_bucket(s3, bucket, new_bucket):
    put(s3, bucket)
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        keys(s3, bucket)


def put_bucket_acl(s3, bucket, new_bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert granted_to_all(s3.get_bucket_acl(Bucket=bucket)) == set()


def get_bucket_acl(s3, bucket, new_bucket):
    full = [each["Permission"] for each in s3.get_bucket_acl(Bucket=bucket)["Grants"]]
    assert "FULL_CONTROL" in full


def list_objects(s3, bucket, new_bucket):
    for key in ("a/1", "a/2", "b"):
        put(s3, bucket, key)
    answer = s3.list_objects(Bucket=bucket, Prefix="a", Delimiter="/")
    assert [each["Prefix"] for each in answer["CommonPrefixes"]] == ["a/"]
    assert "Contents" not in answer
    after = s3.list_objects(Bucket=bucket, Marker="a/11")  # no such key, and none is needed
    assert [each["Key"] for each in after["Contents"]] == ["a/2", "b"]


def list_objects_v2(s3, bucket, new_bucket):
    for key in ("a/1", "a/2", "b"):
        put(s3, bucket, key)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="a/")
    assert [each["Key"] for each in listed["Contents"]] == ["a/1", "a/2"]
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 1}
    )
    assert [each["Key"] for page in pages for each in page["Contents"]] == ["a/1", "a/2", "b"]


def head_object(s3, bucket, new_bucket):
    etag = put(s3, bucket)["ETag"]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ETag"]) == (4, etag)


def put_object(s3, bucket, new_bucket):
    put(s3, bucket, ContentType="text/plain", CacheControl="no-cache", Metadata={"color": "blue"})
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["Body"].read() == b"body"
    assert (answer["ContentType"], answer["CacheControl"]) == ("text/plain", "no-cache")
    assert answer["Metadata"]["color"] == "blue"


def copy_object(s3, bucket, new_bucket):
    put(s3, bucket)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    s3.delete_object(Bucket=bucket, Key="k")
    assert read(s3, bucket, "copy") == b"body"


def delete_object(s3, bucket, new_bucket):
    put(s3, bucket)
    for _again in range(2):
        answer = s3.delete_object(Bucket=bucket, Key="k")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


def delete_objects(s3, bucket, new_bucket):
    put(s3, bucket)
    objects = [{"Key": "k"}, {"Key": "not there"}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert sorted(each["Key"] for each in answer["Deleted"]) == ["k", "not there"]


def get_object_acl(s3, bucket, new_bucket):
    put(s3, bucket)
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]


def create_multipart_upload(s3, bucket, new_bucket):
    upload = begun(s3, bucket)
    assert upload["UploadId"] != begun(s3, bucket)["UploadId"]
    assert keys(s3, bucket) == []


def abort_multipart_upload(s3, bucket, new_bucket):
    upload = begun(s3, bucket)
    s3.upload_part(**upload, PartNumber=1, Body=b"body")
    s3.abort_multipart_upload(**upload)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.upload_part(**upload, PartNumber=2, Body=b"body")


def complete_multipart_upload(s3, bucket, new_bucket):
    answer = completed(s3, begun(s3, bucket))
    assert re.fullmatch('"[0-9a-f]{32}-1"', answer["ETag"])
    assert read(s3, bucket, "parts") == b"body"


def upload_part(s3, bucket, new_bucket):
    upload = begun(s3, bucket)
    s3.upload_part(**upload, PartNumber=1, Body=b"replaced")
    completed(s3, upload)
    assert read(s3, bucket, "parts") == b"body"


SUPPORTED = [
    *(create_bucket, head_bucket, list_buckets, delete_bucket, put_bucket_acl, get_bucket_acl),
    *(list_objects, list_objects_v2, head_object, put_object, copy_object, delete_object),
    *(delete_objects, get_object_acl),
    *(create_multipart_upload, abort_multipart_upload, complete_multipart_upload, upload_part),
]


@CALLS
@pytest.mark.parametrize("call", SUPPORTED, ids=lambda call: call.__name__)
def test_every_call_of_the_list_is_supported(owner, new_bucket, call):
    call(owner, new_bucket(), new_bucket)


# --- Methods for obtaining BTFS Hash --------------------------------------------------------------

CID = re.compile(r"Qm[1-9A-HJ-NP-Za-km-z]{44}|b[a-z2-7]{58}")


def btfs_hash(s3, bucket, key):
    found = s3.head_object(Bucket=bucket, Key=key)["Metadata"]["btfs-hash"]
    assert s3.get_object(Bucket=bucket, Key=key)["Metadata"]["btfs-hash"] == found
    assert CID.fullmatch(found)
    return found


@HASH
def test_the_hash_is_in_the_metadata_of_the_object(owner, anonymous, new_bucket):
    bucket = new_bucket()
    put(owner, bucket)
    assert btfs_hash(owner, bucket, "k") == btfs_hash(anonymous, bucket, "k")


@HASH
@pytest.mark.parametrize("size", [0, 1, 300_000, 6 * 1024 * 1024])
def test_equal_bytes_have_equal_hashes_however_they_came(owner, new_bucket, size):
    bucket, body = new_bucket(), b"x" * size
    put(owner, bucket, "whole", body)
    put(owner, bucket, "folder/again", body, ContentType="text/plain")
    copy = {"Bucket": bucket, "Key": "whole"}
    owner.copy_object(Bucket=bucket, Key="copy", CopySource=copy)
    upload = begun(owner, bucket)
    cut = 5 * 1024 * 1024
    pieces = [body[at : at + cut] for at in range(0, size, cut)] or [b""]
    parts = [
        {"PartNumber": n, "ETag": owner.upload_part(**upload, PartNumber=n, Body=piece)["ETag"]}
        for n, piece in enumerate(pieces, 1)
    ]
    owner.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    found = {btfs_hash(owner, bucket, key) for key in ("whole", "folder/again", "copy", "parts")}
    assert len(found) == 1
    put(owner, bucket, "other", body + b"y")
    assert btfs_hash(owner, bucket, "other") not in found


@HASH
def test_the_hash_is_the_gateways_word_and_not_the_clients(owner, new_bucket):
    bucket = new_bucket()
    put(owner, bucket, "honest")
    put(owner, bucket, "false", Metadata={"btfs-hash": "Qmfalse", "color": "blue"})
    assert btfs_hash(owner, bucket, "false") == btfs_hash(owner, bucket, "honest")
    assert owner.head_object(Bucket=bucket, Key="false")["Metadata"]["color"] == "blue"


@HASH
def test_the_same_bytes_written_again_are_still_there(owner, new_bucket):
    """go-btfs drops its last reference here, and loses the object at the next collection."""
    bucket = new_bucket()
    for _again in range(3):
        put(owner, bucket, body=b"same" * 100_000)
    owner.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    owner.delete_object(Bucket=bucket, Key="k")
    assert read(owner, bucket, "copy") == b"same" * 100_000
