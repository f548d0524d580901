"""PutBucketPolicy and its sisters, and what a policy means to requests on the wire."""

import json
from io import BytesIO
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from gateway.policy.document import MAX_BYTES

DENIED = ("AccessDenied", 403)


def refusal(call, **arguments) -> tuple[str, int]:
    """Code and status of the error a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def statement(bucket: str, action, *paths: str, **said) -> dict:
    """Everybody may do ``action`` on the paths (``""``: the bucket itself, ``/*``: all objects)."""
    base = {"Effect": "Allow", "Principal": "*", "Action": action}
    return base | {"Resource": [f"arn:aws:s3:::{bucket}{path}" for path in paths]} | said


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def let(s3, bucket):
    """Gives the bucket a policy of these statements."""

    def put(*statements: dict, name: str = bucket) -> None:
        s3.put_bucket_policy(Bucket=name, Policy=document(*statements))

    return put


# --- the document --------------------------------------------------------------------------------


def test_a_policy_comes_back_byte_by_byte_until_it_is_dropped(bucket, s3):
    policy = " " + document(statement(bucket, "s3:GetObject", "/*")) + "\n"
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)

    answer = s3.put_bucket_policy(Bucket=bucket, Policy=policy, ConfirmRemoveSelfBucketAccess=True)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    answer = s3.get_bucket_policy(Bucket=bucket)
    assert answer["Policy"] == policy
    assert answer["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"

    for _ in range(2):
        s3.delete_bucket_policy(Bucket=bucket)
    assert refusal(s3.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("", "valid JSON"),
        ("<x/>", "valid JSON"),
        ("{}", "Missing required field Statement"),
        (document(statement("other", "s3:GetObject", "/*")), "Policy has invalid resource"),
        (document(statement("b", "s3:Nonsense", "/*", Resource="*")), "Policy has invalid action"),
        (
            document(statement("b", "s3:GetObject", "/*", Principal="x")),
            "Invalid principal in policy",
        ),
        (" " * (MAX_BYTES + 1), "maximum allowed document size"),
    ],
)
def test_what_is_no_policy_changes_nothing(bucket, s3, let, policy, message):
    let(statement(bucket, "s3:GetObject", "/*"))
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]

    with pytest.raises(ClientError, match=message) as refused:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert refused.value.response["Error"]["Code"] == "MalformedPolicy"
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == before


def test_a_body_beyond_all_measure_is_not_read(bucket, s3):
    code = refusal(s3.put_bucket_policy, Bucket=bucket, Policy=" " * 70_000)
    assert code == ("MaxMessageLengthExceeded", 400)


def test_only_the_owner_has_to_do_with_the_policy_even_where_it_allows_everything(
    bucket, s3, stranger, anonymous, let
):
    let(statement(bucket, "s3:*", "", "/*"))

    for other in (stranger, anonymous):
        policy = document(statement(bucket, "s3:GetObject", "/*"))
        assert refusal(other.put_bucket_policy, Bucket=bucket, Policy=policy) == DENIED
        assert refusal(other.get_bucket_policy, Bucket=bucket) == DENIED
        assert refusal(other.delete_bucket_policy, Bucket=bucket) == DENIED


def test_an_owner_who_shut_himself_out_gets_in_again(bucket, s3, let):
    let(statement(bucket, "s3:*", "", "/*", Effect="Deny"))

    assert refusal(s3.list_objects_v2, Bucket=bucket) == DENIED
    assert refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"") == DENIED
    assert refusal(s3.delete_bucket, Bucket=bucket) == DENIED
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize(
    ("principal", "public"), [("*", True), ({"AWS": "arn:aws:iam::1:root"}, False)]
)
def test_the_status_says_whether_it_is_public(bucket, s3, let, principal, public):
    def status() -> bool:
        return s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]

    assert status() is False
    let(statement(bucket, "s3:GetObject", "/*", Principal=principal))
    assert status() is public


# --- what it means -------------------------------------------------------------------------------


def test_everybody_reads_what_a_policy_opens_and_nothing_else(bucket, s3, anonymous, let):
    for key in ("public/a", "private/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"body")
    let(statement(bucket, "s3:GetObject", "/public/*"))

    assert anonymous.get_object(Bucket=bucket, Key="public/a")["Body"].read() == b"body"
    anonymous.head_object(Bucket=bucket, Key="public/a")
    for key in ("private/a", "public", "public/../private/a", "publi/a"):
        assert refusal(anonymous.get_object, Bucket=bucket, Key=key) == DENIED
    assert refusal(anonymous.list_objects_v2, Bucket=bucket) == DENIED
    assert refusal(anonymous.put_object, Bucket=bucket, Key="public/b", Body=b"") == DENIED
    assert refusal(anonymous.delete_object, Bucket=bucket, Key="public/a") == DENIED
    s3.get_object(Bucket=bucket, Key="private/a")


def test_a_key_is_the_same_however_it_is_spelled(bucket, s3, let, gateway):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"body")
    let(statement(bucket, "s3:GetObject", "/a/b"))

    for spelled in ("a/b", "a%2Fb", "%61/b"):
        with urlopen(f"{gateway.url}/{bucket}/{spelled}") as answer:
            assert answer.read() == b"body"


def test_one_key_is_let_in_and_another_is_not(bucket, s3, stranger, anonymous, gateway, let):
    arn = f"arn:aws:iam::123456789012:user/{gateway.stranger.key}"
    let(statement(bucket, ["s3:PutObject", "s3:ListBucket"], "", "/*", Principal={"AWS": arn}))

    stranger.put_object(Bucket=bucket, Key="a", Body=b"")
    assert stranger.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    stranger.head_bucket(Bucket=bucket)
    assert refusal(stranger.get_object, Bucket=bucket, Key="a") == DENIED
    assert refusal(anonymous.list_objects_v2, Bucket=bucket) == DENIED


def test_the_roles_of_a_seeds_policy_let_nobody_else_in(bucket, s3, stranger, let):
    role = {"AWS": "arn:aws:iam::YOUR-ACCOUNT:role/LlamaStackRole"}
    let(
        statement(bucket, ["s3:GetObject", "s3:PutObject"], "/*", Sid="A", Principal=role),
        statement(bucket, ["s3:ListBucket"], "", Sid="B", Principal=role),
    )

    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    assert refusal(stranger.get_object, Bucket=bucket, Key="a") == DENIED


def test_a_missing_key_is_told_only_to_who_may_list(bucket, s3, stranger, let):
    let(statement(bucket, "s3:GetObject", "/*"))
    assert refusal(stranger.get_object, Bucket=bucket, Key="none") == DENIED
    assert refusal(stranger.head_object, Bucket=bucket, Key="none") == ("403", 403)
    let(statement(bucket, ["s3:GetObjectAcl", "s3:GetObjectTagging"], "/*"))
    assert refusal(stranger.get_object_acl, Bucket=bucket, Key="none") == DENIED
    assert refusal(stranger.get_object_tagging, Bucket=bucket, Key="none") == DENIED

    let(statement(bucket, ["s3:GetObject", "s3:ListBucket"], "", "/*"))
    assert refusal(stranger.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refusal(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)


def test_keys_are_deleted_one_by_one_as_the_policy_says(bucket, s3, stranger, anonymous, let):
    keys = ["a", "p/a", "p/b", "z"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    let(
        statement(bucket, "s3:DeleteObject", "/*"),
        statement(bucket, "s3:DeleteObject", "/p/*", Effect="Deny"),
    )

    wanted = {"Objects": [{"Key": key} for key in keys]}
    for who in (stranger, s3):
        answer = who.delete_objects(Bucket=bucket, Delete=wanted)
        assert [each["Key"] for each in answer["Deleted"]] == ["a", "z"]
        assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [
            ("p/a", "AccessDenied"),
            ("p/b", "AccessDenied"),
        ]
    let(statement(bucket, "s3:GetObject", "/*"))
    assert refusal(anonymous.delete_objects, Bucket=bucket, Delete=wanted) == DENIED
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 2


def test_a_copy_needs_the_right_to_read_its_source(new_bucket, s3, stranger, let):
    source, target = new_bucket(), new_bucket()
    for key in ("public/a", "private/a"):
        s3.put_object(Bucket=source, Key=key, Body=b"body")
    let(statement(source, "s3:GetObject", "/public/*"), name=source)
    let(statement(target, "s3:PutObject", "/*"), name=target)

    stranger.copy_object(Bucket=target, Key="b", CopySource=f"{source}/public/a")
    for path in ("private/a", "public/../private/a", "public/none"):
        refused = refusal(
            stranger.copy_object, Bucket=target, Key="c", CopySource=f"{source}/{path}"
        )
        assert refused == DENIED
    let(
        statement(
            target,
            "s3:PutObject",
            "/*",
            Condition={"StringLike": {"s3:x-amz-copy-source": f"{source}/public/*"}},
        ),
        name=target,
    )
    stranger.copy_object(Bucket=target, Key="b", CopySource=f"/{source}/public/a")
    assert refusal(stranger.put_object, Bucket=target, Key="b", Body=b"") == DENIED


def test_the_right_to_put_is_not_the_right_to_tag_or_to_set_acls(bucket, s3, stranger, let):
    let(statement(bucket, "s3:PutObject", "/*"))

    put = {"Bucket": bucket, "Key": "a"}
    stranger.put_object(**put, Body=b"")
    assert refusal(stranger.put_object, **put, Body=b"", Tagging="a=b") == DENIED
    assert refusal(stranger.put_object, **put, Body=b"", ACL="public-read") == DENIED
    assert refusal(stranger.create_multipart_upload, **put, Tagging="a=b") == DENIED

    let(statement(bucket, ["s3:PutObject", "s3:PutObjectTagging"], "/*"))
    stranger.put_object(**put, Body=b"", Tagging="a=b")
    assert s3.get_object_tagging(**put)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_tags_decide_who_reads(bucket, s3, stranger, let):
    for key, level in (("a", "public"), ("b", "secret")):
        s3.put_object(Bucket=bucket, Key=key, Body=b"", Tagging=f"Level={level}")
    tagged = {"StringEquals": {"s3:ExistingObjectTag/Level": "public"}}
    let(statement(bucket, ["s3:GetObject", "s3:GetObjectTagging"], "/*", Condition=tagged))

    for read in (stranger.get_object, stranger.get_object_tagging):
        read(Bucket=bucket, Key="a")
        assert refusal(read, Bucket=bucket, Key="b") == DENIED
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": []})
    assert refusal(stranger.get_object, Bucket=bucket, Key="a") == DENIED


def test_tags_that_a_body_would_set_are_judged(bucket, s3, stranger, let):
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    wanted = {"StringEquals": {"s3:RequestObjectTag/Level": "public"}}
    only = {"ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["Level"]}}
    let(statement(bucket, "s3:PutObjectTagging", "/*", Condition=wanted | only))

    def tag(**tags: str) -> dict:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        return {"Bucket": bucket, "Key": "a", "Tagging": {"TagSet": listed}}

    stranger.put_object_tagging(**tag(Level="public"))
    assert refusal(stranger.put_object_tagging, **tag(Level="secret")) == DENIED
    assert refusal(stranger.put_object_tagging, **tag(Level="public", X="")) == DENIED
    let(statement(bucket, "s3:PutObjectTagging", "/*", Effect="Deny", Condition=wanted))
    assert refusal(s3.put_object_tagging, **tag(Level="public")) == DENIED
    s3.put_object_tagging(**tag(Level="secret"))


@pytest.mark.parametrize(
    ("header", "value"),
    [("X-Forwarded-For", "10.1.1.1"), ("X-Real-Ip", "10.1.1.1"), ("aws:SourceIp", "10.1.1.1")],
)
def test_a_header_does_not_change_where_a_request_comes_from(
    bucket, s3, let, gateway, header, value
):
    s3.put_object(Bucket=bucket, Key="a", Body=b"body")
    read = statement(bucket, "s3:GetObject", "/*")
    let(read | {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
    asked = f"GET /{bucket}/a HTTP/1.1\r\nHost: localhost\r\n{header}: {value}\r\n\r\n".encode()

    assert b" 403 " in gateway.raw(asked).partition(b"\r\n")[0]
    let(read | {"Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
    assert b" 200 " in gateway.raw(asked).partition(b"\r\n")[0]


def test_a_home_is_the_callers_own(bucket, stranger, gateway, let):
    let(statement(bucket, "s3:PutObject", "/home/${aws:username}/*"))

    name = gateway.stranger.key
    stranger.put_object(Bucket=bucket, Key=f"home/{name}/a", Body=b"")
    for other in (f"{name}a", name[:-1], "*", ""):
        refused = refusal(stranger.put_object, Bucket=bucket, Key=f"home/{other}/a", Body=b"")
        assert refused == DENIED


def test_a_prefix_decides_what_is_listed(bucket, stranger, let):
    mine = {"StringEquals": {"s3:prefix": ["", "mine/"]}, "Bool": {"aws:SecureTransport": "false"}}
    let(statement(bucket, "s3:ListBucket", "", Condition=mine))

    stranger.list_objects_v2(Bucket=bucket, Prefix="mine/")
    stranger.list_objects(Bucket=bucket, Prefix="")
    assert refusal(stranger.list_objects_v2, Bucket=bucket, Prefix="mine/x") == DENIED
    assert refusal(stranger.list_objects_v2, Bucket=bucket) == DENIED
    assert refusal(stranger.list_object_versions, Bucket=bucket, Prefix="mine/") == DENIED


def test_multipart_goes_by_the_policy(bucket, s3, stranger, let):
    let(statement(bucket, "s3:PutObject", ""))
    assert refusal(stranger.create_multipart_upload, Bucket=bucket, Key="a") == DENIED

    let(statement(bucket, "s3:PutObject", "/a"))
    upload = stranger.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    at = {"Bucket": bucket, "Key": "a", "UploadId": upload}
    part = stranger.upload_part(**at, PartNumber=1, Body=BytesIO(b"part"))
    assert refusal(stranger.list_parts, **at) == DENIED
    assert refusal(stranger.abort_multipart_upload, **at) == DENIED
    assert refusal(stranger.list_multipart_uploads, Bucket=bucket) == DENIED
    parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
    stranger.complete_multipart_upload(**at, MultipartUpload={"Parts": parts})
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"part"
