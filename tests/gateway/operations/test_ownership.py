"""Ownership controls and the public access block of a bucket, and what they mean to ACLs."""

import json

import pytest
from botocore.exceptions import ClientError

from gateway.naming import canonical_id

MODES = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": False,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": False,
}
IGNORE = {"IgnorePublicAcls": True}
DENIED = (403, "AccessDenied")
NO_ACLS = (400, "AccessControlListNotSupported")


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


def controls(*modes: str) -> dict:
    return {"Rules": [{"ObjectOwnership": mode} for mode in modes]}


def block(s3, bucket, **blocked):
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)


def own(s3, bucket, mode):
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls(mode))


def owner_of(s3, bucket, key):
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=key, FetchOwner=True)
    return listed["Contents"][0]["Owner"]["ID"]


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("put_bucket_ownership_controls", {"OwnershipControls": controls("ObjectWriter")}),
        ("get_bucket_ownership_controls", {}),
        ("delete_bucket_ownership_controls", {}),
        ("put_public_access_block", {"PublicAccessBlockConfiguration": BLOCK}),
        ("get_public_access_block", {}),
        ("delete_public_access_block", {}),
    ],
)
def test_they_are_the_owners_alone(call, asked, new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    for client in (stranger, anonymous):
        assert refusal(getattr(client, call), Bucket=bucket, **asked) == DENIED


# --- ownership controls --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_bucket_keeps_its_controls_until_they_are_removed(mode, bucket, s3):
    none = (404, "OwnershipControlsNotFoundError")
    assert refusal(s3.get_bucket_ownership_controls, Bucket=bucket) == none

    own(s3, bucket, mode)
    answer = s3.get_bucket_ownership_controls(Bucket=bucket)
    assert answer["OwnershipControls"] == controls(mode)

    for _ in range(2):
        s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert refusal(s3.get_bucket_ownership_controls, Bucket=bucket) == none


@pytest.mark.parametrize("mode", MODES)
def test_a_bucket_can_be_made_with_controls(mode, new_bucket, s3):
    bucket = new_bucket(ObjectOwnership=mode)

    answer = s3.get_bucket_ownership_controls(Bucket=bucket)
    assert answer["OwnershipControls"] == controls(mode)
    s3.create_bucket(Bucket=bucket, ObjectOwnership=mode)
    other = {"Bucket": bucket, "ObjectOwnership": MODES[MODES.index(mode) - 1]}
    assert refusal(s3.create_bucket, **other) == (409, "BucketAlreadyOwnedByYou")


@pytest.mark.parametrize("modes", [("Nobody",), ("ObjectWriter", "ObjectWriter")])
def test_controls_that_are_none_are_malformed(modes, bucket, s3):
    asked = {"Bucket": bucket, "OwnershipControls": controls(*modes)}
    assert refusal(s3.put_bucket_ownership_controls, **asked) == (400, "MalformedXML")


def test_ownership_is_not_enforced_over_an_acl_that_opens_the_bucket(new_bucket, s3):
    bucket = new_bucket(ACL="public-read")
    asked = {"Bucket": bucket, "OwnershipControls": controls("BucketOwnerEnforced")}

    refused = refusal(s3.put_bucket_ownership_controls, **asked)
    assert refused == (400, "InvalidBucketAclWithObjectOwnership")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_bucket_ownership_controls(**asked)


def test_enforced_ownership_takes_no_acls(bucket, s3):
    own(s3, bucket, "BucketOwnerEnforced")
    to = {"Bucket": bucket, "Key": "key"}
    s3.put_object(**to)

    for acl in ("public-read", "private", "authenticated-read"):
        assert refusal(s3.put_bucket_acl, Bucket=bucket, ACL=acl) == NO_ACLS
        assert refusal(s3.put_object, **to, ACL=acl) == NO_ACLS
        assert refusal(s3.copy_object, **to, CopySource=f"{bucket}/key", ACL=acl) == NO_ACLS
        assert refusal(s3.create_multipart_upload, **to, ACL=acl) == NO_ACLS
    s3.put_object(**to, ACL="bucket-owner-full-control")
    granted = s3.get_bucket_acl(Bucket=bucket)
    same = {name: granted[name] for name in ("Owner", "Grants")}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=same)


def test_enforced_ownership_closes_what_acls_had_opened(bucket, s3, anonymous):
    s3.put_object(Bucket=bucket, Key="key", Body=b"open", ACL="public-read")
    assert anonymous.get_object(Bucket=bucket, Key="key")["Body"].read() == b"open"

    own(s3, bucket, "BucketOwnerEnforced")
    assert refusal(anonymous.get_object, Bucket=bucket, Key="key") == DENIED
    own(s3, bucket, "ObjectWriter")
    assert anonymous.get_object(Bucket=bucket, Key="key")["Body"].read() == b"open"


@pytest.mark.parametrize(
    ("mode", "acl", "owns"),
    [
        ("ObjectWriter", {"ACL": "bucket-owner-full-control"}, "stranger"),
        ("BucketOwnerPreferred", {"ACL": "bucket-owner-full-control"}, "owner"),
        ("BucketOwnerPreferred", {}, "stranger"),
    ],
)
def test_whose_the_objects_of_others_are(mode, acl, owns, new_bucket, s3, stranger, gateway):
    bucket = new_bucket(ACL="public-read-write", ObjectOwnership=mode)

    s3.put_object(Bucket=bucket, Key="source")
    stranger.put_object(Bucket=bucket, Key="put", Body=b"x", **acl)
    stranger.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/source", **acl)

    for key in ("put", "copy"):
        assert owner_of(s3, bucket, key) == canonical_id(getattr(gateway, owns).key)


def full_control(gateway, name: str) -> dict:
    key = getattr(gateway, name).key
    grantee = {"Type": "CanonicalUser", "ID": canonical_id(key)}
    return {"Grantee": grantee, "Permission": "FULL_CONTROL"}


def test_enforced_ownership_makes_what_others_put_before_the_owners_in_listings(
    new_bucket, s3, stranger, gateway
):
    bucket = new_bucket(ACL="public-read-write")
    stranger.put_object(Bucket=bucket, Key="k")
    assert owner_of(s3, bucket, "k") == canonical_id(gateway.stranger.key)
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    own(s3, bucket, "BucketOwnerEnforced")

    def owners() -> set[str]:
        listed = [
            *s3.list_objects(Bucket=bucket)["Contents"],
            *s3.list_objects_v2(Bucket=bucket, FetchOwner=True)["Contents"],
            *s3.list_object_versions(Bucket=bucket)["Versions"],
        ]
        return {each["Owner"]["ID"] for each in listed}

    assert owners() == {canonical_id(gateway.owner.key)}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert owners() == {canonical_id(gateway.owner.key)}
    own(s3, bucket, "ObjectWriter")
    assert owners() == {canonical_id(gateway.stranger.key)}


def test_enforced_ownership_takes_only_grants_that_say_the_same(bucket, s3, gateway):
    own(s3, bucket, "BucketOwnerEnforced")
    to = {"Bucket": bucket, "Key": "key"}
    me, other = (canonical_id(key.key) for key in (gateway.owner, gateway.stranger))

    s3.put_object(**to, GrantFullControl=f"id={me}")
    mine = {"Owner": {"ID": me}, "Grants": [full_control(gateway, "owner")]}
    s3.put_object_acl(**to, AccessControlPolicy=mine)
    for said in ({"GrantRead": f"id={me}"}, {"GrantFullControl": f"id={other}"}):
        assert refusal(s3.put_object, **to, **said) == NO_ACLS
        assert refusal(s3.put_object_acl, **to, **said) == NO_ACLS
    mine["Grants"].append(full_control(gateway, "stranger"))
    assert refusal(s3.put_object_acl, **to, AccessControlPolicy=mine) == NO_ACLS
    assert refusal(s3.put_bucket_acl, Bucket=bucket, AccessControlPolicy=mine) == NO_ACLS


def test_ownership_is_not_enforced_over_grants_to_others(bucket, s3, gateway):
    other = canonical_id(gateway.stranger.key)
    s3.put_bucket_acl(Bucket=bucket, GrantReadACP=f"id={other}")
    asked = {"Bucket": bucket, "OwnershipControls": controls("BucketOwnerEnforced")}

    refused = refusal(s3.put_bucket_ownership_controls, **asked)
    assert refused == (400, "InvalidBucketAclWithObjectOwnership")


@pytest.mark.parametrize(
    ("mode", "acl", "owns"),
    [
        ("ObjectWriter", {"ACL": "bucket-owner-full-control"}, "stranger"),
        ("BucketOwnerPreferred", {"ACL": "bucket-owner-full-control"}, "owner"),
        ("BucketOwnerPreferred", {}, "stranger"),
        ("BucketOwnerEnforced", {}, "owner"),
    ],
)
def test_whose_an_upload_is(mode, acl, owns, bucket, s3, stranger, gateway):
    own(s3, bucket, mode)
    policy = {"Effect": "Allow", "Principal": "*", "Action": "s3:*"}
    policy["Resource"] = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [policy]}))
    to = {"Bucket": bucket, "Key": "key"}
    expected = canonical_id(getattr(gateway, owns).key)

    upload = to | {"UploadId": stranger.create_multipart_upload(**to, **acl)["UploadId"]}
    etag = stranger.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    for listed in (s3.list_parts(**upload), s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]):
        assert listed["Owner"]["ID"] == expected
        assert listed["Initiator"]["ID"] == canonical_id(gateway.stranger.key)
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    stranger.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert owner_of(s3, bucket, "key") == expected


# --- public access block -------------------------------------------------------------------------


def test_a_bucket_keeps_its_block_until_it_is_removed(bucket, s3):
    none = (404, "NoSuchPublicAccessBlockConfiguration")
    assert refusal(s3.get_public_access_block, Bucket=bucket) == none

    block(s3, bucket, **BLOCK)
    answer = s3.get_public_access_block(Bucket=bucket)
    assert answer["PublicAccessBlockConfiguration"] == BLOCK
    block(s3, bucket, **IGNORE)
    answer = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert answer == dict.fromkeys(BLOCK, False) | IGNORE

    for _ in range(2):
        s3.delete_public_access_block(Bucket=bucket)
    assert refusal(s3.get_public_access_block, Bucket=bucket) == none


def test_blocked_public_acls_cannot_be_put_but_stay(new_bucket, s3, anonymous):
    bucket = new_bucket(ACL="public-read")
    to = {"Bucket": bucket, "Key": "key"}
    s3.put_object(**to, Body=b"open")
    open_acl = s3.get_bucket_acl(Bucket=bucket)
    policy = {name: open_acl[name] for name in ("Owner", "Grants")}
    block(s3, bucket, BlockPublicAcls=True)

    for acl in ("public-read", "public-read-write", "authenticated-read"):
        assert refusal(s3.put_bucket_acl, Bucket=bucket, ACL=acl) == DENIED
        assert refusal(s3.put_object, **to, ACL=acl) == DENIED
        assert refusal(s3.copy_object, **to, CopySource=f"{bucket}/key", ACL=acl) == DENIED
        assert refusal(s3.create_multipart_upload, **to, ACL=acl) == DENIED
    assert refusal(s3.put_bucket_acl, Bucket=bucket, AccessControlPolicy=policy) == DENIED
    for group in ("AllUsers", "AuthenticatedUsers"):
        uri = f"uri=http://acs.amazonaws.com/groups/global/{group}"
        assert refusal(s3.put_bucket_acl, Bucket=bucket, GrantReadACP=uri) == DENIED
        assert refusal(s3.put_object, **to, GrantRead=uri) == DENIED
        assert refusal(s3.put_object_acl, **to, GrantRead=uri) == DENIED
    assert anonymous.get_object(**to)["Body"].read() == b"open"
    s3.put_object(**to, ACL="private")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")


def test_ignored_public_acls_leave_those_in_whom_an_acl_names(bucket, s3, stranger, gateway):
    to = {"Bucket": bucket, "Key": "key"}
    named = f"id={canonical_id(gateway.stranger.key)}"
    s3.put_object(**to, GrantRead=named)
    block(s3, bucket, **IGNORE)

    stranger.get_object(**to)


def test_ignored_public_acls_open_nothing_and_are_kept(new_bucket, s3, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    to = {"Bucket": bucket, "Key": "key"}
    s3.put_object(**to, Body=b"open", ACL="public-read")
    block(s3, bucket, **IGNORE)

    for client in (stranger, anonymous):
        assert refusal(client.get_object, **to) == DENIED
        assert refusal(client.put_object, **to) == DENIED
        assert refusal(client.list_objects_v2, Bucket=bucket) == DENIED
    assert s3.get_object(**to)["Body"].read() == b"open"
    s3.delete_public_access_block(Bucket=bucket)
    assert anonymous.get_object(**to)["Body"].read() == b"open"
