"""The Authorization header, field by field."""

import pytest

from gateway.errors import S3Error
from tests.gateway.auth.signed import KEY, NOW, check, request, resend, sign


def refusal(asked, now=NOW) -> S3Error:
    with pytest.raises(S3Error) as refused:
        check(asked, now)
    return refused.value


def with_header(name, value):
    return resend(sign(), lambda headers: headers.update({name: value}))


def with_credential(credential):
    def replaced(headers):
        scheme, _, rest = headers["authorization"].partition(" Credential=")
        headers["authorization"] = f"{scheme} Credential={credential},{rest.partition(',')[2]}"

    return resend(sign(), replaced)


@pytest.mark.parametrize(
    ("credential", "words"),
    [
        ("", "the Credential is mal-formed"),
        (KEY, "the Credential is mal-formed"),
        ("/20130524/us-east-1/s3/aws4_request", "the Credential is mal-formed"),
        (f"{KEY}/2013/us-east-1/s3/aws4_request", 'incorrect date format "2013"'),
        (f"{KEY}/20130523/us-east-1/s3/aws4_request", 'Invalid credential date "20130523"'),
        (f"{KEY}/20130524/us-east-1/ec2/aws4_request", 'incorrect service "ec2"'),
        (f"{KEY}/20130524/us-east-1/s3/aws5_request", 'incorrect terminal "aws5_request"'),
        (f"{KEY}/20130524//s3/aws4_request", "a non-empty region"),
    ],
)
def test_a_credential_that_is_not_for_us_is_malformed(credential, words):
    refused = refusal(with_credential(credential))

    assert (refused.code, refused.status) == ("AuthorizationHeaderMalformed", 400)
    assert words in refused.text


@pytest.mark.parametrize(
    "order",
    [
        "AWS4-HMAC-SHA256 {0},{1},{2}",
        "AWS4-HMAC-SHA256 {0}, {1}, {2}",
        "AWS4-HMAC-SHA256 {2}, {1}, {0}",
        "AWS4-HMAC-SHA256  {1},  {2},  {0}",
    ],
)
def test_the_components_come_in_any_order_and_spacing(order):
    aws = sign()
    pieces = aws.headers["Authorization"].partition(" ")[2].split(", ")

    asked = resend(aws, lambda headers: headers.update(authorization=order.format(*pieces)))
    assert check(asked).caller.id == KEY


@pytest.mark.parametrize("extra", ["Signature=x", "Credential=x", "SignedHeaders=host", "Region=x"])
def test_a_component_given_twice_or_unknown_is_malformed(extra):
    aws = sign()
    value = aws.headers["Authorization"] + f", {extra}"

    refused = refusal(resend(aws, lambda headers: headers.update(authorization=value)))
    assert refused.code == "AuthorizationHeaderMalformed"


def test_an_empty_signature_is_malformed():
    def cut(headers):
        headers["authorization"] = headers["authorization"].rpartition("=")[0] + "="

    assert refusal(resend(sign(), cut)).code == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize("signature", ["0", "é" * 64, "0" * 63, "0" * 5000])
def test_a_signature_of_any_shape_is_compared_and_refused(signature):
    def put(headers):
        headers["authorization"] = headers["authorization"].rpartition("=")[0] + "=" + signature

    assert refusal(resend(sign(), put)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "date", ["", "yesterday", "20130524", "20131324T000000Z", "\u0662\u0660130524T000000Z"]
)
def test_a_request_needs_a_readable_date(date):
    refused = refusal(with_header("x-amz-date", date))

    assert (refused.code, refused.status) == ("AccessDenied", 403)
    assert refused.text == "AWS authentication requires a valid Date or x-amz-date header"


def test_a_request_without_any_date_is_refused():
    assert refusal(resend(sign(), lambda headers: headers.pop("x-amz-date"))).code == "AccessDenied"


@pytest.mark.parametrize(
    "date", ["Fri, 24 May 2013 00:00:00 GMT", "Fri, 24 May 2013 02:00:00 +0200"]
)
def test_the_date_header_counts_when_there_is_no_amz_date(date):
    # botocore signs the Date header instead of x-amz-date when it finds one.
    aws = sign(headers={"Date": "x"})
    assert "X-Amz-Date" not in aws.headers
    asked = resend(aws)
    assert check(asked).caller.id == KEY
    swapped = [(name, date if name == "date" else value) for name, value in asked.headers.pairs]

    if date == asked.headers["date"]:
        assert check(request("GET", "/b/k", swapped)).caller.id == KEY
    else:
        assert refusal(request("GET", "/b/k", swapped)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 24 May 999999999999 00:00:00 GMT",
        "Fri, 24 May 2013 00:00:00 +99999999999999",
        "Fri, 31 Dec 9999 23:59:59 -1200",
    ],
)
def test_a_date_that_no_calendar_has_is_refused(date):
    signed = sign(headers={"Date": "x"})
    asked = resend(signed, lambda headers: headers.update({"date": date}))
    assert refusal(asked).code == "AccessDenied"

    old = request("GET", "/b/k", {"host": "h", "date": date, "authorization": "AWS AKIA:c2ln"})
    assert refusal(old).code == "AccessDenied"


def test_amz_date_wins_over_date():
    asked = with_header("date", "Mon, 01 Jan 1990 00:00:00 GMT")

    assert check(asked).caller.id == KEY


def test_the_payload_hash_header_is_required():
    refused = refusal(resend(sign(), lambda headers: headers.pop("x-amz-content-sha256")))

    assert refused.code == "InvalidRequest"
    assert refused.text == "Missing required header for this request: x-amz-content-sha256"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "hello",
        "0" * 63,
        "unsigned-payload",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-EVENTS",
    ],
)
def test_an_unknown_payload_token_is_refused(token):
    refused = refusal(with_header("x-amz-content-sha256", token))

    assert (refused.code, refused.status) == ("InvalidRequest", 400)
    assert refused.text.startswith("x-amz-content-sha256 must be UNSIGNED-PAYLOAD")


def test_the_payload_hash_is_bound_even_when_it_is_not_a_signed_header():
    def unlist(headers):
        headers["authorization"] = headers["authorization"].replace(";x-amz-content-sha256", "")

    # The list is part of what is signed, so dropping it from there breaks the signature: it does
    # not turn into "not signed", which would be the wrong advice.
    assert refusal(resend(sign(), unlist)).code == "SignatureDoesNotMatch"


def test_spaces_inside_a_header_count_as_one():
    aws = sign(headers={"x-amz-meta-a": "b     c"})

    assert check(resend(aws)).caller.id == KEY
    single = resend(aws, lambda headers: headers.update({"x-amz-meta-a": "b c"}))
    assert check(single).caller.id == KEY


def test_a_repeated_header_is_signed_in_its_order():
    aws = sign(headers={"x-amz-meta-a": "one,two"})
    asked = resend(aws, lambda headers: headers.pop("x-amz-meta-a"))
    pairs = asked.headers.pairs
    one, two = ("x-amz-meta-a", "one"), ("x-amz-meta-a", "two")

    assert check(request("GET", "/b/k", [*pairs, one, two])).caller.id == KEY
    assert refusal(request("GET", "/b/k", [*pairs, two, one])).code == "SignatureDoesNotMatch"


def test_utf8_in_a_header_is_signed_as_the_bytes_that_came():
    aws = sign(headers={"x-amz-meta-a": "voilà"})
    asked = resend(
        aws, lambda headers: headers.update({"x-amz-meta-a": "voilà".encode().decode("latin-1")})
    )

    assert check(asked).caller.id == KEY


def test_headers_a_proxy_adds_or_rewrites_do_not_matter():
    asked = resend(
        sign(),
        lambda headers: headers.update(
            {"accept-encoding": "gzip", "connection": "close", "expect": "", "via": "1.1 x"}
        ),
    )

    assert check(asked).caller.id == KEY
