"""The CORS rules of a bucket: what they may say, and what they answer."""

import pytest
from botocore.exceptions import ClientError

from gateway import bucket_cors, cors
from gateway.bucket_cors import CorsConfiguration, CorsRule
from gateway.config import Config
from gateway.errors import AccessForbidden, InvalidRequest, MalformedXML
from tests.gateway.test_cors import ANYBODY, APP, answer, ask, request

OTHER = "https://other.example.com"


def rule(*origins: str, methods: tuple[str, ...] = ("GET",), **more) -> CorsRule:
    return CorsRule(allowed_origins=origins, allowed_methods=methods, **more)


def rules(*each: CorsRule) -> CorsConfiguration:
    return CorsConfiguration(cors_rules=each)


# --- documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "configuration",
    [
        rules(rule("*")),
        rules(rule("http://*.example.com", "b", methods=("GET", "PUT", "POST", "DELETE", "HEAD"))),
        rules(rule("*", allowed_headers=("*", "x-amz-*"), expose_headers=("ETag", "x-amz-meta-a"))),
        rules(*[rule("*", id="x" * 255, max_age_seconds=0)] * 100),
    ],
)
def test_what_aws_takes_is_taken(configuration):
    bucket_cors.check(configuration)


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        (rules(), MalformedXML),
        (rules(*[rule("*")] * 101), MalformedXML),
        (rules(rule("*"), rule("*", methods=("PATCH",))), InvalidRequest),
        (rules(rule("*", methods=("get",))), InvalidRequest),
        (rules(rule("http://*.*.com")), InvalidRequest),
        (rules(rule("*", allowed_headers=("x-*-*",))), InvalidRequest),
        (rules(rule("*", expose_headers=("*",))), InvalidRequest),
        (rules(rule("*", expose_headers=("a\r\nset-cookie: b",))), InvalidRequest),
        (rules(rule("*", expose_headers=("",))), InvalidRequest),
        (rules(rule("*", id="x" * 256)), InvalidRequest),
    ],
)
def test_what_aws_refuses_is_refused(configuration, error):
    with pytest.raises(error):
        bucket_cors.check(configuration)


# --- which rule ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "pattern", "allowed"),
    [
        ("https://a.example.com", "https://*.example.com", True),
        ("https://example.com", "https://*.example.com", False),
        ("startend", "start*end", True),
        ("staend", "start*end", False),
        ("start1end2", "start*end", False),
        ("null", "*", True),
        ("HTTPS://A", "https://a", False),
        ("https://a.evil", "https://a", False),
    ],
)
def test_an_origin_meets_a_pattern(origin, pattern, allowed):
    assert (bucket_cors.met(rules(rule(pattern)), origin, "GET") is not None) is allowed


def test_the_first_rule_that_allows_all_of_it_answers():
    first, second = rule(APP, methods=("GET",)), rule("*", methods=("GET", "PUT"))
    third = rule("*", methods=("PUT",), allowed_headers=("X-Amz-*", "content-type"))
    configuration = rules(first, second, third)

    assert bucket_cors.met(configuration, APP, "GET") is first
    assert bucket_cors.met(configuration, APP, "PUT") is second
    assert bucket_cors.met(configuration, OTHER, "GET") is second
    assert bucket_cors.met(configuration, APP, "PUT", ["x-amz-date", "content-type"]) is third
    assert bucket_cors.met(configuration, APP, "PUT", ["authorization"]) is None
    assert bucket_cors.met(configuration, APP, "GET", ["content-type"]) is None
    assert bucket_cors.met(configuration, APP, "DELETE") is None


def test_a_preflight_by_a_rule():
    configuration = rules(
        rule(APP, methods=("GET", "PUT"), allowed_headers=("*",), max_age_seconds=600)
    )

    assert cors.preflight(ask(APP, "PUT", "X-A, b"), Config(), configuration).headers == [
        ("access-control-allow-origin", APP),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-max-age", "600"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "x-a, b"),
        cors.VARY,
    ]
    with pytest.raises(AccessForbidden):
        cors.preflight(ask(OTHER, "PUT"), Config(), configuration)


def test_a_star_is_never_given_together_with_credentials():
    configuration = rules(rule(APP, "*"))
    for headers in (
        cors.preflight(ask(APP), Config(), configuration).headers,
        cors.headers(request("GET", ("origin", APP)), Config(), configuration),
    ):
        assert ("access-control-allow-origin", "*") in headers
        assert "access-control-allow-credentials" not in dict(headers)


def test_the_configured_headers_answer_where_no_rule_does():
    configuration = rules(rule(OTHER, methods=("PUT",)))

    mine = dict(cors.headers(request("PUT", ("origin", OTHER)), ANYBODY, configuration))
    assert mine["access-control-allow-origin"] == OTHER
    fallback = dict(cors.preflight(ask(APP), ANYBODY, configuration).headers)
    assert fallback["access-control-allow-origin"] == "*"


# --- through the server --------------------------------------------------------------------------

RULES = {
    "CORSRules": [
        {
            "ID": "browsers",
            "AllowedMethods": ["GET", "PUT"],
            "AllowedOrigins": [APP],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag", "Cid"],
            "MaxAgeSeconds": 3000,
        },
        {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.trusted.org"]},
    ]
}


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("put_bucket_cors", {"CORSConfiguration": RULES}),
        ("get_bucket_cors", {}),
        ("delete_bucket_cors", {}),
    ],
)
def test_the_rules_are_the_owners_alone(call, asked, new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    for client in (stranger, anonymous):
        assert refusal(getattr(client, call), Bucket=bucket, **asked) == (403, "AccessDenied")


def test_a_bucket_keeps_its_rules_until_they_are_removed(bucket, s3):
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")

    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=RULES)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES["CORSRules"]
    bad = {"CORSRules": [{"AllowedMethods": ["BREW"], "AllowedOrigins": ["*"]}]}
    asked = {"Bucket": bucket, "CORSConfiguration": bad}
    assert refusal(s3.put_bucket_cors, **asked) == (400, "InvalidRequest")
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES["CORSRules"]

    for _ in range(2):
        s3.delete_bucket_cors(Bucket=bucket)
    assert refusal(s3.get_bucket_cors, Bucket=bucket) == (404, "NoSuchCORSConfiguration")


def test_a_browser_is_answered_by_the_buckets_rules(gateway, new_bucket, s3):
    bucket = new_bucket(ACL="public-read")
    preflight = (f"Origin: {APP}", "Access-Control-Request-Method: PUT")
    assert answer(gateway, "OPTIONS", f"/{bucket}/key", *preflight)[0] == 403
    assert "vary" not in answer(gateway, "GET", f"/{bucket}")[1]

    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=RULES)

    status, text = answer(gateway, "OPTIONS", f"/{bucket}/key", *preflight)
    assert status == 200
    assert "access-control-max-age: 3000\r\n" in text
    for path, expected in ((f"/{bucket}", 200), (f"/{bucket}/missing", 404)):
        status, text = answer(gateway, "GET", path, f"Origin: {APP}")
        assert status == expected
        assert f"access-control-allow-origin: {APP}\r\n" in text
        assert "access-control-expose-headers: etag, cid\r\n" in text
    _, text = answer(gateway, "GET", f"/{bucket}", "Origin: https://evil.example")
    assert "access-control" not in text.replace("access-control-request", "")
    assert "vary: origin" in text
    assert "vary: origin" in answer(gateway, "GET", f"/{bucket}")[1]
