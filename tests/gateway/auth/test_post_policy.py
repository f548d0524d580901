"""The policy of a form: a table of what is refused, and why."""

import base64
import json
from datetime import UTC, datetime

import pytest

from gateway.auth import post_policy
from gateway.errors import AccessDenied, InvalidPolicyDocument

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = "2026-01-01T00:00:01.000Z"


def encoded(document) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode()


def policy(*conditions, expiration=LATER):
    written = [{"bucket": "b"}, *conditions]
    return post_policy.read(encoded({"expiration": expiration, "conditions": written}))


def refusal(fields, *conditions, bucket="b", **options) -> str:
    with pytest.raises(AccessDenied) as refused:
        policy(*conditions, **options).check(fields, bucket, NOW)
    return refused.value.text.removeprefix("Invalid according to Policy: ")


@pytest.mark.parametrize(
    ("fields", "condition"),
    [
        ({"key": "a"}, {"key": "a"}),
        ({"key": "a"}, {"KEY": "a"}),
        ({"key": "a"}, ["eq", "$key", "a"]),
        ({"key": "a"}, ["EQ", "$Key", "a"]),
        ({"key": "user/eric/x"}, ["Starts-With", "$key", "user/eric/"]),
        ({"key": "anything"}, ["starts-with", "$key", ""]),
        ({"content-type": "image/png, image/gif"}, ["starts-with", "$Content-Type", "image/"]),
        ({"content-type": "a,b"}, ["eq", "$Content-Type", "a,b"]),
        ({}, ["content-length-range", 1, 10]),
        ({}, ["content-length-range", "1", "10"]),
        ({"policy": "p", "signature": "s", "awsaccesskeyid": "k", "x-amz-signature": "s"}, []),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, []),
    ],
)
def test_what_meets_its_policy(fields, condition):
    policy(*([condition] if condition else [])).check(fields, "b", NOW)


@pytest.mark.parametrize(
    ("fields", "condition", "text"),
    [
        ({"key": "A"}, {"key": "a"}, 'Policy Condition failed: ["eq", "$key", "a"]'),
        ({"key": "b/a"}, ["starts-with", "$key", "a"], "Policy Condition failed: "),
        ({}, ["starts-with", "$acl", ""], 'Policy Condition failed: ["starts-with", "$acl", ""]'),
        ({}, {"acl": "private"}, "Policy Condition failed: "),
        (
            {"content-type": "image/gif,text/html"},
            ["starts-with", "$Content-Type", "image/"],
            "Policy Condition failed: ",
        ),
        ({"key": "a", "acl": "private"}, {"key": "a"}, "Extra input fields: acl"),
        ({"x-amz-credential": "c"}, {}, "Extra input fields: x-amz-credential"),
        ({"submit": "go"}, {}, "Extra input fields: submit"),
    ],
)
def test_what_does_not_meet_its_policy(fields, condition, text):
    assert refusal(fields, *([condition] if condition else [])).startswith(text)


def test_a_policy_is_for_one_bucket():
    assert refusal({}, bucket="other") == 'Policy Condition failed: ["eq", "$bucket", "b"]'
    other = post_policy.read(encoded({"expiration": LATER, "conditions": []}))
    with pytest.raises(AccessDenied, match="Extra input fields: bucket"):
        other.check({}, "b", NOW)


def test_a_field_called_bucket_does_not_stand_for_the_bucket():
    refused = refusal({"bucket": "b"}, bucket="other")

    assert refused == 'Policy Condition failed: ["eq", "$bucket", "b"]'


def test_a_policy_ends():
    assert refusal({}, expiration="2025-12-31T23:59:59Z") == "Policy expired."


def test_all_sizes_hold_at_once():
    found = policy(["content-length-range", 1, 10], ["Content-Length-Range", 5, 20])

    assert (found.least, found.most) == (5, 10)
    assert (policy().least, policy().most) == (0, None)


def test_a_dollar_sign_may_be_escaped():
    document = (
        f'{{"expiration": "{LATER}",'
        r' "conditions": [{"bucket": "b"}, {"key": "\$a"}, {"acl": "\\$"}]}'
    )

    found = post_policy.read(encoded(document))

    assert [each.value for each in found.conditions] == ["b", "$a", "\\$"]


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("", "Invalid JSON."),
        ("{", "Invalid JSON."),
        ("[]", "Invalid JSON."),
        ("[" * 15_000, "Invalid JSON."),
        ({"conditions": []}, "Policy missing expiration."),
        ({"expiration": LATER}, "Policy missing conditions."),
        ({"expiration": LATER, "conditions": {}}, "Policy missing conditions."),
        ({"Expiration": LATER, "conditions": []}, "Unexpected: 'Expiration'"),
        ({"expiration": LATER, "CONDITIONS": []}, "Unexpected: 'CONDITIONS'"),
        ({"expiration": 5, "conditions": []}, "Invalid 'expiration' value: '5'"),
        ({"expiration": "2026-01-01 00:00:00Z", "conditions": []}, "Invalid 'expiration' value"),
        ({"expiration": "2026-13-01T00:00:00Z", "conditions": []}, "Invalid 'expiration' value"),
        ({"expiration": "2026-01-01T00:00:00+02:00", "conditions": []}, "Invalid 'expiration'"),
    ],
)
def test_what_is_no_policy(document, text):
    with pytest.raises(InvalidPolicyDocument) as refused:
        post_policy.read(encoded(document))
    assert refused.value.text.startswith(f"Invalid Policy: {text}")


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"a": "1", "b": "2"},
        {"success_action_status": 201},
        [],
        ["eq", "$key"],
        ["eq", "key", "a"],
        ["ends-with", "$key", "a"],
        ["eq", "$key", 1],
        [["eq"], "$key", "a"],
        "key",
        None,
        ["content-length-range", 0],
        ["content-length-range", -1, 0],
        ["content-length-range", 0, 1.5],
        ["content-length-range", 0, True],
        ["content-length-range", 0, 1, 2],
    ],
)
def test_what_is_no_condition(condition):
    with pytest.raises(InvalidPolicyDocument):
        policy(condition)


@pytest.mark.parametrize("text", ["*", "e30", "\u00fc"])
def test_what_is_not_even_base64(text):
    with pytest.raises(InvalidPolicyDocument):
        post_policy.read(text)
