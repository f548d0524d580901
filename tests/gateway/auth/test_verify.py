"""Who is believed, who is anonymous, and with which words everybody else is refused."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

import gateway.auth
from gateway.auth import canonical
from gateway.auth.verify import verify
from gateway.config import Config
from gateway.errors import S3Error
from keys.access_key import AccessKey
from tests.gateway.auth.signed import (
    DISABLED,
    KEY,
    NOW,
    SECRET,
    Table,
    check,
    presign,
    presign_v2,
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


def test_a_request_without_any_sign_of_authentication_is_anonymous():
    assert check(request("GET", "/b/k?prefix=x&x-id=GetObject", HOST)).caller.id == ""


@pytest.mark.parametrize(
    ("value", "code", "status"),
    [
        ("", "AccessDenied", 403),
        ("Basic dXNlcjpwYXNz", "InvalidArgument", 400),
        ("Bearer abc", "InvalidArgument", 400),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed", 400),
        ("nonsense", "InvalidArgument", 400),
        ("AWS HAHAHA", "InvalidArgument", 400),
        ("AWS AKIA:c2lnbmF0dXJl", "AccessDenied", 403),
        ("AWS4-HMAC-SHA1 Credential=x, SignedHeaders=host, Signature=y", "InvalidRequest", 400),
        ("AWS4-ECDSA-P256-SHA256 Credential=x, Signature=y", "InvalidRequest", 400),
        ("aws4-hmac-sha256 Credential=x, Signature=y", "InvalidArgument", 400),
        ("AWS4-HMAC-SHA256 Credential=x", "AuthorizationHeaderMalformed", 400),
        ("AWS4-HMAC-SHA256 hello, world", "AuthorizationHeaderMalformed", 400),
    ],
)
def test_a_broken_or_unknown_authorization_is_never_anonymous(value, code, status):
    refused = refusal(request("GET", "/b/k", {**HOST, "authorization": value}))

    assert (refused.code, refused.status) == (code, status)


def test_a_sigv2_authorization_header_can_be_refused_in_aws_words():
    asked = request("GET", "/b/k", {**HOST, "authorization": "AWS AKIA:c2ln"})
    refused = refusal(asked, sigv2=False)

    assert (refused.code, refused.status) == ("InvalidRequest", 400)
    assert refused.text == (
        "The authorization mechanism you have provided is not supported."
        " Please use AWS4-HMAC-SHA256."
    )


def test_a_password_sent_by_mistake_is_not_repeated_in_the_answer():
    refused = refusal(request("GET", "/b/k", {**HOST, "authorization": "Basic cGFzc3dvcmQ="}))

    assert "cGFzc3dvcmQ" not in repr(refused.extras) + refused.text


@pytest.mark.parametrize(
    "parameter",
    [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=AKIA",
        "X-Amz-Signature=abc",
        "X-Amz-SignedHeaders=host",
        "X-Amz-Expires=5",
        "X-Amz-Date=20130524T000000Z",
        "x-amz-signature=abc",
        "X-Amz-Signatur%65=abc",
        "X-Amz-Security-Token=abc",
        "AWSAccessKeyId=AKIA",
        "Signature=abc",
        "Expires=1900000000",
    ],
)
def test_a_single_auth_parameter_is_never_anonymous(parameter):
    assert refusal(request("GET", f"/b/k?{parameter}", HOST)).status in (400, 403)


def test_two_mechanisms_on_one_request_are_refused():
    header, query, old = sign(), presign(), presign_v2()
    both = request("GET", query.url.removeprefix("http://gw.test:9000"), dict(header.headers))
    queries = f"{query.url.removeprefix('http://gw.test:9000')}&{old.url.partition('?')[2]}"
    head = [*HOST.items(), *header.headers.items()]
    twice = [*head, ("authorization", header.headers["Authorization"])]

    for asked in (
        request("GET", both.path + "?X-Amz-Signature=a", head),
        request("GET", "/b/k?Signature=a", head),
        request("GET", queries, HOST),
        request("GET", "/b/k", twice),
    ):
        assert refusal(asked).code == "InvalidArgument"


@pytest.mark.parametrize("hosts", [[], ["a", "b"], ["gw.test:9000", "gw.test:9000"]])
def test_a_request_has_exactly_one_host(hosts):
    refused = refusal(request("GET", "/b/k", [("host", host) for host in hosts]))

    assert (refused.code, refused.status) == ("InvalidRequest", 400)


@pytest.mark.parametrize("make", [sign, presign])
def test_an_unknown_and_a_disabled_key_are_refused_alike(make):
    refusals = [refusal(resend(make(key=key))) for key in ("AKIANOBODY", DISABLED)]

    assert [each.code for each in refusals] == ["InvalidAccessKeyId"] * 2
    assert [each.status for each in refusals] == [403, 403]
    assert refusals[0].extras == {"AWSAccessKeyId": "AKIANOBODY"}


def test_a_key_id_no_table_could_hold_is_not_looked_up():
    table = Table()
    asked = resend(sign(key="A" * 200))

    with pytest.raises(S3Error) as refused:
        verify(asked, table, Config(), NOW)
    assert refused.value.code == "InvalidAccessKeyId"
    assert table.asked == []


class Changed(Table):
    """Had no such key, or another secret for it, when it was last looked at."""

    def __init__(self, before: AccessKey | None) -> None:
        super().__init__()
        self._now, self._keys = self._keys, {} if before is None else {before.key: before}

    def changed(self) -> bool:
        before, self._keys = self._keys, self._now
        return before is not self._keys


@pytest.mark.parametrize("make", [sign, presign, presign_v2, sign_v2])
@pytest.mark.parametrize("before", ["nothing", "disabled", "another secret"])
def test_a_key_made_enabled_or_reset_elsewhere_works_at_once(make, before):
    old = {
        "nothing": None,
        "disabled": AccessKey(KEY, SECRET, "/root", False, NOW, NOW),
        "another secret": AccessKey(KEY, "another-secret", "/root", True, NOW, NOW),
    }[before]
    assert verify(resend(make()), Changed(old), Config(), NOW).caller.id == KEY
    aws = make()
    aws.method = "DELETE"
    with pytest.raises(S3Error) as refused:
        verify(resend(aws), Changed(old), Config(), NOW)
    assert refused.value.code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("make", [sign, presign, presign_v2])
def test_a_session_token_is_refused_while_there_are_no_sessions(make):
    aws = make()
    by_header = resend(aws, lambda headers: headers.update({"x-amz-security-token": "t"}))

    refused = refusal(by_header)
    assert (refused.code, refused.status) == ("InvalidToken", 400)


def test_a_mismatch_shows_the_developer_what_was_signed():
    refused = refusal(
        resend(sign(), lambda headers: headers.update({"x-amz-date": "20130524T000001Z"}))
    )

    assert refused.code == "SignatureDoesNotMatch"
    assert list(refused.extras) == [
        "AWSAccessKeyId",
        "StringToSign",
        "SignatureProvided",
        "StringToSignBytes",
        "CanonicalRequest",
        "CanonicalRequestBytes",
    ]
    assert refused.extras["StringToSign"].startswith("AWS4-HMAC-SHA256\n20130524T000001Z\n")
    assert (
        bytes.fromhex(refused.extras["CanonicalRequestBytes"]).decode()
        == (refused.extras["CanonicalRequest"])
    )


def test_what_a_mismatch_shows_fits_into_xml():
    old = presign_v2(url="http://gw.test:9000/b/k?response-content-type=%00%08%ff")
    asked = resend(old, lambda headers: headers.update({"content-type": "x"}))

    assert not set("\x00\x08") & set(refusal(asked).extras["StringToSign"])


def test_no_secret_is_in_a_claim_or_a_refusal():
    refused = refusal(resend(sign(secret="another-secret-altogether")))

    assert "another-secret" not in repr(refused.extras)
    assert "wJalrXUtnFEMI" not in repr(refused.extras) + repr(Table().find(KEY))


@pytest.mark.parametrize("make", [sign, presign])
def test_any_region_is_accepted_unless_it_must_be_ours(make):
    asked = resend(make(region="mars-north-1"))

    assert check(asked).caller.id == KEY
    refused = refusal(asked, strict_region=True)
    assert refused.status == 400
    assert refused.extras == {"Region": "us-east-1"}
    assert check(asked, strict_region=True, region="mars-north-1").caller.id == KEY


def test_a_wrong_region_has_the_code_of_its_mechanism():
    by_header = refusal(resend(sign(region="x")), strict_region=True)
    by_query = refusal(resend(presign(region="x")), strict_region=True)

    assert by_header.code == "AuthorizationHeaderMalformed"
    assert by_query.code == "AuthorizationQueryParametersError"


# The numbers are the rows of the vulnerability history (design notes on reliability, section 2).


@pytest.mark.parametrize("target", ["/b/k", "/b/k?partNumber=1&uploadId=u"])
async def test_row_1_an_unsigned_trailer_body_needs_a_good_signature(target):
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    said = {"x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "5"}
    aws = sign("PUT", f"http://gw.test:9000{target}", said, trailer=True)

    def junk(headers):
        headers["authorization"] = headers["authorization"].rpartition("=")[0] + "=" + "0" * 64

    assert await check(resend(aws, None, body)).body.read(5) == b"hello"
    assert refusal(resend(aws, junk, body)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize("target", ["/b/k", "/b/k?partNumber=1&uploadId=u"])
def test_row_2_a_credential_in_the_query_alone_is_no_signature(target):
    joint = "&" if "?" in target else "?"
    target += f"{joint}X-Amz-Credential={KEY}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
    body_type = {
        **HOST,
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "5",
    }

    assert refusal(request("PUT", target, body_type)).code == "AuthorizationQueryParametersError"


@pytest.mark.parametrize("make", [sign, presign, presign_v2])
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/b/k"),
        ("PUT", "/b/k?partNumber=1&uploadId=u"),
        ("POST", "/b/k?uploads"),
        ("POST", "/b/k?uploadId=u"),
        ("POST", "/b?delete"),
        ("PUT", "/b?acl"),
        ("DELETE", "/b/k"),
        ("PUT", "/b"),
        ("DELETE", "/b"),
    ],
)
def test_row_3_a_junk_signature_is_refused_on_every_write_route(make, method, target):
    aws = make(method, f"http://gw.test:9000{target}")
    good = resend(aws)
    assert check(good).caller.id == KEY

    junk = "A" * 27 + "="
    url = aws.url.removeprefix("http://gw.test:9000")
    head = dict(good.headers.pairs)
    if "authorization" in head:
        head["authorization"] = head["authorization"].rpartition("=")[0] + "=" + junk
    else:
        base, _, query = url.partition("?")
        pairs = [pair for pair in query.split("&") if "Signature=" not in pair]
        name = "Signature" if make is presign_v2 else "X-Amz-Signature"
        url = f"{base}?{'&'.join([*pairs, f'{name}={junk}'])}"

    assert refusal(request(method, url, head)).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "name", ["x-amz-acl", "x-amz-tagging", "x-amz-copy-source", "x-amz-meta-a"]
)
@pytest.mark.parametrize("make", [sign, presign])
def test_row_8_an_unsigned_amz_header_is_refused_by_name(make, name):
    asked = resend(make("PUT"), lambda headers: headers.update({name: "public-read"}))

    refused = refusal(asked)
    assert (refused.code, refused.status) == ("AccessDenied", 403)
    assert refused.text == "There were headers present in the request which were not signed"
    assert refused.extras == {"HeadersNotSigned": name}


@pytest.mark.parametrize("name", ["x-amz-acl", "x-amz-copy-source", "x-amz-meta-a"])
def test_row_8_an_added_amz_header_spoils_a_v2_url(name):
    asked = resend(presign_v2("PUT"), lambda headers: headers.update({name: "public-read"}))

    assert refusal(asked).code == "SignatureDoesNotMatch"


BAD_LISTS = [
    "",
    "host;;x",
    ";host",
    "host;",
    "x-amz-date;host",
    "host;host",
    "Host",
    "x-amz-date",
    "h st",
]


@pytest.mark.parametrize("listed", BAD_LISTS)
def test_row_9_a_list_of_signed_headers_is_sound_and_has_the_host(listed):
    scope = f"{KEY}/20130524/us-east-1/s3/aws4_request"
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={listed}, Signature={'0' * 64}"
    )
    head = {
        **HOST,
        "authorization": authorization,
        "x-amz-date": "20130524T000000Z",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
    }

    assert refusal(request("GET", "/b/k", head)).code == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize("listed", BAD_LISTS)
def test_row_9_it_is_no_other_in_a_presigned_url(listed):
    asked = resend(presign())
    pairs = [pair for pair in asked.query.raw if pair[0] != "X-Amz-SignedHeaders"]
    query = "&".join(f"{name}={value}" for name, value in [*pairs, ("X-Amz-SignedHeaders", listed)])

    refused = refusal(request("GET", f"/b/k?{query}", HOST))
    assert refused.code == "AuthorizationQueryParametersError"


def test_row_9_a_missing_list_of_signed_headers_is_refused():
    def without(headers):
        start, _, rest = headers["authorization"].partition("SignedHeaders=")
        headers["authorization"] = start + rest.partition(", ")[2]

    assert refusal(resend(sign(), without)).code == "AuthorizationHeaderMalformed"


@pytest.mark.parametrize("algorithm", ["AWS4-HMAC-SHA1", "AWS4-ECDSA-P256-SHA256", "", "none"])
def test_row_10_only_one_algorithm_is_known(algorithm):
    asked = resend(presign())
    pairs = [pair for pair in asked.query.raw if pair[0] != "X-Amz-Algorithm"]
    query = "&".join(f"{n}={v}" for n, v in [*pairs, ("X-Amz-Algorithm", algorithm)])

    assert refusal(request("GET", f"/b/k?{query}", HOST)).status == 400


@pytest.mark.parametrize("minutes", [16, -16])
def test_row_11_a_clock_may_not_be_off_by_more_than_a_quarter_of_an_hour(minutes):
    refused = refusal(resend(sign()), NOW + timedelta(minutes=minutes))

    assert (refused.code, refused.status) == ("RequestTimeTooSkewed", 403)
    assert refused.extras["RequestTime"] == "20130524T000000Z"
    assert refused.extras["MaxAllowedSkewMilliseconds"] == "900000"


@pytest.mark.parametrize("minutes", [15, -15])
def test_row_11_a_quarter_of_an_hour_is_allowed(minutes):
    assert check(resend(sign()), NOW + timedelta(minutes=minutes)).caller.id == KEY


def test_row_13_headers_that_some_signers_leave_out_may_be_signed():
    # botocore leaves these out, so they are signed here.
    head = {
        "content-length": "5",
        "expect": "100-continue",
        "host": "gw.test:9000",
        "user-agent": "some  client/1.0",
        "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        "x-amz-date": "20130524T000000Z",
    }
    text = canonical.canonical_request(
        "PUT", "/b/k", "", canonical.join_headers(head.items()), sorted(head), "UNSIGNED-PAYLOAD"
    )
    scope = "20130524/us-east-1/s3/aws4_request"
    key = canonical.signing_key(KEY, SECRET, "20130524", "us-east-1")
    signature = key.sign(canonical.string_to_sign("20130524T000000Z", scope, text))
    head["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={KEY}/{scope},"
        f"SignedHeaders={';'.join(sorted(head))},Signature={signature}"
    )

    assert check(request("PUT", "/b/k", head, b"hello")).caller.id == KEY


def test_row_14_the_host_is_signed_with_its_port_and_nobody_speaks_for_it():
    aws = sign(url="http://GW.test:9000/b/k")
    forwarded = resend(aws, lambda headers: headers.update({"x-forwarded-host": "evil.test"}))
    swapped = resend(
        aws,
        lambda headers: headers.update({"host": "evil.test", "x-forwarded-host": "GW.test:9000"}),
    )

    assert check(forwarded).caller.id == KEY
    assert refusal(swapped).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("signed", "sent"),
    [
        ("gw.test:9000", "GW.test:9000"),
        ("gw.test", "gw.test:80"),
        ("gw.test", "GW.test:443"),
        ("gw.test:80", "gw.test"),
        ("gw.test:443", "gw.test"),
        ("[::1]:80", "[::1]"),
    ],
)
def test_row_14_the_same_host_in_another_spelling_is_the_same_host(signed, sent):
    aws = sign(headers={"Host": signed})

    assert check(resend(aws, lambda headers: headers.update(host=sent))).caller.id == KEY


@pytest.mark.parametrize("sent", ["gw.test:9001", "gw.test", "gw.test:80", "xgw.test:9000"])
def test_row_14_another_port_or_name_is_another_host(sent):
    asked = resend(sign(), lambda headers: headers.update(host=sent))

    assert refusal(asked).code == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "name", ["s3gw-caller", "x-s3gw-principal", "x-seaweedfs-principal", "userid", "aws:username"]
)
def test_row_15_no_header_names_the_caller(name):
    head = {**HOST, name: KEY}
    own = resend(sign(), lambda headers: headers.update({name: "root"}))

    assert check(request("GET", "/b/k", head)).caller.access_key is None
    assert check(own).caller.id == KEY


def test_row_15_an_internal_looking_amz_header_must_be_signed():
    asked = resend(sign(), lambda headers: headers.update({"x-amz-internal-caller": "root"}))

    assert refusal(asked).code == "AccessDenied"


COMPARED = re.compile(r"signature|digest|hmac|secret|sha256|md5|expected", re.IGNORECASE)


def test_row_12_secrets_and_signatures_are_compared_in_constant_time():
    for path in sorted(Path(gateway.auth.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                names = [
                    each.id if isinstance(each, ast.Name) else each.attr
                    for each in ast.walk(node)
                    if isinstance(each, ast.Name | ast.Attribute)
                ]
                # A name that is all capitals is a constant of the protocol.
                secret = [n for n in names if COMPARED.search(n) and not n.isupper()]
                assert not secret, f"{path.name}:{node.lineno}"
