"""Condition blocks: operators with their set and IfExists parts, over the keys of a request.

All conditions of a statement must hold. Of the values of one condition any may match; under a
negated operator none may.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
"""

from dataclasses import dataclass
from enum import Enum

from gateway.policy.condition_keys import is_known
from gateway.policy.errors import Malformed
from gateway.policy.operators import OPERATORS, Test
from gateway.policy.wildcards import Keys

_IF_EXISTS = "IfExists"
_NULL = "Null"


class Over(Enum):
    """Which values of the request must fulfil a condition.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    """

    PLAIN = ""
    ALL = "ForAllValues:"
    ANY = "ForAnyValue:"


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator, one key, its values."""

    operator: str
    """Without its set and IfExists parts."""
    over: Over
    if_exists: bool
    negated: bool
    key: str
    """Lower-case."""
    values: tuple[str, ...]
    """As they are in the document."""
    tests: tuple[Test, ...]
    """One for each value; none for ``Null``."""

    def holds(self, keys: Keys) -> bool:
        given = keys(self.key)
        if self.operator == _NULL:
            return any((value == "true") is (not given) for value in self.values)
        if not given:
            return self._holds_of_nothing()
        if self.over is Over.ALL:
            return all(self._fulfils(value, keys) for value in given)
        if self.over is Over.ANY or not self.negated:
            return any(self._fulfils(value, keys) for value in given)
        return all(self._fulfils(value, keys) for value in given)

    def _holds_of_nothing(self) -> bool:
        """The request does not have the key."""
        if self.if_exists or self.over is Over.ALL:
            return True
        return self.negated and self.over is Over.PLAIN

    def _fulfils(self, value: str, keys: Keys) -> bool:
        return any(test(value, keys) for test in self.tests) is not self.negated


def conditions(block: object, *, variables: bool) -> tuple[Condition, ...]:
    """From the JSON value of the element. Raises ``Malformed``."""
    if not isinstance(block, dict):
        raise Malformed("Condition must be a JSON object")
    found = []
    for operator, keys in block.items():
        if not isinstance(keys, dict):
            raise Malformed("Policies must be valid JSON: a condition maps keys to values")
        found += [_condition(operator, key, value, variables) for key, value in keys.items()]
    return tuple(found)


def _condition(written: str, key: str, value: object, variables: bool) -> Condition:
    over = next((o for o in (Over.ALL, Over.ANY) if written.startswith(o.value)), Over.PLAIN)
    name = written.removeprefix(over.value)
    operator = name.removesuffix(_IF_EXISTS)
    if operator == _NULL and (over is not Over.PLAIN or name != operator):
        raise Malformed(f"Invalid Condition type : {written}")
    if operator not in OPERATORS and operator != _NULL:
        raise Malformed(f"Invalid Condition type : {written}")
    if not is_known(key):
        raise Malformed("Policy has an invalid condition key")
    values = tuple(_scalar(each) for each in (value if isinstance(value, list) else [value]))
    if not values:
        raise Malformed("Policy has a condition without values")
    tests: tuple[Test, ...] = ()
    negated = False
    if operator == _NULL:
        values = tuple(each.lower() for each in values)
        if not set(values) <= {"true", "false"}:
            raise Malformed("Invalid Boolean value in condition")
    else:
        negated = OPERATORS[operator].negated
        tests = tuple(OPERATORS[operator].compile(each, variables) for each in values)
    return Condition(operator, over, name != operator, negated, key.lower(), values, tests)


def _scalar(value: object) -> str:
    """Numbers and truths may be written without quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise Malformed("Condition values must be strings, numbers or Booleans")
