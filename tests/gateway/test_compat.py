"""compat = aws and rgw through the server: the same calls to both, and what each answers."""

import re

import pytest
import urllib3
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from tests.gateway.conftest import running

BODY = b"0123456789"
PART = b"x" * (5 << 20)


@pytest.fixture(scope="module", params=["aws", "rgw"])
def both(request, tmp_path_factory):
    """A gateway with each value of the setting, and what to expect of it."""
    with running(tmp_path_factory.mktemp("compat"), compat=request.param) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def s3(both):
    client = both.client(both.owner)
    client.create_bucket(Bucket="compat")
    client.put_object(Bucket="compat", Key="k", Body=BODY)
    return client


@pytest.fixture
def answers(both):
    """Picks the expected answer of the gateway under test."""
    return lambda aws, rgw: {"aws": aws, "rgw": rgw}[both.config.compat]


def refusal(call, **asked):
    with pytest.raises(ClientError) as caught:
        call(**asked)
    error = caught.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]


@pytest.fixture
def upload(s3):
    """Creates an upload with one part; what names it, and the lines of Complete."""

    def begin(**asked):
        made = s3.create_multipart_upload(Bucket="compat", Key="multi", **asked)
        named = {"Bucket": "compat", "Key": "multi", "UploadId": made["UploadId"]}
        options = {"ChecksumAlgorithm": asked["ChecksumAlgorithm"]} if asked else {}
        part = s3.upload_part(**named, PartNumber=1, Body=PART, **options)
        return named, {"PartNumber": 1, "ETag": part["ETag"]}

    return begin


def test_a_part_that_is_not_there(s3, answers):
    asked = {"Bucket": "compat", "Key": "k", "PartNumber": 2}
    expected = answers((416, "InvalidPartNumber"), (400, "InvalidPart"))
    assert refusal(s3.get_object, **asked) == expected


def test_the_own_bucket_again(s3, answers):
    s3.create_bucket(Bucket="compat")
    expected = answers("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
    assert refusal(s3.create_bucket, Bucket="compat", ACL="public-read") == (409, expected)


@pytest.mark.parametrize("seconds", ["-7", "609901"])
def test_a_time_of_validity_that_cannot_be(both, s3, answers, seconds):
    client = both.client(both.owner, config=ClientConfig(signature_version="s3v4"))
    url = client.generate_presigned_url("get_object", {"Bucket": "compat", "Key": "k"})
    target = re.sub("X-Amz-Expires=[0-9]+", f"X-Amz-Expires={seconds}", url.removeprefix(both.url))
    host = f"{both.host}:{both.port}"
    answer = both.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    status, code = answers((400, "AuthorizationQueryParametersError"), (403, "AccessDenied"))
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"<Code>{code}</Code>".encode() in answer


def test_a_condition_on_what_is_not_there(s3, answers):
    asked = {"Bucket": "compat", "Key": "absent", "IfMatch": "*"}
    if answers(True, False):
        assert refusal(s3.delete_object, **asked) == (404, "NoSuchKey")
    else:
        assert s3.delete_object(**asked)["ResponseMetadata"]["HTTPStatusCode"] == 204
    wanted = {"Objects": [{"Key": "absent", "ETag": '"other"'}]}
    answer = s3.delete_objects(Bucket="compat", Delete=wanted)
    assert answers("Errors", "Deleted") in answer


def test_eleven_tags(s3, answers):
    tags = {"TagSet": [{"Key": str(number), "Value": ""} for number in range(11)]}
    expected = (400, answers("BadRequest", "InvalidTag"))
    asked = {"Bucket": "compat", "Key": "k"}
    assert refusal(s3.put_object_tagging, **asked, Tagging=tags) == expected
    header = "&".join(str(number) for number in range(11))
    assert refusal(s3.put_object, **asked, Tagging=header) == expected


def test_the_order_of_tags(s3, answers):
    s3.put_object(Bucket="compat", Key="tagged", Tagging="foo=bar&bar")
    shown = s3.get_object_tagging(Bucket="compat", Key="tagged")["TagSet"]
    assert [tag["Key"] for tag in shown] == answers(["foo", "bar"], ["bar", "foo"])


def test_a_checksum_that_cannot_be_one(s3, answers):
    asked = {"Bucket": "compat", "Key": "sum", "Body": BODY, "ChecksumSHA256": "bad"}
    assert refusal(s3.put_object, **asked) == (400, answers("InvalidRequest", "BadDigest"))


def test_parts_named_without_their_checksums(s3, answers, upload):
    named, line = upload(ChecksumAlgorithm="SHA256")
    asked = named | {"MultipartUpload": {"Parts": [line]}}
    if answers(True, False):
        assert refusal(s3.complete_multipart_upload, **asked) == (400, "InvalidRequest")
    else:
        assert s3.complete_multipart_upload(**asked)["ChecksumSHA256"].endswith("-1")


def test_a_part_named_twice(s3, answers, upload):
    named, line = upload()
    twice = {"Parts": [line | {"ETag": '"older"'}, line]}
    if answers(True, False):
        expected = (400, "InvalidPartOrder")
        assert refusal(s3.complete_multipart_upload, **named, MultipartUpload=twice) == expected
    else:
        s3.complete_multipart_upload(**named, MultipartUpload=twice)
        assert s3.get_object(Bucket="compat", Key="multi")["Body"].read() == PART


def test_parts_without_checksums_of_their_own(s3, answers, upload):
    named, line = upload()
    s3.complete_multipart_upload(**named, MultipartUpload={"Parts": [line]})
    asked = {"Bucket": "compat", "Key": "multi", "ObjectAttributes": ["ObjectParts"]}
    parts = s3.get_object_attributes(**asked)["ObjectParts"]
    assert parts["TotalPartsCount"] == 1
    assert [part["Size"] for part in parts.get("Parts", [])] == answers([], [len(PART)])


def test_a_range_beyond_the_source_of_a_copy(s3, answers, upload):
    named, _ = upload()
    asked = named | {"PartNumber": 2, "CopySource": "compat/k", "CopySourceRange": "bytes=0-10"}
    expected = answers((400, "InvalidArgument"), (416, "InvalidRange"))
    assert refusal(s3.upload_part_copy, **asked) == expected


def test_the_prefix_of_a_listing(s3, answers):
    asked = {"Bucket": "compat", "EncodingType": "url"}
    assert s3.list_objects(**asked, Prefix="a\nb")["Prefix"] == answers("a%0Ab", "a\nb")
    assert s3.list_objects(**asked, Prefix="a\x01b")["Prefix"] == "a%01b"  # no XML can hold it
    assert s3.list_objects_v2(Bucket="compat", Prefix="a\nb")["Prefix"] == "a\nb"


def test_what_head_says_of_what_is_not_there(s3, answers):
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket="compat", Key="absent")
    said = caught.value.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-delete-marker")
    assert said == answers(None, "false")


def test_whose_buckets_nobody_has(both, answers):
    anonymous = both.client(None)
    if answers(True, False):
        assert refusal(anonymous.list_buckets) == (403, "AccessDenied")
    else:
        assert anonymous.list_buckets()["Buckets"] == []
    assert refusal(anonymous.create_bucket, Bucket="mine")[0] == 403


def test_both_say_who_an_owner_is(s3):
    assert s3.list_buckets()["Owner"]["DisplayName"]


@pytest.mark.parametrize("acl", ["public-read", "authenticated-read"])
def test_in_which_order_an_acl_is_shown(acl, s3, answers):
    s3.put_object(Bucket="compat", Key="open", ACL=acl)
    s3.put_bucket_acl(Bucket="compat", ACL=acl)
    for shown in (
        s3.get_object_acl(Bucket="compat", Key="open"),
        s3.get_bucket_acl(Bucket="compat"),
    ):
        types = [grant["Grantee"]["Type"] for grant in shown["Grants"]]
        assert types == answers(["CanonicalUser", "Group"], ["Group", "CanonicalUser"])
    s3.put_bucket_acl(Bucket="compat", ACL="private")


def test_whether_an_acl_makes_a_bucket_public(s3, answers):
    def status() -> bool:
        return s3.get_bucket_policy_status(Bucket="compat")["PolicyStatus"]["IsPublic"]

    block = {"IgnorePublicAcls": True}
    for acl in ("public-read", "authenticated-read"):
        s3.put_bucket_acl(Bucket="compat", ACL=acl)
        assert status() is answers(False, True)
        s3.put_public_access_block(Bucket="compat", PublicAccessBlockConfiguration=block)
        assert status() is False
        s3.delete_public_access_block(Bucket="compat")
    s3.put_bucket_acl(Bucket="compat", ACL="private")
    assert status() is False


def test_what_a_read_with_another_customers_key_is(s3, answers):
    whose = {"Bucket": "compat", "Key": "mine", "SSECustomerAlgorithm": "AES256"}
    s3.put_object(**whose, SSECustomerKey="k" * 32)
    expected = answers((403, "AccessDenied"), (400, "InvalidRequest"))

    assert refusal(s3.get_object, **whose, SSECustomerKey="w" * 32) == expected


def test_which_kms_key_is_meant_by_none(both, s3):
    asked = {"Bucket": "compat", "Key": "kms", "ServerSideEncryption": "aws:kms"}
    if both.config.compat == "rgw":
        assert refusal(s3.put_object, **asked) == (400, "InvalidArgument")
    else:
        assert s3.put_object(**asked)["SSEKMSKeyId"] == "aws/s3"


def test_whether_a_form_may_lack_a_field_that_may_be_anything(both, s3, answers):
    form = s3.generate_presigned_post(
        "compat", "form", Conditions=[["starts-with", "$x-amz-server-side-encryption", ""]]
    )
    sent = urllib3.request("POST", form["url"], fields={**form["fields"], "file": ("f", b"x")})

    assert sent.status == answers(403, 204)


@pytest.mark.parametrize("period", [{"Days": 0}, {"Years": -1}])
def test_what_a_period_that_is_none_is_called(s3, answers, period):
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", **period}}
    asked = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    expected = (400, answers("InvalidArgument", "InvalidRetentionPeriod"))

    call = s3.put_object_lock_configuration
    assert refusal(call, Bucket="compat", ObjectLockConfiguration=asked) == expected
