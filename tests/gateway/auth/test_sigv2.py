"""Presigned URLs of version 2, boto3's default in us-east-1."""

from datetime import timedelta
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.auth import HmacV1Auth

from gateway.auth import sigv2
from gateway.errors import S3Error
from tests.gateway.auth.signed import KEY, NOW, check, presign_v2, request, resend

HOST = {"host": "gw.test:9000"}


def refusal(asked, now=NOW, **settings) -> S3Error:
    with pytest.raises(S3Error) as refused:
        check(asked, now, **settings)
    return refused.value


def added(parameters, method="GET", url="http://gw.test:9000/b/k"):
    """A signed URL to which somebody added parameters."""
    split = urlsplit(presign_v2(method, url).url)
    return request(method, f"{split.path}?{split.query}&{parameters}", HOST)


def test_it_can_be_switched_off():
    refused = refusal(resend(presign_v2()), sigv2=False)

    assert (refused.code, refused.status) == ("InvalidRequest", 400)
    assert refused.text.endswith("Please use AWS4-HMAC-SHA256.")


def test_a_url_is_good_until_its_last_second_and_not_after():
    asked = resend(presign_v2(expires=60))

    assert check(asked, NOW + timedelta(seconds=60)).caller.id == KEY
    refused = refusal(asked, NOW + timedelta(seconds=61))
    assert (refused.code, refused.text) == ("AccessDenied", "Request has expired")
    assert refused.extras["Expires"] == "2013-05-24T00:01:00Z"


@pytest.mark.parametrize("name", ["AWSAccessKeyId", "Signature", "Expires"])
@pytest.mark.parametrize("times", [0, 2])
def test_each_parameter_comes_exactly_once(name, times):
    raw = resend(presign_v2()).query.raw
    pairs = [pair for pair in raw if pair[0] != name]
    pairs += [pair for pair in raw if pair[0] == name] * times
    query = "&".join(f"{n}={v}" for n, v in pairs)

    assert refusal(request("GET", f"/b/k?{query}", HOST)).code == "AccessDenied"


@pytest.mark.parametrize("expires", ["soon", "-1", "1e9", "9" * 40, "%D9%A3"])
def test_an_expiry_is_in_seconds_since_the_epoch(expires):
    pairs = [pair for pair in resend(presign_v2()).query.raw if pair[0] != "Expires"]
    query = "&".join(f"{n}={v}" for n, v in [*pairs, ("Expires", expires)])

    assert refusal(request("GET", f"/b/k?{query}", HOST)).code == "AccessDenied"


def test_an_unknown_key_is_refused():
    asked = resend(presign_v2())
    query = "&".join(f"{n}={v}" for n, v in asked.query.raw).replace(KEY, "AKIANOBODY")

    assert refusal(request("GET", f"/b/k?{query}", HOST)).code == "InvalidAccessKeyId"


@pytest.mark.parametrize(
    "parameter",
    ["acl", "%61cl", "versionId=1", "response-content-type=text%2Fhtml", "uploads", "partNumber=2"],
)
def test_an_added_subresource_breaks_the_signature(parameter):
    assert refusal(added(parameter)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("parameter", ["attributes", "retention", "r%65tention", "encryption"])
def test_a_subresource_no_client_signs_is_refused(parameter):
    refused = refusal(added(parameter))

    assert (refused.code, refused.status) == ("AccessDenied", 403)


@pytest.mark.parametrize("parameter", ["x-id=GetObject", "list-type=2", "prefix=a%2Fb", "foo"])
def test_parameters_that_choose_no_operation_need_no_signature(parameter):
    assert check(added(parameter)).caller.id == KEY


def test_every_subresource_of_the_model_is_signed_or_refused():
    model = botocore.session.get_session().get_service_model("s3")
    uris = [model.operation_model(name).http["requestUri"] for name in model.operation_names]
    named = {
        pair.partition("=")[0] for uri in uris for pair in uri.partition("?")[2].split("&") if pair
    }

    # list-type tells two listings of one and the same permission apart.
    known = sigv2.SIGNED_SUBRESOURCES | sigv2.UNSIGNED_SUBRESOURCES | {"list-type"}
    assert named - known == set()


def test_the_signed_subresources_are_those_of_botocore():
    assert set(HmacV1Auth.QSAOfInterest) == sigv2.SIGNED_SUBRESOURCES


def test_a_bucket_in_the_host_is_part_of_what_is_signed():
    aws = presign_v2(
        url="http://bucket.gw.test:9000/a%20key?versionId=null", auth_path="/bucket/a%20key"
    )
    split = urlsplit(aws.url)
    target = f"{split.path}?{split.query}"
    head = {"host": "bucket.gw.test:9000"}

    assert check(request("GET", target, head, bucket="bucket")).caller.id == KEY
    other = request("GET", target, {"host": "other.gw.test:9000"}, bucket="other")
    assert refusal(other).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("sends", [True, False])
def test_signed_metadata_and_type_may_be_sent_or_stay_in_the_url(sends):
    said = {"x-amz-meta-a": "b c", "content-type": "text/plain", "x-amz-acl": "private"}
    aws = presign_v2("PUT", headers=said)
    split = urlsplit(aws.url)
    head = {**HOST, **(said if sends else {})}

    assert check(request("PUT", f"{split.path}?{split.query}", head)).caller.id == KEY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("content-type", "text/html"),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-amz-acl", "public-read"),
    ],
)
def test_headers_that_version_2_signs_may_not_change(name, value):
    aws = presign_v2("PUT", headers={"content-type": "text/plain", "x-amz-acl": "private"})
    split = urlsplit(aws.url)

    asked = request("PUT", f"{split.path}?{split.query}", {**HOST, name: value})
    assert refusal(asked).code == "SignatureDoesNotMatch"


def test_signed_chunks_cannot_be_verified_without_version_4():
    aws = presign_v2("PUT", headers={"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"})

    asked = resend(aws)
    assert refusal(asked).code == "InvalidRequest"
