"""PutBucketAcl, GetBucketAcl, GetObjectAcl, and what an ACL means to the three callers."""

import pytest
from botocore.exceptions import ClientError

from gateway.naming import canonical_id

ACLS = ("private", "public-read", "public-read-write")
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
EVERYBODY = {"Type": "Group", "URI": ALL_USERS}


def refusal(call, **arguments) -> tuple[str, int]:
    """Code and status of the error a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def holder(key: str) -> dict:
    return {"Type": "CanonicalUser", "ID": canonical_id(key), "DisplayName": key}


def expected_grants(acl: str, key: str) -> list[dict]:
    public = {"private": [], "public-read": ["READ"], "public-read-write": ["READ", "WRITE"]}
    return [
        {"Grantee": holder(key), "Permission": "FULL_CONTROL"},
        *({"Grantee": EVERYBODY, "Permission": permission} for permission in public[acl]),
    ]


# --- refused, missing, success -------------------------------------------------------------------

CALLS = {
    "get_bucket_acl": {},
    "put_bucket_acl": {"ACL": "public-read"},
    "get_object_acl": {"Key": "key"},
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("acl", ACLS)
def test_acls_are_the_owners_alone(acl, operation, new_bucket, s3, stranger, anonymous):
    bucket = new_bucket(ACL=acl)
    s3.put_object(Bucket=bucket, Key="key", Body=b"")

    for client in (stranger, anonymous):
        call = getattr(client, operation)
        assert refusal(call, Bucket=bucket, **CALLS[operation]) == ("AccessDenied", 403)
    getattr(s3, operation)(Bucket=bucket, **CALLS[operation])


@pytest.mark.parametrize("operation", CALLS)
def test_a_bucket_that_is_not_there_has_no_acl(operation, s3, stranger, anonymous):
    for client in (s3, stranger, anonymous):
        call = getattr(client, operation)
        refused = refusal(call, Bucket="never-made", **CALLS[operation])
        assert refused == ("NoSuchBucket", 404)


def test_an_object_that_is_not_there_has_no_acl(bucket, s3):
    assert refusal(s3.get_object_acl, Bucket=bucket, Key="none") == ("NoSuchKey", 404)


# --- PutBucketAcl and GetBucketAcl ---------------------------------------------------------------


@pytest.mark.parametrize("acl", ACLS)
def test_a_canned_acl_is_put_and_got_as_its_grants(acl, bucket, s3, gateway):
    s3.put_bucket_acl(Bucket=bucket, ACL=acl)

    answer = s3.get_bucket_acl(Bucket=bucket)
    assert answer["Owner"] == {
        "ID": canonical_id(gateway.owner.key),
        "DisplayName": gateway.owner.key,
    }
    assert answer["Grants"] == expected_grants(acl, gateway.owner.key)


@pytest.mark.parametrize("acl", ACLS)
def test_what_get_answers_can_be_put(acl, new_bucket, s3, gateway):
    read = s3.get_bucket_acl(Bucket=new_bucket(ACL=acl))
    bucket = new_bucket(ACL="private" if acl != "private" else "public-read")

    document = {"Owner": read["Owner"], "Grants": read["Grants"]}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=document)

    assert gateway.store.bucket(bucket).acl == acl


@pytest.mark.parametrize("before", ACLS)
def test_defect_10_other_grants_never_become_public_read(before, new_bucket, s3, gateway):
    """go-btfs: PutBucketAcl with a grants body, or without a header, sets public-read."""
    bucket = new_bucket(ACL=before)
    mine = expected_grants("private", gateway.owner.key)
    document = {
        "Owner": {"ID": canonical_id(gateway.owner.key)},
        "Grants": [*mine, {"Grantee": holder("somebody"), "Permission": "READ"}],
    }

    refused = refusal(s3.put_bucket_acl, Bucket=bucket, AccessControlPolicy=document)
    assert refused == ("InvalidArgument", 400)
    refused = refusal(s3.put_bucket_acl, Bucket=bucket)
    assert refused == ("MissingSecurityHeader", 400)
    assert gateway.store.bucket(bucket).acl == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ACL": "PUBLIC-READ"}, ("InvalidArgument", 400)),
        ({"GrantRead": f"uri={ALL_USERS}/Others"}, ("InvalidArgument", 400)),
        ({"GrantRead": "id=nobody"}, ("InvalidArgument", 400)),
        ({"GrantRead": "somebody"}, ("InvalidArgument", 400)),
        ({"GrantRead": f"uri={ALL_USERS} and more"}, ("InvalidArgument", 400)),
        ({"GrantRead": "emailAddress=a@example.com"}, ("UnresolvableGrantByEmailAddress", 400)),
        ({"GrantRead": f"uri={ALL_USERS}", "ACL": "private"}, ("InvalidRequest", 400)),
        ({"AccessControlPolicy": {"Grants": []}}, ("MalformedACLError", 400)),
        ({"AccessControlPolicy": {"Grants": []}, "ACL": "private"}, ("UnexpectedContent", 400)),
        (
            {"AccessControlPolicy": {"Grants": [], "Owner": {"ID": canonical_id("other")}}},
            ("AccessDenied", 403),
        ),
    ],
)
def test_an_acl_that_is_refused_changes_nothing(options, expected, bucket, s3, gateway):
    assert refusal(s3.put_bucket_acl, Bucket=bucket, **options) == expected
    assert gateway.store.bucket(bucket).acl == "private"


@pytest.mark.parametrize(
    "document",
    [
        b"<AccessControlPolicy><Owner>",
        b"public-read",
        b"<Other/>",
        b"<!DOCTYPE x><AccessControlPolicy/>",
    ],
)
def test_a_body_that_is_no_policy_is_a_malformed_acl(document, bucket, gateway):
    client = gateway.client(gateway.owner)

    def replace(params, **_):
        params["body"] = document

    client.meta.events.register("before-call.s3.PutBucketAcl", replace)

    refused = refusal(client.put_bucket_acl, Bucket=bucket, AccessControlPolicy={"Grants": []})
    assert refused == ("MalformedACLError", 400)
    assert gateway.store.bucket(bucket).acl == "private"


def test_a_changed_acl_holds_from_the_next_request(bucket, s3, anonymous):
    s3.put_object(Bucket=bucket, Key="key", Body=b"body")
    assert refusal(anonymous.get_object, Bucket=bucket, Key="key") == ("AccessDenied", 403)

    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    assert anonymous.get_object(Bucket=bucket, Key="key")["Body"].read() == b"body"

    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert refusal(anonymous.get_object, Bucket=bucket, Key="key") == ("AccessDenied", 403)


# --- what an ACL opens, through the server -------------------------------------------------------

READS = {
    "get_object": {"Key": "key"},
    "head_object": {"Key": "key"},
    "list_objects": {},
    "list_objects_v2": {},
    "head_bucket": {},
}
WRITES = {
    "put_object": {"Key": "key", "Body": b"new"},
    "delete_object": {"Key": "other"},
    "delete_objects": {"Delete": {"Objects": [{"Key": "other"}]}},
    "create_multipart_upload": {"Key": "key"},
}


@pytest.mark.parametrize("operation", [*READS, *WRITES])
@pytest.mark.parametrize("acl", ACLS)
def test_what_others_may_do_in_a_bucket(acl, operation, new_bucket, s3, stranger, anonymous):
    bucket = new_bucket(ACL=acl)
    s3.put_object(Bucket=bucket, Key="key", Body=b"body")
    open_to_all = acl == "public-read-write" or (acl == "public-read" and operation in READS)

    for client in (stranger, anonymous):
        call, options = getattr(client, operation), (READS | WRITES)[operation]
        if open_to_all:
            call(Bucket=bucket, **options)
        else:
            assert refusal(call, Bucket=bucket, **options)[1] == 403


def test_a_caller_who_may_not_list_learns_nothing_about_keys(bucket, s3, stranger, anonymous):
    s3.put_object(Bucket=bucket, Key="there", Body=b"")

    for client in (stranger, anonymous):
        there = refusal(client.get_object, Bucket=bucket, Key="there")
        missing = refusal(client.get_object, Bucket=bucket, Key="missing")
        assert there == missing == ("AccessDenied", 403)


def test_a_caller_who_may_list_is_told_a_key_is_missing(public_bucket, stranger, anonymous):
    for client in (stranger, anonymous):
        refused = refusal(client.get_object, Bucket=public_bucket, Key="missing")
        assert refused == ("NoSuchKey", 404)


# --- an object's own ACL -------------------------------------------------------------------------


@pytest.mark.parametrize("bucket_acl", ACLS)
@pytest.mark.parametrize("object_acl", ["private", "public-read"])
def test_an_object_may_be_more_or_less_open_than_its_bucket(
    object_acl, bucket_acl, new_bucket, s3, stranger, anonymous
):
    bucket = new_bucket(ACL=bucket_acl)
    s3.put_object(Bucket=bucket, Key="key", Body=b"body", ACL=object_acl)

    for client in (stranger, anonymous):
        if object_acl == "public-read":
            assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == b"body"
        else:
            refused = refusal(client.get_object, Bucket=bucket, Key="key")
            assert refused == ("AccessDenied", 403)
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"body"


@pytest.mark.parametrize("acl", ACLS)
def test_without_its_own_acl_an_object_shows_its_buckets(acl, new_bucket, s3, gateway):
    bucket = new_bucket(ACL=acl)
    s3.put_object(Bucket=bucket, Key="key", Body=b"")

    answer = s3.get_object_acl(Bucket=bucket, Key="key")
    assert answer["Owner"]["DisplayName"] == gateway.owner.key
    assert answer["Grants"] == expected_grants(acl, gateway.owner.key)


def test_an_object_shows_its_own_acl_and_its_writer(new_bucket, s3, stranger, gateway):
    bucket = new_bucket(ACL="public-read-write")
    stranger.put_object(Bucket=bucket, Key="key", Body=b"", ACL="public-read")

    to = {"Bucket": bucket, "Key": "key"}
    answer = stranger.get_object_acl(**to, VersionId="null")
    assert answer["Owner"]["DisplayName"] == gateway.stranger.key
    assert answer["Grants"] == expected_grants("public-read", gateway.stranger.key)
    assert refusal(s3.get_object_acl, **to) == ("AccessDenied", 403)


def test_there_is_only_the_null_version(bucket, s3):
    s3.put_object(Bucket=bucket, Key="key", Body=b"")

    refused = refusal(s3.get_object_acl, Bucket=bucket, Key="key", VersionId="abc")
    assert refused == ("InvalidArgument", 400)
