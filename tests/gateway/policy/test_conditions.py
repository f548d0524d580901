"""Every operator, alone and with its set and IfExists parts: truth tables."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.errors import Malformed
from gateway.policy.operators import OPERATORS
from tests.gateway.policy.documents import holds, policy, statement

KEY = "s3:prefix"


def one(operator: str, wanted: object, *given: str) -> bool:
    return holds({operator: {KEY: wanted}}, {KEY: given} if given else {})


# operator, value in the policy, values that match, values that do not
COMPARISONS = [
    ("StringEquals", "a", ["a"], ["A", "ab", "", "*"]),
    ("StringEquals", "a*", ["a*"], ["ab"]),
    ("StringEquals", ["a", "b"], ["a", "b"], ["c"]),
    ("StringEquals", "${aws:username}", ["ann"], ["${aws:username}", "anna"]),
    ("StringEqualsIgnoreCase", "a", ["a", "A"], ["b"]),
    ("StringLike", "a*", ["a", "ab", "a/b"], ["A", "ba"]),
    ("StringLike", "a?", ["ab"], ["a", "abc"]),
    ("StringLike", ["a*", "b*"], ["ax", "bx"], ["cx"]),
    ("StringLike", "${aws:username}/*", ["ann/x"], ["anna/x"]),
    ("NumericEquals", 10, ["10", "10.0"], ["11", "x", "NaN"]),
    ("NumericEquals", "10", ["10"], ["1"]),
    ("NumericLessThan", "10", ["9", "-1"], ["10", "11", ""]),
    ("NumericLessThanEquals", "10", ["9", "10"], ["11"]),
    ("NumericGreaterThan", "10", ["10.5"], ["10", "9"]),
    ("NumericGreaterThanEquals", "10", ["10", "11"], ["9", "Infinity"]),
    ("DateEquals", "2026-01-01T00:00:00Z", ["2026-01-01T01:00:00+01:00", "1767225600"], ["2026"]),
    ("DateLessThan", "2026-01-01", ["2025-12-31T23:59:59Z"], ["2026-01-01T00:00:00Z", "x"]),
    ("DateLessThanEquals", "1767225600", ["2026-01-01"], ["2026-01-02"]),
    ("DateGreaterThan", "2026-01-01T00:00:00Z", ["2026-01-01T00:00:00.5Z"], ["2026-01-01"]),
    ("DateGreaterThanEquals", "2026-01-01", ["2026-01-01"], ["2025-12-31"]),
    ("Bool", "true", ["true", "True"], ["false", "1", ""]),
    ("Bool", False, ["false"], ["true"]),
    ("BinaryEquals", "QmluYXJ5", ["QmluYXJ5"], ["QmluYXJ6", "not base64!"]),
    ("IpAddress", "203.0.113.0/24", ["203.0.113.9", "::ffff:203.0.113.9"], ["203.0.114.1", "x"]),
    ("IpAddress", "203.0.113.7", ["203.0.113.7"], ["203.0.113.8"]),
    ("IpAddress", "2001:db8::/32", ["2001:db8::1", "2001:db8::1%eth0"], ["2001:db9::1", "1.1.1.1"]),
    ("IpAddress", "0.0.0.0/0", ["1.1.1.1"], ["2001:db8::1"]),
    ("IpAddress", ["10.0.0.0/8", "::1"], ["10.1.1.1", "::1"], ["11.1.1.1"]),
    ("ArnEquals", "arn:aws:iam::1:user/*", ["arn:aws:iam::1:user/a"], ["arn:aws:iam::12:user/a"]),
    ("ArnLike", "arn:aws:*:::b?", ["arn:aws:s3:::b1"], ["arn:aws:s3:x:::b1", "b1"]),
    ("ArnLike", "arn:aws:iam::1:user/${aws:username}", ["arn:aws:iam::1:user/ann"], ["x"]),
]
NEGATED = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
}


def test_every_operator_is_in_a_table():
    assert {row[0] for row in COMPARISONS} | set(NEGATED.values()) == set(OPERATORS)


@pytest.mark.parametrize(("operator", "wanted", "same", "other"), COMPARISONS)
def test_an_operator_compares(operator, wanted, same, other):
    assert {given: one(operator, wanted, given) for given in [*same, *other]} == {
        **dict.fromkeys(same, True),
        **dict.fromkeys(other, False),
    }


@pytest.mark.parametrize(
    ("operator", "wanted", "same", "other"), [row for row in COMPARISONS if row[0] in NEGATED]
)
def test_its_negation_says_the_opposite(operator, wanted, same, other):
    negated = NEGATED[operator]

    assert not any(one(negated, wanted, given) for given in same)
    assert all(one(negated, wanted, given) for given in other)


# (values of the request, PLAIN, ForAllValues, ForAnyValue) against the policy's values a and b
SETS = {
    "StringEquals": [
        ((), False, True, False),
        (("a",), True, True, True),
        (("a", "b"), True, True, True),
        (("a", "c"), True, False, True),
        (("c",), False, False, False),
        (("c", "d"), False, False, False),
    ],
    "StringNotEquals": [
        ((), True, True, False),
        (("a",), False, False, False),
        (("a", "b"), False, False, False),
        (("a", "c"), False, False, True),
        (("c",), True, True, True),
        (("c", "d"), True, True, True),
    ],
}
SETS["StringLike"] = SETS["StringEquals"]
SETS["StringNotLike"] = SETS["StringNotEquals"]


@pytest.mark.parametrize(
    ("operator", "row"), [(name, row) for name, rows in SETS.items() for row in rows]
)
def test_sets_of_values(operator, row):
    given, *expected = row

    assert [
        one(f"{over}{operator}", ["a", "b"], *given)
        for over in ("", "ForAllValues:", "ForAnyValue:")
    ] == expected


@pytest.mark.parametrize(
    ("over", "operator"), list(product(("", "ForAllValues:", "ForAnyValue:"), sorted(OPERATORS)))
)
def test_if_exists_holds_of_a_request_without_the_key(over, operator):
    wanted = next(row[1] for row in COMPARISONS if row[0] in (operator, _plain(operator)))

    assert one(f"{over}{operator}IfExists", wanted)


@given(
    st.sampled_from(["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]),
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]),
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=3),
)
def test_if_exists_changes_nothing_where_the_key_exists(operator, over, given):
    plain, kind = one(f"{over}{operator}", ["a", "b"], *given), f"{over}{operator}IfExists"

    assert one(kind, ["a", "b"], *given) is plain


def _plain(operator: str) -> str:
    return next((name for name, negated in NEGATED.items() if negated == operator), operator)


@pytest.mark.parametrize(
    ("wanted", "absent", "present"),
    [("true", True, False), ("false", False, True), (True, True, False), ("True", True, False)],
)
def test_null_asks_whether_the_key_is_there(wanted, absent, present):
    assert one("Null", wanted) is absent
    assert one("Null", wanted, "x") is present


def test_all_conditions_must_hold():
    both = {"StringEquals": {KEY: "a", "s3:delimiter": "/"}, "Bool": {"aws:SecureTransport": True}}
    keys = {KEY: ("a",), "s3:delimiter": ("/",), "aws:securetransport": ("true",)}

    assert holds(both, keys)
    assert not any(holds(both, {k: v for k, v in keys.items() if k != gone}) for gone in keys)


def test_case_of_a_key_does_not_matter():
    assert holds({"StringEquals": {"S3:Prefix": "a"}}, {KEY: ("a",)})


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"StringMatches": {KEY: "a"}}, "Invalid Condition type : StringMatches"),
        ({"stringequals": {KEY: "a"}}, "Invalid Condition type : stringequals"),
        ({"StringEqualsIfExistsIfExists": {KEY: "a"}}, "Invalid Condition type"),
        ({"ForSomeValues:StringEquals": {KEY: "a"}}, "Invalid Condition type"),
        ({"NullIfExists": {KEY: "true"}}, "Invalid Condition type : NullIfExists"),
        ({"StringEquals": {"aws:Nonsense": "a"}}, "invalid condition key"),
        ({"StringEquals": {"s3:x-amz-nonsense": "a"}}, "invalid condition key"),
        ({"StringEquals": {"userid": "a"}}, "invalid condition key"),
        ({"StringEquals": {"s3:ExistingObjectTag/": "a"}}, "invalid condition key"),
        ({"StringEquals": {KEY: []}}, "without values"),
        ({"StringEquals": {KEY: None}}, "Condition values"),
        ({"StringEquals": {KEY: {"a": "b"}}}, "Condition values"),
        ({"StringEquals": "a"}, "maps keys to values"),
        ({"NumericEquals": {KEY: "ten"}}, "numeric"),
        ({"DateEquals": {KEY: "yesterday"}}, "date"),
        ({"Bool": {KEY: "yes"}}, "Boolean"),
        ({"Null": {KEY: "maybe"}}, "Boolean"),
        ({"BinaryEquals": {KEY: "!"}}, "binary"),
        ({"IpAddress": {"aws:SourceIp": "300.1.1.1"}}, "IP address"),
        ({"ArnLike": {"aws:PrincipalArn": "user/ann"}}, "ARN"),
        ([], "JSON object"),
        ("x", "JSON object"),
    ],
)
def test_a_condition_that_is_none_is_refused(condition, message):
    with pytest.raises(Malformed, match=message):
        policy(statement(Condition=condition))
