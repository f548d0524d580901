"""Rights that were taken from the wrong place, or not asked for at all."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.gateway.sent import raw
from tests.security.conftest import SECRET


def refused(call, **asked) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**asked)
    return refusal.value.response["Error"]["Code"]


def let(s3, bucket, action, path="/*", **said) -> None:
    """A policy of one statement for everybody."""
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": action,
        "Resource": f"arn:aws:s3:::{bucket}{path}",
        **said,
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


LIES = {
    "userid": "admin",
    "username": "admin",
    "aws:username": "admin",
    "aws-username": "admin",
    "aws:userid": "admin",
    "principal": "admin",
    "x-amz-username": "admin",
    "securetransport": "true",
    "aws:SecureTransport": "true",
    "x-forwarded-proto": "https",
    "existingobjecttag/public": "yes",
    "s3:ExistingObjectTag/public": "yes",
}
WANTED = (
    {"StringEquals": {"aws:username": "admin"}},
    {"StringEquals": {"aws:userid": "admin"}},
    {"Bool": {"aws:SecureTransport": "true"}},
    {"StringEquals": {"s3:ExistingObjectTag/public": "yes"}},
)


@pytest.mark.parametrize("wanted", WANTED, ids=lambda each: next(iter(*each.values())))
def test_016_no_header_becomes_a_condition(gateway, s3, vault, wanted):
    """RustFS GHSA-6r96"""
    let(s3, vault, "s3:GetObject", Condition=wanted)
    for name, value in LIES.items():
        sent = f"GET /{vault}/k HTTP/1.1\r\nHost: localhost\r\n{name}: {value}\r\n\r\n"
        assert gateway.raw(sent.encode())[9:12] in (b"403", b"400")
    names = [name for name in LIES if not {":", "/"} & set(name)]
    everything = "".join(f"{name}: {LIES[name]}\r\n" for name in names)
    sent = f"GET /{vault}/k HTTP/1.1\r\nHost: localhost\r\n{everything}\r\n"
    assert gateway.raw(sent.encode())[9:12] == b"403"


def test_024_a_home_is_not_that_of_whose_name_begins_alike(gateway, s3, bucket):
    """MinIO 99bf4d0c4"""
    secret = "a-secret-that-is-long-enough"
    ann, anna = (gateway.client(gateway.keys.import_key(n, secret)) for n in ("ann", "anna"))
    let(s3, bucket, ["s3:PutObject", "s3:GetObject"], "/home/${aws:username}/*")
    anna.put_object(Bucket=bucket, Key="home/anna/x", Body=SECRET)
    for call in (ann.get_object, ann.put_object):
        for key in ("home/anna/x", "home/anna/../ann/x", "home/ann", "home/*/x"):
            assert refused(call, Bucket=bucket, Key=key) == "AccessDenied"
    ann.put_object(Bucket=bucket, Key="home/ann/x", Body=b"mine")
    let(s3, bucket, "s3:GetObject", "/home/${aws:username}*")  # nobody has no name to begin with
    assert raw(gateway, "GET", f"/{bucket}/home/anna/x").status == 403


def test_026_nobody_is_not_the_owner_of_what_nobody_wrote(gateway, s3, stranger, new_bucket):
    """CVE-2026-55873 (SeaweedFS)"""
    bucket = new_bucket(ACL="public-read-write")
    target = f"/{bucket}/k"
    assert raw(gateway, "PUT", target, SECRET, x_amz_acl="private").status == 200
    for key in (None, gateway.stranger):
        for asked in ("", "?acl", "?tagging", "?versionId=null"):
            assert raw(gateway, "GET", target + asked, key=key).status == 403
        acl = {"x_amz_acl": "public-read"}
        assert raw(gateway, "PUT", f"{target}?acl", key=key, **acl).status == 403
        for expected in ("", "anonymous"):
            expecting = {"x_amz_expected_bucket_owner": expected}
            assert raw(gateway, "GET", f"/{bucket}", key=key, **expecting).status == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == SECRET


@pytest.mark.parametrize("source", ["{vault}/k", "{vault}/k?versionId=null", "{vault}/none"])
def test_046_a_copy_tells_nothing_of_what_may_not_be_read(
    gateway, s3, stranger, vault, lair, source
):
    """RustFS GHSA-mx42, GHSA-wfxj, lakeFS GHSA-fvv5"""
    etag = s3.head_object(Bucket=vault, Key="k")["ETag"]
    upload = stranger.create_multipart_upload(Bucket=lair, Key="copy")["UploadId"]
    past = "Sat, 01 Jan 2000 00:00:00 GMT"
    conditions = (
        {},
        {"x_amz_copy_source_if_match": etag},
        {"x_amz_copy_source_if_none_match": etag},
        {"x_amz_copy_source_if_modified_since": past},
        {"x_amz_copy_source_if_unmodified_since": past},
        {"x_amz_copy_source_range": "bytes=0-5"},
        {"x_amz_copy_source_range": "bytes=0-99999999"},
    )
    for target in (f"/{lair}/copy", f"/{lair}/copy?partNumber=1&uploadId={upload}"):
        for condition in conditions:
            if "partNumber" not in target and "x_amz_copy_source_range" in condition:
                continue
            said = {"x_amz_copy_source": source.format(vault=vault), **condition}
            answer = raw(gateway, "PUT", target, key=gateway.stranger, **said)
            assert (answer.status, answer.code) == (403, "AccessDenied")
    assert "Parts" not in stranger.list_parts(Bucket=lair, Key="copy", UploadId=upload)
    assert "Contents" not in stranger.list_objects_v2(Bucket=lair)


def test_046_a_rename_takes_the_right_to_its_source(gateway, s3, stranger, vault, intact):
    let(s3, vault, ["s3:PutObject", "s3:RenameObject"], "/theirs/*")
    moved = raw(
        gateway,
        "PUT",
        f"/{vault}/theirs/k?renameObject",
        key=gateway.stranger,
        x_amz_rename_source="k",
    )
    assert (moved.status, moved.code) == (403, "AccessDenied")
    s3.delete_bucket_policy(Bucket=vault)
    intact()


def test_047_a_version_takes_the_right_to_versions(gateway, s3, stranger, bucket, lair):
    """RustFS GHSA-3ppv: read, copied, copied as a part, queried, by URL"""
    on = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=on)
    old = s3.put_object(Bucket=bucket, Key="k", Body=SECRET)["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"open")
    let(s3, bucket, ["s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectTagging"])
    named = {"Bucket": bucket, "Key": "k", "VersionId": old}
    upload = stranger.create_multipart_upload(Bucket=lair, Key="k")["UploadId"]
    into = {"Bucket": lair, "Key": "k", "CopySource": named}

    assert stranger.get_object(Bucket=bucket, Key="k")["Body"].read() == b"open"
    stranger.copy_object(**into | {"CopySource": {"Bucket": bucket, "Key": "k"}})
    assert refused(stranger.get_object, **named) == "AccessDenied"
    assert refused(stranger.head_object, **named) == "403"
    assert refused(stranger.get_object_tagging, **named) == "AccessDenied"
    attributes = {"ObjectAttributes": ["ETag"]}
    assert refused(stranger.get_object_attributes, **named, **attributes) == "AccessDenied"
    assert refused(stranger.copy_object, **into) == "AccessDenied"
    part = into | {"PartNumber": 1, "UploadId": upload}
    assert refused(stranger.upload_part_copy, **part) == "AccessDenied"
    url = stranger.generate_presigned_url("get_object", Params=named).removeprefix(gateway.url)
    sent = f"GET {url} HTTP/1.1\r\nHost: {gateway.host}:{gateway.port}\r\n\r\n"
    answer = gateway.raw(sent.encode())
    assert answer[9:12] == b"403"
    assert SECRET not in answer


@pytest.mark.parametrize("acl", ["public-read", "public-read-write", "authenticated-read"])
def test_050_a_deny_holds_whatever_the_acl_opens(s3, stranger, anonymous, new_bucket, acl):
    """versitygw ed1ad6b6"""
    bucket = new_bucket(ACL=acl)
    s3.put_object(Bucket=bucket, Key="p/k", Body=SECRET, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="k", Body=b"open", ACL="public-read")
    let(s3, bucket, "s3:*", "/p/*", Effect="Deny")
    for who in (anonymous, stranger, s3):
        asked = {"Bucket": bucket, "Key": "p/k"}
        assert refused(who.get_object, **asked) == "AccessDenied"
        assert refused(who.put_object, **asked, Body=b"mine") == "AccessDenied"
        assert refused(who.delete_object, **asked) == "AccessDenied"
        assert who.get_object(Bucket=bucket, Key="k")["Body"].read() == b"open"
    s3.delete_bucket_policy(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="p/k")["Body"].read() == SECRET


RIDERS = {
    "tags": {"Tagging": "a=b"},
    "canned ACL": {"ACL": "public-read"},
    "grant": {"GrantRead": "uri=http://acs.amazonaws.com/groups/global/AllUsers"},
    "hold": {"ObjectLockLegalHoldStatus": "ON"},
    "retention": {
        "ObjectLockMode": "GOVERNANCE",
        "ObjectLockRetainUntilDate": datetime.now(UTC) + timedelta(days=1),
    },
}


@pytest.mark.parametrize("rider", RIDERS)
def test_051_what_rides_along_with_a_put_takes_a_right_of_its_own(
    s3, stranger, new_bucket, lair, rider
):
    """versitygw 8d5b2be0, MinIO ffcfa36b1"""
    bucket = new_bucket(ObjectLockEnabledForBucket=True)
    stranger.put_object(Bucket=lair, Key="source", Body=b"x")
    let(s3, bucket, "s3:PutObject")
    named = {"Bucket": bucket, "Key": "k"}
    copied = named | {"CopySource": f"{lair}/source"}
    if rider == "tags":
        copied["TaggingDirective"] = "REPLACE"
    stranger.put_object(**named, Body=b"plain")
    asked = RIDERS[rider]
    assert refused(stranger.put_object, **named, Body=b"x", **asked) == "AccessDenied"
    assert refused(stranger.copy_object, **copied, **asked) == "AccessDenied"
    assert refused(stranger.create_multipart_upload, **named, **asked) == "AccessDenied"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
