"""``Authorization: AWS id:signature``, as clients from before version 4 send it."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from gateway.auth import sigv2
from gateway.auth.claim import MAX_SKEW
from gateway.errors import BadDigest, S3Error
from tests.gateway.auth.signed import (
    DISABLED,
    KEY,
    NOW,
    SECRET,
    check,
    request,
    resend,
    sign,
    sign_v2,
)

HOST = {"host": "gw.test:9000"}


def refusal(asked, now=NOW, **settings) -> S3Error:
    with pytest.raises(S3Error) as refused:
        check(asked, now, **settings)
    return refused.value


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ("GET", "http://gw.test:9000/b/k", {}),
        ("GET", "http://gw.test:9000/b?acl", {}),
        ("GET", "http://gw.test:9000/b?prefix=a%2Fb&versions", {}),
        ("PUT", "http://gw.test:9000/b/a%20b?partNumber=2&uploadId=u%2B", {}),
        ("PUT", "http://gw.test:9000/b/k", {"x-amz-acl": "private", "x-amz-meta-a": " b  c "}),
        (
            "PUT",
            "http://gw.test:9000/b/k",
            {"Content-Type": "text/plain", "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
        ),
        ("GET", "http://gw.test:9000/b/k?response-content-type=text%2Fhtml", {}),
    ],
)
def test_what_botocore_signs_is_verified(method, url, headers):
    assert check(resend(sign_v2(method, url, headers))).caller.id == KEY


def test_a_bucket_is_signed_with_or_without_a_slash_at_its_end():
    for signed_path, query in (("/b/", "?acl"), ("/b/", ""), ("/b", "?acl")):
        aws = sign_v2("PUT", f"http://gw.test:9000/b{query}", auth_path=signed_path)
        assert check(resend(aws)).caller.id == KEY

    for signed_path, path in (("/b/k/", "/b/k"), ("//", "/"), ("/b", "/b/")):
        aws = sign_v2("PUT", f"http://gw.test:9000{path}", auth_path=signed_path)
        assert refusal(resend(aws)).code == "SignatureDoesNotMatch"


def test_it_can_be_switched_off():
    refused = refusal(resend(sign_v2()), sigv2=False)

    assert (refused.code, refused.status) == ("InvalidRequest", 400)


@pytest.mark.parametrize(
    "change",
    [
        {"x-amz-acl": "public-read"},
        {"content-type": "text/html"},
        {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="},
        {"date": "Fri, 24 May 2013 00:00:01 GMT"},
        {"x-amz-date": "Fri, 24 May 2013 00:00:00 GMT"},
        {"authorization": f"AWS {KEY}:AAAA"},
        {"authorization": f"AWS {KEY}:"},
    ],
)
def test_what_was_changed_on_the_way_breaks_the_signature(change):
    asked = resend(sign_v2("PUT"), lambda sent: sent.update(change))

    assert refusal(asked).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("parameter", ["acl", "uploads", "versionId=1", "partNumber=1"])
def test_an_added_subresource_breaks_the_signature(parameter):
    headers = {**dict(sign_v2().headers.items()), **HOST}

    assert refusal(request("GET", f"/b/k?{parameter}", headers)).code == "SignatureDoesNotMatch"


def test_a_subresource_no_client_signs_is_refused():
    aws = sign_v2(url="http://gw.test:9000/b/k?retention")

    assert refusal(resend(aws)).code == "AccessDenied"


@pytest.mark.parametrize("key", ["NOBODY", DISABLED, "", "a:b", "\xfc"])
def test_an_unknown_or_disabled_key_is_refused(key):
    asked = resend(sign_v2(), lambda sent: sent.update({"authorization": f"AWS {key}:c2ln"}))

    assert refusal(asked).code == "InvalidAccessKeyId"


@pytest.mark.parametrize("sign_of", [1, -1])
def test_the_clocks_may_differ_by_a_quarter_of_an_hour(sign_of):
    asked = resend(sign_v2())

    assert check(asked, NOW + sign_of * MAX_SKEW).caller.id == KEY
    late = NOW + sign_of * (MAX_SKEW + timedelta(seconds=1))
    assert refusal(asked, late).code == "RequestTimeTooSkewed"


@pytest.mark.parametrize(
    ("name", "date", "code"),
    [
        ("date", None, "AccessDenied"),
        ("date", "", "AccessDenied"),
        ("date", "Bad Date", "AccessDenied"),
        ("date", "Tue, 07 Jul 1950 21:53:04 GMT", "AccessDenied"),
        ("date", "Tue, 07 Jul 2010 21:53:04 GMT", "RequestTimeTooSkewed"),
        ("date", "Tue, 07 Jul 9999 21:53:04 GMT", "RequestTimeTooSkewed"),
        ("x-amz-date", "", "AccessDenied"),
        ("x-amz-date", "Bad Date", "AccessDenied"),
    ],
)
def test_a_date_that_is_none_or_far_away_is_refused(name, date, code):
    def change(sent):
        sent.pop(name, None)
        if date is not None:
            sent[name] = date

    assert refusal(resend(sign_v2(), change)).code == code


@pytest.mark.parametrize("date", ["Fri, 24 May 2013 00:00:00 GMT", "20130524T000000Z"])
def test_x_amz_date_counts_before_date_whose_line_is_then_empty(date):
    # By hand: botocore signs the Date as well, which AWS's page says not to.
    signature = sigv2.signature(SECRET, f"GET\n\n\n\nx-amz-date:{date}\n/b/k".encode())
    sent = {
        **HOST,
        "x-amz-date": date,
        "date": "Tue, 07 Jul 2010 21:53:04 GMT",
        "authorization": f"AWS {KEY}:{signature}",
    }

    assert check(request("GET", "/b/k", sent)).caller.id == KEY


def test_the_example_of_aws():
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html (Object GET)
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    message = b"GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg"

    assert sigv2.signature(secret, message) == "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="


def test_a_bucket_in_the_host_is_part_of_what_is_signed():
    aws = sign_v2(url="http://bucket.gw.test:9000/k", auth_path="/bucket/k")
    target = urlsplit(aws.url).path
    sent = dict(aws.headers.items())

    asked = request("GET", target, {**sent, "host": "bucket.gw.test:9000"}, bucket="bucket")
    assert check(asked).caller.id == KEY
    other = request("GET", target, {**sent, "host": "other.gw.test:9000"}, bucket="other")
    assert refusal(other).code == "SignatureDoesNotMatch"


def test_two_signatures_are_one_too_many():
    v2, v4 = sign_v2().headers["Authorization"], sign().headers["Authorization"]
    both = [("host", HOST["host"]), ("authorization", v2), ("authorization", v4)]

    assert refusal(request("GET", "/b/k", both)).code == "InvalidArgument"


def test_the_body_is_not_signed_but_its_md5_is_believed():
    headers = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==", "Content-Length": "1"}
    verified = check(resend(sign_v2("PUT", headers=headers), None, b"x"))

    with pytest.raises(BadDigest):
        asyncio.run(verified.body.read(100))


def test_the_signature_is_not_in_logs():
    asked = resend(sign_v2(), lambda sent: sent.update({"authorization": f"AWS {KEY}:AAAA"}))

    assert "AAAA" not in repr(sigv2.read(asked, NOW))
