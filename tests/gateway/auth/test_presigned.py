"""Presigned URLs of version 4: parameters, window, payload."""

from datetime import timedelta

import pytest

from gateway.auth import canonical
from gateway.errors import S3Error
from tests.gateway.auth.signed import EMPTY, KEY, NOW, SECRET, check, presign, request, resend

HOST = {"host": "gw.test:9000"}


def refusal(asked, now=NOW) -> S3Error:
    with pytest.raises(S3Error) as refused:
        check(asked, now)
    return refused.value


def altered(name, *values, **headers):
    """A presigned GET whose parameter has other values (none: it is missing)."""
    pairs = [pair for pair in resend(presign()).query.raw if pair[0] != name]
    query = "&".join(f"{n}={v}" for n, v in [*pairs, *((name, value) for value in values)])
    return request("GET", f"/b/k?{query}", {**HOST, **headers})


NAMES = ["Algorithm", "Credential", "Signature", "Date", "SignedHeaders", "Expires"]


@pytest.mark.parametrize("name", NAMES)
def test_each_parameter_is_required(name):
    refused = refusal(altered(f"X-Amz-{name}"))

    assert (refused.code, refused.status) == ("AuthorizationQueryParametersError", 400)


@pytest.mark.parametrize("name", NAMES)
def test_no_parameter_may_come_twice(name):
    value = dict(resend(presign()).query.raw)[f"X-Amz-{name}"]

    assert check(altered(f"X-Amz-{name}", value)).caller.id == KEY
    refused = refusal(altered(f"X-Amz-{name}", value, value))
    assert refused.code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    ("expires", "words"),
    [
        ("-1", "non-negative"),
        ("604801", "less than a week"),
        ("999999999999", "less than a week"),
        ("abc", "should be a number"),
        ("1e3", "should be a number"),
        ("", "should be a number"),
        ("%D9%A3", "should be a number"),
    ],
)
def test_a_lifetime_is_a_number_of_seconds_up_to_a_week(expires, words):
    refused = refusal(altered("X-Amz-Expires", expires))

    assert refused.code == "AuthorizationQueryParametersError"
    assert words in refused.text


@pytest.mark.parametrize("expires", [1, 3600, 604_800])
def test_a_url_is_good_until_its_last_second_and_not_after(expires):
    asked = resend(presign(expires=expires))

    assert check(asked, NOW + timedelta(seconds=expires)).caller.id == KEY
    refused = refusal(asked, NOW + timedelta(seconds=expires + 1))
    assert (refused.code, refused.status) == ("AccessDenied", 403)
    assert refused.text == "Request has expired"
    assert list(refused.extras) == ["X-Amz-Expires", "Expires", "ServerTime"]
    assert refused.extras["X-Amz-Expires"] == str(expires)


def test_a_url_for_zero_seconds_is_always_expired():
    assert refusal(resend(presign(expires=0))).text == "Request has expired"


def test_a_url_from_the_future_is_not_valid_yet():
    asked = resend(presign())

    assert check(asked, NOW - timedelta(minutes=15)).caller.id == KEY
    refused = refusal(asked, NOW - timedelta(minutes=16))
    assert (refused.code, refused.text) == ("AccessDenied", "Request is not valid yet")


def test_a_url_that_ends_after_the_last_year_is_not_valid_yet():
    day, last = f"{NOW:%Y%m%d}", "99991231T235959Z"
    aws = presign(expires=604_800)
    aws.url = aws.url.replace(f"{NOW:%Y%m%dT%H%M%SZ}", last).replace(
        f"%2F{day}%2F", "%2F99991231%2F"
    )
    refused = refusal(resend(aws))

    assert (refused.code, refused.text) == ("AccessDenied", "Request is not valid yet")
    assert refused.extras["Expires"] == "9999-12-31T23:59:59Z"


@pytest.mark.parametrize("date", ["", "20130524", "2013-05-24T00:00:00Z", "20130532T000000Z"])
def test_a_date_has_one_form(date):
    assert refusal(altered("X-Amz-Date", date)).code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize(
    "credential",
    [
        KEY,
        f"{KEY}%2F20130525%2Fus-east-1%2Fs3%2Faws4_request",
        f"{KEY}%2F20130524%2Fus-east-1%2Fsts%2Faws4_request",
        f"{KEY}%2F20130524%2Fus-east-1%2Fs3%2Faws4",
    ],
)
def test_a_credential_that_is_not_for_us_is_refused(credential):
    refused = refusal(altered("X-Amz-Credential", credential))

    assert refused.code == "AuthorizationQueryParametersError"


def test_a_region_that_no_signature_can_hold_is_refused():
    asked = altered("X-Amz-Credential", f"{KEY}/20130524/us-%D9%A3-1/s3/aws4_request")

    assert refusal(asked).code == "AuthorizationQueryParametersError"


def test_parameters_added_to_a_signed_url_break_it():
    asked = resend(presign())
    query = "&".join(f"{name}={value}" for name, value in asked.query.raw)

    refused = refusal(request("GET", f"/b/k?{query}&response-content-type=text%2Fhtml", HOST))
    assert refused.code == "SignatureDoesNotMatch"


def test_the_payload_is_unsigned_unless_something_else_is_said():
    assert check(resend(presign("PUT"))).body.digests == frozenset()


@pytest.mark.parametrize("in_url", [True, False])
async def test_a_payload_hash_that_was_signed_is_obeyed(in_url):
    target = "/b/k"
    pairs = [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", f"{KEY}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"),
        ("X-Amz-Date", "20130524T000000Z"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host"),
    ]
    head = dict(HOST)
    if in_url:
        pairs.append(("X-Amz-Content-Sha256", EMPTY))
    else:
        head["x-amz-content-sha256"] = EMPTY
    text = canonical.canonical_request(
        "PUT", target, canonical.canonical_query(pairs), head, ["host"], EMPTY
    )
    key = canonical.signing_key(KEY, SECRET, "20130524", "us-east-1")
    message = canonical.string_to_sign(
        "20130524T000000Z", "20130524/us-east-1/s3/aws4_request", text
    )
    pairs.append(("X-Amz-Signature", key.sign(message)))
    query = "&".join(f"{name}={value}" for name, value in pairs)

    verified = check(request("PUT", f"{target}?{query}", head, b"tampered"))
    with pytest.raises(S3Error) as refused:
        await verified.body.read(100)
    assert refused.value.code == "XAmzContentSHA256Mismatch"


def test_a_payload_hash_nobody_signed_breaks_the_signature():
    assert refusal(altered("x-id", "", **{"x-amz-content-sha256": EMPTY})).status == 403


def test_two_payload_hashes_that_differ_are_refused():
    asked = altered("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD", **{"x-amz-content-sha256": EMPTY})

    assert refusal(asked).code == "InvalidRequest"


async def test_a_checksum_in_the_query_is_that_of_the_empty_body_and_ignored():
    # aws-sdk-js puts the CRC32 of the body it had when presigning, none, into the URL.
    url = (
        "http://gw.test:9000/b/k?x-amz-checksum-crc32=AAAAAA%3D%3D"
        "&x-amz-sdk-checksum-algorithm=CRC32&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"
    )
    verified = check(resend(presign("PUT", url), None, b"the real body"))

    assert verified.body.checksum_algorithm is None
    assert await verified.body.read(100) == b"the real body"
