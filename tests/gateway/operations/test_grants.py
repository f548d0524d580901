"""Grants by header and by document, on buckets and objects, and what they give to whom."""

import json
from itertools import count

import pytest
from botocore.exceptions import ClientError

from gateway.auth.body import GuardedBody
from gateway.naming import canonical_id
from store.records import Attributes
from tests.gateway.conftest import running

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"
DENIED = ("AccessDenied", 403)
HEADERS = {
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWriteACP": "WRITE_ACP",
    "GrantFullControl": "FULL_CONTROL",
}
_numbers = count(1)


def refusal(call, **asked) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def user(key) -> dict:
    return {"Type": "CanonicalUser", "ID": canonical_id(key.key), "DisplayName": key.key}


def group(uri: str) -> dict:
    return {"Type": "Group", "URI": uri}


def granted(permission: str, grantee: dict) -> dict:
    return {"Grantee": grantee, "Permission": permission}


def policy(owner, *grants: dict) -> dict:
    return {"Owner": {"ID": canonical_id(owner.key)}, "Grants": list(grants)}


@pytest.fixture
def me(gateway):
    return gateway.owner


@pytest.fixture
def other(gateway):
    return gateway.stranger


@pytest.fixture
def key(bucket, s3) -> dict:
    """An object of ``s3`` in a private bucket."""
    to = {"Bucket": bucket, "Key": "key"}
    s3.put_object(**to, Body=b"body")
    return to


# --- how they are written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acl", "more"),
    [
        ("authenticated-read", [granted("READ", group(AUTHENTICATED))]),
        ("aws-exec-read", []),
        ("log-delivery-write", [granted("WRITE", group(LOGS)), granted("READ_ACP", group(LOGS))]),
        ("bucket-owner-read", []),
        ("bucket-owner-full-control", []),
    ],
)
def test_every_canned_acl_of_a_bucket_is_answered_as_grants(acl, more, bucket, s3, me):
    s3.put_bucket_acl(Bucket=bucket, ACL=acl)

    answer = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert answer == [granted("FULL_CONTROL", user(me)), *more]


@pytest.mark.parametrize(
    ("acl", "more"),
    [
        ("private", []),
        ("public-read-write", [("READ", ALL_USERS), ("WRITE", ALL_USERS)]),
        ("authenticated-read", [("READ", AUTHENTICATED)]),
        ("aws-exec-read", []),
        ("bucket-owner-read", [("READ", None)]),
        ("bucket-owner-full-control", [("FULL_CONTROL", None)]),
    ],
)
def test_every_canned_acl_of_an_object_is_answered_as_grants(
    acl, more, new_bucket, stranger, me, other
):
    to = {"Bucket": new_bucket(ACL="public-read-write"), "Key": "key"}
    stranger.put_object(**to, ACL="private")
    stranger.put_object_acl(**to, ACL=acl)

    answer = stranger.get_object_acl(**to)
    assert answer["Owner"]["ID"] == canonical_id(other.key)
    expected = [granted(right, group(uri) if uri else user(me)) for right, uri in more]
    assert answer["Grants"] == [granted("FULL_CONTROL", user(other)), *expected]


@pytest.mark.parametrize(
    ("text", "also"),
    [
        ("id={other}", []),
        ('ID="{other}"', []),
        ('id="{other}",uri="' + ALL_USERS + '"', [ALL_USERS]),
        (" id = {other} , uri=" + AUTHENTICATED + ",", [AUTHENTICATED]),
    ],
)
def test_a_grant_header_lists_grantees_quoted_or_not(text, also, bucket, s3, other):
    s3.put_bucket_acl(Bucket=bucket, GrantRead=text.format(other=canonical_id(other.key)))

    expected = [user(other), *map(group, also)]
    shown = s3.get_bucket_acl(Bucket=bucket)["Grants"]
    assert shown == [granted("READ", each) for each in expected]


MAKERS = {
    "put_object": {"Body": b"x"},
    "copy_object": {},
    "create_multipart_upload": {},
    "put_object_acl": {},
}


@pytest.mark.parametrize("maker", MAKERS)
def test_an_object_is_made_with_grants_in_headers(maker, key, bucket, s3, other):
    said = {name: f"id={canonical_id(other.key)}" for name in HEADERS}
    to = {"Bucket": bucket, "Key": "made" if maker != "put_object_acl" else "key"}
    if maker == "copy_object":
        said["CopySource"] = f"{bucket}/key"

    made = getattr(s3, maker)(**to, **MAKERS[maker], **said)
    if maker == "create_multipart_upload":
        said = to | {"UploadId": made["UploadId"]}
        etag = s3.upload_part(**said, PartNumber=1, Body=b"x")["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
        s3.complete_multipart_upload(**said, MultipartUpload=parts)

    shown = s3.get_object_acl(**to)["Grants"]
    assert [(each["Permission"], each["Grantee"]) for each in shown] == [
        (right, user(other)) for right in HEADERS.values()
    ]


def test_a_bucket_is_made_with_grants_in_headers(s3, stranger, other, gateway):
    name = f"granted-{next(_numbers)}"
    s3.create_bucket(Bucket=name, GrantWrite=f"id={canonical_id(other.key)}")

    stranger.put_object(Bucket=name, Key="key", Body=b"x")
    assert refusal(stranger.list_objects_v2, Bucket=name) == DENIED
    s3.create_bucket(Bucket=name, GrantWrite=f"id={canonical_id(other.key)}")
    assert refusal(s3.create_bucket, Bucket=name) == ("BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize("what", ["bucket", "object"])
def test_what_get_answers_can_be_put_again(what, key, s3, me, other):
    to = key if what == "object" else {"Bucket": key["Bucket"]}
    put, get = getattr(s3, f"put_{what}_acl"), getattr(s3, f"get_{what}_acl")
    grants = [granted("READ", group(ALL_USERS)), granted("WRITE_ACP", user(other))]
    put(**to, AccessControlPolicy=policy(me, *grants))

    answer = get(**to)
    assert answer["Grants"] == grants
    put(**to, AccessControlPolicy={name: answer[name] for name in ("Owner", "Grants")})
    assert get(**to)["Grants"] == grants


@pytest.mark.parametrize("what", ["bucket", "object"])
@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([granted("READ", {"Type": "CanonicalUser", "ID": "_foo"})], "InvalidArgument"),
        ([granted("READ", {"Type": "Group", "URI": "http://x"})], "InvalidArgument"),
        ([granted("READ", {"Type": "Robot", "ID": "x"})], "MalformedACLError"),
        ([granted("READ", {"Type": "Group", "ID": "x"})], "MalformedACLError"),
        ([granted("READ", {"Type": "CanonicalUser", "URI": ALL_USERS})], "MalformedACLError"),
        ([granted("EVERYTHING", group(ALL_USERS))], "MalformedACLError"),
        ([{"Grantee": group(ALL_USERS)}], "MalformedACLError"),
        ([{"Permission": "READ"}], "MalformedACLError"),
        ([granted("READ", group(ALL_USERS))] * 101, "MalformedACLError"),
        (
            [granted("READ", {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@b.example"})],
            "UnresolvableGrantByEmailAddress",
        ),
    ],
)
def test_a_document_that_cannot_be_granted_changes_nothing(what, grants, expected, key, s3, me):
    to = key if what == "object" else {"Bucket": key["Bucket"]}
    before = getattr(s3, f"get_{what}_acl")(**to)["Grants"]
    asked = to | {"AccessControlPolicy": policy(me, *grants)}

    assert refusal(getattr(s3, f"put_{what}_acl"), **asked) == (expected, 400)
    assert getattr(s3, f"get_{what}_acl")(**to)["Grants"] == before


def test_an_objects_acl_is_refused_as_a_buckets_is(key, s3, me, other):
    assert refusal(s3.put_object_acl, **key) == ("MissingSecurityHeader", 400)
    assert refusal(s3.put_object_acl, **key, ACL="public") == ("InvalidArgument", 400)
    both = {"ACL": "private", "GrantRead": f"uri={ALL_USERS}"}
    assert refusal(s3.put_object_acl, **key, **both) == ("InvalidRequest", 400)
    assert refusal(s3.put_object, **key, **both) == ("InvalidRequest", 400)
    foreign = key | {"AccessControlPolicy": policy(other)}
    assert refusal(s3.put_object_acl, **foreign) == DENIED
    body = {"AccessControlPolicy": policy(me), "ACL": "private"}
    assert refusal(s3.put_object_acl, **key, **body) == ("UnexpectedContent", 400)
    missing = {"Bucket": key["Bucket"], "Key": "missing", "ACL": "private"}
    assert refusal(s3.put_object_acl, **missing) == ("NoSuchKey", 404)


def test_a_grant_by_e_mail_means_the_key_that_the_setting_names(tmp_path):
    with running(tmp_path, emails=()) as gateway:
        pair = f"Friend@Example.com={gateway.stranger.key}"
    with running(tmp_path, emails=(pair, "gone@example.com=DELETEDKEY")) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket="bucket", GrantRead='emailAddress="friend@example.com"')
        (shown,) = s3.get_bucket_acl(Bucket="bucket")["Grants"]
        assert shown["Grantee"]["DisplayName"] == pair.partition("=")[2]
        gone = {"Bucket": "bucket", "GrantRead": "emailAddress=gone@example.com"}
        assert refusal(s3.put_bucket_acl, **gone) == ("UnresolvableGrantByEmailAddress", 400)


# --- what they give ------------------------------------------------------------------------------

ON_BUCKET = {
    "list_objects_v2": ({}, {"READ"}),
    "head_bucket": ({}, {"READ"}),
    "put_object": ({"Key": "key", "Body": b"new"}, {"WRITE"}),
    "delete_object": ({"Key": "another"}, {"WRITE"}),
    "get_bucket_acl": ({}, {"READ_ACP"}),
    "put_bucket_acl": ({"ACL": "private"}, {"WRITE_ACP"}),
    "get_bucket_policy_status": ({}, set()),
    "delete_bucket": ({}, set()),
}
ON_OBJECT = {
    "get_object": ({}, {"READ"}),
    "head_object": ({}, {"READ"}),
    "get_object_acl": ({}, {"READ_ACP"}),
    "put_object_acl": ({"ACL": "private"}, {"WRITE_ACP"}),
    "put_object": ({"Body": b"new"}, set()),
    "delete_object": ({}, set()),
}
PERMISSIONS = ("READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL")


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("call", ON_BUCKET)
def test_a_grant_on_a_bucket_gives_one_key_just_that(
    call, permission, bucket, s3, stranger, anonymous, me, other
):
    given = policy(me, granted(permission, user(other)))
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=given)
    asked, needs = ON_BUCKET[call]

    if permission in needs or (needs and permission == "FULL_CONTROL"):
        getattr(stranger, call)(Bucket=bucket, **asked)
    else:
        assert refusal(getattr(stranger, call), Bucket=bucket, **asked)[1] == 403
    assert refusal(getattr(anonymous, call), Bucket=bucket, **asked)[1] == 403


@pytest.mark.parametrize("permission", PERMISSIONS)
@pytest.mark.parametrize("call", ON_OBJECT)
def test_a_grant_on_an_object_gives_one_key_just_that(
    call, permission, key, s3, stranger, anonymous, me, other
):
    s3.put_object_acl(**key, AccessControlPolicy=policy(me, granted(permission, user(other))))
    asked, needs = ON_OBJECT[call]

    if permission in needs or (needs and permission == "FULL_CONTROL"):
        getattr(stranger, call)(**key, **asked)
    else:
        assert refusal(getattr(stranger, call), **key, **asked)[1] == 403
    assert refusal(getattr(anonymous, call), **key, **asked)[1] == 403


def test_authenticated_read_is_for_whoever_has_a_key(key, s3, stranger, anonymous):
    s3.put_bucket_acl(Bucket=key["Bucket"], ACL="authenticated-read")
    s3.put_object_acl(**key, ACL="authenticated-read")

    assert stranger.get_object(**key)["Body"].read() == b"body"
    stranger.list_objects_v2(Bucket=key["Bucket"])
    assert refusal(anonymous.get_object, **key) == DENIED
    assert refusal(anonymous.list_objects_v2, Bucket=key["Bucket"]) == DENIED


def test_the_owner_cannot_lock_itself_out(key, s3, me):
    bucket = key["Bucket"]
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy(me))
    s3.put_object_acl(**key, AccessControlPolicy=policy(me))

    assert s3.get_bucket_acl(Bucket=bucket)["Grants"] == []
    assert s3.get_object_acl(**key)["Grants"] == []
    assert s3.get_object(**key)["Body"].read() == b"body"
    s3.put_object_acl(**key, ACL="private")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1


def test_who_was_granted_the_acl_can_change_it_but_not_the_owner(key, s3, stranger, me, other):
    s3.put_object_acl(**key, AccessControlPolicy=policy(me, granted("FULL_CONTROL", user(other))))

    less = policy(me, granted("READ_ACP", user(other)))
    stranger.put_object_acl(**key, AccessControlPolicy=less)
    answer = stranger.get_object_acl(**key)
    assert answer["Owner"]["ID"] == canonical_id(me.key)
    assert refusal(stranger.get_object, **key) == DENIED


def test_an_acl_goes_with_the_object_it_was_given_to(key, bucket, s3, anonymous):
    before = s3.head_object(**key)
    s3.put_object_acl(**key, ACL="public-read")
    after = s3.head_object(**key)
    same = ("ETag", "LastModified", "ContentType", "Metadata")
    assert [before[name] for name in same] == [after[name] for name in same]
    assert anonymous.get_object(**key)["Body"].read() == b"body"

    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/key")
    assert refusal(anonymous.get_object, Bucket=bucket, Key="copy") == DENIED
    s3.put_object(**key, Body=b"other")
    assert refusal(anonymous.get_object, **key) == DENIED


def test_every_version_has_its_own_acl(key, bucket, s3, stranger, anonymous, me, other):
    versioning = {"Status": "Enabled"}
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
    old, new = ({"VersionId": s3.put_object(**key, Body=b"x")["VersionId"]} for _ in range(2))
    s3.put_object_acl(**key, **old, ACL="public-read")
    s3.put_object_acl(**key, AccessControlPolicy=policy(me, granted("READ_ACP", user(other))))

    assert len(s3.get_object_acl(**key, **old)["Grants"]) == 2
    assert stranger.get_object_acl(**key, **new) | {"ResponseMetadata": 0} == (
        stranger.get_object_acl(**key) | {"ResponseMetadata": 0}
    )
    assert anonymous.get_object(**key, **old)["Body"].read() == b"x"
    for which in (new, {}, {"VersionId": "null"}):
        assert refusal(anonymous.get_object, **key, **which) == DENIED
    assert refusal(stranger.get_object_acl, **key, **old) == DENIED
    s3.delete_object(**key)
    assert anonymous.get_object(**key, **old)["Body"].read() == b"x"
    assert refusal(s3.put_object_acl, **key, ACL="private") == ("NoSuchKey", 404)


def test_who_may_change_an_acl_may_not_change_that_of_what_comes_after(
    key, s3, stranger, me, other, gateway, monkeypatch
):
    s3.put_object_acl(**key, AccessControlPolicy=policy(me, granted("WRITE_ACP", user(other))))
    read = GuardedBody.read

    async def replaced_meanwhile(self, *asked):
        document = await read(self, *asked)
        if b"AccessControlPolicy" in document:
            bucket = gateway.store.bucket(key["Bucket"])
            (entry,) = gateway.store.list_entries(bucket).entries
            await gateway.store.set_attributes(entry, Attributes(acl="private"))
        return document

    monkeypatch.setattr(GuardedBody, "read", replaced_meanwhile)
    asked = key | {"AccessControlPolicy": policy(me, granted("READ", group(ALL_USERS)))}
    assert refusal(stranger.put_object_acl, **asked) == DENIED


def test_a_grant_to_a_key_that_was_deleted_stays_and_gives_nothing(key, s3, me, gateway):
    friend = gateway.keys.generate()
    s3.put_object_acl(**key, AccessControlPolicy=policy(me, granted("READ", user(friend))))
    gateway.keys.disable(friend.key)
    shown = s3.get_object_acl(**key)["Grants"]
    s3.put_object_acl(**key, AccessControlPolicy=policy(me, *shown))
    gateway.keys.delete(friend.key)

    assert s3.get_object_acl(**key)["Grants"] == shown
    again = key | {"AccessControlPolicy": policy(me, *shown)}
    assert refusal(s3.put_object_acl, **again) == ("InvalidArgument", 400)


def test_an_object_put_without_an_acl_can_be_private_to_its_writer(tmp_path):
    with running(tmp_path, default_object_acl="private") as gateway:
        s3, stranger = gateway.client(gateway.owner), gateway.client(gateway.stranger)
        anonymous = gateway.client(None)
        s3.create_bucket(Bucket="bucket", ACL="public-read-write")
        mine, theirs, nobodys = ({"Bucket": "bucket", "Key": name} for name in "abc")
        s3.put_object(**mine, Body=b"x")
        stranger.put_object(**theirs, Body=b"x")
        anonymous.put_object(**nobodys, Body=b"x")

        for client in (stranger, anonymous):
            client.list_objects_v2(Bucket="bucket")
            assert refusal(client.get_object, **mine) == DENIED
        assert refusal(s3.get_object, **theirs) == DENIED
        assert refusal(s3.get_object_acl, **theirs) == DENIED
        (grant,) = stranger.get_object_acl(**theirs)["Grants"]
        assert grant["Grantee"]["DisplayName"] == gateway.stranger.key
        s3.get_object(**nobodys)
        s3.delete_object(**theirs)


def test_a_copy_takes_the_right_to_read_its_source(bucket, new_bucket, s3, stranger, me, other):
    shared = new_bucket(ACL="public-read-write")
    stranger.put_object(Bucket=shared, Key="key", Body=b"x", ACL="private")
    asked = {"Bucket": bucket, "Key": "copy", "CopySource": f"{shared}/key"}

    assert refusal(s3.copy_object, **asked) == DENIED
    stranger.put_object_acl(Bucket=shared, Key="key", ACL="bucket-owner-read")
    s3.copy_object(**asked)


@pytest.mark.parametrize(
    ("condition", "allowed", "denied"),
    [
        ({"s3:x-amz-acl": "public*"}, {"ACL": "private"}, {"ACL": "public-read"}),
        ({"s3:x-amz-grant-read": "*AllUsers*"}, {}, {"GrantRead": f"uri={ALL_USERS}"}),
        ({"s3:x-amz-grant-read-acp": "*"}, {}, {"GrantReadACP": f"uri={ALL_USERS}"}),
        ({"s3:x-amz-grant-write-acp": "*"}, {}, {"GrantWriteACP": f"uri={ALL_USERS}"}),
        ({"s3:x-amz-grant-full-control": "*"}, {}, {"GrantFullControl": f"uri={ALL_USERS}"}),
    ],
)
def test_a_policy_may_ask_for_the_acl_that_is_given(condition, allowed, denied, key, s3):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:Put*"}
    statement["Resource"] = [f"arn:aws:s3:::{key['Bucket']}", f"arn:aws:s3:::{key['Bucket']}/*"]
    statement["Condition"] = {"StringLike": condition}
    s3.put_bucket_policy(Bucket=key["Bucket"], Policy=json.dumps({"Statement": [statement]}))

    s3.put_object(**key, **allowed)
    assert refusal(s3.put_object, **key, **denied) == DENIED
    assert refusal(s3.put_object_acl, **key, **denied) == DENIED
    assert refusal(s3.put_bucket_acl, Bucket=key["Bucket"], **denied) == DENIED


def test_a_policy_gives_the_rights_to_acls(key, s3, stranger):
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*ObjectAcl"}
    statement["Resource"] = f"arn:aws:s3:::{key['Bucket']}/*"
    s3.put_bucket_policy(Bucket=key["Bucket"], Policy=json.dumps({"Statement": [statement]}))

    stranger.get_object_acl(**key)
    stranger.put_object_acl(**key, ACL="authenticated-read")
    stranger.get_object(**key)
    assert refusal(stranger.get_bucket_acl, Bucket=key["Bucket"]) == DENIED
    assert refusal(stranger.put_object, **key) == DENIED
    missing = {"Bucket": key["Bucket"], "Key": "missing"}
    assert refusal(stranger.get_object_acl, **missing) == DENIED
