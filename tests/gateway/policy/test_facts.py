"""Condition keys as requests have them, and only from where they may come from."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.policy.condition_keys import is_known
from gateway.policy.facts import _KEYS, Facts
from tests.gateway.asked import asked

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def facts(line: str = "GET /bucket/key", *headers: tuple[str, str], by: str = "ann") -> Facts:
    return Facts(asked(line, *headers), by, NOW)


V4 = ("authorization", "AWS4-HMAC-SHA256 Credential=...")
DATE = ("x-amz-date", "20260101T115959Z")
PRESIGNED = "GET /bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T115000Z"
UNTIL = ("x-amz-object-lock-retain-until-date", "2026-01-11T12:00:00Z")
TAGS = ("x-amz-tagging", "Team=a%20b&x=")


@pytest.mark.parametrize(
    ("key", "found", "value"),
    [
        ("aws:currenttime", facts(), "2026-01-01T12:00:00+00:00"),
        ("aws:epochtime", facts(), "1767268800"),
        ("aws:principalarn", facts(), "arn:aws:iam::ann:user/ann"),
        ("aws:principalarn", facts(by=""), None),
        ("aws:principaltype", facts(), "User"),
        ("aws:principaltype", facts(by=""), "Anonymous"),
        ("aws:username", facts(), "ann"),
        ("aws:username", facts(by=""), None),
        ("aws:userid", facts(), "ann"),
        ("aws:userid", facts(by=""), None),
        ("aws:referer", facts("GET /bucket", ("referer", "http://x/")), "http://x/"),
        ("aws:useragent", facts("GET /bucket", ("user-agent", "curl")), "curl"),
        ("aws:useragent", facts(), None),
        ("aws:sourceip", facts(), "127.0.0.1"),
        ("aws:securetransport", facts(), "false"),
        ("s3:tlsversion", facts(), None),
        ("s3:prefix", facts("GET /bucket?prefix=a%2F"), "a/"),
        ("s3:prefix", facts("GET /bucket?prefix="), ""),
        ("s3:prefix", facts(), None),
        ("s3:prefix", replace(facts("GET /bucket/k?prefix=lie"), prefix="k"), "k"),
        ("s3:delimiter", facts("GET /bucket?delimiter=/"), "/"),
        ("s3:max-keys", facts("GET /bucket?max-keys=5"), "5"),
        ("s3:versionid", facts("GET /bucket/key?versionId=v"), "v"),
        ("s3:authtype", facts("GET /bucket", V4), "REST-HEADER"),
        ("s3:authtype", facts(PRESIGNED), "REST-QUERY-STRING"),
        ("s3:authtype", facts(by=""), None),
        ("s3:signatureversion", facts("GET /bucket", V4), "AWS4-HMAC-SHA256"),
        ("s3:signatureversion", facts(PRESIGNED), "AWS4-HMAC-SHA256"),
        ("s3:signatureversion", facts("GET /bucket?Signature=x"), "AWS"),
        ("s3:signatureage", facts("GET /bucket", V4, DATE), "1000"),
        ("s3:signatureage", facts(PRESIGNED), "600000"),
        ("s3:signatureage", facts(), None),
        ("s3:x-amz-acl", facts("PUT /bucket/key", ("x-amz-acl", "private")), "private"),
        ("s3:if-none-match", facts("PUT /bucket/key", ("if-none-match", "*")), "*"),
        ("s3:x-amz-copy-source", facts("PUT /b/k", ("x-amz-copy-source", "/a/b%20c?v")), "a/b c"),
        ("s3:x-amz-copy-source", facts("PUT /b/k", ("x-amz-copy-source", "a/%62+c")), "a/b c"),
        ("s3:existingobjecttag/team", replace(facts(), tags=lambda: {"Team": "x"}), "x"),
        ("s3:existingobjecttag/other", replace(facts(), tags=lambda: {"Team": "x"}), None),
        ("s3:requestobjecttag/team", facts("PUT /bucket/key", TAGS), "a b"),
        ("s3:requestobjecttag/x", facts("PUT /bucket/key", TAGS), ""),
        ("s3:requestobjecttag/y", facts("PUT /bucket/key", TAGS), None),
        ("s3:requestobjecttagkeys", facts(), None),
        ("s3:object-lock-retain-until-date", facts("PUT /b/k", UNTIL), UNTIL[1]),
        ("s3:object-lock-remaining-retention-days", facts("PUT /b/k", UNTIL), "10"),
        (
            "s3:object-lock-remaining-retention-days",
            replace(facts("PUT /b/k", UNTIL), stated={UNTIL[0]: "2026-01-01T12:00:01"}),
            "1",
        ),
        ("s3:object-lock-remaining-retention-days", facts("PUT /b/k", (UNTIL[0], "x")), None),
        ("s3:object-lock-remaining-retention-days", facts(), None),
    ],
)
def test_a_key_has_the_value_of_its_place_in_the_request(key, found, value):
    assert found.values(key) == (None if value is None else (value,))


def test_the_keys_of_all_requested_tags():
    found = facts("PUT /bucket/key", TAGS)

    assert found.values("s3:requestobjecttagkeys") == ("Team", "x")


LIES = [
    ("userid", "admin"),
    ("username", "root"),
    ("aws:username", "root"),
    ("aws:userid", "root"),
    ("principaltype", "Account"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-real-ip", "10.0.0.1"),
    ("forwarded", "for=10.0.0.1;proto=https"),
    ("x-forwarded-proto", "https"),
    ("sourceip", "10.0.0.1"),
    ("prefix", "secret/"),
    ("s3:prefix", "secret/"),
    ("currenttime", "1999-01-01"),
    ("securetransport", "true"),
]


@pytest.mark.parametrize("key", [key for key in sorted(_KEYS) if not key.startswith("s3:x-amz-")])
def test_no_header_becomes_a_key_by_its_name(key):
    honest, lying = facts(), facts("GET /bucket/key", *LIES)

    assert lying.values(key) == honest.values(key)


def test_every_key_with_a_value_may_be_named_in_a_policy():
    assert [key for key in _KEYS if not is_known(key)] == []
    assert all(key == key.lower() for key in _KEYS)
