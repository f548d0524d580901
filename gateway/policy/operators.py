"""Condition operators: how one value of a request is compared with one value of a policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import ipaddress
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from gateway.policy.errors import Malformed
from gateway.policy.wildcards import Keys, Pattern, pattern

Test = Callable[[str, Keys], bool]
"""Whether one value of the request matches one value of the policy."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator without its set and IfExists parts."""

    compile: Callable[[str, bool], Test]
    """From a policy's value, and whether it may hold variables. Raises ``Malformed``."""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class _Text:
    wanted: Pattern

    def __call__(self, given: str, keys: Keys) -> bool:
        return self.wanted.matches(given, keys)


@dataclass(frozen=True, slots=True)
class _Arn:
    """Each of the six parts by itself: a star does not reach over a colon into the next one."""

    parts: tuple[Pattern, ...]

    def __call__(self, given: str, keys: Keys) -> bool:
        found = given.split(":", 5)
        return len(found) == len(self.parts) and all(
            part.matches(text, keys) for part, text in zip(self.parts, found, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Compared:
    """Numbers, dates, truths, bytes, networks: read both, then compare."""

    read: Callable[[str], Any]
    compare: Callable[[Any, Any], bool]
    wanted: Any

    def __call__(self, given: str, keys: Keys) -> bool:
        value = self.read(given)
        return value is not None and self.compare(value, self.wanted)


def _text(*, wild: bool, ignore_case: bool = False) -> Callable[[str, bool], Test]:
    def compiled(value: str, variables: bool) -> Test:
        return _Text(pattern(value, variables=variables, wild=wild, ignore_case=ignore_case))

    return compiled


def _arn(value: str, variables: bool) -> Test:
    parts = value.split(":", 5)
    if value == "*":
        parts = ["*"] * 6
    if len(parts) != 6:
        raise Malformed("Invalid ARN in condition")
    return _Arn(tuple(pattern(part, variables=variables) for part in parts))


def _compared(
    read: Callable[[str], Any], compare: Callable[[Any, Any], bool], message: str
) -> Callable[[str, bool], Test]:
    def compiled(value: str, variables: bool) -> Test:
        wanted = read(value)
        if wanted is None:
            raise Malformed(message)
        return _Compared(read, compare, wanted)

    return compiled


def number(text: str) -> Decimal | None:
    """``10``, ``-1.5``; not NaN and not infinite."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and len(text) <= 64 else None


def date(text: str) -> float | None:
    """Seconds since the epoch: of an ISO 8601 date, UTC unless it says, or as such a number."""
    seconds = number(text)
    if seconds is not None:
        return float(seconds)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def _octets(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """``203.0.113.0/24``, ``2001:db8::1``; an IPv4 address written as IPv6 is the IPv4 address."""
    try:
        found = ipaddress.ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Network) and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network(f"{mapped}/{found.prefixlen - 96}", strict=False)
    return found


def _within(given: Network, wanted: Network) -> bool:
    # One class for both versions in the type stubs, two at run time.
    return given.version == wanted.version and given.subnet_of(wanted)  # type: ignore[arg-type]


_NUMERIC = "Invalid numeric value in condition"
_DATE = "Invalid date in condition"
_COMPARISONS = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}
_IP = _compared(network, _within, "Invalid IP address in condition")

OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_text(wild=False)),
    "StringNotEquals": Operator(_text(wild=False), negated=True),
    "StringEqualsIgnoreCase": Operator(_text(wild=False, ignore_case=True)),
    "StringNotEqualsIgnoreCase": Operator(_text(wild=False, ignore_case=True), negated=True),
    "StringLike": Operator(_text(wild=True)),
    "StringNotLike": Operator(_text(wild=True), negated=True),
    "NumericNotEquals": Operator(_compared(number, operator.eq, _NUMERIC), negated=True),
    "DateNotEquals": Operator(_compared(date, operator.eq, _DATE), negated=True),
    "Bool": Operator(_compared(_truth, operator.eq, "Invalid Boolean value in condition")),
    "BinaryEquals": Operator(_compared(_octets, operator.eq, "Invalid binary value in condition")),
    "IpAddress": Operator(_IP),
    "NotIpAddress": Operator(_IP, negated=True),
    "ArnEquals": Operator(_arn),
    "ArnLike": Operator(_arn),
    "ArnNotEquals": Operator(_arn, negated=True),
    "ArnNotLike": Operator(_arn, negated=True),
}
for _name, _compare in _COMPARISONS.items():
    OPERATORS[f"Numeric{_name}"] = Operator(_compared(number, _compare, _NUMERIC))
    OPERATORS[f"Date{_name}"] = Operator(_compared(date, _compare, _DATE))
