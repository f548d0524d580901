"""What AWS calls public.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
"""

import pytest

from gateway.policy.public import is_public
from tests.gateway.policy.documents import policy, statement


def where(operator: str, key: str, value: object) -> dict[str, object]:
    return {"Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("said", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["ann", "*"]}}, True),
        ({"Principal": {"AWS": "ann"}}, False),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Effect": "Deny"}, False),
        (where("IpAddress", "aws:SourceIp", "10.0.0.0/32"), False),
        (where("IpAddress", "aws:SourceIp", "10.0.0.0/8"), False),
        (where("IpAddress", "aws:SourceIp", "0.0.0.0/1"), True),
        (where("IpAddress", "aws:SourceIp", ["10.0.0.0/8", "0.0.0.0/0"]), True),
        (where("IpAddress", "aws:SourceIp", "2001:db8::/32"), False),
        (where("IpAddress", "aws:SourceIp", "2000::/16"), True),
        (where("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"), True),
        (where("IpAddressIfExists", "aws:SourceIp", "10.0.0.0/8"), True),
        (where("StringEquals", "aws:SourceVpc", "vpc-91237329"), False),
        (where("StringLike", "aws:SourceVpc", "vpc-*"), True),
        (where("StringEquals", "aws:SourceVpc", ["vpc-1", "${aws:username}"]), True),
        (where("StringNotEquals", "aws:SourceVpc", "vpc-1"), True),
        (where("StringEqualsIfExists", "aws:SourceVpc", "vpc-1"), True),
        (where("ForAllValues:StringEquals", "aws:SourceVpc", "vpc-1"), True),
        (where("ForAnyValue:StringEquals", "aws:SourceVpc", "vpc-1"), False),
        (where("StringEquals", "aws:Referer", "http://example.com"), True),
        (where("Bool", "aws:SecureTransport", "true"), True),
        (where("StringEquals", "s3:prefix", "public/"), True),
        (where("StringEquals", "aws:username", "ann"), False),
    ],
)
def test_a_statement_is_public_unless_it_is_about_fixed_values(said, public):
    assert is_public(policy(statement(**said))) is public


def test_one_public_statement_is_enough():
    assert is_public(policy(statement(Principal={"AWS": "ann"}), statement()))
