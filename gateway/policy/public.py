"""Whether a policy makes a bucket public, by AWS's definition.

A policy is public until each of its Allow statements is seen to be about fixed principals or
fixed places only.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
"""

import ipaddress

from gateway.policy.conditions import Condition, Over
from gateway.policy.document import Policy, Statement
from gateway.policy.operators import network
from gateway.policy.wildcards import pattern

_FIXED_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalservicename",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:username",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
_FIXING = frozenset(
    {"StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"}
)
_WIDEST_V4, _WIDEST_V6 = 8, 32
"""Prefix lengths in bits: a wider range is as good as everybody."""


def is_public(policy: Policy) -> bool:
    return any(_is_public(statement) for statement in policy.statements)


def _is_public(statement: Statement) -> bool:
    if not statement.allow or not statement.principals.everybody:
        return False
    return not any(_narrows(condition) for condition in statement.conditions)


def _narrows(condition: Condition) -> bool:
    if condition.if_exists or condition.over is Over.ALL:
        return False  # holds of a request that does not have the key
    if condition.key == "aws:sourceip" and condition.operator == "IpAddress":
        return all(map(_narrow, condition.values))
    return (
        condition.key in _FIXED_KEYS
        and condition.operator in _FIXING
        and all(pattern(value, variables=True).fixed for value in condition.values)
    )


def _narrow(text: str) -> bool:
    place = network(text)
    if place is None:
        return False
    if isinstance(place, ipaddress.IPv4Network):
        return place.prefixlen >= _WIDEST_V4
    return place.prefixlen >= _WIDEST_V6
